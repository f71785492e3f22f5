//! Settings of a pool that stand in the global section.

use crate::deployment::Deployment;
use crate::finding::Program;
use crate::php::ast::Problem;
use crate::php::limits;
use crate::php::load::{Assigned, is_pool_setting};
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule =
    rule!(syntax / "fpm-section-missing", Error, "settings of a pool stand before any [pool] header");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for master in &machine.masters {
            // One header is missing, however many settings lack it: the first one stands for all.
            let Some(first) = master.configuration.global.iter().find(|assigned| is_pool_setting(assigned)) else {
                continue;
            };
            // FPM stops at the first thing it cannot read, which may be the header.
            let broken =
                |problem: &Problem| problem.span.file == first.span.file && problem.span.start < first.span.start;
            if master.configuration.problems.iter().any(broken) {
                continue;
            }
            let key = &first.key;
            if machine.view.is_partial() && !master.is_whole {
                let file = &sources.get(first.span.file).path;
                let needs = format!("which section is open where `{key}` stands in {file}, before any header");
                findings.unchecked(&RULE, needs, "name all files of this PHP-FPM");
                continue;
            }
            let mut finding = RULE.finding(
                format!("`{key}` is a pool's setting and stands in the global section"),
                first.span,
                "no [pool] header is open here",
            );
            finding = match commented_header(first, sources) {
                Some(span) => {
                    finding.label(span, "this header is commented out").help("remove the `;` before the header")
                }
                None => finding.help("write the pool's header, such as `[www]`, above it"),
            };
            let refusal = match (limits::entry(first), &first.index) {
                (Some(refused), _) => refused.refusal,
                (None, Some(_)) => "Array are not allowed in the global section".to_owned(),
                (None, None) => format!("unknown entry '{key}'"),
            };
            findings.push(finding.refused_by(Program::PhpFpm, refusal));
        }
    }
}

/// A header behind a `;` in the lines above a setting.
fn commented_header(assigned: &Assigned, sources: &Sources) -> Option<Span> {
    let source = sources.get(assigned.span.file);
    let line = source.position(assigned.span.start).line;
    (1..line).rev().find_map(|number| {
        let text = source.line(number);
        let inside = text.trim_ascii_start().strip_prefix(b";")?;
        let inside = inside.split(|byte| *byte == b';').next()?.trim_ascii();
        let is_header = inside.starts_with(b"[") && inside.ends_with(b"]") && !inside.contains(&b' ');
        is_header.then(|| source.line_span(assigned.span.file, number))
    })
}
