//! The numbers that rules compare with and that are a matter of judgement, each with its reason. They can be set in
//! `gatelint.toml` under `[thresholds]`.

use serde::Deserialize;

/// The numbers, by what they are compared with.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Thresholds {}

#[allow(clippy::derivable_impls, reason = "the reasons stand beside the values")]
impl Default for Thresholds {
    fn default() -> Self {
        Thresholds {}
    }
}
