//! What the commands and scripts of an image may do to the files that PHP-FPM reads.

/// Words of commands that write files.
const EDITS: [&str; 12] =
    ["sed ", "rm ", "mv ", "cp ", "ln ", "tee", "echo", "envsubst", "printf", "cat ", "install -m", "install -D"];

/// Words that PHP-FPM's files and their places have.
const OF_FPM: [&str; 3] = ["fpm", "www.conf", "pool"];

/// Words that the places of nginx's files have.
const OF_NGINX: [&str; 6] =
    ["/etc/nginx", "nginx.conf", "nginx/conf.d", "sites-enabled", "sites-available", "/http.d/"];

/// Whether a line of shell may change what PHP-FPM reads: a command edits files of that name, or starts it with another
/// main file.
pub(super) fn changes_files(line: &str) -> bool {
    changes(line, &OF_FPM) || commands(line).any(names_main)
}

/// Whether a line of shell may write what nginx reads. Links are followed, and a file that goes brings nothing.
pub(super) fn writes_nginx(line: &str) -> bool {
    let is_harmless = |command: &str| {
        let program = command.split_whitespace().next().unwrap_or_default();
        matches!(program, "rm" | "ln" | "mkdir" | "chown" | "chmod" | "nginx") || command.contains("daemon off")
    };
    let line = &*line.replace("daemon off;", "daemon off");
    commands(line).any(|command| !is_harmless(command) && changes(command, &OF_NGINX))
        || line.contains("cd ") && changes(line, &OF_NGINX)
}

/// Whether a line of shell may rewrite what is written in nginx's files.
pub(super) fn rewrites_nginx(line: &str) -> bool {
    let rewrites = |command: &str| ["sed ", "perl ", "envsubst", "awk "].iter().any(|word| command.contains(word));
    commands(line).any(|command| rewrites(command) && !command.contains("daemon off")) && changes(line, &OF_NGINX)
}

/// Whether a line may change files whose paths have some words.
fn changes(line: &str, words: &[&str]) -> bool {
    let names = |command: &str| words.iter().any(|word| command.contains(word));
    // Behind `cd`, and in a variable, a name is not seen where it is used.
    let is_hidden = |command: &str| command.contains('$') || line.contains("cd ");
    let edits = |command: &str| {
        let edits = EDITS.iter().any(|word| command.contains(word)) || command.contains('>');
        edits && (names(command) || is_hidden(command) && names(line))
    };
    commands(line).any(edits)
}

/// Whether a command starts PHP-FPM with a main file of its own.
pub(super) fn names_main(command: &str) -> bool {
    let command = command.trim_start().trim_start_matches("command").trim_start_matches([' ', '=']);
    let mut words = command.split_whitespace().skip_while(|word| *word == "exec");
    let is_fpm = words.next().is_some_and(|program| program.contains("fpm"));
    is_fpm && words.any(|word| word.starts_with("-y") || word.starts_with("--fpm-config"))
}

/// The commands of a line, those that are joined by pipes together.
fn commands(line: &str) -> impl Iterator<Item = &str> {
    line.split("&&").flat_map(|part| part.split(';')).flat_map(|part| part.split("||"))
}

/// The links that a line makes, by absolute paths: where they lead, and where they are.
pub(super) fn links(line: &str) -> impl Iterator<Item = (&str, &str)> {
    commands(line).filter_map(|command| {
        let mut words = command.split_whitespace();
        let options = words.next().filter(|word| *word == "ln").and_then(|_| words.next())?;
        let (to, at) = (words.next()?, words.next()?);
        let is_link = options.starts_with('-') && options.contains('s') && words.next().is_none();
        (is_link && to.starts_with('/') && at.starts_with('/')).then_some((to, at))
    })
}

/// The scripts that a line runs.
pub(super) fn named(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split(|char: char| char.is_whitespace() || "&;|()'\"`".contains(char));
    words.filter(|word| {
        let name = word.rsplit('/').next().unwrap_or_default();
        name.ends_with(".sh") || name.contains("entrypoint") || *word == "/init"
    })
}

/// Whether a script may change what PHP-FPM reads, by itself or by others.
pub(super) fn script_changes_files(text: &str) -> bool {
    let lines = || text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let names = |line: &str| OF_FPM.iter().any(|word| line.contains(word));
    // What it says to people, and what it makes of output, are no files.
    let quiet =
        |line: &str| line.replace("2>&1", "").replace(">/dev/null", "").replace("> /dev/null", "").replace(">&2", "");
    let has_name = lines().any(|line| names(line) && line.contains('/') && line.contains('='));
    lines().any(|line| {
        let line = quiet(line);
        let edits = ["sed ", "perl ", "mv ", "cp ", "ln ", "rm ", "tee ", "envsubst", ">", "install -m", "install -D"];
        let may_edit = edits.iter().any(|word| line.contains(word));
        let runs_others = named(&line).next().is_some() || line.starts_with(". ") || line.starts_with("source ");
        runs_others
            || may_edit && (names(&line) || has_name && line.contains('$') || line.contains("cd "))
            || names_main(&line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_edit_files_are_told_from_those_that_install() {
        for line in [
            "apt-get install -y nginx php-fpm && rm -rf /var/lib/apt/lists/*",
            "ln -sf /dev/stdout /var/log/nginx/access.log && apk add php82-fpm",
            "php-fpm -D; nginx",
        ] {
            assert!(!changes_files(line), "{line}");
        }
        for line in [
            "apk add php82-fpm && sed -i s/a/b/ /etc/php82/php-fpm.d/www.conf",
            "cd /etc/php82/php-fpm.d && rm *.conf",
            "F=/etc/php/8.2/fpm/pool.d/www.conf; sed -i s/a/b/ $F",
            "{ echo '[www]'; echo 'listen = 1'; } > /etc/php82/php-fpm.d/x.conf",
            "php-fpm -y /x",
            "command=/usr/sbin/php-fpm82 --fpm-config /x",
        ] {
            assert!(changes_files(line), "{line}");
        }
        let line = "rm /x; ln -sf /etc/a /etc/b && ln -s ../c /d && ln -s /e";
        for line in ["echo 'upstream a { }' > /etc/nginx/conf.d/a.conf", "cd /etc/nginx && sed -i s/a/b/ nginx.conf"] {
            assert!(writes_nginx(line), "{line}");
        }
        assert!(rewrites_nginx("sed -i s/HOST/$HOST/ /etc/nginx/conf.d/a.conf"));
        assert!(!rewrites_nginx("sed -i s/a/b/ /etc/php82/php.ini"));
        for line in
            ["echo 'daemon off;' >> /etc/nginx/nginx.conf", "ln -s /etc/nginx/a /etc/nginx/b && rm /etc/nginx/c"]
        {
            assert!(!writes_nginx(line), "{line}");
        }
        assert_eq!(links(line).collect::<Vec<_>>(), [("/etc/a", "/etc/b")]);
        assert_eq!(named("chmod +x /a.sh && /init --x").collect::<Vec<_>>(), ["/a.sh", "/init"]);
    }

    #[test]
    fn scripts_that_start_programs_change_nothing() {
        let start = "#!/bin/sh\n# sed pool\nset -e\nmkdir -p /run/php\nchown -R www-data $DATA 2>&1\nphp-fpm8.2 -D\nexec nginx\n";
        assert!(!script_changes_files(start));
        for line in [
            "sed -i s/a/$X/ /etc/php/8.2/fpm/pool.d/www.conf",
            ". /lib.sh",
            "exec /docker-entrypoint.sh",
            "php-fpm -y /x",
        ] {
            assert!(script_changes_files(&format!("{start}{line}\n")), "{line}");
        }
        assert!(script_changes_files("CONF=/etc/php82/php-fpm.d/www.conf\nsed -i s/a/b/ \"$CONF\"\n"));
    }
}
