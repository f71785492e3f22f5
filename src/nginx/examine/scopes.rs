//! Settings of which one asks for another, at whatever level either stands: certificates to speak TLS to a back end.

use std::collections::BTreeMap;

use super::names::Family;
use super::{Examiner, Flaw, Level, Refusal};
use crate::nginx::ast::Directive;
use crate::nginx::literals;
use crate::source::Span;

/// The blocks, each with the one around it, and the hand-overs that may speak TLS.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    /// For each block the one around it.
    around: Vec<Option<usize>>,
    /// What few blocks set, by the block and the name.
    settings: BTreeMap<(usize, String), (String, Span)>,
    passes: Vec<Pass>,
}

#[derive(Debug)]
struct Pass {
    scope: usize,
    /// `proxy`, `grpc` or `uwsgi`.
    protocol: &'static str,
    /// Whether it speaks TLS only with `proxy_ssl on`.
    must_be_on: bool,
}

impl Scopes {
    /// A block inside of another one.
    pub(super) fn open(&mut self, around: Option<usize>) -> usize {
        self.around.push(around);
        self.around.len() - 1
    }

    /// The value that a setting has in a block.
    fn setting(&self, scope: usize, name: &str) -> Option<&(String, Span)> {
        let around = |scope: &usize| self.around.get(*scope).copied().flatten();
        let mut all = std::iter::successors(Some(scope), around);
        all.find_map(|scope| self.settings.get(&(scope, name.to_owned())))
    }
}

impl Examiner<'_> {
    /// Notes what a directive says of TLS to a back end.
    pub(super) fn scope(&mut self, directive: &Directive, level: &Level) {
        let Some(scope) = level.scope else { return };
        let (name, value) = (directive.name(), directive.arg(0).unwrap_or_default());
        let ends =
            ["_ssl_verify", "_ssl_trusted_certificate", "_ssl_certificate", "_ssl_certificate_key", "_ssl_ciphers"];
        if name == "proxy_ssl" || ends.iter().any(|end| name.ends_with(end)) {
            // A list is shown itself.
            let span = if name.ends_with("_ssl_ciphers") { directive.args[0].span } else { directive.head };
            self.scopes.settings.insert((scope, name.to_owned()), (value.to_owned(), span));
            return;
        }
        let starts = |scheme: &str| value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        let must_be_on = name == "proxy_pass" && Family::of(level.place) == Family::Stream;
        let protocol = match name {
            "proxy_pass" if must_be_on || starts("https://") || value.contains('$') => "proxy",
            "grpc_pass" if starts("grpcs://") || value.contains('$') => "grpc",
            "uwsgi_pass" if starts("suwsgi://") || value.contains('$') => "uwsgi",
            _ => return,
        };
        self.scopes.passes.push(Pass { scope, protocol, must_be_on });
    }

    /// Refuses hand-overs that speak TLS and lack what goes with a setting.
    pub(super) fn end_scopes(&mut self) {
        let scopes = std::mem::take(&mut self.scopes);
        for Pass { scope, protocol, must_be_on } in &scopes.passes {
            let setting = |end: &str| scopes.setting(*scope, &format!("{protocol}_ssl{end}"));
            let is_on = |end: &str| setting(end).filter(|(value, _)| literals::flag(value) == Some(true));
            if *must_be_on && is_on("").is_none() {
                continue;
            }
            if let Some((list, span)) = setting("_ciphers") {
                self.ciphers(&format!("{protocol}_ssl_ciphers"), list, *span);
            }
            let has = |end: &str| setting(end).is_some_and(|(value, _)| !value.is_empty());
            let certificate = setting("_certificate").filter(|(path, _)| !path.is_empty());
            let missing = match (certificate, is_on("_verify")) {
                (Some((path, span)), _) if !has("_certificate_key") => {
                    let missing = format!("{protocol}_ssl_certificate_key");
                    let refusal = format!("no \"{missing}\" is defined for certificate \"{path}\"");
                    Some((missing, *span, refusal))
                }
                (_, Some((_, span))) if !has("_trusted_certificate") => {
                    let missing = format!("{protocol}_ssl_trusted_certificate");
                    let refusal = format!("no {missing} for {protocol}_ssl_verify");
                    Some((missing, *span, refusal))
                }
                _ => None,
            };
            if let Some((name, span, refusal)) = missing.filter(|(name, ..)| !self.lost.may_define(name)) {
                self.refuse(Refusal { flaw: Flaw::NoCertificate, name, span, noticed: None, refusal });
            }
        }
    }
}
