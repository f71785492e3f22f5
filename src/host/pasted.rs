//! What a program printed, as people hand it on: out of a terminal, a log, a mail or an issue.

use std::borrow::Cow;

use super::dump::{header, is_message};

/// What stands in the first line of `nginx -V` and before each file of `nginx -T`.
const ANCHORS: [&str; 2] = ["# configuration file /", "nginx version: "];

/// Marks are not longer than this.
const MAX_MARK: usize = 200;

/// What people type around these programs.
const COMMANDS: [&str; 8] = ["nginx", "php-fpm", "exit", "logout", "cat ", "sudo ", "docker ", "kubectl "];

/// What stands around a block of text in Markdown.
const FENCES: [&str; 2] = ["```", "~~~"];

/// The text as it was printed: without the colours of a terminal, what a log puts before each line (`> `,
/// `web-1 | `, a time), fences of Markdown, and prompts of a shell with what is typed behind them.
pub fn bare(text: &[u8]) -> Cow<'_, [u8]> {
    let mut text = Cow::Borrowed(text);
    for taken_off in [without_escapes, without_hard_blanks, unmarked, without_prompts] {
        if let Some(rest) = taken_off(&text) {
            text = Cow::Owned(rest);
        }
    }
    text
}

/// The text without the sequences that drive a terminal; none when it has none.
fn without_escapes(text: &[u8]) -> Option<Vec<u8>> {
    const ESCAPE: u8 = 0x1b;
    let mut rest = text;
    let mut kept = Vec::new();
    while let Some(at) = rest.iter().position(|byte| *byte == ESCAPE) {
        kept.extend_from_slice(&rest[..at]);
        let behind = &rest[at + 1..];
        let length = match behind.first() {
            // `ESC [ 01;32 m`: up to the first letter.
            Some(b'[') => behind.iter().skip(1).position(|byte| (0x40..0x7f).contains(byte)).map(|end| end + 2),
            // `ESC ] 0;title BEL`, and nothing that goes on behind its line.
            Some(b']') => behind.iter().position(|byte| matches!(byte, 7 | b'\\' | b'\n')).map(|end| end + 1),
            // `ESC ( B` chooses letters.
            Some(b'(' | b')') => Some(2),
            _ => Some(1),
        };
        rest = &behind[length.unwrap_or(behind.len()).min(behind.len())..];
    }
    kept.extend_from_slice(rest);
    (rest.len() < text.len()).then_some(kept)
}

/// The text with blanks at the begin of its lines where a web page put ones that do not break; none when there are
/// none.
fn without_hard_blanks(text: &[u8]) -> Option<Vec<u8>> {
    const HARD: &[u8] = "\u{a0}".as_bytes();
    let mut plain = Vec::new();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let mut rest = line;
        loop {
            let (blank, length) = match rest {
                [blank @ (b' ' | b'\t'), ..] => (*blank, 1),
                _ if rest.starts_with(HARD) => (b' ', HARD.len()),
                _ => break,
            };
            plain.push(blank);
            rest = &rest[length..];
        }
        plain.extend_from_slice(rest);
    }
    (plain.len() < text.len()).then_some(plain)
}

/// The text without what stands before each of its lines and around a fence; none when nothing does.
fn unmarked(text: &[u8]) -> Option<Vec<u8>> {
    let lines = || text.split_inclusive(|byte| *byte == b'\n').map(String::from_utf8_lossy);
    let (first, mark) = lines().enumerate().find_map(|(at, line)| {
        let column = ANCHORS.iter().find_map(|anchor| line.find(anchor))?;
        let mark = &line[..column];
        let is_whole = line[column..].starts_with(ANCHORS[1]) || header(line[column..].as_bytes()).is_some();
        let next = || lines().skip(at + 1).take(2);
        let is_mark = is_simple(mark) || is_of_log(mark) && next().all(|line| strip(&line, mark).is_some());
        (is_mark && is_whole).then(|| (at, mark.to_owned()))
    })?;
    let is_fence = |line: &str| FENCES.iter().any(|fence| line.trim_start().starts_with(fence));
    let before: Vec<_> = lines().take(first).collect();
    let has_fence = before.iter().filter_map(|line| strip(line, &mark)).any(|line| is_fence(&line));
    // A comment inside of a configuration is no mark.
    let is_comment = || is_simple(&mark) && before.iter().any(|line| line.contains(['{', ';']));
    if !has_fence && (mark.is_empty() || is_comment()) {
        return None;
    }
    let mut bare = String::new();
    let mut is_open = true;
    for line in lines().skip(first) {
        let Some(line) = strip(&line, &mark) else { continue };
        is_open = header(line.as_bytes()).is_some() || is_open && !(has_fence && is_fence(&line));
        bare.push_str(if is_open { &line } else { "" });
    }
    Some(bare.into_bytes())
}

/// Whether this is what mails and issues put before lines, or compose does.
fn is_simple(mark: &str) -> bool {
    mark.chars().all(|char| " \t>|".contains(char)) || mark.ends_with("| ")
}

/// Whether this may be what a log puts before its lines: a time, a host, a pod.
fn is_of_log(mark: &str) -> bool {
    mark.len() <= MAX_MARK && !mark.starts_with('#') && !mark.contains(['{', '}', ';', '"', '\''])
}

/// A line without its mark, in which numbers may be others: times, line numbers. A line of nothing has lost the
/// blanks at its end. None for a line without the mark.
fn strip<'a>(line: &'a str, mark: &str) -> Option<Cow<'a, str>> {
    let number = |text: &str| {
        let digits = text.trim_start_matches(' ');
        let rest = digits.trim_start_matches(|char: char| char.is_ascii_digit());
        (rest.len() < digits.len()).then_some(text.len() - rest.len())
    };
    let (mut rest, mut ahead) = (line, mark);
    while let Some(char) = ahead.chars().next() {
        let (of_line, of_mark) = match (number(rest), number(ahead)) {
            (Some(of_line), Some(of_mark)) => (of_line, of_mark),
            _ if rest.starts_with(char) => (char.len_utf8(), char.len_utf8()),
            _ => {
                let is_empty = rest.trim().is_empty() && (ahead.trim().is_empty() || line.trim().is_empty());
                return is_empty.then(|| "\n".into());
            }
        };
        (rest, ahead) = (&rest[of_line..], &ahead[of_mark..]);
    }
    Some(rest.into())
}

/// The text without prompts, what is typed behind them, and what a pager or a shell leaves at the end; none when it
/// has none of these.
fn without_prompts(text: &[u8]) -> Option<Vec<u8>> {
    let mut kept = Vec::new();
    let mut is_open = true;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let shown = String::from_utf8_lossy(&line[..line.len().min(MAX_MARK)]);
        is_open = !is_prompt(&shown) && (is_open || is_message(line) || header(line).is_some());
        kept.extend_from_slice(if is_open { line } else { b"" });
    }
    while let Some(at) = last_line(&kept).filter(|at| is_farewell(&kept[*at..])) {
        kept.truncate(at);
    }
    (kept.len() < text.len()).then_some(kept)
}

/// Where the last line with something in it begins.
fn last_line(text: &[u8]) -> Option<usize> {
    let text = text.trim_ascii_end();
    (!text.is_empty()).then(|| text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1))
}

/// Whether a line begins with the prompt of a shell: `me@host:~$ `, `[root@host ~]# `, `bash-5.1# `, `/ # `.
fn is_prompt(line: &str) -> bool {
    let line = line.trim_end();
    if line.starts_with('#') || line.contains([';', '{', '}', '"', '\'']) {
        return false;
    }
    let ends = line.match_indices(['$', '#', '%', '>']).map(|(at, _)| at);
    let ends = ends.filter(|at| matches!(line.as_bytes().get(at + 1), None | Some(b' ')));
    let typed = ends.map(|at| (&line[..at], line[at + 1..].trim_start()));
    let is_shell = |name: &str| ["bash-", "sh-"].iter().any(|shell| name.starts_with(shell));
    let is_place = |name: &str| name.starts_with('/') && name.ends_with(' ') && !name.trim_end().contains(' ');
    let names_host = |name: &str| {
        let (user, host) = name.trim_start_matches(['(', '[']).split_once('@')?;
        let is_word = |text: &str| !text.is_empty() && !text.contains([' ', '/', '$']);
        Some(is_word(user.rsplit([' ', ']', ')']).next()?) && is_word(host.split([':', ' ']).next()?))
    };
    // A record may begin with a path and end in a comment.
    let is_command = |typed: &str| typed.is_empty() || COMMANDS.iter().any(|command| typed.starts_with(command));
    typed
        .take(2)
        .any(|(name, typed)| is_shell(name) || is_place(name) && is_command(typed) || names_host(name) == Some(true))
}

/// Whether a line at the end is of a pager, a shell or a recording, and no part of a file.
fn is_farewell(line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(line);
    let line = line.trim();
    matches!(line, "~" | "(END)" | ":" | "exit" | "logout" | "```" | "~~~")
        || line.starts_with("Script done on ")
        || line.starts_with("Connection to ") && line.ends_with(" closed.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "nginx version: nginx/1.22.1\n# configuration file /c/nginx.conf:\nevents {}\n\n\
        http { include a; }\n# configuration file /c/a:\n\tserver { }\n\n";

    fn taken_off(text: &str) -> String {
        String::from_utf8_lossy(&bare(text.as_bytes())).into_owned()
    }

    #[test]
    fn a_text_that_was_printed_stays_as_it_is() {
        assert!(matches!(bare(PRINTED.as_bytes()), Cow::Borrowed(text) if text == PRINTED.as_bytes()));
        let comment = "http {\n    # configuration file /c/a:\n    server { }\n}\n";
        assert_eq!(taken_off(comment), comment);
    }

    #[test]
    fn marks_before_lines_are_taken_off() {
        for mark in [
            "    ",
            "> ",
            "\t",
            "web-1  | ",
            "[pod/web-5c/nginx] ",
            "web-5c nginx ",
            "/tmp/dump.txt:",
            "\u{1b}[36mweb-1  | \u{1b}[0m",
        ] {
            let marked: String = PRINTED.lines().map(|line| format!("{mark}{line}\n")).collect();
            assert_eq!(taken_off(&marked), PRINTED, "{mark}");
            let trimmed: String =
                PRINTED.lines().map(|line| format!("{mark}{line}").trim_end().to_owned() + "\n").collect();
            assert_eq!(taken_off(&trimmed), PRINTED, "{mark}");
        }
    }

    #[test]
    fn times_and_numbers_before_lines_are_taken_off() {
        let journal =
            |at: usize, line: &str| format!("Nov {:2} 09:59:{:02} web1 bash[{at}]: {line}\n", 8 + at, 58 + at);
        let pods = |at: usize, line: &str| format!("2026-11-21T21:32:45.{:09}Z {line}\n", at * 3);
        let numbered = |at: usize, line: &str| format!("{:6}\t{line}\n", at + 98);
        let of_file = |at: usize, line: &str| format!("dump-7.txt:{}:{line}\n", at + 1);
        type Mark = dyn Fn(usize, &str) -> String;
        let marks: [&Mark; 4] = [&journal, &pods, &numbered, &of_file];
        for mark in marks {
            let marked: String = PRINTED.lines().enumerate().map(|(at, line)| mark(at, line)).collect();
            assert_eq!(taken_off(&marked), PRINTED, "{marked}");
        }
        let mixed: String = PRINTED.lines().map(|line| format!("nginx-1  | {line}\nphp-1    | ready;\n")).collect();
        assert_eq!(taken_off(&mixed), PRINTED);
    }

    #[test]
    fn what_stands_around_a_fence_is_taken_off() {
        let fenced = format!("My configuration; what is wrong?\n\n```nginx\n{PRINTED}```\n\nThanks {{anyone}};\n");
        assert_eq!(taken_off(&fenced), PRINTED);
        let quoted: String = fenced.lines().map(|line| format!("> {line}\n")).collect();
        assert_eq!(taken_off(&quoted), PRINTED);
    }

    #[test]
    fn prompts_and_what_is_typed_there_are_taken_off() {
        for prompt in ["me@host:~$ ", "[root@host ~]# ", "bash-5.1# ", "/ # ", "/etc/nginx # ", "(venv) me@host:/srv$ "]
        {
            assert_eq!(taken_off(&format!("{prompt}nginx -T\n{PRINTED}{prompt}")), PRINTED, "{prompt}");
            assert_eq!(taken_off(&format!("{PRINTED}{prompt}exit\nlogout\n")), PRINTED, "{prompt}");
        }
        assert_eq!(taken_off(&PRINTED.replace('\t', "\u{a0}\u{a0}")), PRINTED.replace('\t', "  "));
        let coloured = format!("\u{1b}]0;me\u{7}\u{1b}[01;32mme@host\u{1b}[00m:~$ sudo nginx -T\n{PRINTED}");
        assert_eq!(taken_off(&coloured), PRINTED);
        for end in ["~\n~\n(END)\n", "Script done on 2026-11-21 21:33:45+00:00\n", "Connection to web1 closed.\n"] {
            assert_eq!(taken_off(&format!("{PRINTED}{end}")).trim_end(), PRINTED.trim_end(), "{end}");
        }
        for line in [
            "# me@host:~$ is a prompt\n",
            "root /srv/a@b; # me\n",
            "log_format x \"$a me@b $ $c\"\n",
            "\t\"~*a@b$ \" 1\n",
        ] {
            assert_eq!(taken_off(line), line);
        }
    }
}
