//! Commands that end in bounded time.

use crate::live::Result;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often a wait looks again.
pub const POLL: Duration = Duration::from_millis(20);

/// A command that ended by itself.
pub struct Finished {
    /// How.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Runs `command` to its end, which must come within `limit`.
pub fn run(command: &mut Command, limit: Duration) -> Result<Finished> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("cannot run {name}: {e}"))?;
    // Both pipes are emptied while the command runs: it would wait for us for ever with a full one.
    let stdout = read_aside(child.stdout.take());
    let stderr = read_aside(child.stderr.take());
    let status = wait(&mut child, limit).map_err(|e| format!("cannot wait for {name}: {e}"))?;
    if status.is_none() {
        kill(&mut child);
    }
    let (stdout, stderr) = (stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default());
    match status {
        Some(status) => Ok(Finished { status, stdout, stderr }),
        None => Err(format!("{name} was still running after {} s\n{stdout}{stderr}", limit.as_secs())),
    }
}

/// Runs a small tool that must succeed.
pub fn tool(name: &str, arguments: &[&str]) -> Result<()> {
    let finished = run(Command::new(name).args(arguments), Duration::from_secs(10))?;
    if finished.status.success() {
        Ok(())
    } else {
        Err(format!("{name} {}: {}: {}", arguments.join(" "), finished.status, finished.stderr.trim()))
    }
}

/// Waits for the end of `child`; `None` when it hasn't come within `limit`.
pub fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() >= deadline {
            return Ok(status);
        }
        thread::sleep(POLL);
    }
}

/// Waits until `done`; false when it isn't within `limit`.
pub fn wait_until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(POLL);
    }
}

/// Ends `child` at once. That it may have ended meanwhile is no trouble.
pub fn kill(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Asks the process `pid` to end. (The shell's `kill`: the standard library can only kill for good.)
pub fn terminate(pid: u32) {
    let _ = tool("sh", &["-c", "kill -s TERM \"$1\"", "sh", &pid.to_string()]);
}

fn read_aside(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What could be read before an error is still worth showing.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
