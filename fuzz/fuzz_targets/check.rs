//! A whole run over a host in memory, in every format. Nothing panics, every label lies inside its file, two
//! runs say the same, JSON is JSON, and nothing that a terminal would act upon is printed.
#![no_main]

use gatelint::check::{Checked, Terms, check_host};
use gatelint::deployment::{Plan, Selection};
use gatelint::finding::{Severity, sort_and_merge};
use gatelint::host::facts;
use gatelint::report::{Format, Style, render};
use gatelint::thresholds::Thresholds;
use gatelint_fuzz::{Laid, check_span, lay_out};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let laid = lay_out(bytes);
    let Some(checked) = run(&laid) else { return };
    for label in checked.findings.iter().flat_map(|finding| finding.labels()) {
        check_span(label.span, checked.sources.get(label.span.file).bytes().len());
    }
    let json = written(&checked, Format::Json, Style::default());
    let document: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(document["findings"].as_array().map(Vec::len), Some(checked.findings.len()));
    let narrow = Style { color: false, unicode: false, width: 40 };
    let texts = [
        written(&checked, Format::Text, Style::default()),
        written(&checked, Format::Text, narrow),
        written(&checked, Format::Compact, Style::default()),
        json,
    ];
    for text in &texts {
        let driving = text.chars().find(|c| {
            *c != '\n'
                && (c.is_control()
                    || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        });
        assert_eq!(driving, None, "{text}");
    }
    assert_eq!(texts[2].lines().count(), checked.findings.len());
    // Hash maps have another order in each run. Few inputs of very many show it as well as all.
    if bytes.len() % 8 == 0 {
        let again = run(&laid).expect("it went well before");
        assert_eq!(written(&again, Format::Json, Style::default()), texts[3]);
    }
});

fn run(laid: &Laid) -> Option<Checked> {
    let plan = Plan::new("/".into(), laid.view, Selection::default());
    let facts = facts::parse("facts", &laid.facts).map(|(facts, _)| facts).into_iter().collect();
    let terms = Terms {
        facts,
        thresholds: Thresholds::default(),
        declared_directives: Default::default(),
        selected: &|_| true,
    };
    let mut checked = Checked::default();
    check_host(&laid.host, &plan, &terms, &mut checked).ok()?;
    sort_and_merge(&mut checked.findings, &checked.sources);
    Some(checked)
}

fn written(checked: &Checked, format: Format, style: Style) -> String {
    let mut out = Vec::new();
    render(format, &checked.report(Some(Severity::Error)), style, &mut out).expect("memory takes all");
    String::from_utf8(out).expect("UTF-8")
}
