//! Servers of `http` that speak TLS: their certificates, and what they ask of clients.

use std::collections::BTreeMap;

use ecow::EcoString;

use super::servers::Servers;
use super::{Examiner, Flaw, Refusal, Refused};
use crate::nginx::ast::Directive;
use crate::nginx::literals;
use crate::source::Span;
use crate::values::version::Version;

/// With this release clients' certificates began to be checked without `ssl_client_certificate`, too.
const EITHER: Version = Version(1, 27, 2);

/// The certificates of a server.
#[derive(Clone, Debug, Default)]
pub(super) struct Tls {
    pub(super) certificates: Vec<(EcoString, Span)>,
    pub(super) keys: usize,
    pub(super) rejects: bool,
    /// Where a client must show a certificate, and what its certificate is checked against.
    pub(super) verifies: Option<Option<Span>>,
    pub(super) client: bool,
    pub(super) trusted: bool,
    /// Its lists of ciphers and of curves.
    ciphers: Option<(EcoString, Span)>,
    curves: Option<(EcoString, Span)>,
    /// `ssl on`, which nginx had until 1.25.1.
    pub(super) enabled: Option<Option<Span>>,
}

impl Tls {
    /// The certificates in force, where `http` has some for all.
    fn certificates<'t>(&'t self, common: &'t Tls) -> &'t [(EcoString, Span)] {
        if self.certificates.is_empty() { &common.certificates } else { &self.certificates }
    }
}

impl Servers {
    /// Notes a certificate, a key, or that handshakes are turned down.
    pub(super) fn tls(&mut self, directive: &Directive, server: Option<usize>) {
        let tls = match server.and_then(|at| self.servers.get_mut(at)) {
            Some(server) => &mut server.tls,
            None => &mut self.common,
        };
        let value = directive.arg(0).unwrap_or_default();
        match directive.name() {
            "ssl_certificate" => tls.certificates.push((value.into(), directive.head)),
            "ssl_certificate_key" => tls.keys += 1,
            "ssl_client_certificate" => tls.client = !value.is_empty(),
            "ssl_trusted_certificate" => tls.trusted = !value.is_empty(),
            "ssl_verify_client" => {
                tls.verifies = Some(Some(directive.head).filter(|_| matches!(value, "on" | "optional")));
            }
            "ssl_ciphers" => tls.ciphers = directive.args.first().map(|word| (word.text.clone(), word.span)),
            "ssl_ecdh_curve" => tls.curves = directive.args.first().map(|word| (word.text.clone(), word.span)),
            "ssl" => tls.enabled = Some(Some(directive.head).filter(|_| literals::flag(value) == Some(true))),
            _ => tls.rejects = literals::flag(value) == Some(true),
        }
    }
}

impl Examiner<'_> {
    /// The certificates of the servers that speak TLS: nginx wants a key for each, and a certificate where
    /// the first or default server of an address listens for TLS.
    pub(super) fn end_tls(&mut self, all: &Servers) {
        let Servers { servers, common, .. } = all;
        let names = ["ssl_certificate", "ssl_certificate_key", "ssl_client_certificate", "ssl_trusted_certificate"];
        let is_lost = names.iter().any(|name| self.lost.may_define(name));
        if !self.build.is_whole || is_lost {
            return;
        }
        let mut first: BTreeMap<&EcoString, usize> = BTreeMap::new();
        let mut speaks: BTreeMap<&EcoString, Span> = BTreeMap::new();
        for (at, server) in servers.iter().enumerate() {
            let certificates = server.tls.certificates(common);
            let enabled = server.tls.enabled.or(common.enabled).flatten();
            let has_keys = server.tls.keys + common.keys > 0;
            let missing = match certificates.is_empty() {
                true if !server.tls.rejects => Some("ssl_certificate"),
                false if !has_keys => Some("ssl_certificate_key"),
                _ => None,
            };
            if let Some((span, missing)) = enabled.zip(missing) {
                let refusal = format!("no \"{missing}\" is defined for the \"ssl\" directive");
                let (flaw, name) = (Flaw::NoCertificate, missing.to_owned());
                self.refuse(Refusal { flaw, name, span, noticed: None, refusal });
            }
            if !certificates.is_empty() {
                if let Some((list, span)) = server.tls.ciphers.as_ref().or(common.ciphers.as_ref()) {
                    self.ciphers("ssl_ciphers", list, *span);
                }
                if let Some((list, span)) = server.tls.curves.as_ref().or(common.curves.as_ref()) {
                    self.curves(list, *span);
                }
            }
            let keys = if server.tls.keys == 0 { common.keys } else { server.tls.keys };
            if let Some((path, span)) = certificates.get(keys) {
                let refusal = format!("no \"ssl_certificate_key\" is defined for certificate \"{path}\"");
                let (flaw, name) = (Flaw::NoCertificate, "ssl_certificate_key".to_owned());
                self.refuse(Refusal { flaw, name, span: *span, noticed: None, refusal });
            }
            // From 1.27.2 on either of the two will do.
            let is_either = self.build.version.is_none_or(|version| version >= EITHER);
            let is_known = server.tls.client || common.client || is_either && (server.tls.trusted || common.trusted);
            let verifies = server.tls.verifies.or(common.verifies).flatten().filter(|_| !is_known);
            if let Some(span) = verifies.filter(|_| !certificates.is_empty()) {
                let or = if is_either { " or ssl_trusted_certificate" } else { "" };
                let refusal = format!("no ssl_client_certificate{or} for ssl_verify_client");
                let (flaw, name) = (Flaw::NoCertificate, "ssl_client_certificate".to_owned());
                self.refuse(Refusal { flaw, name, span, noticed: None, refusal });
            }
            for address in all.addresses(at) {
                first.entry(address).or_insert(at);
            }
            for (address, _) in &server.defaults {
                first.insert(address, at);
            }
            // Of several lines for one address the last one counts.
            for (address, span) in server.tls_listens.iter().rev() {
                speaks.entry(address).or_insert(*span);
            }
        }
        for (address, span) in speaks {
            let Some(server) = first.get(address).and_then(|at| servers.get(*at)) else { continue };
            if server.tls.certificates(common).is_empty() && !server.tls.rejects && !common.rejects {
                let refusal = "no \"ssl_certificate\" is defined for the \"listen ... ssl\" directive".to_owned();
                let (flaw, name) = (Flaw::NoCertificate, "ssl_certificate".to_owned());
                self.refuse(Refusal { flaw, name, span, noticed: Some(server.ender), refusal });
            }
        }
    }

    /// Refuses a list of ciphers of which the library knows none for certain: their names have capitals.
    pub(super) fn ciphers(&mut self, name: &str, list: &str, span: Span) {
        if !list.bytes().any(|byte| byte.is_ascii_uppercase()) {
            let refusal = format!("SSL_CTX_set_cipher_list(\"{list}\") failed");
            self.refuse_list(name, span, "names of ciphers, in capitals: `HIGH:!aNULL`", refusal);
        }
    }

    /// Refuses a list of curves with a word that cannot be the name of one.
    fn curves(&mut self, list: &str, span: Span) {
        let is_sign = |char: char| char.is_ascii_alphanumeric() || "_-.?*/".contains(char);
        let is_name = |name: &str| name.contains(|char: char| char.is_ascii_alphabetic()) && name.chars().all(is_sign);
        if !list.split(':').all(is_name) {
            let refusal = format!("SSL_CTX_set1_curves_list(\"{list}\") failed");
            self.refuse_list("ssl_ecdh_curve", span, "names of curves: `X25519:prime256v1`, or `auto`", refusal);
        }
    }

    fn refuse_list(&mut self, name: &str, span: Span, wanted: &str, refusal: String) {
        let refused = Refused { argument: 0, wanted: wanted.to_owned(), refusal: refusal.clone() };
        let (flaw, name) = (Flaw::Value(Box::new(refused)), name.to_owned());
        self.refuse(Refusal { flaw, name, span, noticed: None, refusal });
    }
}
