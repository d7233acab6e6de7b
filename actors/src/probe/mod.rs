//! Tries everything that a data source needs of its stream, its target and its schema registry, and
//! says what is missing. This is what `shardmill check` runs.

mod files;
mod outputs;
mod registry;
mod stream;
mod target;

use serde::Serialize;

use crate::permissions::Right;

pub use outputs::probe_outputs;
pub use registry::probe_registry;
pub use stream::{probe_fan_out, probe_stream};
pub use target::probe_target;

/// Which side of a data source a step is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The Kinesis stream.
    Stream,
    /// The target.
    Target,
    /// The registry that has the schemas of payloads.
    Registry,
    /// The outputs.
    Output,
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It works.
    Ok,
    /// It does not.
    Failed,
    /// It was not tried, because one before it failed.
    NotTried,
}

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Which side it is about.
    pub side: Side,
    /// What was tried, as a stable word: `list_shards`, `conditional_put`, ...
    pub step: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// The permissions that it takes on AWS, with commas.
    pub permission: String,
    /// What was found, or what went wrong.
    pub detail: String,
    /// What to do, where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// Collects the steps of one side; after the first failure that the rest builds on, the rest is
/// not tried.
struct Steps {
    side: Side,
    done: Vec<Step>,
}

/// What a step is called and what it takes on AWS.
#[derive(Clone, Copy)]
struct Name {
    step: &'static str,
    rights: &'static [&'static Right],
}

impl Name {
    fn permission(self) -> String {
        let actions: Vec<&str> = self.rights.iter().map(|right| right.action).collect();
        actions.join(", ")
    }
}

impl Steps {
    fn new(side: Side) -> Self {
        Self {
            side,
            done: Vec::new(),
        }
    }

    fn add(&mut self, name: Name, outcome: Outcome, detail: String, help: Option<String>) {
        self.done.push(Step {
            side: self.side,
            step: name.step,
            outcome,
            permission: name.permission(),
            detail,
            help,
        });
    }

    fn ok(&mut self, name: Name, detail: impl Into<String>) {
        self.add(name, Outcome::Ok, detail.into(), None);
    }

    fn failed(&mut self, name: Name, detail: impl Into<String>, help: impl Into<String>) {
        self.add(name, Outcome::Failed, detail.into(), Some(help.into()));
    }

    fn not_tried(&mut self, names: &[Name]) {
        for name in names {
            self.add(
                *name,
                Outcome::NotTried,
                "a step before it failed".to_owned(),
                None,
            );
        }
    }
}

/// The only step of a side that could not even be opened.
pub fn not_reached(side: Side, error: &str) -> Step {
    Step {
        side,
        step: "open",
        outcome: Outcome::Failed,
        permission: String::new(),
        detail: error.to_owned(),
        help: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permissions::{On, RIGHTS};

    #[test]
    fn every_right_is_tried_by_a_step() {
        let steps = [stream::STEPS, target::STEPS, registry::STEPS].concat();
        let tried: Vec<&Right> = steps
            .iter()
            .flat_map(|step| step.rights.iter().copied())
            .collect();
        for right in RIGHTS {
            // Without these the calls that are tried fail.
            let beneath = matches!(right.on, On::StreamKey | On::BucketKey | On::Roles);
            assert!(
                beneath || tried.contains(&right),
                "no step tries {}",
                right.action
            );
        }
    }
}
