//! Shorter storms where the long one does not come: kinesis-local, which shows children at the end
//! of their parents, and a target on S3.

use shardmill_tests::cli;
use shardmill_tests::servers::{Ferrokinesis, KinesisLocal};
use shardmill_tests::storm::{self, Plan};
use shardmill_tests::target::Target;

const NODE: &str = env!("CARGO_BIN_EXE_node");
const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");

fn plan(kinesis: String, batch: usize) -> Plan {
    Plan {
        program: NODE,
        kinesis,
        kills: 16,
        kills_by_phase: 1,
        raw_copy: true,
        fan_out: false,
        batch,
        seed: rand::random(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_around_splits_and_merges_of_kinesis_local_lose_nothing() {
    let server = KinesisLocal::start().await;
    let target = Target::local();
    // It takes some hundred records a second.
    let after = storm::run(plan(server.url(), 8), &target).await;
    println!("{}", after.report);
    cli::verify(SHARDMILL, &after.config);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_under_fan_out_that_comes_and_goes_lose_nothing() {
    // Subscriptions end all the time, besides.
    let server = Ferrokinesis::with_subscriptions_that_live(3_000).await;
    let target = Target::local();
    let plan = Plan {
        fan_out: true,
        kills: 24,
        ..plan(server.url(), 25)
    };
    let after = storm::run(plan, &target).await;
    println!("{}", after.report);
    cli::verify(SHARDMILL, &after.config);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_around_puts_on_s3_lose_nothing() {
    let server = Ferrokinesis::start().await;
    let target = Target::s3().await;
    let after = storm::run(plan(server.url(), 25), &target).await;
    println!("{}", after.report);
    cli::verify(SHARDMILL, &after.config);
}
