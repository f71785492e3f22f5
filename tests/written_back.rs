//! Trees that were written out in a random layout are read back as they were: words in every quoting that means the
//! same, with blanks, line breaks and comments between them.

use gatelint::nginx::ast::Directive;
use gatelint::nginx::parse::parse;
use gatelint::php::ast::Item;
use gatelint::php::parse::parse_fpm;
use gatelint::source::Sources;

/// xorshift: the same numbers in every run.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

/// A statement: its words, and its block if it has one.
#[derive(Debug, PartialEq)]
struct Statement {
    words: Vec<String>,
    block: Option<Vec<Statement>>,
}

const PARTS: [&str; 16] =
    ["a", "/srv", "$x", "é", "'", "\"", "\\d", ";", "{", "}", "#", " ", "\n", "~*", "unix:", "${y}"];

fn word(random: &mut Random) -> String {
    (0..random.below(6)).map(|_| random.one_of(&PARTS)).collect()
}

fn statements(random: &mut Random, depth: usize) -> Vec<Statement> {
    let statement = |random: &mut Random| {
        // Names that nginx does not have: with those it has, what was forgotten is looked for.
        let mut words = vec![format!("x{}", random.below(100))];
        words.extend((0..random.below(4)).map(|_| word(random)));
        let block = (depth < 5 && random.below(3) == 0).then(|| statements(random, depth + 1));
        Statement { words, block }
    };
    (0..random.below(5)).map(|_| statement(random)).collect()
}

fn gap(random: &mut Random, out: &mut String) {
    out.push_str(random.one_of(&[" ", "\n", "\t", " \r\n  ", " # a ; } \" comment\n", "\n#{\n\n"]));
}

/// A word in quotes, or bare where that means the same.
fn write_word(random: &mut Random, word: &str, out: &mut String) {
    let special = |c: char| " \n;{}'\"\\#".contains(c);
    if !word.is_empty() && !word.contains(special) && !word.ends_with('$') && random.below(2) == 0 {
        return out.push_str(word);
    }
    let quote = random.one_of(&["\"", "'"]);
    // `\d` stays as it is, and `\\d` means the same.
    let escaped = if random.below(2) == 0 { word.replace('\\', "\\\\") } else { word.to_owned() };
    out.push_str(&format!("{quote}{}{quote}", escaped.replace(quote, &format!("\\{quote}"))));
}

fn write(random: &mut Random, statements: &[Statement], out: &mut String) {
    for statement in statements {
        for (at, word) in statement.words.iter().enumerate() {
            if at > 0 {
                gap(random, out);
            }
            write_word(random, word, out);
        }
        if random.below(2) == 0 {
            gap(random, out);
        }
        match &statement.block {
            None => out.push(';'),
            Some(block) => {
                out.push('{');
                gap(random, out);
                write(random, block, out);
                out.push('}');
            }
        }
        if random.below(2) == 0 {
            gap(random, out);
        }
    }
}

fn read(directives: &[std::sync::Arc<Directive>]) -> Vec<Statement> {
    let statement = |directive: &std::sync::Arc<Directive>| {
        let words = directive.words();
        let is_block = directive.is_block();
        let block = is_block.then(|| read(directive.block()));
        Statement { words: words.map(|word| word.text.to_string()).collect(), block }
    };
    directives.iter().map(statement).collect()
}

#[test]
fn trees_of_nginx() {
    for seed in 1..3000 {
        let mut random = Random::new(seed);
        let tree = statements(&mut random, 0);
        let mut text = String::new();
        write(&mut random, &tree, &mut text);
        let file = Sources::default().add(String::new(), None, Vec::new());
        let parsed = parse(file, text.as_bytes());
        assert_eq!(parsed.problems, [], "{text}");
        assert_eq!(read(&parsed.directives), tree, "{text}");
        inside(&parsed.directives, 0, text.len());
    }
}

/// Every statement lies between those beside it, and inside of the one around it.
fn inside(directives: &[std::sync::Arc<Directive>], start: usize, end: usize) {
    let mut before = start;
    for directive in directives {
        let span = directive.span().range();
        assert!(before <= span.start && span.start < span.end && span.end <= end, "{directive:?}");
        before = span.end;
        inside(directive.block(), span.start, span.end);
    }
}

#[test]
fn pools_of_php_fpm() {
    for seed in 1..3000 {
        let mut random = Random::new(seed);
        let (mut wanted, mut text) = (Vec::new(), String::new());
        for number in 0..random.below(8) {
            text.push_str(random.one_of(&["", "\n", "; a = comment \"\n", " \t\r\n"]));
            if random.below(4) == 0 {
                wanted.push(format!("[pool {number}]"));
                text.push_str(&format!("[pool {number}]{}\n", random.one_of(&["", " ", " ; why"])));
                continue;
            }
            let index = if random.below(3) == 0 { format!("[i{number}]") } else { String::new() };
            let value: String =
                (0..random.below(5)).map(|_| random.one_of(&["a", "/b", ".c", "-", "7", "é"])).collect();
            let value = format!("v{value}");
            let inside = format!("{value}{}", random.one_of(&["", " b", ";", "=", "'", "(", "\\\""]));
            let (written, meant) = match random.below(3) {
                0 => (value.clone(), value),
                1 => (
                    format!("'{}'", inside.replace('\'', "").replace("\\\"", "")),
                    inside.replace('\'', "").replace("\\\"", ""),
                ),
                _ => (format!("\"{inside}\""), inside.replace("\\\"", "\"")),
            };
            wanted.push(format!("key.{number}{index}={meant}"));
            let equals = random.one_of(&["=", " = ", "\t=\t"]);
            let behind = random.one_of(&["", " ", "  ; why", "\r"]);
            text.push_str(&format!(
                "{}key.{number}{index}{equals}{written}{behind}\n",
                random.one_of(&["", " ", "\t"])
            ));
        }
        let file = Sources::default().add(String::new(), None, Vec::new());
        let document = parse_fpm(file, text.as_bytes());
        assert_eq!(document.problems, [], "{text}");
        let shown = document.items.iter().map(|item| match item {
            Item::Section(section) => format!("[{}]", section.name.text().unwrap_or_default()),
            Item::Setting(setting) => {
                let text = |value: &gatelint::php::ast::Value| value.text().unwrap_or_default();
                let index = setting.index.as_ref().map(|index| format!("[{}]", text(index))).unwrap_or_default();
                format!("{}{index}={}", setting.key, setting.value.as_ref().map(text).unwrap_or_default())
            }
        });
        assert_eq!(shown.collect::<Vec<_>>(), wanted, "{text}");
    }
}
