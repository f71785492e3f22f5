//! Answers are cached without a key, so one is given for every address.

use crate::deployment::{Deployment, Protocol};
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(script / "cache-key-missing", Warning, "a cache without a key gives one page for every address");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        let config = &nginx.config;
        for hand_over in nginx.hand_overs.iter().filter(|hand_over| hand_over.protocol == Protocol::Fastcgi) {
            let cache = config.effective(hand_over.level, "fastcgi_cache");
            let Some(cache) = cache.filter(|cache| cache.arg(0) != Some("off")) else { continue };
            if nginx.is_open(hand_over.level) || config.effective(hand_over.level, "fastcgi_cache_key").is_some() {
                continue;
            }
            let finding = RULE
                .finding("visitors get the page of another address", cache.head, "answers are kept here")
                .label(hand_over.directive.head, "for all requests that are handed over here the key is empty")
                .note("nginx -t only warns: no \"fastcgi_cache_key\" for \"fastcgi_cache\"")
                .help("write `fastcgi_cache_key $scheme$request_method$host$request_uri;`");
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}
