//! Tries everything that a data source needs of its stream, its target and its schema registry, and
//! says what is missing. This is what `shardmill check` runs.

mod outputs;
mod registry;
mod stream;
mod target;

use serde::Serialize;

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
    /// The permission that it takes on AWS.
    pub permission: &'static str,
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

/// What a step is called and what it takes.
#[derive(Clone, Copy)]
struct Name {
    step: &'static str,
    permission: &'static str,
}

impl Steps {
    fn new(side: Side) -> Self {
        Self {
            side,
            done: Vec::new(),
        }
    }

    fn add(&mut self, name: Name, outcome: Outcome, detail: String, help: Option<String>) {
        let Name { step, permission } = name;
        self.done.push(Step {
            side: self.side,
            step,
            outcome,
            permission,
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
        permission: "",
        detail: error.to_owned(),
        help: None,
    }
}
