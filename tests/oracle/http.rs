//! As much HTTP as the oracle needs: a client, and a server that answers 200.

use crate::live::{Answer, Request, Result};
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// How long a request may wait for the next bytes of its answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// How much of an answer is kept.
const LONGEST_ANSWER: u64 = 1 << 20;

/// Sends `request` over a connection of its own. As HTTP/1.0, so that the answer comes unchunked and ends with the
/// connection.
pub fn ask(request: &Request) -> Answer {
    let mut received = Vec::new();
    let trouble = exchange(request, &mut received).err().map(|e| e.to_string());
    // A server may answer and then reset the connection, for instance when it refuses a body: what came counts.
    parse_answer(&received, trouble)
}

fn exchange(request: &Request, received: &mut Vec<u8>) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&request.to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let sent = stream.write_all(&message(request));
    stream.take(LONGEST_ANSWER).read_to_end(received)?;
    // Only now: a server that answers before it has read everything makes the sending fail, and the answer counts.
    sent
}

fn message(request: &Request) -> Vec<u8> {
    let body = form_data(request.send);
    let method = request.method.as_deref().unwrap_or(if body.is_empty() { "GET" } else { "POST" });
    let mut head = format!("{method} {} HTTP/1.0\r\nHost: {}\r\nConnection: close\r\n", request.path, request.host);
    for (name, value) in &request.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if !body.is_empty() {
        let _ = write!(head, "Content-Length: {}\r\n", body.len());
        if !request.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
            head.push_str("Content-Type: application/x-www-form-urlencoded\r\n");
        }
    }
    head.push_str("\r\n");
    [head.into_bytes(), body].concat()
}

/// One field, `field=xxx…`, so that PHP has something to read.
fn form_data(bytes: usize) -> Vec<u8> {
    let name = b"field=";
    let mut data = vec![b'x'; bytes];
    let shown = name.len().min(bytes);
    data[..shown].copy_from_slice(&name[..shown]);
    data
}

/// Reads an answer; status 0 where it isn't one.
pub fn parse_answer(bytes: &[u8], trouble: Option<String>) -> Answer {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = match head.split_whitespace().next() {
        Some(version) if version.starts_with("HTTP/") => head.split_whitespace().nth(1).and_then(|s| s.parse().ok()),
        _ => None,
    };
    Answer { status: status.unwrap_or(0), body: body.to_owned(), trouble }
}

/// Starts a server at `address` that answers 200 to whatever is HTTP, as long as the process lives.
pub fn serve(address: SocketAddr) -> Result<()> {
    let listener =
        TcpListener::bind(address).map_err(|e| format!("live.toml: [[http]] cannot listen on {address}: {e}"))?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away early is its own trouble.
            thread::spawn(move || answer(stream));
        }
    });
    Ok(())
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut head = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let length = stream.read(&mut chunk)?;
        head.extend_from_slice(&chunk[..length]);
        // A FastCGI record has no end that an HTTP server would wait for: it starts with a byte no method has.
        if length == 0 || !head[0].is_ascii_uppercase() || head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
            break;
        }
    }
    let (status, body) = match head.first() {
        Some(byte) if byte.is_ascii_uppercase() => ("200 OK", "a plain HTTP server\n"),
        _ => ("400 Bad Request", "not HTTP\n"),
    };
    let length = body.len();
    write!(stream, "HTTP/1.0 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}")?;
    stream.shutdown(Shutdown::Write)?;
    // With unread bytes left the kernel would reset the connection, and the answer could be lost.
    while stream.read(&mut chunk)? > 0 {}
    Ok(())
}
