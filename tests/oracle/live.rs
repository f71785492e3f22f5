//! `live.toml`, which says how the real servers behave on a deployment, and the report of how they did.

use crate::container::Image;
use crate::containers::Containers;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

/// A message for the reader of a failed trial is all that an error is good for here.
pub type Result<T> = std::result::Result<T, String>;

/// What `live.toml` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Live {
    /// The main files of the FPM masters to start, in order. Without it: [`DEFAULT_FPM`], if the tree has it.
    pub fpm: Option<Vec<String>>,
    /// Further arguments for every master.
    #[serde(default)]
    pub fpm_args: Vec<String>,
    /// Directories of which every master sees an empty one of its own, as `PrivateTmp=` and `ProtectHome=` of a unit
    /// have it.
    #[serde(default)]
    pub fpm_private: Vec<String>,
    /// Whether nginx is tested and started.
    #[serde(default = "yes")]
    pub nginx: bool,
    /// Made before the servers start.
    #[serde(default)]
    pub directories: Vec<Directory>,
    /// Plain HTTP servers beside nginx.
    #[serde(default)]
    pub http: Vec<PlainHttp>,
    /// The containers of a deployment that is a repository with a compose file.
    #[serde(default)]
    containers: Containers,
    /// What happens on the tree as it is.
    faulty: Option<Outcome>,
    /// What happens with `fixed` laid over it.
    fixed: Option<Outcome>,
}

/// The master that runs when `live.toml` names none.
pub const DEFAULT_FPM: &str = "/etc/php/8.2/fpm/php-fpm.conf";

/// A directory that packages, units or administrators make, and configuration files don't.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// Where. What the tree already has there (a file, too) only gets the owner and the mode.
    pub path: String,
    /// Octal.
    #[serde(default = "mode_0755")]
    pub mode: String,
    /// A name from the tree's `etc/passwd`, or a number.
    #[serde(default = "root")]
    pub owner: String,
    /// A name from the tree's `etc/group`, or a number.
    #[serde(default = "root")]
    pub group: String,
}

/// A plain HTTP server that answers 200 to everything that is HTTP.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlainHttp {
    /// Where it listens.
    pub address: SocketAddr,
}

/// What happens on one variant of a deployment.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// `nginx -t`.
    #[serde(default)]
    pub nginx_test: Test,
    /// `php-fpm -t`: `refused` when it refuses the files of at least one master.
    #[serde(default)]
    pub fpm_test: Test,
    nginx_start: Option<Start>,
    fpm_start: Option<Start>,
    /// A text that must be in what a refusing or failing server says.
    pub message: Option<String>,
    /// Made on this variant only, after the common ones.
    #[serde(default)]
    pub directories: Vec<Directory>,
    /// Containers that differ on this variant: each stands for the common one of its name.
    #[serde(default)]
    containers: Containers,
    /// Asked one after the other.
    #[serde(default)]
    pub requests: Vec<Request>,
}

/// The verdict of a configuration test.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Test {
    /// It passes.
    #[default]
    Ok,
    /// It doesn't.
    Refused,
}

/// How a start ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// The server runs.
    Ok,
    /// It ends instead.
    Fails,
}

/// A request, and the answer it gets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The request's target.
    pub path: String,
    /// The `Host` header.
    #[serde(default = "localhost")]
    pub host: String,
    /// Where to connect to.
    #[serde(default = "port_80")]
    pub to: SocketAddr,
    /// `GET`, or `POST` where there is a body to send.
    pub method: Option<String>,
    /// Further headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Bytes of form data to send.
    #[serde(default)]
    pub send: usize,
    /// The status of the answer; 0 where the connection ends without one.
    pub status: u16,
    /// A text that must be in the answer's body.
    pub body: Option<String>,
    /// The text that the answer's body must start with.
    pub body_start: Option<String>,
    /// Texts that must each be in the body of some answer, where it is asked more than once.
    #[serde(default)]
    pub bodies: Vec<String>,
    /// A text that must not be in the answer's body.
    pub body_not: Option<String>,
    /// A text that must be in nginx's error log afterwards.
    pub log: Option<String>,
    /// How often it is asked; each time the answer is the same.
    #[serde(default = "once")]
    pub repeat: usize,
}

fn yes() -> bool {
    true
}

fn once() -> usize {
    1
}

fn mode_0755() -> String {
    "0755".to_owned()
}

fn root() -> String {
    "root".to_owned()
}

fn localhost() -> String {
    "localhost".to_owned()
}

fn port_80() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 80))
}

impl Live {
    /// Reads the `live.toml` of the deployment in `case`.
    pub fn read(case: &Path) -> Result<Live> {
        let path = case.join("live.toml");
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Live::parse(&text, case.join("fixed").is_dir()).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// Parses the text of a `live.toml`, of a deployment with or without a corrected twin.
    pub fn parse(text: &str, has_twin: bool) -> Result<Live> {
        let mut live: Live = toml::from_str(text).map_err(|e| e.to_string())?;
        if live.fixed.is_some() && !has_twin {
            return Err("[fixed] is given, but there is no folder fixed/".to_owned());
        }
        if live.faulty.is_none() && has_twin {
            return Err("there is a folder fixed/, but nothing says what is wrong without it: [faulty]".to_owned());
        }
        live.faulty.get_or_insert_with(Outcome::healthy);
        live.fixed.get_or_insert_with(Outcome::healthy);
        if live.has_containers() {
            let nginx = live.containers.values().filter(|container| container.image == Image::Nginx).count();
            if nginx != 1 {
                return Err(format!("has {nginx} containers of nginx, which must be one"));
            }
        }
        for (name, outcome) in [("faulty", live.outcome(false)), ("fixed", live.outcome(true))] {
            outcome.check(live.nginx).map_err(|e| format!("[{name}] {e}"))?;
        }
        Ok(live)
    }

    /// Whether the servers run in containers.
    pub fn has_containers(&self) -> bool {
        !self.containers.is_empty()
    }

    /// The containers of a variant.
    pub fn containers(&self, fixed: bool) -> Containers {
        self.containers.clone().into_iter().chain(self.outcome(fixed).containers.clone()).collect()
    }

    /// What must happen on the tree, corrected or as it is.
    pub fn outcome(&self, fixed: bool) -> &Outcome {
        let outcome = if fixed { &self.fixed } else { &self.faulty };
        outcome.as_ref().expect("parse() fills both")
    }
}

impl Outcome {
    /// What a deployment that works does, unless `live.toml` says more: it answers from PHP.
    pub fn healthy() -> Outcome {
        let request = Request {
            path: "/index.php".to_owned(),
            host: localhost(),
            to: port_80(),
            method: None,
            headers: BTreeMap::new(),
            send: 0,
            status: 200,
            body: None,
            body_start: Some("OK".to_owned()),
            bodies: Vec::new(),
            body_not: None,
            log: None,
            repeat: 1,
        };
        Outcome { requests: vec![request], ..Outcome::default() }
    }

    /// How nginx's start ends: unless it is said, as its test.
    pub fn nginx_start(&self) -> Start {
        self.nginx_start.unwrap_or(self.nginx_test.into())
    }

    /// How the masters' start ends: `fails` when at least one doesn't start.
    pub fn fpm_start(&self) -> Start {
        self.fpm_start.unwrap_or(self.fpm_test.into())
    }

    /// Refuses what would pass without proving anything.
    fn check(&self, nginx: bool) -> Result<()> {
        let nginx_runs = nginx && self.nginx_start() == Start::Ok;
        if !self.requests.is_empty() && !nginx_runs {
            return Err("has requests, but nginx does not run".to_owned());
        }
        if self.requests.iter().any(|request| request.repeat == 0) {
            return Err("has a request with repeat = 0, which is never asked".to_owned());
        }
        let all_ok = self.nginx_test == Test::Ok
            && self.fpm_test == Test::Ok
            && self.nginx_start() == Start::Ok
            && self.fpm_start() == Start::Ok;
        if all_ok && self.message.is_some() {
            return Err("has a message, but no server refuses or fails".to_owned());
        }
        Ok(())
    }
}

impl From<Test> for Start {
    fn from(test: Test) -> Start {
        match test {
            Test::Ok => Start::Ok,
            Test::Refused => Start::Fails,
        }
    }
}

/// What was seen on one variant of a deployment.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// nginx, unless `live.toml` leaves it out.
    pub nginx: Option<Server>,
    /// The files that `nginx -T` dumps, in its order; empty where `nginx -t` refuses.
    pub nginx_files: Vec<String>,
    /// The masters, in the order of their start.
    pub fpm: Vec<Master>,
    /// The answers to each request; none where nginx didn't start.
    pub answers: Vec<Vec<Answer>>,
    /// nginx's error logs and its standard error, one after the other.
    pub error_log: String,
}

/// The test and the start of a server.
#[derive(Debug, Serialize, Deserialize)]
pub struct Server {
    /// With `-t`.
    pub test: Verdict,
    /// In earnest.
    pub start: Verdict,
}

/// An FPM master.
#[derive(Debug, Serialize, Deserialize)]
pub struct Master {
    /// Its main file.
    pub config: String,
    /// Its test and its start.
    #[serde(flatten)]
    pub server: Server,
    /// What `php-fpm -tt` prints, if `-t` passes.
    pub fpm_values: Option<Values>,
}

/// Section → key → value, with keys and values as `php-fpm -tt` prints them: `undefined` where none is set, times in
/// seconds (`30s`), `php_admin_flag[x] = on` as `php_admin_value[x]` with `1`.
pub type Values = BTreeMap<String, BTreeMap<String, String>>;

/// How a test or a start ended.
#[derive(Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether it passed.
    pub ok: bool,
    /// What the server said.
    pub output: String,
}

/// The answer to a request.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answer {
    /// 0 where none came.
    pub status: u16,
    /// The body, up to a megabyte.
    pub body: String,
    /// What went wrong with the connection, if anything did.
    pub trouble: Option<String>,
}
