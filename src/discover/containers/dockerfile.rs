//! What a Dockerfile puts where.

use std::collections::{BTreeMap, HashMap};

use super::env::Env;
use super::instructions::{assigned, below, copy, known, line_of, lines, program};
use super::{packages, scripts};

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
    /// Whether files of nginx may be written that are not in the context.
    pub writes_nginx: bool,
    /// Whether what is written in nginx's files may be rewritten.
    pub rewrites_nginx: bool,
    /// The links that are made: where they lead, and where they are.
    pub links: Vec<(String, String)>,
    /// The versions of PHP-FPM that packages install, as their names have them.
    pub packages: Vec<String>,
    /// The scripts that are run when it is built, and what is run when it starts, as it is called there.
    pub scripts: Vec<String>,
    /// Whether it starts another program than its image's.
    pub starts_other: bool,
    /// The environment that it sets: the line, the name, and the value as far as it is known.
    pub environment: Vec<(usize, String, Option<String>)>,
}

/// Of a Dockerfile with more variables, each counted again for each stage that has it, nothing is read.
const MAX_VARIABLES: usize = 100_000;

impl Recipe {
    /// An image of which nothing is known.
    pub fn unknown() -> Self {
        Recipe {
            is_changed: true,
            runs_more: true,
            has_own_accounts: true,
            has_foreign_files: true,
            writes_nginx: true,
            rewrites_nginx: true,
            starts_other: true,
            ..Recipe::default()
        }
    }

    /// Reads a Dockerfile, up to the stage that is built. `args` are the values that the build gives its arguments.
    pub fn read(text: &str, target: Option<&str>, args: &BTreeMap<String, Option<String>>) -> Self {
        let mut reader = Reader {
            args,
            written: text.lines().collect(),
            stages: Vec::new(),
            by_name: HashMap::new(),
            directory: Some("/".to_owned()),
            global: Env::default(),
            env: Env::default(),
            variables: 0,
        };
        for (number, line) in lines(text) {
            let Some((word, rest)) = line.split_once(char::is_whitespace) else { continue };
            reader.instruction(number, &word.to_ascii_uppercase(), rest.trim());
            if reader.variables > MAX_VARIABLES {
                return Recipe::unknown();
            }
        }
        let Reader { stages, by_name, .. } = reader;
        let Some(target) = target else { return whole(stages, None) };
        let by_number = || target.parse().ok().filter(|number| *number < stages.len());
        match by_name.get(&target.to_ascii_lowercase()).copied().or_else(by_number) {
            Some(stage) => whole(stages, Some(stage)),
            None => Recipe::unknown(),
        }
    }

    /// `COPY` and `ADD`, whose target begins in a directory.
    fn copy(&mut self, rest: &str, directory: Option<&str>, env: &Env) {
        let target = rest.split_whitespace().last().unwrap_or_default();
        self.has_own_accounts |= ["/etc/passwd", "/etc/group"].iter().any(|file| rest.contains(file));
        match copy(&env.fill(rest), directory) {
            Some(copy) => self.copies.push(copy),
            None => {
                self.has_foreign_files = true;
                self.writes_nginx |= is_place_of_nginx(target);
                self.is_changed |= is_place_of_fpm(target);
            }
        }
        self.is_changed |= rest.contains(ENTRYPOINT);
    }

    /// What `RUN`, `CMD` and `ENTRYPOINT` call.
    fn run(&mut self, word: &str, rest: &str, env: &Env) {
        self.starts_other |= match word {
            "ENTRYPOINT" => !rest.is_empty(),
            "CMD" => !matches!(program(rest), "nginx" | "nginx-debug"),
            // Scripts in that folder are read before nginx starts.
            _ => rest.contains("docker-entrypoint.d"),
        };
        let rest = &*without_own_entrypoint(rest);
        let has = |words: &[&str]| words.iter().any(|word| rest.contains(word));
        self.is_changed |= scripts::changes_files(rest);
        self.writes_nginx |= scripts::writes_nginx(rest);
        self.rewrites_nginx |= scripts::rewrites_nginx(rest);
        self.links.extend(scripts::links(rest).map(|(to, at)| (to.to_owned(), at.to_owned())));
        self.packages.extend(packages::named(&env.fill(rest)).map(str::to_owned));
        self.scripts.extend(scripts::named(rest).map(str::to_owned));
        if word != "RUN" {
            self.scripts.extend(rest.split_whitespace().filter(|word| word.starts_with('/')).map(str::to_owned));
        }
        self.has_own_accounts |= has(&["user", "group", "passwd", ".sh"]);
        self.runs_more |= has(&["php", "supervis"]);
        self.has_foreign_files |= has(&["/var/www", "/srv", "/app", "git ", "create-project", "ln -s"]);
    }
}

/// Reads a Dockerfile line by line.
struct Reader<'a> {
    /// The values that the build gives its arguments.
    args: &'a BTreeMap<String, Option<String>>,
    /// The lines as written.
    written: Vec<&'a str>,
    stages: Vec<Stage>,
    /// The numbers of the stages.
    by_name: HashMap<String, usize>,
    /// Where relative paths begin, if that is known.
    directory: Option<String>,
    /// The arguments before the first stage.
    global: Env,
    /// The variables of the stage that is read.
    env: Env,
    /// How many variables the stages have, each counted again for each stage.
    variables: usize,
}

impl Reader<'_> {
    fn instruction(&mut self, number: usize, word: &str, rest: &str) {
        let current = self.stages.last_mut().map(|stage| &mut stage.own);
        match (word, current) {
            ("FROM", _) => self.stage(rest),
            ("ARG", _) => self.arguments(rest),
            ("ENV", Some(_)) => self.environment(number, rest),
            ("WORKDIR", _) => self.directory = below(self.directory.as_deref(), &self.env.fill(rest)),
            ("COPY" | "ADD", Some(recipe)) => recipe.copy(rest, self.directory.as_deref(), &self.env),
            ("USER", Some(recipe)) => recipe.has_own_accounts |= !is_root(rest),
            ("RUN" | "CMD" | "ENTRYPOINT", Some(recipe)) => recipe.run(word, rest, &self.env),
            _ => {}
        }
    }

    /// `FROM`
    fn stage(&mut self, rest: &str) {
        let mut words = rest.split_whitespace().filter(|word| !word.starts_with("--"));
        let base = self.global.fill(words.next().unwrap_or_default());
        if let Some(last) = self.stages.last_mut() {
            last.env = std::mem::take(&mut self.env);
        }
        let name = words.nth(1).unwrap_or_default().to_ascii_lowercase();
        let earlier = self.by_name.get(&base.to_ascii_lowercase()).copied();
        self.by_name.entry(name).or_insert(self.stages.len());
        self.env = earlier.map(|earlier| self.stages[earlier].env.clone()).unwrap_or_default();
        self.variables += self.env.len();
        self.directory = Some("/".to_owned());
        self.stages.push(Stage { earlier, env: Env::default(), own: Recipe { base, ..Recipe::default() } });
    }

    /// `ARG`
    fn arguments(&mut self, rest: &str) {
        let current = self.stages.last().map(|stage| &stage.own);
        for (name, default) in assigned(rest) {
            let value = match self.args.get(&name) {
                Some(given) => given.clone(),
                None => default.and_then(|default| known(self.env.fill(&default))),
            };
            let value = value.or_else(|| known(self.global.fill(&format!("${name}"))));
            // An argument does not hide what ENV says.
            match current {
                None => self.global.set(&name, value),
                Some(stage) if stage.environment.iter().any(|(_, known, _)| *known == name) => {}
                Some(_) => self.env.set(&name, value),
            }
        }
    }

    /// `ENV`
    fn environment(&mut self, number: usize, rest: &str) {
        // Values of one line know nothing of each other.
        let filled =
            |(name, value): (String, Option<String>)| (name, value.and_then(|value| known(self.env.fill(&value))));
        let all: Vec<_> = assigned(rest).into_iter().map(filled).collect();
        let Some(stage) = self.stages.last_mut() else { return };
        for (name, value) in all {
            self.env.set(&name, value.clone());
            stage.own.environment.push((line_of(&self.written, number, &name), name, value));
        }
    }
}

/// A stage of a build.
struct Stage {
    /// Its variables.
    env: Env,
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
        whole.starts_other |= own.starts_other;
        whole.scripts.extend(own.scripts);
        whole.writes_nginx |= own.writes_nginx;
        whole.rewrites_nginx |= own.rewrites_nginx;
        whole.links.extend(own.links);
        whole.packages.extend(own.packages);
        whole.environment.extend(own.environment);
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

/// Whether something that comes to lie here may be read by nginx.
pub(super) fn is_place_of_nginx(path: &str) -> bool {
    let path = path.trim_matches(['"', ']']).trim_end_matches('/');
    path.starts_with("/etc/nginx") || matches!(path, "" | "/etc")
}

/// A command without the program that the official images of PHP begin with.
fn without_own_entrypoint(command: &str) -> String {
    let words = command.split(|char: char| char.is_whitespace() || "[]\",".contains(char));
    let is_own = |word: &&str| *word == ENTRYPOINT || word.strip_prefix("/usr/local/bin/") == Some(ENTRYPOINT);
    words.filter(|word| !word.is_empty() && !is_own(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::instructions::MAX_PATH;
    use super::*;

    #[test]
    fn the_last_stage_is_the_image() {
        let recipe = Recipe::read(
            "# comment\nFROM composer AS build\nCOPY . /src\nFROM --platform=linux/amd64 php:8.2-fpm AS base\n\
             RUN a \\\n  && b\nWORKDIR /etc\nFROM base\nCOPY --from=build /src /app\n\
             COPY --chown=1:1 a.conf b.conf /etc/nginx/conf.d/\nADD [\"x y\", \"/z\"]\nCOPY $A /b\nCMD [\"c\"]\n",
            None,
            &BTreeMap::new(),
        );
        assert_eq!(recipe.base, "php:8.2-fpm");
        let copies = [
            (vec!["a.conf".to_owned(), "b.conf".to_owned()], "/etc/nginx/conf.d/".to_owned()),
            (vec!["x y".to_owned()], "/z".to_owned()),
        ];
        assert_eq!(recipe.copies, copies);
        assert!(!recipe.is_changed);
        assert!(
            Recipe::read(
                "FROM a AS b\nRUN x \\\n  && sed -i s/a/b/ \\\n  www.conf\nFROM b\nCMD y\n",
                None,
                &BTreeMap::new()
            )
            .is_changed
        );
    }

    #[test]
    fn relative_targets_begin_at_the_working_directory() {
        let recipe = Recipe::read("FROM a\nWORKDIR /etc\nWORKDIR nginx\nCOPY x ./conf.d/\n", None, &BTreeMap::new());
        assert_eq!(recipe.copies[0].1, "/etc/nginx/conf.d/");
    }

    #[test]
    fn stages_that_begin_with_each_other_do_not_multiply() {
        let stage = |n: usize| format!("FROM s{n} AS s{}\nCOPY {n} /a/\n", n + 1);
        let recipe = Recipe::read(&(0..20_000).map(stage).collect::<String>(), None, &BTreeMap::new());
        assert_eq!((recipe.base.as_str(), recipe.copies.len()), ("s0", 20_000));
        assert_eq!(recipe.copies[1].0, ["1"]);
        // A name that is given again stands for the stage that had it first.
        let again = Recipe::read("FROM a AS b\nFROM b AS b\nCOPY x /x\nFROM b\nCOPY y /y\n", None, &BTreeMap::new());
        assert_eq!((again.base.as_str(), again.copies), ("a", vec![(vec!["y".to_owned()], "/y".to_owned())]));
    }

    #[test]
    fn a_path_ends_where_linux_takes_no_longer_one() {
        let copied = |length: usize| {
            let directory = "x".repeat(length - "//a".len());
            Recipe::read(
                &format!("FROM a\nWORKDIR {directory}\nCOPY a a\nWORKDIR b\nCOPY c /d\n"),
                None,
                &BTreeMap::new(),
            )
            .copies
            .len()
        };
        assert_eq!([copied(MAX_PATH - 1), copied(MAX_PATH), copied(MAX_PATH * 2)], [2, 1, 1]);
    }

    #[test]
    fn arguments_and_variables_are_filled_in() {
        let text = "ARG V=8.2\nARG N\nFROM php:${V}-fpm AS base\nARG V\nARG DIR=/conf\nENV A=1 B=\"x $V\" \\\n  C=$A\nENV OLD a b\n\
                    FROM base\nENV A=2 D=${A}3 E=$GONE\nCOPY a$V $DIR/b\nCMD [\"nginx\", \"-g\"]\n";
        let recipe = Recipe::read(text, None, &BTreeMap::new());
        assert_eq!(recipe.base, "php:8.2-fpm");
        assert_eq!((&recipe.copies[0].0[..], recipe.copies[0].1.as_str()), (&["a8.2".to_owned()][..], "/conf/b"));
        let told: Vec<_> =
            recipe.environment.iter().map(|(line, name, value)| (*line, name.as_str(), value.as_deref())).collect();
        let expected = [
            (6, "A", Some("1")),
            (6, "B", Some("x 8.2")),
            (7, "C", None),
            (8, "OLD", Some("a b")),
            (10, "A", Some("2")),
            (10, "D", Some("13")),
            (10, "E", None),
        ];
        assert_eq!(told, expected);
        assert!(!recipe.starts_other && Recipe::read("FROM a\nCMD nginx -g x\n", None, &BTreeMap::new()).starts_other);
        let args = BTreeMap::from([("V".to_owned(), Some("7.4".to_owned())), ("DIR".to_owned(), None)]);
        let given = Recipe::read(text, None, &args);
        assert_eq!((given.base.as_str(), given.copies.len()), ("php:7.4-fpm", 0));
    }

    #[test]
    fn variables_of_many_stages_do_not_multiply() {
        let many = |stages: usize| {
            let variables = (0..1000).map(|n| format!("ENV V{n}=x\n")).collect::<String>();
            let stage = |n: usize| format!("FROM s{n} AS s{}\n", n + 1);
            let text = format!("FROM a AS s0\n{variables}{}", (0..stages).map(stage).collect::<String>());
            Recipe::read(&text, None, &BTreeMap::new()) == Recipe::unknown()
        };
        assert_eq!([many(MAX_VARIABLES / 1000), many(MAX_VARIABLES / 1000 + 1)], [false, true]);
    }
}
