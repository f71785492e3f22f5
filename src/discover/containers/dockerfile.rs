//! What a Dockerfile puts where.

use std::collections::HashMap;

/// A path of so many bytes names nothing: Linux counts the zero at its end, too (PATH_MAX).
const MAX_PATH: usize = 4096;

/// The program that the official images of PHP begin with; it changes no file.
const ENTRYPOINT: &str = "docker-php-entrypoint";

/// How the last image of a Dockerfile is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Recipe {
    /// The image that it begins with, stages of its own followed.
    pub base: String,
    /// The files that are copied out of the build's context: where they lie there, and where they go.
    pub copies: Vec<(Vec<String>, String)>,
    /// Whether what is run and started may change files or name others.
    pub is_changed: bool,
    /// Whether it may run more than its image's program.
    pub runs_more: bool,
    /// Whether its users may be others than those of its image, or its program be started as another than root.
    pub has_own_accounts: bool,
    /// Whether files may come into it that are not in the context: from another image, the net, or by a command that
    /// names the places where scripts lie.
    pub has_foreign_files: bool,
}

impl Recipe {
    /// An image of which nothing is known.
    pub fn unknown() -> Self {
        Recipe {
            is_changed: true,
            runs_more: true,
            has_own_accounts: true,
            has_foreign_files: true,
            ..Recipe::default()
        }
    }

    /// Reads a Dockerfile, up to the stage that is built.
    pub fn read(text: &str, target: Option<&str>) -> Self {
        let mut stages: Vec<Stage> = Vec::new();
        let mut by_name: HashMap<String, usize> = HashMap::new();
        let mut directory = Some("/".to_owned());
        for line in lines(text) {
            let Some((word, rest)) = line.split_once(char::is_whitespace) else { continue };
            let rest = rest.trim();
            let current = stages.last_mut().map(|stage| &mut stage.own);
            match (word.to_ascii_uppercase().as_str(), current) {
                ("FROM", _) => {
                    let mut words = rest.split_whitespace().filter(|word| !word.starts_with("--"));
                    let base = words.next().unwrap_or_default();
                    let name = words.nth(1).unwrap_or_default().to_ascii_lowercase();
                    let earlier = by_name.get(&base.to_ascii_lowercase()).copied();
                    by_name.entry(name).or_insert(stages.len());
                    let own = Recipe { base: base.to_owned(), ..Recipe::default() };
                    stages.push(Stage { earlier, own });
                    directory = Some("/".to_owned());
                }
                ("WORKDIR", _) => directory = below(directory.as_deref(), rest),
                ("COPY" | "ADD", Some(recipe)) => {
                    recipe.has_own_accounts |= ["/etc/passwd", "/etc/group"].iter().any(|file| rest.contains(file));
                    match copy(rest, directory.as_deref()) {
                        Some(copy) => recipe.copies.push(copy),
                        None => {
                            recipe.has_foreign_files = true;
                            recipe.is_changed |= is_place_of_fpm(rest.split_whitespace().last().unwrap_or_default());
                        }
                    }
                    recipe.is_changed |= rest.contains(ENTRYPOINT);
                }
                ("USER", Some(recipe)) => recipe.has_own_accounts |= !is_root(rest),
                ("RUN" | "CMD" | "ENTRYPOINT", Some(recipe)) => {
                    let rest = &*without_own_entrypoint(rest);
                    let has = |words: &[&str]| words.iter().any(|word| rest.contains(word));
                    recipe.is_changed |= changes_files(rest);
                    recipe.has_own_accounts |= has(&["user", "group", "passwd", ".sh"]);
                    recipe.runs_more |= has(&["php", "supervis"]);
                    recipe.has_foreign_files |= has(&["/var/www", "/srv", "/app", "git ", "create-project", "ln -s"]);
                }
                _ => {}
            }
        }
        let Some(target) = target else { return whole(stages, None) };
        let by_number = || target.parse().ok().filter(|number| *number < stages.len());
        match by_name.get(&target.to_ascii_lowercase()).copied().or_else(by_number) {
            Some(stage) => whole(stages, Some(stage)),
            None => Recipe::unknown(),
        }
    }
}

/// A stage of a build.
struct Stage {
    /// The number of the stage that it begins with, where that is one of this file.
    earlier: Option<usize>,
    /// What its own lines say.
    own: Recipe,
}

/// A stage, or else the last one, with what the ones have that it begins with.
fn whole(mut stages: Vec<Stage>, target: Option<usize>) -> Recipe {
    let mut chain = Vec::new();
    let mut next = target.or(stages.len().checked_sub(1));
    while let Some(at) = next {
        chain.push(std::mem::take(&mut stages[at].own));
        next = stages[at].earlier;
    }
    let mut whole =
        Recipe { base: chain.last().map(|first| first.base.clone()).unwrap_or_default(), ..Recipe::default() };
    for own in chain.into_iter().rev() {
        whole.copies.extend(own.copies);
        whole.is_changed |= own.is_changed;
        whole.runs_more |= own.runs_more;
        whole.has_own_accounts |= own.has_own_accounts;
        whole.has_foreign_files |= own.has_foreign_files;
    }
    whole
}

/// Whether a user that a container is started as, with a group perhaps, is root.
pub(super) fn is_root(user: &str) -> bool {
    matches!(user.split(':').next(), Some("root" | "0"))
}

/// Whether something that comes to lie here may be read by PHP-FPM when it starts.
pub(super) fn is_place_of_fpm(path: &str) -> bool {
    let path = path.trim_matches(['"', ']']).trim_end_matches('/');
    let is_variable = path.contains('$') && path.to_ascii_lowercase().contains("fpm");
    let is_below = ["/usr/local/etc/php-fpm", "/etc/php"].iter().any(|place| path.starts_with(place));
    is_variable || is_below || matches!(path, "" | "/usr" | "/usr/local" | "/usr/local/etc" | "/etc")
}

/// A command without the program that the official images of PHP begin with.
fn without_own_entrypoint(command: &str) -> String {
    let words = command.split(|char: char| char.is_whitespace() || "[]\",".contains(char));
    let is_own = |word: &&str| *word == ENTRYPOINT || word.strip_prefix("/usr/local/bin/") == Some(ENTRYPOINT);
    words.filter(|word| !word.is_empty() && !is_own(word)).collect::<Vec<_>>().join(" ")
}

/// Whether a command may change what PHP-FPM reads: it edits files of that name, starts it with another main file,
/// or is a script.
fn changes_files(command: &str) -> bool {
    let has = |words: &[&str]| words.iter().any(|word| command.contains(word));
    let edits = has(&["sed ", "rm ", "mv ", "cp ", "ln ", "tee", "echo", "envsubst", "printf", "cat "]);
    let names_main = command.contains("php-fpm") && has(&[" -y", "--fpm-config"]);
    edits && has(&["fpm", "www.conf", "pool"]) || names_main || has(&[".sh", "/init", "entrypoint"])
}

/// The instructions, continued lines put together.
fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut continues = false;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let part = line.trim_end_matches('\\');
        match lines.last_mut() {
            Some(last) if continues => {
                last.push(' ');
                last.push_str(part);
            }
            _ => lines.push(part.to_owned()),
        }
        continues = part.len() < line.len();
    }
    lines
}

/// What `COPY` takes out of the context; nothing when it takes from another image or from the Dockerfile itself.
fn copy(rest: &str, directory: Option<&str>) -> Option<(Vec<String>, String)> {
    let mut rest = rest;
    while let Some(option) = rest.split_whitespace().next().filter(|word| word.starts_with("--")) {
        if option.starts_with("--from") {
            return None;
        }
        rest = rest[option.len()..].trim_start();
    }
    let words: Vec<String> = match rest.strip_prefix('[').and_then(|list| list.strip_suffix(']')) {
        Some(list) => list.split(',').map(|word| word.trim().trim_matches('"').to_owned()).collect(),
        None => rest.split_whitespace().map(|word| word.trim_matches(['"', '\'']).to_owned()).collect(),
    };
    let is_plain = |word: &String| !word.contains('$') && !word.starts_with("<<") && !word.contains("://");
    let (to, from) = words.split_last().filter(|(_, from)| !from.is_empty() && words.iter().all(is_plain))?;
    Some((from.to_vec(), below(directory, to)?))
}

/// A path below a directory; none where it is too long, as the directory may be.
fn below(directory: Option<&str>, path: &str) -> Option<String> {
    let path = match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("{}/{}", directory?.trim_end_matches('/'), path.trim_start_matches("./")),
    };
    (path.len() < MAX_PATH).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_stage_is_the_image() {
        let recipe = Recipe::read(
            "# comment\nFROM composer AS build\nCOPY . /src\nFROM --platform=linux/amd64 php:8.2-fpm AS base\n\
             RUN a \\\n  && b\nWORKDIR /etc\nFROM base\nCOPY --from=build /src /app\n\
             COPY --chown=1:1 a.conf b.conf /etc/nginx/conf.d/\nADD [\"x y\", \"/z\"]\nCOPY $A /b\nCMD [\"c\"]\n",
            None,
        );
        assert_eq!(recipe.base, "php:8.2-fpm");
        let copies = [
            (vec!["a.conf".to_owned(), "b.conf".to_owned()], "/etc/nginx/conf.d/".to_owned()),
            (vec!["x y".to_owned()], "/z".to_owned()),
        ];
        assert_eq!(recipe.copies, copies);
        assert!(!recipe.is_changed);
        assert!(
            Recipe::read("FROM a AS b\nRUN x \\\n  && sed -i s/a/b/ \\\n  www.conf\nFROM b\nCMD y\n", None).is_changed
        );
    }

    #[test]
    fn relative_targets_begin_at_the_working_directory() {
        let recipe = Recipe::read("FROM a\nWORKDIR /etc\nWORKDIR nginx\nCOPY x ./conf.d/\n", None);
        assert_eq!(recipe.copies[0].1, "/etc/nginx/conf.d/");
    }

    #[test]
    fn stages_that_begin_with_each_other_do_not_multiply() {
        let stage = |n: usize| format!("FROM s{n} AS s{}\nCOPY {n} /a/\n", n + 1);
        let recipe = Recipe::read(&(0..20_000).map(stage).collect::<String>(), None);
        assert_eq!((recipe.base.as_str(), recipe.copies.len()), ("s0", 20_000));
        assert_eq!(recipe.copies[1].0, ["1"]);
        // A name that is given again stands for the stage that had it first.
        let again = Recipe::read("FROM a AS b\nFROM b AS b\nCOPY x /x\nFROM b\nCOPY y /y\n", None);
        assert_eq!((again.base.as_str(), again.copies), ("a", vec![(vec!["y".to_owned()], "/y".to_owned())]));
    }

    #[test]
    fn a_path_ends_where_linux_takes_no_longer_one() {
        let copied = |length: usize| {
            let directory = "x".repeat(length - "//a".len());
            Recipe::read(&format!("FROM a\nWORKDIR {directory}\nCOPY a a\nWORKDIR b\nCOPY c /d\n"), None).copies.len()
        };
        assert_eq!([copied(MAX_PATH - 1), copied(MAX_PATH), copied(MAX_PATH * 2)], [2, 1, 1]);
    }
}
