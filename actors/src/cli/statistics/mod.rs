//! `shardmill statistics`: what is in the events of a source.

mod field;
mod histogram;
mod page;
mod read;
mod source;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use shardmill_engine::statistics::View;
use shardmill_engine::statistics::answer::{FieldAnswer, FieldSummary, SourceAnswer};
use shardmill_engine::types::TimestampMs;

use self::read::Span;
use super::signals::Signals;
use super::{Exit, Failure, Json, Outcome, block_on, output};
use crate::config::{DataSource, nearest};

/// Between two looks of `--watch`.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Takes the cursor of a terminal to its upper left corner and clears what is below.
const CLEAR: &str = "\x1b[H\x1b[J";

/// Show what is in the events: every field with its density, distinct and most frequent values, and
/// the spread of its numbers
///
/// With FIELD, all that is known of one field: quantiles, a histogram, the most frequent values. A
/// field is named by its path: user.name, tags[] for the items of lists, _partition_key.
///
/// Reads the statistics that the commits on the target name, not the data, and changes nothing, so
/// it may run beside `shardmill run`: then it is behind by the minutes that are not committed yet.
/// docs/STATISTICS.md says what each number means and how far it may be off.
///
/// Example: shardmill statistics source.toml user.name --from 2026-11-22T10:00:00Z
#[derive(Args, Debug)]
#[command(name = "statistics")]
pub struct StatisticsCommand {
    /// The source's configuration
    #[arg(value_name = "SOURCE.TOML")]
    source: PathBuf,

    /// The path of a field; without it, the source and all its fields
    #[arg(value_name = "FIELD")]
    field: Option<String>,

    /// Only minutes from this time on, as 2026-11-22T10:00:00Z; the whole minute that it is in
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<TimestampMs>,

    /// Only minutes before this time, as 2026-11-22T11:00:00Z; the whole minute that it is in
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<TimestampMs>,

    /// Show it again every two seconds until Ctrl-C
    #[arg(long)]
    watch: bool,

    #[command(flatten)]
    pub json: Json,
}

/// What `statistics --json` prints without a field.
#[derive(Serialize)]
struct SourceReport<'r> {
    event: &'static str,
    source: &'r str,
    #[serde(flatten)]
    span: Span,
    #[serde(flatten)]
    answer: SourceAnswer,
    fields: Vec<FieldSummary>,
}

/// What `statistics --json` prints of a field.
#[derive(Serialize)]
struct FieldReport<'r> {
    event: &'static str,
    source: &'r str,
    #[serde(flatten)]
    span: Span,
    #[serde(flatten)]
    answer: FieldAnswer,
}

impl StatisticsCommand {
    pub fn run(&self) -> Outcome {
        let source = DataSource::from_file(&self.source)?;
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            return Err(Failure {
                exit: Exit::Usage,
                ..Failure::new(
                    "statistics.empty_range",
                    "--from is not before --to: give them the other way round, or leave one out",
                )
            });
        }
        block_on(self.look(&source))
    }

    async fn look(&self, source: &DataSource) -> Outcome {
        let span = Span::of_windows(self.from, self.to, source.window_length());
        if !self.watch {
            let shown = self.report(source, span, &span.view(source).await?)?;
            output::line(shown.trim_end());
            return Ok(Exit::Done);
        }
        let mut signals = Signals::listen()?;
        loop {
            let shown = self.report(source, span, &span.view(source).await?)?;
            let redraw = !self.json.json && std::io::IsTerminal::is_terminal(&std::io::stdout());
            let begin = if redraw { CLEAR } else { "" };
            // Whoever looked has gone away.
            if output::try_line(&format!("{begin}{}", shown.trim_end())).is_err() {
                return Ok(Exit::Done);
            }
            tokio::select! {
                () = signals.next() => return Ok(Exit::Done),
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// What is to be shown, as text.
    fn report(&self, source: &DataSource, span: Span, view: &View) -> Result<String, Failure> {
        let Some(path) = &self.field else {
            let report = SourceReport {
                event: "statistics",
                source: source.name(),
                span,
                answer: view.source(),
                fields: view.fields(),
            };
            return match self.json.json {
                true => output::json_text(&report),
                false => Ok(source::page(source, span, &report.answer, &report.fields)),
            };
        };
        let Some(answer) = view.field(path) else {
            return Err(unknown_field(path, view));
        };
        let report = FieldReport {
            event: "statistics_field",
            source: source.name(),
            span,
            answer,
        };
        match self.json.json {
            true => output::json_text(&report),
            false => {
                let all = view.counts().rows;
                Ok(field::page(source, span, &report.answer, all))
            }
        }
    }
}

fn unknown_field(path: &str, view: &View) -> Failure {
    let paths = view.paths();
    let hint = match nearest(path, paths.iter().map(String::as_str)) {
        Some(nearest) => format!("did you mean {nearest}?"),
        None if paths.is_empty() => "no field is known of these minutes".to_owned(),
        None => "without a field, the command lists all of them".to_owned(),
    };
    Failure::new(
        "statistics.unknown_field",
        format!("no event is known to have a field {path}: {hint}"),
    )
}

/// A time in RFC 3339, in milliseconds.
pub(super) fn time(text: &str) -> Result<TimestampMs, String> {
    let time = text.parse::<jiff::Timestamp>();
    time.map(|time| time.as_millisecond())
        .map_err(|_| "not a time like 2026-11-22T10:00:00Z".to_owned())
}
