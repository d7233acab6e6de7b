//! What a node's process does.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use shardmill::adapters::{FanOutTiming, OpenError};
use shardmill::config::DataSource;
use shardmill::{Error, Shardmill, adapters};
use shardmill_engine::ports::Stream;
use shardmill_engine::types::WindowLength;
use tokio::signal::unix::{SignalKind, signal};

use super::asking::Asking;
use super::{Killer, NodeOptions, Numbered};
use crate::faults::{Chance, FaultyStore, FaultyStream};
use crate::numbered;

/// How often progress is printed.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Runs the engine until SIGTERM, its own death, or the end of the source. Prints `progress JSON`
/// now and then, and `ended JSON` at the end.
pub fn run(options: NodeOptions) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    match runtime.block_on(run_source(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(
                "ended",
                &json!({ "code": error.code(), "error": error.to_string() }),
            );
            ExitCode::from(if error.is_fenced() { 3 } else { 1 })
        }
    }
}

async fn run_source(options: &NodeOptions) -> Result<(), Error> {
    // Before anything else: a stop may come at once.
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be heard");
    let window_length = WindowLength::from_millis(options.window_ms).expect("a window's length");
    let source = DataSource::from_file(&options.config)
        .unwrap_or_else(|error| panic!("{}: {error}", options.config.display()))
        .with_window_length(window_length);
    let source = match options.retention_ms {
        Some(millis) => source.with_retention(Some(Duration::from_millis(millis))),
        None => source,
    };
    let stream: Arc<dyn Stream> = match options.numbered {
        Some(Numbered {
            kinesis_shards,
            records_each,
        }) => Arc::new(numbered::stream(kinesis_shards, records_each)),
        None => open_stream(&source)
            .await
            .unwrap_or_else(|error| panic!("the stream: {error}")),
    };
    let store = adapters::open_target(&source).await;
    let mut store = store.unwrap_or_else(|error| panic!("the target: {error}"));
    if let Some(at) = options.kill {
        store = Arc::new(Killer::new(store, at));
    }
    let chance = |rate, salt| Arc::new(Chance::new(options.seed ^ salt, rate));
    let store = FaultyStore::new(store, chance(options.store_faults, 1), options.part_size);
    let stream = FaultyStream::new(stream, chance(options.stream_faults, 2));
    let budget = usize::try_from(source.engine().memory.budget).expect("a budget in memory");
    let engine = Shardmill::new(budget, source.engine().threads)?;
    let handle = engine.add_with_ports(&source, Arc::new(stream), Arc::new(store));

    if let Some(Numbered { kinesis_shards, .. }) = options.numbered {
        let target = adapters::open_target(&source).await?;
        let asking = Asking::new(handle.statistics(), target, kinesis_shards);
        tokio::spawn(asking.run());
    }
    let mut tick = tokio::time::interval(PROGRESS_INTERVAL);
    let totals = loop {
        tokio::select! {
            ended = handle.finished() => break ended?,
            _ = terminate.recv() => handle.stop(),
            _ = tick.tick() => print("progress", &json!(handle.progress())),
        }
    };
    print("ended", &json!(totals));
    Ok(())
}

/// The stream that the configuration names. Subscriptions go by shorter times than Kinesis's, since
/// local servers have none.
async fn open_stream(source: &DataSource) -> Result<Arc<dyn Stream>, OpenError> {
    let Some(stream) = adapters::open_fan_out(source).await? else {
        return adapters::open_stream(source).await;
    };
    Ok(Arc::new(stream.with_timing(FanOutTiming {
        takeover: Duration::from_millis(100),
        between_calls: Duration::from_millis(50),
        longest_wait: Duration::from_secs(1),
        steady: Duration::from_secs(1),
        ..FanOutTiming::default()
    })))
}

pub(super) fn print(what: &str, value: &serde_json::Value) {
    // Standard output is a file of the test's.
    let _ = writeln!(std::io::stdout().lock(), "{what} {value}");
}
