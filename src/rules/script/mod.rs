//! Whether the request reaches the intended PHP file.

use super::Rule;
use crate::deployment::{HandOver, Machine, Nginx, Script, Server, Site};
use crate::values::version::Version;

mod alias_slash;
mod body_limit_shadowed;
mod cache_key_missing;
mod document_root_default;
mod duplicate_param_order;
mod escaped_variable;
mod extension_refused;
mod front_controller_loop;
mod handler_in_condition;
mod handler_replaced;
mod index_missing;
mod limit_extensions_malformed;
mod location_never_matches;
mod named_location_missing;
mod open_basedir_excludes_script;
mod params_dropped;
mod path_info_lost;
mod php_location_shadowed;
mod php_value_leaks;
mod request_body_dropped;
mod script_filename_missing;
mod script_path_wrong;
mod slash_missing;
mod source_served;
mod static_to_php;
mod status_page_public;
mod status_path_missing;
mod try_files_disabled;
mod unchecked_path_info;

/// The rules of this category.
pub const RULES: &[&Rule] = &[
    &alias_slash::RULE,
    &body_limit_shadowed::RULE,
    &cache_key_missing::RULE,
    &document_root_default::RULE,
    &duplicate_param_order::RULE,
    &escaped_variable::RULE,
    &extension_refused::RULE,
    &front_controller_loop::RULE,
    &handler_in_condition::RULE,
    &handler_replaced::RULE,
    &index_missing::RULE,
    &limit_extensions_malformed::RULE,
    &location_never_matches::RULE,
    &named_location_missing::RULE,
    &open_basedir_excludes_script::RULE,
    &params_dropped::RULE,
    &path_info_lost::RULE,
    &php_location_shadowed::RULE,
    &php_value_leaks::RULE,
    &request_body_dropped::RULE,
    &script_filename_missing::RULE,
    &script_path_wrong::RULE,
    &slash_missing::RULE,
    &source_served::RULE,
    &static_to_php::RULE,
    &status_page_public::RULE,
    &status_path_missing::RULE,
    &try_files_disabled::RULE,
    &unchecked_path_info::RULE,
];

/// What nginx logs when PHP-FPM does not find the script.
const UNKNOWN: &str = "Primary script unknown";

/// What nginx logs of a file that it is to send and does not find.
const NOT_FOUND: &str = "failed (2: No such file or directory)";

/// The scripts that somebody may be asked for, with their nginx and their hand-over.
fn scripts(machine: &Machine) -> impl Iterator<Item = (&Script, &Nginx, &HandOver)> {
    let alive = machine.scripts.iter().filter(|script| !script.is_dead);
    alive.map(|script| {
        let (nginx, hand_over) = machine.of_script(script);
        (script, nginx, hand_over)
    })
}

/// The servers with where their requests end.
fn sites(machine: &Machine) -> impl Iterator<Item = (&Nginx, &Server, &Site)> {
    machine.nginx.iter().flat_map(|nginx| {
        let sites = nginx.servers.iter().zip(&nginx.sites);
        sites.map(move |(server, site)| (nginx, server, site))
    })
}

/// Whether a pool that is reached runs a PHP before version 8.
fn is_before_8(machine: &Machine, script: &Script) -> bool {
    script.pools.iter().any(|id| machine.masters[id.master].version.version < Version(8, 0, 0))
}
