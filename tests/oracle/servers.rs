//! nginx and PHP-FPM: their tests, what they make of their files, their start and their end.

use crate::live::{Result, Values, Verdict};
use crate::process::{self, Finished};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The nginx that is asked.
pub const NGINX: &str = "/usr/sbin/nginx";

/// The PHP-FPM that is asked: that of Debian 12, else the highest version that is installed.
pub fn fpm() -> Option<PathBuf> {
    let named = PathBuf::from("/usr/sbin/php-fpm8.2");
    if named.exists() {
        return Some(named);
    }
    let programs = fs::read_dir("/usr/sbin").into_iter().flatten().flatten().map(|entry| entry.path());
    let is_fpm = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("php-fpm"));
    programs.filter(is_fpm).max()
}

/// nginx alone tries to bind its addresses for 2.5 s before it gives up.
const START: Duration = Duration::from_secs(6);

/// A master may be told not to log that it is ready. One that still runs after this is taken to be.
const FPM_START: Duration = Duration::from_secs(3);

/// A server that was asked to end may take so long.
pub const STOP: Duration = Duration::from_secs(3);

const TEST: Duration = Duration::from_secs(15);

/// A server as a service manager would start it: with hardly any environment.
fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").env("LANG", "C");
    command.current_dir("/").stdin(Stdio::null());
    command
}

fn verdict(finished: Finished) -> Verdict {
    Verdict { ok: finished.status.success(), output: finished.stdout + &finished.stderr }
}

/// `nginx -t`.
pub fn test_nginx() -> Result<Verdict> {
    process::run(command(NGINX).arg("-t"), TEST).map(verdict)
}

/// `nginx -T`: the text of all files, each below a line with its name.
pub fn dump_nginx() -> Result<String> {
    Ok(process::run(command(NGINX).arg("-T"), TEST)?.stdout)
}

/// The files of such a dump, in its order.
pub fn dumped_files(dump: &str) -> Vec<String> {
    let names = dump.lines().filter_map(|line| line.strip_prefix("# configuration file ")?.strip_suffix(':'));
    names.map(str::to_owned).collect()
}

/// The files that the `error_log` directives of such a dump may name. It is no parser: a name too many does no harm.
pub fn error_logs(dump: &str) -> Vec<PathBuf> {
    let mut logs = vec![PathBuf::from("/var/log/nginx/error.log")];
    let mut words = dump.split([' ', '\t', '\n', ';', '{', '}', '"', '\'']).filter(|word| !word.is_empty());
    while words.any(|word| word == "error_log") {
        // A relative name is relative to the prefix of Debian's package.
        let log = Path::new("/usr/share/nginx").join(words.next().unwrap_or_default());
        // /dev/stderr and the like are read where they lead to.
        if !log.starts_with("/dev") && !log.starts_with("/proc") && !logs.contains(&log) {
            logs.push(log);
        }
    }
    logs
}

/// A master: its main file and its further arguments.
pub struct Fpm<'a> {
    /// The file.
    pub config: &'a str,
    /// The arguments.
    pub arguments: &'a [String],
    /// The directories of which it sees one of its own.
    pub private: &'a [String],
    /// Its environment, besides the little that every server has.
    pub environment: &'a BTreeMap<String, String>,
}

/// Mounts an empty directory over each argument up to `--`, and becomes the program behind it.
const HIDE: &str =
    r#"while [ "$1" != -- ]; do mount -t tmpfs -o mode=1777 tmpfs "$1" || exit 1; shift; done; shift; exec "$@""#;

impl Fpm<'_> {
    fn command(&self, what: &str) -> Command {
        // Trials run only where there is one.
        let program = fpm().unwrap_or_default().to_string_lossy().into_owned();
        let mut command = if self.private.is_empty() {
            command(&program)
        } else {
            let mut command = command("unshare");
            command.args(["-m", "sh", "-c", HIDE, "sh"]).args(self.private).arg("--").arg(program);
            command
        };
        command.envs(self.environment).args(self.arguments).args([what, "--fpm-config", self.config]);
        command
    }

    /// `php-fpm -t`.
    pub fn test(&self) -> Result<Verdict> {
        process::run(&mut self.command("-t"), TEST).map(verdict)
    }

    /// `php-fpm -tt`, read.
    pub fn values(&self) -> Result<Values> {
        Ok(parse_values(&process::run(&mut self.command("-tt"), TEST)?.stderr))
    }

    /// Starts it. `log` is where it logs, as far as known; `name` tells its output from that of others.
    pub fn start(&self, name: &str, log: Option<&str>) -> Result<(Verdict, Child)> {
        let mut said = Said::new(name);
        // /proc/self/fd/2 is its standard error, which is heard anyway; opened here it would be ours.
        if let Some(log) = log.map(Path::new).filter(|log| !log.starts_with("/proc") && !log.starts_with("/dev")) {
            said.and(log);
        }
        let mut child = said.listen(&mut self.command("--nodaemonize"))?;
        let mut ended = false;
        process::wait_until(FPM_START, || {
            ended = !matches!(child.try_wait(), Ok(None));
            ended || said.text().contains("ready to handle connections")
        });
        Ok((Verdict { ok: !ended, output: said.text() }, child))
    }
}

/// Reads what `php-fpm -tt` prints: `[date] NOTICE: [section]` and `[date] NOTICE: <tab>key = value`. FPM reads its
/// files line by line, so that no value holds a line break.
pub fn parse_values(text: &str) -> Values {
    let mut values = Values::new();
    let mut section = String::new();
    for (_, printed) in text.lines().filter_map(|line| line.split_once("] NOTICE: ")) {
        if let Some(name) = printed.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            section = name.to_owned();
            values.entry(section.clone()).or_default();
        } else if let Some((key, value)) = printed.strip_prefix('\t').and_then(|entry| entry.split_once(" = ")) {
            values.entry(section.clone()).or_default().insert(key.to_owned(), value.to_owned());
        }
    }
    values
}

/// Starts nginx, and waits until it has workers.
pub fn start_nginx() -> Result<(Verdict, Child)> {
    let said = Said::new("nginx");
    let mut child = said.listen(&mut command(NGINX))?;
    let mut failed = false;
    // The process that was started ends well when nginx goes to the background, and stays with `daemon off`.
    process::wait_until(START, || {
        failed = matches!(child.try_wait(), Ok(Some(status)) if !status.success());
        failed || !processes("nginx: worker process").is_empty()
    });
    Ok((Verdict { ok: !failed, output: said.text() }, child))
}

/// What nginx wrote to its standard error when it was started.
pub fn nginx_stderr() -> PathBuf {
    Said::path("nginx")
}

/// Stops nginx. In this namespace of processes there is no other one than ours.
pub fn stop_nginx(mut started: Child) {
    for master in processes("nginx: master process") {
        process::terminate(master);
    }
    process::wait_until(STOP, || processes("nginx: ").is_empty());
    process::kill(&mut started);
}

/// Stops a master with its children.
pub fn stop_fpm(mut started: Child) {
    if matches!(started.try_wait(), Ok(None)) {
        process::terminate(started.id());
        let _ = process::wait(&mut started, STOP);
    }
    process::kill(&mut started);
}

/// The processes whose title starts with `title`.
fn processes(title: &str) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let titled = |number: &u32| {
        // Empty for a process that has ended and that nobody has waited for.
        fs::read(format!("/proc/{number}/cmdline")).is_ok_and(|line| line.starts_with(title.as_bytes()))
    };
    numbers.filter(titled).collect()
}

/// What a server says: its outputs, and what it adds to its log.
struct Said {
    own: PathBuf,
    others: Vec<(PathBuf, usize)>,
}

impl Said {
    fn path(name: &str) -> PathBuf {
        Path::new("/run").join(format!(".oracle-{name}"))
    }

    fn new(name: &str) -> Said {
        Said { own: Said::path(name), others: Vec::new() }
    }

    /// Also a log, from its present end on: `-t` and other masters may have written to it.
    fn and(&mut self, log: &Path) {
        self.others.push((log.to_owned(), read(log).len()));
    }

    /// Starts `command` with its outputs led here.
    fn listen(&self, command: &mut Command) -> Result<Child> {
        let name = command.get_program().to_string_lossy().into_owned();
        let file = File::create(&self.own).map_err(|e| format!("{}: {e}", self.own.display()))?;
        let twin = file.try_clone().map_err(|e| format!("{}: {e}", self.own.display()))?;
        command.stdout(file).stderr(twin).spawn().map_err(|e| format!("cannot start {name}: {e}"))
    }

    fn text(&self) -> String {
        let mut text = read(&self.own);
        for (log, from) in &self.others {
            text.push_str(read(log).get(*from..).unwrap_or_default());
        }
        text
    }
}

/// The text of a log; empty while there is none.
pub fn read(log: &Path) -> String {
    fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
