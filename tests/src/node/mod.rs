//! A process that runs the engine with short windows, fails on purpose, and kills itself where it
//! is told to: what `src/bin/node.rs` does, and how tests start it.

mod asking;
mod killer;
mod options;
mod run;
mod start;

pub use killer::{Killer, Phase};
pub use options::{KillAt, NodeOptions, Numbered};
pub use run::run;
pub use start::Node;
