//! The words of a directive.

use super::{Examiner, Flaw, Level, Refusal, Refused, Unknown, names, own, servers, values};
use crate::nginx::ast::Directive;
use crate::nginx::directives::{Entry, Places, Value, entries};
use crate::source::Span;
use crate::values::placeholder::is_placeholder;

impl Examiner<'_> {
    pub(super) fn check(&mut self, entry: &'static Entry, directive: &Directive, level: &mut Level) {
        if directive.flawed || !entry.arguments.allow(directive.args.len()) {
            return;
        }
        let place = level.place.and(entry.places);
        let is_gone = || entries(entry.name).iter().all(|entry| entry.until.is_some());
        if let Some(until) = entry.until.filter(|_| self.build.version.is_none() && is_gone()) {
            self.refuse_directive(directive, Flaw::Unknown(Unknown::Removed(until, entry.instead)), String::new());
        }
        if names::COMPILED_LATE.contains(&entry.name) && !level.compiled.contains(&entry.name) {
            level.compiled.push(entry.name);
        }
        if self.once(entry, directive, level) {
            return;
        }
        // What is wrong with the words of these hangs on the blocks around.
        let hangs = entry.once || matches!(entry.name, "listen" | "proxy_pass" | "proxy_redirect" | "server");
        let is_right = self.is_repeated && !hangs || self.check_words(entry, directive, level);
        // What a file says again changes nothing here.
        if !self.is_repeated {
            self.refer(directive, level);
        }
        if is_right {
            if !self.is_repeated {
                self.zones(directive, level);
                self.hashes(entry, directive, level);
                self.look_up(directive, level);
            }
            self.scope(directive, level);
            self.pair(directive, level);
        } else {
            self.misread(directive);
        }
        match entry.name {
            "load_module" if place == Places::MAIN => self.load_module(directive),
            "proxy_pass" => level.has_varying_pass = directive.arg(0).is_some_and(|url| url.contains('$')),
            "listen" if place == Places::SERVER && is_right => self.listen(directive, level),
            "ssl_certificate"
            | "ssl_certificate_key"
            | "ssl_client_certificate"
            | "ssl_trusted_certificate"
            | "ssl_verify_client"
            | "ssl_ciphers"
            | "ssl_ecdh_curve"
            | "ssl_reject_handshake"
            | "ssl"
                if place == Places::SERVER || place == Places::HTTP =>
            {
                self.servers.tls(directive, level.server);
            }
            "server_name" if place == Places::SERVER => self.servers.name(directive, level.server),
            "hash" | "ip_hash" | "least_conn" | "random" => level.method = Some(entry.name),
            _ => {}
        }
    }

    /// Checks the words of a directive by themselves; whether its values are right.
    pub(super) fn check_words(&mut self, entry: &'static Entry, directive: &Directive, level: &Level) -> bool {
        let place = level.place.and(entry.places);
        // In a fragment several readings are possible; what one of them takes is taken.
        let reads =
            |other: &&Entry| !other.places.and(level.place).is_none() && other.arguments.allow(directive.args.len());
        let is_one = level.place.is_one() || entries(entry.name).iter().filter(reads).count() <= 1;
        let swallowed = self.swallowed(entry, directive, level.place);
        let value = self.value(entry, directive, place).and_then(|()| match entry.name {
            "proxy_pass" => servers::uri_part(directive, level),
            "server" => own::spare(directive, level.method).and_then(|()| match self.is_stock {
                true => own::commercial(directive, self.build.version),
                false => Ok(()),
            }),
            "proxy_redirect" if self.build.is_whole => {
                own::redirect(directive, level.holds("proxy_pass"), level.has_varying_pass)
            }
            _ => Ok(()),
        });
        let is_right = value.is_ok();
        match (value, swallowed) {
            (Err(refused), Some(next)) if is_one && refused.argument + 1 >= next => {
                self.lose_line(directive, next, refused.refusal);
            }
            (Err(refused), _) if is_one && names::COMPILED_LATE.contains(&entry.name) && refused.argument < 2 => {
                self.refuse_late(directive, *refused, place);
            }
            (Err(refused), _) if is_one && entry.name.starts_with("ssl_certificate") => {
                self.refuse_at_end(directive, *refused);
            }
            (Err(refused), _) if is_one => self.refuse_value(directive, *refused),
            (_, Some(next)) => self.lose_line(directive, next, String::new()),
            _ => {}
        }
        let patterns = directive.args.iter().enumerate().filter_map(|(at, word)| match entry.name {
            "server_name" => Some((at, word.text.strip_prefix('~')?)),
            "rewrite" if at == 0 => Some((at, word.text.as_str())),
            _ => None,
        });
        patterns.for_each(|(at, pattern)| self.check_regex(directive, at, pattern));
        self.names.note(entry, directive, place, is_right);
        is_right
    }

    pub(super) fn value(&self, entry: &Entry, directive: &Directive, place: Places) -> values::Read {
        match entry.value {
            _ if entry.name.starts_with("ssl_certificate") && place == Places::SERVER => {
                values::compiles(0, directive.arg(0).unwrap_or_default())
            }
            Value::Own => own::check(directive, place, self.build.version),
            _ => values::check(entry, directive, self.build.version),
        }
    }

    pub(super) fn refuse_value(&mut self, directive: &Directive, refused: Refused) {
        let Some(word) = directive.args.get(refused.argument).or(directive.args.last()) else { return };
        // A `${` that nothing closes is a variable's.
        let closed = || word.text.split("${").skip(1).all(|inside| inside.contains('}'));
        let braces = word.text.contains("{{") || word.text.contains("${") && closed() || word.text.contains("<%");
        let refusal = refused.refusal.clone();
        // `@NAME@` and `%NAME%` inside of a longer word.
        let is_name = |part: &str| part.len() > 1 && part.bytes().all(|byte| byte == b'_' || byte.is_ascii_uppercase());
        let slot = |sign: char| word.text.split(sign).skip(1).any(is_name) && word.text.matches(sign).count() > 1;
        let flaw = match is_placeholder(&word.text) || braces || slot('@') || slot('%') {
            true => Flaw::Placeholder,
            false => Flaw::Value(Box::new(refused)),
        };
        let (name, span) = (directive.name().to_owned(), word.span);
        self.refuse(Refusal { flaw, name, span, noticed: Some(directive.ender()), refusal });
    }

    /// Refuses words that nginx compiles when all of `http` is read.
    pub(super) fn refuse_late(&mut self, directive: &Directive, refused: Refused, place: Places) {
        let end = self.references.http().map(|http| Span { start: http.end.saturating_sub(1), ..http });
        let before = self.found.len();
        self.refuse_value(directive, refused);
        if self.found.len() > before {
            let Some(mut refusal) = self.found.pop() else { return };
            refusal.noticed = end;
            match place == Places::HTTP {
                true => {
                    let name = names::COMPILED_LATE.into_iter().find(|name| *name == directive.name());
                    self.late.extend(name.map(|name| (name, refusal)));
                }
                false => self.found.push(refusal),
            }
        }
    }
}
