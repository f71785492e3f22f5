//! A server that is to speak TLS, without a certificate or without its key.

use super::{refusals, refused};
use crate::deployment::Deployment;
use crate::nginx::examine::Flaw;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(syntax / "certificate-missing", Error, "a server is to speak TLS and names no certificate or no key");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for (_, refusal) in refusals(deployment) {
        if !matches!(refusal.flaw, Flaw::NoCertificate) {
            continue;
        }
        let (message, label, help) = match refusal.name.as_str() {
            "ssl_certificate" => (
                "this server listens for TLS and names no certificate",
                "`ssl` needs a certificate",
                "name it and its key with `ssl_certificate` and `ssl_certificate_key`, or remove `ssl`",
            ),
            "ssl_client_certificate" => (
                "clients are asked for certificates that nothing is known to have signed",
                "no `ssl_client_certificate` goes with it",
                "name the certificate of who signs them with `ssl_client_certificate`",
            ),
            name if name.ends_with("_trusted_certificate") => (
                "the back end's certificate is checked against none",
                "no certificate to trust goes with it",
                "name the certificate of who signs it with `proxy_ssl_trusted_certificate` or its like",
            ),
            _ => (
                "this certificate has no key",
                "no `ssl_certificate_key` goes with it",
                "name its key with `ssl_certificate_key`",
            ),
        };
        let finding = RULE.finding(message, refusal.span, label).help(help);
        findings.push(refused(finding, refusal, sources));
    }
}
