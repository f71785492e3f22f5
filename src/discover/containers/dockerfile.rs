//! What a Dockerfile puts where.

/// How the last image of a Dockerfile is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Recipe {
    /// The image that it begins with, stages of its own followed.
    pub base: String,
    /// The files that are copied out of the build's context: where they lie there, and where they go.
    pub copies: Vec<(Vec<String>, String)>,
    /// What is run and started, in order.
    pub commands: Vec<String>,
    /// Whether files come into it that are not in the context: from another image, the net, or by a command that
    /// names the places where scripts lie.
    pub has_foreign_files: bool,
}

impl Recipe {
    /// Reads a Dockerfile, up to the stage that is built.
    pub fn read(text: &str, target: Option<&str>) -> Self {
        let mut stages: Vec<(String, Recipe)> = Vec::new();
        let mut directory = "/".to_owned();
        for line in lines(text) {
            let Some((word, rest)) = line.split_once(char::is_whitespace) else { continue };
            let rest = rest.trim();
            let current = stages.last_mut().map(|(_, recipe)| recipe);
            match (word.to_ascii_uppercase().as_str(), current) {
                ("FROM", _) => {
                    let mut words = rest.split_whitespace().filter(|word| !word.starts_with("--"));
                    let base = words.next().unwrap_or_default();
                    let name = words.nth(1).unwrap_or_default().to_ascii_lowercase();
                    // A stage that begins with an earlier one has what that has.
                    let earlier = stages.iter().find(|(stage, _)| stage.eq_ignore_ascii_case(base));
                    let made = earlier.map(|(_, recipe)| recipe.clone());
                    let recipe = made.unwrap_or_else(|| Recipe { base: base.to_owned(), ..Recipe::default() });
                    stages.push((name, recipe));
                    directory = "/".to_owned();
                }
                ("WORKDIR", _) => directory = below(&directory, rest),
                ("COPY" | "ADD", Some(recipe)) => match copy(rest, &directory) {
                    Some(copy) => recipe.copies.push(copy),
                    None => recipe.has_foreign_files = true,
                },
                ("RUN" | "CMD" | "ENTRYPOINT", Some(recipe)) => {
                    let brings = ["/var/www", "/srv", "/app", "git ", "create-project", "ln -s"];
                    recipe.has_foreign_files |= brings.iter().any(|word| rest.contains(word));
                    recipe.commands.push(rest.to_owned());
                }
                _ => {}
            }
        }
        let is_target = |(name, _): &(String, Recipe)| target.is_some_and(|target| name.eq_ignore_ascii_case(target));
        let built = stages.iter().position(is_target).unwrap_or(stages.len().saturating_sub(1));
        stages.into_iter().nth(built).map(|(_, recipe)| recipe).unwrap_or_default()
    }
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
fn copy(rest: &str, directory: &str) -> Option<(Vec<String>, String)> {
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
    Some((from.to_vec(), below(directory, to)))
}

fn below(directory: &str, path: &str) -> String {
    match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("{}/{}", directory.trim_end_matches('/'), path.trim_start_matches("./")),
    }
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
        assert_eq!(recipe.commands, ["a  && b", "[\"c\"]"]);
    }

    #[test]
    fn relative_targets_begin_at_the_working_directory() {
        let recipe = Recipe::read("FROM a\nWORKDIR /etc\nWORKDIR nginx\nCOPY x ./conf.d/\n", None);
        assert_eq!(recipe.copies[0].1, "/etc/nginx/conf.d/");
    }
}
