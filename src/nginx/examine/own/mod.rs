//! The directives with a grammar of their own.

use super::values::{Read, compiles, each, refuse};
use crate::nginx::ast::Directive;
use crate::nginx::directives::Places;
use crate::values::version::Version;

mod balancing;
mod browsers;
mod caching;
mod limiting;
mod listening;
mod logs;
mod mail;
mod naming;
mod process;
mod proxying;
mod requests;
mod rewriting;
mod variables;

pub(super) use balancing::{commercial, dialled, spare};
pub(super) use limiting::is_network;
pub(super) use naming::is_wildcard_name;
pub(super) use proxying::redirect;
pub(super) use variables::captures;

/// Reads the arguments of a directive whose number of arguments is right.
pub(super) fn check(directive: &Directive, place: Places, version: Option<Version>) -> Read {
    let in_http = place.each().any(|place| !place.is_stream() && !place.is_mail());
    let (in_stream, in_mail) = (place.is_stream(), place.is_mail());
    let args = &directive.args[..];
    let arg = |index: usize| directive.arg(index).unwrap_or_default();
    let (name, first) = (directive.name(), arg(0));
    match name {
        "worker_processes" => process::worker_processes(first),
        "worker_priority" => process::worker_priority(first),
        "worker_cpu_affinity" => process::worker_cpu_affinity(args),
        "thread_pool" => process::thread_pool(args),
        "use" => process::event_method(first),
        "error_log" => process::error_log(args),
        "return" if in_stream => compiles(0, first),
        "return" => rewriting::returned(args),
        "rewrite" => rewriting::rewrite(args),
        "set" => rewriting::set(args, in_stream),
        "if" => rewriting::condition(args),
        "location" => requests::location(args),
        "error_page" => requests::error_page(args),
        "try_files" => requests::try_files(args),
        "index" => each(args, requests::index),
        "root" | "alias" => requests::root(name, first),
        "add_header" | "add_trailer" => requests::header(args),
        "expires" => requests::expires(args),
        "userid_mark" => requests::userid_mark(first),
        "userid_expires" => requests::userid_expires(first),
        "sub_filter" => requests::sub_filter(args),
        "charset_map" => requests::charset_map(first, arg(1)),
        "fastcgi_split_path_info" => requests::split_path_info(first),
        "keepalive_timeout" if place.and(Places::UPSTREAM).is_none() => listening::keepalive_timeout(args),
        "listen" => listening::listen(args, place, version),
        "http2_chunk_size" => listening::http2_chunk_size(first),
        "limit_except" => each(args, limiting::method),
        "allow" | "deny" => limiting::access(first),
        "limit_req" => limiting::limit_req(args),
        "limit_conn" => limiting::limit_conn(arg(1)),
        "limit_req_zone" | "limit_conn_zone" => limiting::zone(args),
        "set_real_ip_from" => limiting::trusted(first),
        "open_file_cache" => caching::open_file_cache(args),
        "disable_symlinks" => caching::disable_symlinks(args),
        "directio" => caching::directio(first),
        "aio" => caching::aio(first),
        "ssl_session_cache" => each(args, caching::session_cache),
        "ssl_ocsp_cache" => caching::ocsp_cache(first),
        "keepalive" => balancing::keepalive(first, version),
        "hash" => balancing::hash(args),
        "random" => balancing::random(args),
        "zone" => balancing::zone(args),
        "server" => balancing::server(args, in_stream, version),
        "resolver" => naming::resolver(args, in_mail, version),
        "server_name" if in_http || in_stream => naming::server_name(args),
        "valid_referers" => naming::valid_referers(args),
        "modern_browser" => browsers::modern_browser(args),
        "gzip_disable" => browsers::gzip_disable(args),
        "auth_http" => mail::auth_http(first),
        "protocol" => mail::protocol(&args[0]),
        "starttls" => one_of(&first.to_ascii_lowercase(), &["off", "on", "only"]),
        "log_format" => logs::log_format(args),
        "access_log" => logs::access_log(args, in_stream),
        "open_log_file_cache" => logs::open_log_file_cache(args),
        "proxy_pass" if !in_stream => proxying::proxy_pass(first),
        "proxy_cookie_path" | "proxy_cookie_domain" | "proxy_redirect" => proxying::rewritten(name, args),
        "proxy_cookie_flags" => proxying::cookie_flags(args),
        // What may hold variables, and nothing else that is checked here.
        "proxy_pass" if first.contains('$') => compiles(0, first),
        "proxy_store" | "fastcgi_store" | "uwsgi_store" | "scgi_store" => compiles(0, first),
        "fastcgi_cache_key" | "proxy_cache_key" | "scgi_cache_key" | "uwsgi_cache_key" => compiles(0, first),
        "fastcgi_cache" | "proxy_cache" | "scgi_cache" | "uwsgi_cache" => compiles(0, first),
        "fastcgi_pass" | "uwsgi_pass" | "scgi_pass" | "grpc_pass" => compiles(0, first),
        "auth_basic_user_file" => compiles(0, first),
        "map" | "split_clients" => compiles(0, first).and_then(|()| variables::defined(1, arg(1), in_stream)),
        "geo" => variables::geo(args, in_stream),
        "auth_request_set" => variables::defines(0, first).and_then(|()| compiles(1, arg(1))),
        "perl_set" => variables::defines(0, first),
        _ => Ok(()),
    }
}

/// A word that is one of a few, written exactly so.
fn one_of(text: &str, words: &[&str]) -> Read {
    match words.contains(&text) {
        true => Ok(()),
        false => refuse(0, format!("one of `{}`", words.join("`, `")), format!("invalid value \"{text}\"")),
    }
}

/// The first word of a directive, of whose value nginx says no more than that it is wrong.
fn taken(name: &str, is_right: bool, wanted: &str) -> Read {
    match is_right {
        true => Ok(()),
        false => refuse(0, wanted, format!("\"{name}\" directive invalid value")),
    }
}
