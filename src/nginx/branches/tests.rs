#![allow(clippy::unwrap_used)]
use super::*;
use crate::host::memory::Memory;
use crate::nginx::levels::Context;
use crate::nginx::load::Files;
use crate::source::Sources;
use std::path::Path;

/// The values of the first `fastcgi_pass` as `key=value`.
fn values(http: &str) -> Vec<String> {
    let mut host = Memory::default();
    host.add("/c/nginx.conf", format!("http {{ {http} }}"));
    host.add("/c/hosts", "included /run/c;");
    let mut files = Files::default();
    let main = files.load(&host, &mut Sources::default(), Path::new("/c/nginx.conf")).unwrap();
    let config = Config::resolve(&files, main, Context::Main);
    let levels = [Context::Server, Context::Location].into_iter().flat_map(|context| config.levels(context));
    let pass = |id| config.own(id, "fastcgi_pass").next().map(|pass| (id, pass.args[0].clone()));
    let (level, argument) = levels.into_iter().find_map(pass).unwrap();
    let evaluated = evaluate(&config, level, &argument.text);
    let branches = Variables::new(&config).branches(level, &evaluated, argument.span);
    branches.into_iter().map(|branch| format!("{}={}", branch.key, branch.text)).collect()
}

/// The values of an argument in a server that takes all requests.
fn texts(http: &str, argument: &str) -> Vec<String> {
    values(&format!("{http} server {{ fastcgi_pass {argument}; }}"))
}

#[test]
fn blocks_of_records_give_branches() {
    let map = "map $host $p { hostnames; default /run/a; x /run/b; include hosts; }";
    assert_eq!(
        texts(map, "unix:$p.sock"),
        ["default=unix:/run/a.sock", "x=unix:/run/b.sock", "included=unix:/run/c.sock"]
    );
    assert_eq!(texts("geo $p { default a; 10.0.0.0/8 b; }", "$p"), ["default=a", "10.0.0.0/8=b"]);
    assert_eq!(texts("split_clients $host $p { 0% c; 50% a; * b; }", "$p"), ["50%=a", "*=b"]);
}

#[test]
fn one_map_may_lead_to_another() {
    let maps = "map $uri $kind { default blue; /shop green; ~^/(x|y)$ $1; }
        map $kind $p { blue a; green b; red c; default d; }";
    // The group of the expression holds `x` or `y`, which the second map has no keys for.
    assert_eq!(texts(maps, "$p"), ["blue=a", "green=b", "default=d"]);
    let free = maps.replace("~^/(x|y)$ $1", "~^/k-([a-z]+)$ $1").replace("green b;", "green b; 7 e;");
    assert_eq!(texts(&free, "$p"), ["blue=a", "green=b", "red=c", "default=d"]);
    let maps = "map $uri $kind { default blue; /shop green; } map $kind $p { blue a; green b; red c; }";
    assert_eq!(texts(maps, "$p"), ["default=a", "/shop=b"]);
    let maps = "map $uri $kind { /shop green; } map $kind $p { green b; default a; }";
    assert_eq!(texts(maps, "$p"), ["/shop=b"]);
    assert_eq!(texts("map $uri $p { default $q; /x b; } map $uri $q { x c; default d; }", "$p"), ["/x=b"]);
}

#[test]
fn sets_on_the_way_are_followed() {
    let map = "map $uri $p { default a; /x unix:$s; }";
    let server = "server { set $s /run/s; set $q $p; location / { set $r $q; fastcgi_pass $r; } }";
    assert_eq!(values(&format!("{map} {server}")), ["default=a", "/x=unix:/run/s"]);
}

#[test]
fn an_if_may_set_another_value() {
    let server = |body: &str| values(&format!("server {{ {body} location / {{ fastcgi_pass $p; }} }}"));
    let one = "set $p a; if ($arg_x = 1) { set $p b; }";
    assert_eq!(server(one), ["$arg_x = 1=b", "all but $arg_x = 1=a"]);
    let two = "set $p a; if ($arg_x = 1) { set $p b; } if ($arg_x = 2) { set $p c; }";
    assert_eq!(server(two), ["$arg_x = 1=b", "$arg_x = 2=c"]);
    for open in [
        "set $p a; if ($arg_x = 1) { set $p b; } if ($arg_y = 2) { set $p c; }",
        "set $p a; if (-f /x) { set $p b; }",
        "set $p a; if ($arg_x = 1) { set $p b; } set_by_lua_block $p { return 1 }",
        "if ($arg_x = 1) { set $p b; } set $p $uri;",
    ] {
        assert!(server(open).is_empty(), "{open}");
    }
}

#[test]
fn a_server_is_asked_for_its_names() {
    let map = "map $host $p { hostnames; default d; a.test a; *.b.test b; ~^c\\d(?<n>.) c$n; z z; }";
    let other = "server { listen 80 default_server; }";
    let server = |names: &str| {
        values(&format!("{map} {other} server {{ server_name {names}; location / {{ fastcgi_pass $p; }} }}"))
    };
    assert_eq!(server("a.test x.b.test c12.test"), ["a.test=a", "x.b.test=b", "c12.test=c2"]);
    assert_eq!(server("e.test"), ["e.test=d"]);
    assert_eq!(server("*.test"), ["default=d", "a.test=a", "*.b.test=b"]);
    assert_eq!(server("*.b.test"), ["*.b.test=b"]);
    assert_eq!(server("z.*"), ["default=d", "*.b.test=b"]);
    // The server that takes the rest may be asked for everything.
    let all = values(&format!("{map} server {{ server_name e.test; fastcgi_pass $p; }}"));
    assert_eq!(all, ["default=d", "a.test=a", "*.b.test=b", "z=z"]);
    let own = values("server { server_name a.test b.test; fastcgi_pass unix:/run/$host.sock; }");
    assert_eq!(own, ["a.test=unix:/run/a.test.sock", "b.test=unix:/run/b.test.sock"]);
    let own = values("server { server_name a.test b.test; fastcgi_pass $server_name:9000; }");
    assert_eq!(own, ["a.test=a.test:9000"]);
    let turned = "server { server_name a.test b.test; if ($host = b.test) { return 301 /; }
        fastcgi_pass unix:/run/$host.sock; }";
    assert_eq!(values(turned), ["a.test=unix:/run/a.test.sock"]);
}

#[test]
fn groups_that_list_texts_give_branches() {
    let location = |inside: &str| values(&format!("server {{ {inside} }}"));
    let one = "location ~ ^/(shop|blog)/.*[.]php$ { fastcgi_pass unix:/run/$1.sock; }";
    assert_eq!(location(one), ["shop=unix:/run/shop.sock", "blog=unix:/run/blog.sock"]);
    let named = "location ~ ^/(?<app>shop)/ { fastcgi_pass unix:/run/$app.sock; }";
    assert_eq!(location(named), ["shop=unix:/run/shop.sock"]);
    // What another location takes does not come here.
    let blog = ["blog=unix:/run/blog.sock"];
    assert_eq!(location(&format!("location ^~ /shop {{ }} {one}")), blog);
    assert_eq!(location(&format!("location ~ ^/shop {{ }} {one}")), blog);
    let nested = "location ~ ^/(?<app>shop)/ { location ~ [.]php$ { fastcgi_pass unix:/run/$app.sock; } }";
    assert_eq!(location(nested), ["shop=unix:/run/shop.sock"]);
    let rewritten = "location / { rewrite ^/(v1|v2)/(.*)$ /$2 break; fastcgi_pass unix:/run/$1.sock; }";
    assert_eq!(location(rewritten), ["v1=unix:/run/v1.sock", "v2=unix:/run/v2.sock"]);
    // What a number stands for outside of a location is not what it stands for inside.
    assert!(location("set $p $1; location ~ ^/(shop)/ { fastcgi_pass unix:/run/$p.sock; }").is_empty());
    assert!(location("location ~ ^/(shop)/ { if ($uri ~ (x)) { } fastcgi_pass unix:/run/$1.sock; }").is_empty());
}

#[test]
fn keys_that_are_expressions_need_a_request_that_takes_them() {
    let map = "map $tenant $p { ~^[0-9]+$ dead; ~^shop live; ~o$ end; default other; }";
    let server = |name: &str| {
        let server = format!("server {{ server_name {name}; fastcgi_pass $p; }}");
        values(&format!("{map} server {{ listen 80 default_server; }} {server}"))
    };
    assert_eq!(server("~^(?<tenant>[a-z]+)[.]test$"), ["~^shop=live", "~o$=end", "default=other"]);
    assert_eq!(server("'~^(?<tenant>[0-9]{2})[.]test$'"), ["~^[0-9]+$=dead"]);
    let map = "map $host $p { ~^[0-9]+[.] dead; ~^shop[.] live; ~[.](b|c)[.]test$ part; default other; }";
    let server = |names: &str, others: &str| {
        let others = format!("server {{ listen 80 default_server; }} {others}");
        values(&format!("{map} {others} server {{ server_name {names}; fastcgi_pass $p; }}"))
    };
    let all = ["~^[0-9]+[.]=dead", "~^shop[.]=live", "~[.](b|c)[.]test$=part", "default=other"];
    assert_eq!(server("*.test", ""), all);
    assert_eq!(server("~^[a-z]+[.]test$", ""), ["~^shop[.]=live", "default=other"]);
    assert_eq!(server("*.b.test", "server { server_name shop.b.test; }"), [all[0], all[2]]);
    // An expression of another server that comes first takes the host.
    assert_eq!(server("~^.+[.]test$", "server { server_name ~^shop ~^[0-9]; }"), [all[2], all[3]]);
}

#[test]
fn keys_need_a_uri_that_comes_to_the_location() {
    let map = |uri: &str, keys: &str, server: &str| values(&format!("map {uri} $p {{ {keys} }} server {{ {server} }}"));
    let keys = "default d; ~^/app/ a; ~^/shop s; /blog b; ~[.]php$ p;";
    let server =
        |location: &str| map("$uri", keys, &format!("location / {{ }} location {location} {{ fastcgi_pass $p; }}"));
    assert_eq!(server("/app/"), ["~^/app/=a"]);
    // Each URI there ends as the last key says.
    assert_eq!(server("~ [.]php$"), ["~^/app/=a", "~^/shop=s", "~[.]php$=p"]);
    assert_eq!(server("^~ /blog"), ["default=d", "/blog=b", "~[.]php$=p"]);
    // What the front controller gets still has the URI of the request, and a named location has both.
    let front = "location / { try_files $uri /index.php?$args; } location = /index.php { fastcgi_pass $p; }";
    assert_eq!(map("$request_uri", keys, front), ["default=d", "~^/app/=a", "~^/shop=s", "/blog=b", "~[.]php$=p"]);
    let named = "location /app/ { try_files $uri @php; } location @php { fastcgi_pass $p; }";
    assert_eq!(map("$uri", keys, named), ["~^/app/=a"]);
    let group = "location ~ ^/(?<app>[a-z]+)/ { fastcgi_pass $p; }";
    assert_eq!(map("$app", "a1 x; shop y; ~^s.o z; ~[0-9] w; default d;", group), ["shop=y", "~^s.o=z", "default=d"]);
}

#[test]
fn conditions_need_a_request_that_meets_them() {
    let server = |names: &str, condition: &str| {
        values(&format!(
            "server {{ listen 80 default_server; }} server {{ server_name {names};
            set $p a; if ({condition}) {{ set $p b; }} location /x/ {{ fastcgi_pass $p; }} }}"
        ))
    };
    assert_eq!(server("*.a.test", "$host = b.test"), ["all but $host = b.test=a"]);
    assert_eq!(server("*.a.test", "$host ~ ^b[.]"), ["$host ~ ^b[.]=b", "all but $host ~ ^b[.]=a"]);
    assert_eq!(server("*.a.test", "$host ~ test$"), ["$host ~ test$=b"]);
    assert_eq!(server("a.test", "$uri ~ ^/y"), ["all but $uri ~ ^/y=a"]);
    assert_eq!(server("a.test", "$uri ~ ^/x/y"), ["$uri ~ ^/x/y=b", "all but $uri ~ ^/x/y=a"]);
}

#[test]
fn groups_of_names_and_of_keys_give_branches() {
    let server = "server { server_name ~^(?<tenant>shop|blog)[.]test$; fastcgi_pass $tenant; }";
    assert_eq!(values(server), ["shop.test=shop", "blog.test=blog"]);
    let other = "server { server_name blog.test; }";
    assert_eq!(values(&format!("{server} {other}")), ["shop.test=shop"]);
    assert!(values("server { server_name ~^(?<tenant>.+)[.]test$; fastcgi_pass $tenant; }").is_empty());
    // A key that the group cannot hold is never looked up.
    let map = "map $tenant $p { a x; b.c y; }";
    let server = "server { server_name ~^(?<tenant>[a-z]+)[.]test$; fastcgi_pass $p; }";
    assert_eq!(values(&format!("{map} {server}")), ["a=x"]);
    assert_eq!(texts("map $host $p { ~^(?<n>a|b)[.]test$ $n; }", "$p"), ["a.test=a", "b.test=b"]);
    let map = "map $host $p { ~^([a-z]+)[.]test$ $1; default d; }";
    let server = "server { server_name a.test _; fastcgi_pass $p; }";
    assert_eq!(values(&format!("{map} {server}")), ["a.test=a", "default=d"]);
}

#[test]
fn hosts_that_other_servers_take_do_not_come() {
    let map = "map $host $p { a.test a; b.test b; c.b.test c; default d; }";
    let server = "server { listen 80 default_server; fastcgi_pass $p; }";
    let other = |rest: &str| values(&format!("{map} {server} server {{ {rest} }}"));
    assert_eq!(other("listen 80; server_name b.test *.b.test;"), ["a.test=a", "default=d"]);
    assert_eq!(other("listen 81; server_name b.test;"), ["a.test=a", "b.test=b", "c.b.test=c", "default=d"]);
}

#[test]
fn the_listen_lines_decide_the_scheme_and_the_port() {
    let server = |listens: &str, pass: &str| values(&format!("server {{ {listens} fastcgi_pass {pass}; }}"));
    assert_eq!(server("", "$scheme"), ["$scheme = http=http"]);
    let both = ["$scheme = http=http", "$scheme = https=https"];
    assert_eq!(server("listen 80; listen [::]:80; listen 443 ssl;", "$scheme"), both);
    let both = ["$server_port = 80=p80", "$server_port = 8080=p8080"];
    assert_eq!(server("listen *:80; listen 127.0.0.1:8080;", "p$server_port"), both);
    assert!(server("listen unix:/run/n.sock;", "p$server_port").is_empty());
    let turned = "listen 80; listen 443 ssl; if ($scheme = http) { return 301 https://$host; }";
    assert_eq!(server(turned, "$scheme"), ["$scheme = https=https"]);
    let never = "set $p a; if ($https) { set $p b; }";
    assert_eq!(server(never, "$p"), ["all but $https=a"]);
}

#[test]
fn a_condition_gives_its_groups() {
    let server = |body: &str| values(&format!("server {{ {body} fastcgi_pass $p; }}"));
    let listed = "set $p d; if ($host ~ ^(a|b)[.]) { set $p $1; }";
    let all = ["$host ~ ^(a|b)[.] with a=a", "$host ~ ^(a|b)[.] with b=b", "all but $host ~ ^(a|b)[.]=d"];
    assert_eq!(server(listed), all);
    let named = "server_name a.test c.test; set $p d; if ($host ~ ^(a|c)[.]) { set $p $1; }";
    let other = "server { listen 80 default_server; }";
    assert_eq!(values(&format!("server {{ {named} fastcgi_pass $p; }} {other}")), ["a.test=a", "c.test=c"]);
}

#[test]
fn one_host_decides_several_variables() {
    let maps = "map $host $a { default x; b.test y; } map $host $b { default 1; b.test 2; }";
    let server = "server { server_name a.test b.test; fastcgi_pass $a-$b; }";
    assert_eq!(values(&format!("{maps} {server}")), ["a.test=x-1", "b.test=y-2"]);
}

#[test]
fn the_number_of_values_is_bounded() {
    let map = |count: usize| {
        let many: String = (0..count).map(|n| format!("k{n} v;")).collect();
        texts(&format!("map $host $p {{ {many} }}"), "$p").len()
    };
    assert_eq!((map(MAX_BRANCHES), map(MAX_BRANCHES + 1)), (MAX_BRANCHES, 0));
}

/// How many arguments have more values than are followed, after `prepare` has changed what is allowed.
fn exceeded(http: &str, prepare: impl Fn(&Variables<'_>)) -> usize {
    let mut host = Memory::default();
    host.add("/c/nginx.conf", format!("http {{ {http} }}"));
    let mut files = Files::default();
    let main = files.load(&host, &mut Sources::default(), Path::new("/c/nginx.conf")).unwrap();
    let config = Config::resolve(&files, main, Context::Main);
    let variables = Variables::new(&config);
    prepare(&variables);
    for level in config.levels(Context::Server) {
        let pass = config.own(level, "fastcgi_pass").next().unwrap().args[0].clone();
        variables.branches(level, &evaluate(&config, level, &pass.text), pass.span);
    }
    variables.into_exceeded().len()
}

#[test]
fn the_number_of_values_in_a_whole_configuration_is_bounded() {
    let many: String = (0..MAX_BRANCHES).map(|n| format!("k{n} v;")).collect();
    let servers = |count: usize| format!("map $arg_x $p {{ {many} }} {}", "server { fastcgi_pass $p; }".repeat(count));
    // With what no key fits, a map has one value more.
    let most = MAX_VALUES / (MAX_BRANCHES + 1);
    assert_eq!((exceeded(&servers(most), |_| ()), exceeded(&servers(most + 1), |_| ())), (0, 1));
    let three = "map $arg_x $p { a a; b b; default c; } server { fastcgi_pass $p; }";
    let left = |left: usize| exceeded(three, |variables| variables.left.set(left));
    assert_eq!((left(3), left(2)), (0, 1));
}

#[test]
fn the_number_of_expressions_that_are_tried_is_bounded() {
    let server = "server { server_name a.test b.test; fastcgi_pass $p; }";
    let map = format!("map $host $p {{ ~^a a; ~^b b; default c; }} server {{ fastcgi_pass d; }} {server}");
    let tries = |left: usize| exceeded(&map, |variables| variables.tries.set(left));
    assert_eq!((tries(4), tries(3)), (0, 1));
}

#[test]
fn what_is_not_literal_stays_unknown() {
    assert_eq!(texts("map $host $p { default /run/$uri; x b; }", "$p"), ["x=b"]);
    assert!(texts("map $host $p { x a; }", "$p$host").is_empty());
    assert!(texts("map $host $p { x a; } map $uri $p { y b; }", "$p").is_empty());
    let circle = "map $a $b { default $c; } map $b $c { default $b; x $c; }";
    assert!(texts(circle, "$c").is_empty());
}

#[test]
fn maps_of_maps_are_followed_so_far() {
    let chain = |maps: usize| {
        let map = |n: usize| format!("map $p{n} $p{} {{ default $p{n}; }}", n + 1);
        let first = "map $host $p0 { default /run/a; }".to_owned();
        texts(&(1..maps).map(|n| map(n - 1)).fold(first, |all, map| all + &map), &format!("$p{}", maps - 1))
    };
    // `$host` is the last of the variables.
    assert_eq!(chain(MAX_DEPTH - 1).len(), 1);
    assert!(chain(MAX_DEPTH).is_empty());
}
