//! `shardmill check`: does this source have all that it needs?

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use super::{Exit, Json, Outcome, block_on, output};
use crate::adapters;
use crate::config::{ContentFormat, DataSource};
use crate::probe::{self, Step};

/// Between two tries of `--wait`.
const WAIT_BETWEEN: Duration = Duration::from_secs(5);

/// Try each permission and feature that a source needs on its stream, target and schema registry
///
/// Reads a few records and puts, reads, lists and deletes small objects under `_check/`. It also
/// tries that the target refuses to overwrite: some servers that speak S3 do so silently, and then
/// two processes could overwrite one another's commits.
///
/// Example: shardmill check source.toml --wait 10min
#[derive(Args, Debug)]
pub struct Check {
    /// The source's configuration
    #[arg(value_name = "SOURCE.TOML")]
    source: PathBuf,

    /// Try again until everything works, for as long as TIME ("10min"); without TIME, for ever
    #[arg(long, value_name = "TIME", num_args = 0..=1, value_parser = humantime::parse_duration,
          default_missing_value = "100years")]
    wait: Option<Duration>,

    #[command(flatten)]
    pub json: Json,
}

/// What `check --json` prints.
#[derive(Serialize)]
struct Report<'r> {
    event: &'static str,
    source: &'r str,
    ok: bool,
    steps: &'r [Step],
}

impl Check {
    pub fn run(&self) -> Outcome {
        let source = DataSource::from_file(&self.source)?;
        block_on(self.try_all(&source))
    }

    async fn try_all(&self, source: &DataSource) -> Outcome {
        let begun = Instant::now();
        loop {
            let steps = try_once(source).await;
            let ok = steps.iter().all(|step| step.outcome == probe::Outcome::Ok);
            let time_left = self
                .wait
                .is_some_and(|wait| begun.elapsed() + WAIT_BETWEEN < wait);
            if ok || !time_left {
                self.show(source, &steps, ok);
                return Ok(if ok { Exit::Done } else { Exit::Failed });
            }
            if !self.json.json {
                let failed = steps
                    .iter()
                    .find(|step| step.outcome == probe::Outcome::Failed);
                let detail = failed.map_or("", |step| step.detail.as_str());
                eprintln!("not yet: {detail}");
            }
            tokio::time::sleep(WAIT_BETWEEN).await;
        }
    }

    fn show(&self, source: &DataSource, steps: &[Step], ok: bool) {
        if self.json.json {
            let report = Report {
                event: "check",
                source: source.name(),
                ok,
                steps,
            };
            return output::json_line(&report);
        }
        let rows = steps.iter().map(|step| {
            let outcome = match step.outcome {
                probe::Outcome::Ok => "ok",
                probe::Outcome::Failed => "MISSING",
                probe::Outcome::NotTried => "not tried",
            };
            let side = match step.side {
                probe::Side::Stream => "stream",
                probe::Side::Target => "target",
                probe::Side::Registry => "registry",
                probe::Side::Output => "output",
            };
            vec![
                side.to_owned(),
                step.step.to_owned(),
                outcome.to_owned(),
                step.detail.clone(),
            ]
        });
        let table = output::table(&["side", "step", "", "what was found"], &[], rows.collect());
        output::line(&table.to_string());
        for step in steps {
            if let Some(help) = &step.help {
                output::line(&format!("\n{}: {help}", step.step));
            }
        }
        if ok {
            output::line("\nEverything that this source needs is there.");
        }
    }
}

/// All sides, at the same time.
async fn try_once(source: &DataSource) -> Vec<Step> {
    let stream = async {
        let failed = |error: adapters::OpenError| {
            vec![probe::not_reached(probe::Side::Stream, &error.to_string())]
        };
        let shards = source.kinesis().shards;
        let samples = source.content().options.format == ContentFormat::Auto;
        match adapters::open_fan_out(source).await {
            Ok(Some(stream)) => probe::probe_fan_out(&stream, shards, samples).await,
            Ok(None) => match adapters::open_stream(source).await {
                Ok(stream) => probe::probe_stream(&*stream, shards).await,
                Err(error) => failed(error),
            },
            Err(error) => failed(error),
        }
    };
    let target = async {
        match adapters::open_target(source).await {
            Ok(store) => {
                let run = uuid::Uuid::new_v4().to_string();
                probe::probe_target(store, &run).await
            }
            Err(error) => vec![probe::not_reached(probe::Side::Target, &error.to_string())],
        }
    };
    let registry = async {
        match adapters::open_registry(source).await {
            Ok(Some(registry)) => probe::probe_registry(&*registry).await,
            Ok(None) => Vec::new(),
            Err(error) => vec![probe::not_reached(
                probe::Side::Registry,
                &error.to_string(),
            )],
        }
    };
    let outputs = probe::probe_outputs(source);
    let (stream, target, registry, outputs) = tokio::join!(stream, target, registry, outputs);
    [stream, target, registry, outputs].concat()
}
