//! `shardmill inspect`: what is on the target, read from its log alone.

mod outputs;
mod report;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use shardmill_engine::log::read_state;
use shardmill_engine::ports::Host;
use shardmill_engine::preview::Preview;

use self::report::{LaneReport, Report, ShardReport, WindowReport};
use super::output::{count, duration, line, table, time};
use super::preview::show_report;
use super::{Exit, Failure, Json, Outcome, block_on, open_target, output};
use crate::adapters::SystemHost;
use crate::config::{DataSource, format_size};

/// Show windows, files, positions, lag, generations and the lineage of Kinesis shards
///
/// Reads the log on the target only: the stream is not asked and nothing is changed, so it may run
/// beside `shardmill run`. However long the history is, it reads a few objects a lane, unless --all
/// is given.
///
/// Example: shardmill inspect source.toml --windows 60
#[derive(Args, Debug)]
pub struct Inspect {
    /// The source's configuration
    #[arg(value_name = "SOURCE.TOML")]
    source: PathBuf,

    /// How many windows to show, the newest of the newest epoch
    #[arg(long, value_name = "N", default_value_t = 10)]
    windows: usize,

    /// Show every window since the source was made
    #[arg(long, conflicts_with = "windows")]
    all: bool,

    #[command(flatten)]
    pub json: Json,
}

impl Inspect {
    pub fn run(&self) -> Outcome {
        let source = DataSource::from_file(&self.source)?;
        let report = block_on(self.read(&source))?;
        if self.json.json {
            output::json_line(&report);
        } else {
            show(&report);
        }
        Ok(Exit::Done)
    }

    async fn read(&self, source: &DataSource) -> Result<Report, Failure> {
        let store = open_target(source).await?;
        let host: Arc<dyn Host> = Arc::new(SystemHost);
        let target = format!("{}/{}", source.target().url, source.name());
        let view = read_state(Arc::clone(&store), Arc::clone(&host)).await;
        let Some(view) = view.map_err(report::log_failure)? else {
            let message = format!("nothing is at {target}: `shardmill run` makes the source");
            return Err(Failure::new("inspect.no_source", message));
        };
        let windows = match self.all {
            true => report::all_windows(&store, &host).await?,
            false => report::newest_windows(&store, &view, self.windows).await?,
        };
        let preview = report::preview(&store, &host, &view).await?;
        let outputs = outputs::read(source, &view, &host).await?;
        let now = host.now();
        Ok(report::report(
            &view, target, windows, preview, outputs, now,
        ))
    }
}

fn show(report: &Report) {
    let at = |millis: Option<i64>| millis.map_or("-".to_owned(), time);
    line(&format!(
        "{} reads {} into {}",
        report.source, report.stream, report.target
    ));
    let start = report.start_ms.map_or("the oldest record".to_owned(), time);
    line(&format!("  began at         {start}"));
    line(&format!(
        "  complete through {}",
        at(report.complete_through_ms)
    ));
    line(&format!("  lag              {}", lag(report.lag_ms)));
    line(&format!("  columns          {}", report.columns));
    if let Some(generation) = &report.generation {
        line(&format!(
            "  generation       {} since {} on {}, version {}",
            generation.number,
            time(generation.started_ms),
            generation.host,
            generation.version
        ));
    }
    if let Some(epoch) = report.epoch {
        line(&format!("\nLanes of epoch {epoch}"));
        show_lanes(&report.lanes);
    }
    if !report.kinesis_shards.is_empty() {
        line("\nKinesis shards");
        show_shards(&report.kinesis_shards);
    }
    if !report.outputs.is_empty() {
        line("\nOutputs");
        outputs::show(&report.outputs);
    }
    if let Some(preview) = &report.preview {
        show_preview(preview);
    }
    if !report.windows.is_empty() {
        line("\nWindows (UTC)");
        show_windows(&report.windows);
        let shown = report.shown;
        line(&format!(
            "  {} rows and {} rejects in {} files, {}",
            count(shown.rows),
            count(shown.rejects),
            count(shown.files + shown.reject_files),
            format_size(shown.bytes + shown.reject_bytes)
        ));
        if shown.raw_files > 0 {
            line(&format!(
                "  raw copy of {} payloads in {} files, {}",
                count(shown.raw_payloads),
                count(shown.raw_files),
                format_size(shown.raw_bytes)
            ));
        }
    }
}

fn show_preview(preview: &Preview) {
    line("\nPREVIEW: nothing is committed yet; this is the sample that the format was decided by");
    show_report(preview);
}

fn lag(millis: Option<i64>) -> String {
    millis.map_or("-".to_owned(), |millis| {
        format!("at most {}", duration(millis))
    })
}

fn show_lanes(lanes: &[LaneReport]) {
    let rows = lanes.iter().map(|lane| {
        vec![
            lane.lane.to_string(),
            lane.entry.to_string(),
            lane.claim.map_or("-".to_owned(), |claim| claim.to_string()),
            lane.generation
                .map_or("-".to_owned(), |generation| generation.to_string()),
            lane.closed_through_ms.map_or("-".to_owned(), time),
            lane.open_kinesis_shards.to_string(),
            lane.ended_kinesis_shards.to_string(),
            if lane.sealed { "sealed" } else { "" }.to_owned(),
        ]
    });
    let header = [
        "lane",
        "entries",
        "claim",
        "generation",
        "closed through",
        "open",
        "ended",
        "",
    ];
    line(&table(&header, &[0, 1, 2, 3, 5, 6], rows.collect()).to_string());
}

fn show_shards(shards: &[ShardReport]) {
    let rows = shards.iter().map(|shard| {
        vec![
            shard.kinesis_shard.clone(),
            shard.lane.to_string(),
            match shard.cut_ms {
                _ if shard.ended => "ended".to_owned(),
                Some(end) => format!("cut at {}", time(end)),
                None => "open".to_owned(),
            },
            shard.position.clone(),
            shard.arrival_ms.map_or("-".to_owned(), time),
            lag(shard.lag_ms),
            shard.parents.join(", "),
        ]
    });
    let header = [
        "Kinesis shard",
        "lane",
        "",
        "committed up to",
        "arrived",
        "lag",
        "parents",
    ];
    line(&table(&header, &[1], rows.collect()).to_string());
}

fn show_windows(windows: &[WindowReport]) {
    let rows = windows.iter().map(|window| {
        vec![
            time(window.start_ms),
            if window.complete { "complete" } else { "open" }.to_owned(),
            count(window.sums.files),
            count(window.sums.rows),
            format_size(window.sums.bytes),
            count(window.sums.rejects),
            match window.sums.raw_files {
                0 => "-".to_owned(),
                _ => format_size(window.sums.raw_bytes),
            },
        ]
    });
    let header = ["window", "", "files", "rows", "size", "rejects", "raw copy"];
    line(&table(&header, &[2, 3, 4, 5, 6], rows.collect()).to_string());
}
