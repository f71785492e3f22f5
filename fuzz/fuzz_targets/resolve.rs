//! Files that include each other, and what is in force at each place: the levels of nginx with the values of
//! variables and the locations that requests come to, the layers of PHP, and what nginx would refuse.
#![no_main]

use std::path::Path;

use gatelint::host::Host;
use gatelint::nginx::branches::Variables;
use gatelint::nginx::crossplane;
use gatelint::nginx::directives::Places;
use gatelint::nginx::examine::{Build, examine};
use gatelint::nginx::levels::{Config, Context, context_of_tree};
use gatelint::nginx::load::Files;
use gatelint::nginx::locations::Locations;
use gatelint::nginx::regex::Patterns;
use gatelint::nginx::variables::evaluate;
use gatelint::php::layers::Ini;
use gatelint::php::load;
use gatelint::source::Sources;
use gatelint_fuzz::{PLACES, check_span, check_tree, lay_out};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let host = lay_out(bytes).host;
    nginx(&host);
    php(&host);
});

fn nginx(host: &dyn Host) {
    let (mut sources, mut files) = (Sources::default(), Files::default());
    let Ok(main) = files.load(host, &mut sources, Path::new(PLACES[0])) else { return };
    for (file, tree) in files.trees() {
        check_tree(tree, sources.get(file).bytes().len());
    }
    let context = context_of_tree(files.tree(main)).unwrap_or(Context::Main);
    let config = Config::resolve(&files, main, context);
    let variables = Variables::new(&config);
    let mut patterns = Patterns::default();
    for server in config.levels(Context::Server) {
        let locations = Locations::new(&config, server, &mut patterns);
        for uri in ["/", "/index.php", "/a/b.php/c"] {
            let _ = locations.find(uri);
        }
    }
    for level in
        [Context::Server, Context::Location, Context::IfInLocation].into_iter().flat_map(|it| config.levels(it))
    {
        let passes = config.level(level).settings.iter().filter(|setting| setting.name().ends_with("_pass"));
        for argument in passes.filter_map(|pass| pass.args.first()).take(4) {
            let evaluated = evaluate(&config, level, &argument.text);
            for branch in variables.branches(level, &evaluated, argument.span) {
                check_span(branch.span, sources.get(branch.span.file).bytes().len());
            }
        }
    }
    for refusal in examine(&files, &sources, main, Places::ANY, &Build::default()).refusals {
        check_span(refusal.span, sources.get(refusal.span.file).bytes().len());
    }
    let payload = crossplane::payload(host, Path::new("/etc/nginx"), Path::new("nginx.conf"), true);
    serde_json::to_string(&payload).expect("a tree is always JSON");
}

fn php(host: &dyn Host) {
    let mut sources = Sources::default();
    let Ok(configuration) = load::load(host, &mut sources, Path::new(PLACES[3]), Path::new("/usr")) else { return };
    let base = Ini::load(host, &mut sources, &[PLACES[6].into()], Path::new("/etc/php/8.2/fpm/conf.d"));
    for pool in &configuration.pools {
        for name in ["memory_limit", "max_execution_time", "open_basedir"] {
            let _ = base.of_pool(pool, name);
        }
    }
    let all = configuration.pools.iter().flat_map(|pool| &pool.assigned).chain(&configuration.global);
    for assigned in all {
        check_span(assigned.value_span, sources.get(assigned.value_span.file).bytes().len());
    }
}
