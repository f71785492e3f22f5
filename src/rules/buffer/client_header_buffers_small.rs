//! Cookies and long addresses do not fit into nginx's buffers for requests.

use crate::deployment::Deployment;
use crate::deployment::buffers::client_headers;
use crate::deployment::limits::shown_size;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(
    buffer / "client-header-buffers-small",
    Warning,
    "the buffers for request headers are smaller than nginx's defaults"
);

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    let least = deployment.thresholds.client_header;
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        for server in &nginx.servers {
            let Some(buffers) = client_headers(nginx, server.level) else { continue };
            let (Some(span), size) = (buffers.origin.span(), buffers.value.size) else { continue };
            if size >= least && buffers.value.count > 1 {
                continue;
            }
            let shown = shown_size(size);
            let message = match size < least {
                true => format!("a cookie or an address of more than {shown} is refused"),
                false => format!("all headers of a request must fit into {shown}"),
            };
            let finding = RULE
                .finding(message, span, "nginx's default is 4 buffers of 8k")
                .note("one line of a request must fit into one buffer: a longer address gets 414, a longer header 400")
                .help("remove the line, or `large_client_header_buffers 4 8k`")
                .predict(400, None);
            findings.push_for(server.shown_name(), finding);
        }
    }
}
