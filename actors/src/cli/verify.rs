//! `shardmill verify`: does the target hold what its log says?

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use shardmill_engine::output::{OutputVerified, verify_output};
use shardmill_engine::verify::{Verified, VerifyError, verify, verify_statistics};

use super::output::{count, line};
use super::{Exit, Failure, Json, Outcome, block_on, open_output, open_target, output};
use crate::adapters::SystemHost;
use crate::config::{DataSource, format_size};
use crate::expressions;

/// Between two lines of progress.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// Re-read every committed file and compare it with the commits
///
/// Walks the whole log: entries follow from one another, ranges join across commits and epochs,
/// every Kinesis shard enters once. Reads every file that a commit names: length, rows, schema,
/// every identity in its range and there once, every payload accounted for. Lists what no commit
/// names: what a clean-up had to remove is a violation, the rest is counted. Ends at the first
/// violation, with exit code 4. Changes nothing, and may run beside `shardmill run`. With
/// `--statistics` it also makes the statistics of every commit anew from its files and compares them
/// with those that are stored, and every hour and day with what it covers. With `--outputs` it makes
/// the rows of every commit of every output anew and compares them with those in its files.
///
/// Example: shardmill verify source.toml --json
#[derive(Args, Debug)]
pub struct Verify {
    /// The source's configuration
    #[arg(value_name = "SOURCE.TOML")]
    source: PathBuf,

    /// Compare the stored statistics with the files, too
    #[arg(long)]
    statistics: bool,

    /// Re-read the outputs, too, and compare their rows with what the source's commits give
    #[arg(long)]
    outputs: bool,

    #[command(flatten)]
    pub json: Json,
}

/// What `verify --json` prints.
#[derive(Serialize)]
struct Report<'r> {
    event: &'static str,
    source: &'r str,
    ok: bool,
    #[serde(flatten)]
    verified: Verified,
}

/// What `verify --outputs --json` prints of each output.
#[derive(Serialize)]
struct OutputReport<'r> {
    event: &'static str,
    source: &'r str,
    output: &'r str,
    ok: bool,
    #[serde(flatten)]
    verified: OutputVerified,
}

impl Verify {
    pub fn run(&self) -> Outcome {
        let source = DataSource::from_file(&self.source)?;
        let verified = block_on(self.walk(&source))?;
        let outputs = match self.outputs {
            true => block_on(self.walk_outputs(&source))?,
            false => Vec::new(),
        };
        if self.json.json {
            let source = source.name();
            output::json_line(&Report {
                event: "verify",
                source,
                ok: true,
                verified,
            });
        } else {
            show(&source, &verified, self.statistics);
        }
        for (output, verified) in outputs {
            if self.json.json {
                output::json_line(&OutputReport {
                    event: "verify_output",
                    source: source.name(),
                    output: &output,
                    ok: true,
                    verified,
                });
            } else {
                show_output(&output, &verified);
            }
        }
        Ok(Exit::Done)
    }

    /// Every output that there is.
    async fn walk_outputs(
        &self,
        source: &DataSource,
    ) -> Result<Vec<(String, OutputVerified)>, Failure> {
        let store = open_target(source).await?;
        let mut all = Vec::new();
        for settings in source.outputs() {
            let target = open_output(source, settings).await?;
            let host = Arc::new(SystemHost);
            let store = Arc::clone(&store);
            let mut quiet = |_: &OutputVerified| ();
            let verified = verify_output(store, target, host, &expressions::make, &mut quiet);
            let verified = verified.await.map_err(|error| {
                let mut failure = failure(error);
                failure.message = format!("output {}: {}", settings.name, failure.message);
                failure
            })?;
            all.push((settings.name.clone(), verified));
        }
        Ok(all)
    }

    async fn walk(&self, source: &DataSource) -> Result<Verified, Failure> {
        let store = open_target(source).await?;
        let quiet = self.json.json;
        let mut told = Instant::now();
        let mut progress = move |verified: &Verified| {
            if !quiet && told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                eprintln!(
                    "{} rows in {} files so far",
                    count(verified.rows),
                    count(verified.files)
                );
            }
        };
        let host = Arc::new(SystemHost);
        let verified = match self.statistics {
            true => verify_statistics(store, host, &mut progress).await,
            false => verify(store, host, &mut progress).await,
        };
        verified.map_err(failure)
    }
}

fn failure(error: VerifyError) -> Failure {
    let mut failure = Failure::new(error.code(), error.to_string());
    if error.is_violation() {
        failure.exit = Exit::Violation;
    }
    failure
}

fn show_output(output: &str, verified: &OutputVerified) {
    line(&format!(
        "{output}: the output holds what the source's commits give."
    ));
    let rows = [
        ("commits", verified.commits),
        ("files", verified.files),
        ("rows", verified.rows),
        ("rows of the source", verified.source_rows),
    ];
    for (what, number) in rows {
        line(&format!("  {:>15}  {what}", count(number)));
    }
    let others = [
        (
            "commits that were not compared, as retention has passed them",
            verified.unchecked_commits,
        ),
        ("files that no commit names", verified.unnamed_files),
    ];
    for (what, number) in others.into_iter().filter(|(_, number)| *number > 0) {
        line(&format!("  {:>15}  {what}", count(number)));
    }
}

fn show(source: &DataSource, verified: &Verified, statistics: bool) {
    line(&format!(
        "{}: the target holds what its log says.",
        source.name()
    ));
    let rows = [
        ("epochs", verified.epochs),
        ("entries of logs", verified.entries),
        ("commits", verified.commits),
        ("Kinesis shards", verified.kinesis_shards),
        ("files", verified.files),
        ("rows", verified.rows),
        ("rejects", verified.rejects),
        ("payloads", verified.payloads),
        ("payloads without an event", verified.empty),
        ("objects of statistics", verified.statistics_objects),
    ];
    for (what, number) in rows {
        line(&format!("  {:>15}  {what}", count(number)));
    }
    line(&format!("  {:>15}  in files", format_size(verified.bytes)));
    if verified.raw_files > 0 {
        line(&format!(
            "  {:>15}  payloads in {} files of the raw copy, {}",
            count(verified.raw_payloads),
            count(verified.raw_files),
            format_size(verified.raw_bytes)
        ));
    }
    if statistics {
        line(&format!(
            "  {:>15}  of the objects of statistics say what the files say",
            count(verified.compared_statistics)
        ));
        line(&format!(
            "  {:>15}  hours and days say what the commits say",
            count(verified.compared_rollups)
        ));
    }
    let others = [
        (
            "files that no commit names, not yet due for clean-up",
            verified.unnamed_files,
        ),
        ("uploads that are not finished", verified.pending_uploads),
        ("objects that are not Shardmill's", verified.foreign_objects),
        ("commits whose files are expired", verified.expired_commits),
        ("files of expired windows", verified.expired_files),
    ];
    for (what, number) in others.into_iter().filter(|(_, number)| *number > 0) {
        line(&format!("  {:>15}  {what}", count(number)));
    }
}
