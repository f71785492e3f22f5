//! `gatelint check`

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use super::{CLEAN, FAILED, FOUND, Streams};
use crate::check::{Checked, Request, check};
use crate::config::{self, Config};
use crate::deployment::Selection;
use crate::discover::{Given, config_file};
use crate::finding::{Category, Severity};
use crate::host::disk;
use crate::host::facts::{FactsFile, Size, Versions};
use crate::host::profile::Profile;
use crate::nginx::levels::Context;
use crate::nginx::literals::milliseconds;
use crate::report::{self, Format, Report, Style, render};
use crate::required::Required;
use crate::rules::{self, Rule};
use crate::values::version::Version;

#[derive(Clone, Debug, Args)]
pub(super) struct CheckArguments {
    /// A host's root directory, a repository, files, or what `nginx -T` printed (- for the standard
    /// input); several files are one deployment
    paths: Vec<PathBuf>,
    /// Take this directory as the root of a host
    #[arg(long, value_name = "DIR", conflicts_with = "paths", help_heading = "Input")]
    root: Option<PathBuf>,
    /// nginx's main file, as a path inside the root (repeatable)
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    nginx_conf: Vec<PathBuf>,
    /// Main file of a PHP-FPM that runs, as a path inside the root (repeatable); no others are taken to run
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    fpm_conf: Vec<PathBuf>,
    /// php.ini, as a path inside the root (repeatable)
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    php_ini: Vec<PathBuf>,
    /// The directory of nginx's `-p`
    #[arg(long, value_name = "DIR", help_heading = "Input")]
    prefix: Option<PathBuf>,
    /// A file or directory of a repository, and where it is when it is deployed (repeatable)
    #[arg(long, value_name = "FROM=TO", value_parser = path_map, help_heading = "Input")]
    path_map: Vec<(PathBuf, PathBuf)>,
    /// The context of fragments, such as http,server
    #[arg(long, value_name = "CONTEXT", value_parser = context, help_heading = "Input")]
    context: Option<Context>,
    /// debian, rhel, alpine, docker-php, docker-nginx or freebsd: what the packages or the image bring
    #[arg(long, value_name = "NAME", value_parser = str::parse::<Profile>, help_heading = "Input")]
    profile: Option<Profile>,
    /// The configuration file; otherwise gatelint.toml is looked for upwards from the path
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    config: Option<PathBuf>,
    /// A facts file: what is known of the host besides its configuration
    #[arg(long, value_name = "FILE", help_heading = "Facts")]
    facts: Option<PathBuf>,
    /// Memory of the host or of its container, such as 4G
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Facts")]
    memory: Option<Size>,
    /// Memory that one PHP-FPM worker occupies, such as 60M
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Facts")]
    worker_memory: Option<Size>,
    /// The version of nginx whose behaviour is predicted, such as 1.22
    #[arg(long, value_name = "VERSION", value_parser = version, help_heading = "Facts")]
    nginx_version: Option<String>,
    /// The version of PHP whose behaviour is predicted, such as 8.2
    #[arg(long, value_name = "VERSION", value_parser = version, help_heading = "Facts")]
    php_version: Option<String>,
    /// Facts that must be known: nginx, fpm, php-ini, users, memory, worker-memory, versions, limits, kernel
    #[arg(long, value_name = "FACT", value_delimiter = ',', value_parser = str::parse::<Required>, help_heading = "Facts")]
    require: Vec<Required>,
    /// Give up after this time, such as 10s
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Report")]
    timeout: Option<Duration>,
    /// text, compact or json; FORMAT=FILE writes to a file (repeatable)
    #[arg(long, value_name = "FORMAT[=FILE]", value_parser = output, help_heading = "Report")]
    format: Vec<Output>,
    /// Show advice as well
    #[arg(long, help_heading = "Report")]
    advice: bool,
    /// Only these rules or categories (repeatable, or separated by commas)
    #[arg(long, value_name = "RULE", value_delimiter = ',', help_heading = "Report")]
    select: Vec<String>,
    /// Not these rules or categories (repeatable, or separated by commas)
    #[arg(long, value_name = "RULE", value_delimiter = ',', help_heading = "Report")]
    ignore: Vec<String>,
    /// The severity from which findings make the exit status 1
    #[arg(long, value_name = "SEVERITY", default_value = "error", help_heading = "Report")]
    fail_on: FailOn,
    /// When to use colours
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Report")]
    color: Color,
    /// Say what was taken for what
    #[arg(long, short, help_heading = "Report")]
    verbose: bool,
}

#[derive(Clone, Debug)]
struct Output {
    format: Format,
    file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FailOn {
    Error,
    Warning,
    Advice,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

impl FailOn {
    fn severity(self) -> Option<Severity> {
        match self {
            FailOn::Error => Some(Severity::Error),
            FailOn::Warning => Some(Severity::Warning),
            FailOn::Advice => Some(Severity::Advice),
            FailOn::Never => None,
        }
    }
}

fn output(text: &str) -> Result<Output, String> {
    let (format, file) = match text.split_once('=') {
        Some((format, file)) => (format, Some(PathBuf::from(file))),
        None => (text, None),
    };
    Ok(Output { format: format.parse()?, file })
}

fn size(text: &str) -> Result<Size, String> {
    let size = Size::parse(text).filter(|size| size.0 > 0);
    size.ok_or_else(|| "a size is a whole number above 0 with K, M, G or nothing behind it".into())
}

fn duration(text: &str) -> Result<Duration, String> {
    let time = milliseconds(text).filter(|time| *time > 0).map(Duration::from_millis);
    time.ok_or_else(|| "a time is a number with ms, s, m or nothing behind it".into())
}

fn path_map(text: &str) -> Result<(PathBuf, PathBuf), String> {
    match text.split_once('=') {
        Some((from, to)) if !from.is_empty() && to.starts_with('/') => Ok((from.into(), to.into())),
        _ => Err("a map is FROM=TO, where TO is absolute: docker/nginx=/etc/nginx".into()),
    }
}

fn context(text: &str) -> Result<Context, String> {
    Context::of_path(text)
        .ok_or_else(|| "a context is words with commas between them, outermost first: http,server,location".into())
}

fn version(text: &str) -> Result<String, String> {
    match Version::parse(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("a version is numbers with dots between them, such as 1.22.1 or 8.2".into()),
    }
}

/// The rules that `--select` and `--ignore` name.
fn selection(arguments: &CheckArguments) -> Result<impl Fn(&Rule) -> bool + use<>, String> {
    let known = |name: &&String| {
        rules::find(name).is_some() || Category::ALL.iter().any(|category| category.as_str() == **name)
    };
    if let Some(unknown) = arguments.select.iter().chain(&arguments.ignore).find(|name| !known(name)) {
        return Err(config::no_rule(unknown));
    }
    let names = |list: &[String]| list.iter().cloned().collect::<BTreeSet<_>>();
    let (select, ignore) = (names(&arguments.select), names(&arguments.ignore));
    let has = |names: &BTreeSet<String>, rule: &Rule| names.contains(rule.id) || names.contains(rule.category.as_str());
    Ok(move |rule: &Rule| (select.is_empty() || has(&select, rule)) && !has(&ignore, rule))
}

impl CheckArguments {
    /// What the configuration file says: the one that is named, else the one found upwards from the
    /// first path, or from the root.
    pub(super) fn config(&self) -> Result<Config, String> {
        let found = || {
            let start = self.paths.iter().find(|path| path.as_os_str() != "-").or(self.root.as_ref());
            start.and_then(|start| config_file(start))
        };
        let Some(path) = self.config.clone().or_else(found) else { return Ok(Config::default()) };
        let text = disk::read_text(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Config::parse(&disk::canonical(&path), &text)
    }

    /// The request, with the configuration file's part in it.
    pub(super) fn request<'a>(&self, config: Config, selected: &'a dyn Fn(&Rule) -> bool) -> Request<'a> {
        Request {
            paths: self.paths.clone(),
            given: Given {
                root: self.root.clone(),
                selection: Selection {
                    nginx_mains: self.nginx_conf.clone(),
                    fpm_mains: self.fpm_conf.clone(),
                    php_inis: self.php_ini.clone(),
                    prefix: self.prefix.clone(),
                    context: self.context,
                    ..Selection::default()
                },
                maps: self.path_map.clone(),
                profile: self.profile,
            },
            facts: self.facts.clone(),
            stated: FactsFile {
                memory: self.memory,
                worker_memory: self.worker_memory,
                versions: Some(Versions { nginx: self.nginx_version.clone(), php: self.php_version.clone() }),
                ..FactsFile::default()
            },
            config,
            require: self.require.clone(),
            selected,
        }
    }

    /// Whether the rules that are named exist.
    pub(super) fn selected(&self) -> Result<(), String> {
        selection(self).map(|_| ())
    }

    /// What options say besides the paths, as they are written.
    pub(super) fn in_force(&self) -> Vec<String> {
        let list =
            |option: &str, words: Vec<String>| (!words.is_empty()).then(|| format!("{option} {}", words.join(",")));
        let one = |option: &str, word: Option<String>| word.map(|word| format!("{option} {word}"));
        let fails = self.fail_on.to_possible_value().map(|value| value.get_name().to_owned());
        let lines = [
            list("--select", self.select.clone()),
            list("--ignore", self.ignore.clone()),
            one("--fail-on", fails.filter(|word| word != "error")),
            list("--require", self.require.iter().map(ToString::to_string).collect()),
            one("--facts", self.facts.as_ref().map(|path| path.display().to_string())),
            one("--memory", self.memory.map(|size| size.0.to_string())),
            one("--worker-memory", self.worker_memory.map(|size| size.0.to_string())),
            one("--nginx-version", self.nginx_version.clone()),
            one("--php-version", self.php_version.clone()),
            one("--prefix", self.prefix.as_ref().map(|path| path.display().to_string())),
            self.context.map(|_| "--context".to_owned()),
            self.advice.then(|| "--advice".to_owned()),
        ];
        lines.into_iter().flatten().collect()
    }

    /// Checks. What keeps it from doing so is in the result, so that every format can tell it.
    fn check(&self) -> Checked {
        let prepared = selection(self).and_then(|selected| Ok((selected, self.config()?)));
        match prepared {
            Ok((selected, config)) => check(&self.request(config, &selected)),
            Err(message) => Checked { errors: vec![message], ..Checked::default() },
        }
    }

    /// Checks for as long as `--timeout` allows. A check that is not done by then ends with the program.
    fn check_in_time(&self) -> Checked {
        let Some(limit) = self.timeout else { return self.check() };
        let (done, result) = mpsc::channel();
        let arguments = self.clone();
        let worker = std::thread::spawn(move || done.send(arguments.check()).is_ok());
        match result.recv_timeout(limit) {
            Ok(checked) => checked,
            Err(RecvTimeoutError::Disconnected) => match worker.join() {
                Err(panic) => std::panic::resume_unwind(panic),
                Ok(_) => Checked::default(),
            },
            Err(RecvTimeoutError::Timeout) => Checked {
                errors: vec![format!("not done after {}, which is all that --timeout allows", report::duration(limit))],
                ..Checked::default()
            },
        }
    }
}

/// Tells in a machine format that the command line itself is wrong. The format is looked for among the
/// words, since they could not be read in order.
pub(super) fn bad_command_line(words: &[OsString], message: &str, streams: &mut Streams<'_>) -> io::Result<()> {
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let behind = words.windows(2).filter(|pair| pair[0] == "--format").map(|pair| &*pair[1]);
    let glued = words.iter().filter_map(|word| word.strip_prefix("--format="));
    let format = behind.chain(glued).find_map(|word| word.parse().ok()).filter(|format| *format != Format::Text);
    let Some(format) = format else { return Ok(()) };
    let checked = Checked { errors: vec![message.to_owned()], ..Checked::default() };
    render(format, &checked.report(Some(Severity::Error)), Style::default(), streams.out)
}

pub(super) fn run(arguments: &CheckArguments, streams: &mut Streams<'_>) -> io::Result<u8> {
    let started = Instant::now();
    if arguments.format.iter().filter(|output| output.file.is_none()).count() > 1 {
        super::complain(
            streams,
            "only one format can go to the standard output; write the others to files: --format json=FILE",
        );
        return Ok(FAILED);
    }
    let mut checked = arguments.check_in_time();
    for warning in &checked.warnings {
        super::note(streams, &format!("warning: {warning}"));
    }
    if !arguments.advice && !matches!(arguments.fail_on, FailOn::Advice) {
        checked.findings.retain(|finding| finding.severity > Severity::Advice);
    }
    if arguments.verbose {
        for note in &checked.notes {
            super::note(streams, note);
        }
    }
    let fail_on = arguments.fail_on.severity();
    checked.summary.elapsed = started.elapsed();
    match write(arguments, &checked.report(fail_on), streams) {
        // Who closes the pipe early has seen enough; the verdict stays.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => written?,
    }
    let status = status(&checked, fail_on);
    // The program ends here; to take a large host apart first would be the longest part of the wait.
    std::mem::forget(checked);
    Ok(status)
}

fn status(checked: &Checked, fail_on: Option<Severity>) -> u8 {
    let failing = |severity| checked.findings.iter().any(|finding| finding.severity >= severity);
    match fail_on {
        _ if !checked.errors.is_empty() => FAILED,
        Some(severity) if failing(severity) => FOUND,
        _ => CLEAN,
    }
}

fn write(arguments: &CheckArguments, report: &Report<'_>, streams: &mut Streams<'_>) -> io::Result<()> {
    let mut outputs = arguments.format.clone();
    if outputs.is_empty() {
        outputs.push(Output { format: Format::Text, file: None });
    }
    for output in outputs {
        match output.file {
            Some(path) => {
                let style = Style { color: false, unicode: true, ..Style::default() };
                let mut file = io::BufWriter::new(File::create(&path).map_err(|error| named(&path, error))?);
                render(output.format, report, style, &mut file)?;
                file.flush().map_err(|error| named(&path, error))?;
            }
            None => {
                let mut out = io::BufWriter::new(&mut *streams.out);
                render(output.format, report, super::style(arguments.color(), streams.is_terminal), &mut out)?;
                out.flush()?;
            }
        }
    }
    Ok(())
}

fn named(path: &std::path::Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

impl CheckArguments {
    /// Whether colours are asked for; `None` leaves it to the terminal.
    fn color(&self) -> Option<bool> {
        match self.color {
            Color::Auto => None,
            Color::Always => Some(true),
            Color::Never => Some(false),
        }
    }
}
