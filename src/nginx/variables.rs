//! Variables in arguments, as far as the configuration alone decides their values.
//!
//! Only `set` with a value that is itself known is followed, and only where no `if` and no other
//! branch can decide differently. Everything else is unknown, and unknown stays unknown.

use ecow::EcoString;

use super::levels::{Config, Context, LevelId};
use crate::source::Span;

/// Variables followed for one argument, and bytes put together: beyond either, what is left is unknown.
const MAX_STEPS: usize = 64;
const MAX_BYTES: usize = 4096;

/// A piece of an argument.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Piece {
    /// Text that stands for itself.
    Text(String),
    /// A variable whose value is not known, without the `$`.
    Variable(String),
}

/// An argument with its known variables replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evaluated {
    /// What remains; adjacent texts are joined.
    pub pieces: Vec<Piece>,
    /// The values of the `set`s that were followed.
    pub via: Vec<Span>,
    /// Whether the argument holds a variable at all.
    pub has_variables: bool,
}

impl Piece {
    /// The name, if this is a variable.
    pub fn variable(&self) -> Option<&str> {
        match self {
            Piece::Text(_) => None,
            Piece::Variable(name) => Some(name),
        }
    }

    /// Whether this is a variable whose value begins with a slash: behind a host, it begins the URI.
    pub fn begins_uri(&self) -> bool {
        matches!(self, Piece::Variable(name) if matches!(name.as_str(), "request_uri" | "uri" | "document_uri"))
    }
}

impl Evaluated {
    /// The value, if all of it is known.
    pub fn text(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The value with a text behind it.
    pub fn followed_by(&self, text: &str) -> Self {
        let mut longer = self.clone();
        longer.push(Piece::Text(text.to_owned()));
        longer
    }

    /// Adds a piece.
    pub fn push(&mut self, piece: Piece) {
        match (self.pieces.last_mut(), piece) {
            (_, Piece::Text(text)) if text.is_empty() => {}
            (Some(Piece::Text(before)), Piece::Text(text)) => before.push_str(&text),
            // Most values are of one piece, and thousands of them are kept.
            (None, piece) => self.pieces = vec![piece],
            (Some(_), piece) => self.pieces.push(piece),
        }
    }
}

/// Replaces the variables of an argument that stands on `level`.
pub fn evaluate(config: &Config, level: LevelId, argument: &str) -> Evaluated {
    let mut result = Evaluated::default();
    if !argument.contains('$') {
        result.pieces = match argument {
            "" => Vec::new(),
            text => vec![Piece::Text(text.to_owned())],
        };
        return result;
    }
    // What is still to be put in, the next piece last; one budget holds for the whole argument, since
    // `set $v "$v$v"` doubles with each step.
    let mut ahead: Vec<Piece> = split(argument).into_iter().rev().collect();
    let (mut steps, mut bytes) = (0, 0);
    while let Some(piece) = ahead.pop() {
        let Piece::Variable(name) = &piece else {
            result.push(piece);
            continue;
        };
        result.has_variables = true;
        match assigned(config, level, name).filter(|_| steps < MAX_STEPS && bytes < MAX_BYTES) {
            Some((value, span)) => {
                steps += 1;
                bytes += value.len();
                result.via.push(span);
                ahead.extend(split(&value).into_iter().rev());
            }
            None => result.push(piece),
        }
    }
    result.via.sort();
    result.via.dedup();
    result
}

/// The value that `set` gives a variable at a level, and where it is written.
fn assigned(config: &Config, level: LevelId, name: &str) -> Option<(EcoString, Span)> {
    let server = config.outwards(level).find(|id| config.level(*id).context == Context::Server)?;
    let mut in_force = None;
    let path: Vec<LevelId> = config.outwards(level).take_while(|id| Some(*id) != config.level(server).parent).collect();
    let mut pending = path.clone();
    while let Some(id) = pending.pop() {
        let here = config.level(id);
        // An `if` anywhere on the way may assign; sibling locations are other requests.
        pending.extend(here.conditions().iter().filter(|block| !path.contains(block)));
        let Some(assignments) = &here.settings.assignments else { continue };
        let assigned = assignments.get(name);
        // Lua may set any variable before the request is handed over, and so may a group of an expression.
        if assignments.runs_lua || assigned.is_some_and(|assigned| assigned.by_group) {
            return None;
        }
        for set in assigned.into_iter().flat_map(|assigned| &assigned.sets).map(|at| &here.settings[*at as usize]) {
            // A value that only some requests get leaves the variable open.
            let always = path.contains(&id) && matches!(here.context, Context::Server | Context::Location);
            let value = set.args.get(1).filter(|_| always && set.name() == "set")?;
            // `$1` is what an expression matched last, and that may be another one further inside.
            let by_number = |name: &str| name.starts_with(|char: char| char.is_ascii_digit());
            if id != level && names(&value.text).any(by_number) {
                return None;
            }
            let deeper = in_force.as_ref().is_none_or(|(depth, _, _)| *depth <= config.outwards(id).count());
            if deeper {
                in_force = Some((config.outwards(id).count(), value.text.clone(), value.span));
            }
        }
    }
    in_force.map(|(_, value, span)| (value, span))
}

/// Cuts a text into pieces: `$name`, `${name}`, `$1`. A lone `$` is text.
pub fn split(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (before, name) in cut(text) {
        pieces.extend((!before.is_empty()).then(|| Piece::Text(before.to_owned())));
        pieces.extend(name.map(|name| Piece::Variable(name.to_owned())));
    }
    pieces
}

/// The texts before each variable, with its name, and the text behind the last one. The texts may be empty.
pub fn cut(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some((before, name, after)) = next(text) else {
            rest = None;
            return Some((text, None));
        };
        rest = Some(after);
        Some((before, Some(name).filter(|name| !name.is_empty())))
    })
}

/// The text before the first `$`, the name behind it, and what follows. The name of a lone `$`, which then counts as
/// text, is empty.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let at = text.find('$')?;
    let (before, behind) = (&text[..at], &text[at + 1..]);
    let braced = behind.strip_prefix('{').and_then(|inside| inside.split_once('}'));
    let bare = behind.len() - behind.trim_start_matches(|char: char| char.is_ascii_alphanumeric() || char == '_').len();
    let (name, after) = match braced {
        Some((name, after)) => (name, after),
        // `$10` is `$1` and a `0`.
        None if behind.starts_with(|char: char| char.is_ascii_digit()) => behind.split_at(1),
        None => behind.split_at(bare),
    };
    Some(match name.is_empty() {
        true => (&text[..=at], "", behind),
        false => (before, name, after),
    })
}

/// Whether nginx can compile a text with variables; the error holds its words.
pub fn syntax(text: &str) -> Result<(), String> {
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let behind = &rest[at + 1..];
        if behind.starts_with(|first: char| ('1'..='9').contains(&first)) {
            rest = &behind[1..];
            continue;
        }
        let (braced, inside) = match behind.strip_prefix('{') {
            Some(inside) => (true, inside),
            None => (false, behind),
        };
        let end = inside.find(|char: char| !char.is_ascii_alphanumeric() && char != '_').unwrap_or(inside.len());
        let name = &inside[..end];
        rest = &inside[end..];
        if braced && !rest.starts_with('}') && !inside.is_empty() {
            return Err(format!("the closing bracket in \"{name}\" variable is missing"));
        }
        if name.is_empty() {
            return Err("invalid variable name".into());
        }
        rest = if braced { &rest[1..] } else { rest };
    }
    Ok(())
}

/// The names of the variables in a text that nginx can compile.
pub fn names(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    let all = std::iter::from_fn(move || {
        let (_, name, after) = next(rest)?;
        rest = after;
        Some(name)
    });
    all.filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::host::memory::Memory;
    use crate::nginx::load::Files;
    use crate::source::Sources;
    use std::path::Path;

    /// The value of the first `fastcgi_pass`.
    fn value(server: &str) -> Option<String> {
        let mut host = Memory::default();
        host.add("/c", format!("http {{ server {{ {server} }} }}"));
        let mut files = Files::default();
        let main = files.load(&host, &mut Sources::default(), Path::new("/c")).unwrap();
        let config = Config::resolve(&files, main, Context::Main);
        let levels = config.levels(Context::Location).chain(config.levels(Context::IfInLocation));
        let pass = |id| config.own(id, "fastcgi_pass").next().map(|pass| (id, pass.clone()));
        let (level, pass) = levels.into_iter().find_map(pass).unwrap();
        evaluate(&config, level, &pass.args[0].text).text().map(str::to_owned)
    }

    #[test]
    fn set_is_followed_where_it_always_applies() {
        let known = Some("unix:/run/php8.2.sock".to_owned());
        assert_eq!(value("set $v 8.2; location / { fastcgi_pass unix:/run/php$v.sock; }"), known);
        assert_eq!(value("set $v 8.2; set $p php${v}; location / { fastcgi_pass unix:/run/$p.sock; }"), known);
        assert_eq!(value("set $v 7.4; location / { set $v 8.2; fastcgi_pass unix:/run/php$v.sock; }"), known);
        assert_eq!(value("location / { fastcgi_pass unix:/run/php8.2.sock; } location /x { set $v 1; }"), known);
    }

    #[test]
    fn what_depends_on_the_request_is_unknown() {
        for server in [
            "location / { fastcgi_pass unix:/run/$host.sock; }",
            "set $v 8.2; if ($a) { set $v 7.4; } location / { fastcgi_pass unix:/run/php$v.sock; }",
            "set $v 8.2; location / { if ($a) { set $v 7.4; } fastcgi_pass unix:/run/php$v.sock; }",
            "set $v $v; location / { fastcgi_pass unix:/run/php$v.sock; }",
            "set $v \"$v$v$v$v\"; location / { fastcgi_pass unix:/run/php$v.sock; }",
            "location / { fastcgi_pass unix:/run/php$v.sock; } location /x { set $v 8.2; }",
            "set_by_lua_block $v { return 1 } location / { fastcgi_pass unix:/run/php$v.sock; }",
        ] {
            assert_eq!(value(server), None, "{server}");
        }
    }

    #[test]
    fn steps_and_bytes_are_bounded() {
        let chain = |steps: usize| {
            let sets: String = (1..steps).map(|n| format!("set $v{n} $v{};", n - 1)).collect();
            value(&format!("set $v0 a; {sets} location / {{ fastcgi_pass $v{}; }}", steps - 1))
        };
        assert_eq!((chain(MAX_STEPS).as_deref(), chain(MAX_STEPS + 1)), (Some("a"), None));
        let long = |bytes: usize| {
            let text = "a".repeat(bytes);
            value(&format!("set $a {text}; set $b b; location / {{ fastcgi_pass $a$b; }}")).is_some()
        };
        assert_eq!((long(MAX_BYTES - 1), long(MAX_BYTES)), (true, false));
    }

    #[test]
    fn text_is_cut_at_variables() {
        let show = |text| format!("{:?}", split(text));
        assert_eq!(show("a$b.c"), r#"[Text("a"), Variable("b"), Text(".c")]"#);
        assert_eq!(show("${b}c$12"), r#"[Variable("b"), Text("c"), Variable("1"), Text("2")]"#);
        assert_eq!(show("a$"), r#"[Text("a$")]"#);
    }
}
