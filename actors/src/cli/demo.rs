//! `shardmill demo`: the main job on this machine alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use shardmill_engine::log::names::FileName;
use shardmill_engine::types::WindowLength;

use super::live::{LOOK_EVERY, Live};
use super::output::{count, json_line, line, window_start};
use super::run::failure;
use super::signals::Signals;
use super::{Exit, Failure, Json, Outcome, block_on};
use crate::config::format_size;
use crate::demo::{Demo, DemoOptions, DemoSummary, KINESIS_SHARDS, LANES, STREAM};

/// Watch a stream become Parquet files, without an AWS account
///
/// Starts a Kinesis endpoint inside this process, puts web accesses and nested events on a stream
/// of 4 Kinesis shards, and runs the real engine against it with 2 lanes into a local folder. Stops
/// by itself, or at Ctrl-C, and says how to open the files. The folder keeps a `source.toml`, so
/// that `shardmill inspect`, `statistics` and `verify` can be tried with it.
///
/// Example: shardmill demo --seconds 60 --rate 20000
#[derive(Args, Debug)]
pub struct DemoCommand {
    /// Where the files go. Emptied first, but only if a demo made it
    #[arg(long, value_name = "DIR", default_value = "./shardmill-demo")]
    dir: PathBuf,

    /// How long events are put on the stream
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,

    /// Events put on the stream a second
    #[arg(long, value_name = "EVENTS_PER_S", default_value_t = 2_000,
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rate: u64,

    #[command(flatten)]
    pub json: Json,
}

/// The last line of `demo --json`.
#[derive(Serialize)]
struct Summary<'s> {
    event: &'static str,
    /// Events put on the stream.
    sent: u64,
    /// Rows committed.
    committed: u64,
    /// Whether they are the same.
    equal: bool,
    files: &'s [String],
    files_by_minute: &'s BTreeMap<String, u64>,
    duckdb: &'s str,
}

impl DemoCommand {
    pub fn run(&self) -> Outcome {
        let options = DemoOptions {
            folder: self.dir.clone(),
            duration: Duration::from_secs(self.seconds),
            rate: self.rate,
        };
        block_on(self.show(options))
    }

    async fn show(&self, options: DemoOptions) -> Outcome {
        let mut signals = Signals::listen()?;
        let mut live = Live::new(self.json.json);
        live.say(&format!(
            "a stream of {KINESIS_SHARDS} Kinesis shards, {} events/s for {} s, {LANES} lanes into \
             {}; Ctrl-C stops",
            count(self.rate),
            self.seconds,
            self.dir.display()
        ));
        let demo = off_thread(move || Demo::start(options)).await?;
        if !follow(&demo, &mut signals, &mut live).await {
            live.clear();
            return Ok(Exit::Interrupted);
        }
        live.show(&[demo.handle().progress()], "committing what is in flight");
        let finished = off_thread(move || demo.finish());
        let summary = tokio::select! {
            summary = finished => summary?,
            () = signals.next() => return Ok(Exit::Interrupted),
        };
        live.clear();
        live.totals(&summary.progress);
        Ok(self.sum_up(&summary))
    }

    fn sum_up(&self, summary: &DemoSummary) -> Exit {
        let committed = &summary.progress.committed;
        let equal = summary.sent == committed.counts.rows;
        let minutes = by_minute(&summary.files);
        let duckdb = duckdb_line(&self.dir);
        if self.json.json {
            json_line(&Summary {
                event: "summary",
                sent: summary.sent,
                committed: committed.counts.rows,
                equal,
                files: &summary.files,
                files_by_minute: &minutes,
                duckdb: &duckdb,
            });
        } else {
            line(&format!(
                "rows sent {} {} rows committed {}",
                count(summary.sent),
                if equal { "=" } else { "IS NOT" },
                count(committed.counts.rows)
            ));
            line(&format!(
                "{} files, {}, by minute (UTC):",
                count(committed.files),
                format_size(committed.file_bytes)
            ));
            for (minute, files) in &minutes {
                line(&format!("  {minute}  {files}"));
            }
            let file = self.dir.join("source.toml");
            line(&format!("\nOpen them:\n  {duckdb}"));
            line("Look closer:");
            for command in ["inspect", "statistics", "verify"] {
                line(&format!("  shardmill {command} {}", file.display()));
            }
        }
        if equal { Exit::Done } else { Exit::Failed }
    }
}

/// Shows the demonstration until all that was put is read; `false` if a second signal came first.
async fn follow(demo: &Demo, signals: &mut Signals, live: &mut Live) -> bool {
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut often = tokio::time::interval(Duration::from_millis(50));
    let mut stopping = false;
    loop {
        tokio::select! {
            () = signals.next() => {
                if stopping {
                    return false;
                }
                stopping = true;
                demo.stop_producing();
            }
            _ = look.tick() => {
                let (elapsed, whole) = demo.elapsed();
                let note = format!(
                    "{} events put, {} of {} s",
                    count(demo.sent()),
                    elapsed.min(whole).as_secs(),
                    whole.as_secs()
                );
                live.show(&[demo.handle().progress()], &note);
            }
            _ = often.tick() => {
                // An engine that has failed says so at the end.
                if demo.caught_up() || demo.handle().is_finished() {
                    return true;
                }
            }
        }
    }
}

/// Runs what blocks beside the runtime.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, crate::Error> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| failure(&error)),
        Err(error) => Err(Failure::new("engine.actor_died", error.to_string())),
    }
}

/// How many files each minute has.
fn by_minute(files: &[String]) -> BTreeMap<String, u64> {
    let mut minutes = BTreeMap::new();
    for name in files.iter().filter_map(|name| FileName::parse(name)) {
        *minutes
            .entry(window_start(WindowLength::MINUTE, name.window))
            .or_default() += 1;
    }
    minutes
}

/// The line that opens the files.
fn duckdb_line(dir: &Path) -> String {
    let files = dir.join(STREAM).join("data/**/*.parquet");
    format!(
        "duckdb -c \"SELECT type, count(*) AS events FROM read_parquet('{}', hive_partitioning = \
         true, union_by_name = true) GROUP BY type ORDER BY events DESC\"",
        files.display()
    )
}
