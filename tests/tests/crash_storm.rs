//! kill -9, a hundred times and more, while writing, with splits and merges in between.
//!
//! `tests/storm.sh` runs the same with a thousand kills.

use shardmill_tests::node::Phase;
use shardmill_tests::servers::Ferrokinesis;
use shardmill_tests::storm::{self, Plan};
use shardmill_tests::target::Target;
use shardmill_tests::{cli, paths};

const KILLS: usize = 104;
const KILLS_BY_PHASE: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_nothing_is_twice_after_a_hundred_kills() {
    let server = Ferrokinesis::start().await;
    let target = Target::local();
    let plan = Plan {
        program: env!("CARGO_BIN_EXE_node"),
        kinesis: server.url(),
        kills: number_from_environment("SHARDMILL_STORM_KILLS").unwrap_or(KILLS),
        kills_by_phase: KILLS_BY_PHASE,
        raw_copy: true,
        fan_out: false,
        batch: 25,
        seed: storm_seed(),
    };
    let after = storm::run(plan, &target).await;
    let report = format!("{}\n{}\n", after.report, after.lake);
    println!("{report}");
    std::fs::write(paths::target().join("crash-storm.txt"), report).expect("a report");
    for phase in Phase::ALL {
        let kills = after.report.at(phase);
        assert!(kills >= KILLS_BY_PHASE, "{kills} kills at {phase:?}");
    }
    cli::verify(env!("CARGO_BIN_EXE_shardmill-under-test"), &after.config);
}

/// The seed to repeat, or a new one.
fn storm_seed() -> u64 {
    let given = number_from_environment("SHARDMILL_STORM_SEED");
    given.map_or_else(rand::random, |seed| seed as u64)
}

fn number_from_environment(name: &str) -> Option<usize> {
    let text = std::env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} must be a number, not `{text}`")))
}
