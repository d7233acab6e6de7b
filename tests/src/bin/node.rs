//! A process of its own for tests: the engine with short windows, which fails and dies as told.

use std::process::ExitCode;

use shardmill_tests::node::{self, NodeOptions};

/// As the command line has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let options = std::env::args().nth(1).unwrap_or_default();
    let options: NodeOptions =
        serde_json::from_str(&options).expect("the argument is a NodeOptions");
    node::run(options)
}
