//! SELinux keeps nginx from dialling.

use crate::deployment::{Deployment, Dial, Reach};
use crate::rules::connection::{host_of, label_hand_over};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::{Address, Endpoint};

pub(super) static RULE: Rule =
    rule!(permission / "selinux-denies", Warning, "SELinux keeps nginx from dialling this address");

/// The ports that the policy labels `http_port_t`; a web server may dial them.
const HTTP_PORTS: [u16; 8] = [80, 81, 443, 488, 8008, 8009, 8443, 9000];

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        let selinux = &machine.facts.selinux;
        if selinux.mode.as_deref() != Some("enforcing") {
            continue;
        }
        let allowed = |name: &str| selinux.booleans.get(name) == Some(&true);
        let known = selinux.booleans.contains_key("httpd_can_network_connect");
        for dial in &machine.dials {
            let port = port(dial).filter(|port| !HTTP_PORTS.contains(port));
            let (message, help) = match (port, home(dial)) {
                (Some(_), _) if !known || allowed("httpd_can_network_connect") => continue,
                (Some(port), _) => (
                    format!("SELinux is enforcing and does not let nginx dial port {port}"),
                    format!(
                        "semanage port -a -t http_port_t -p tcp {port}; or setsebool -P httpd_can_network_connect on"
                    ),
                ),
                (None, Some(path)) => (
                    format!("SELinux is enforcing, and {path} does not get a label that nginx may open"),
                    "put the socket below /run/php-fpm, where the policy labels it".to_owned(),
                ),
                (None, None) => continue,
            };
            let log =
                format!("connect() to {} failed (13: Permission denied) while connecting to upstream", dial.address);
            let finding = RULE
                .finding(message, dial.span, "nginx dials here")
                .note("the policy of the host is not in view: `ausearch -m avc -c nginx` shows what it denied")
                .help(help)
                .predict(502, log);
            findings.push_for(host_of(machine, dial), label_hand_over(finding, machine, dial));
        }
    }
}

fn port(dial: &Dial) -> Option<u16> {
    match &dial.address {
        Address::Ip(address) => Some(address.port()),
        Address::Name(_, port) => Some(*port),
        Address::Unix(_) => None,
    }
}

/// A pool's socket in a directory whose label is not that of a web server's sockets.
fn home(dial: &Dial) -> Option<String> {
    let (Reach::Pools(_), Some(Endpoint::Unix(path))) = (&dial.reach, dial.endpoints.first()) else { return None };
    let outside =
        ["/tmp", "/var/tmp", "/home", "/root", "/srv", "/opt"].iter().any(|directory| path.starts_with(directory));
    outside.then(|| path.display().to_string())
}
