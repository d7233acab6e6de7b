//! `shardmill expire`: what is old goes now, or is shown.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use shardmill_engine::log::Forgotten;
use shardmill_engine::types::TimestampMs;

use super::confirm::confirm;
use super::output::{count, line, time};
use super::run::failure;
use super::{Exit, Failure, Json, Outcome, block_on, output};
use crate::config::{DataSource, format_size};
use crate::lifecycle::{self, Before, Expiry};

/// Delete minutes that are old, or show what would go
///
/// Without --older-than and --through, what is older than `target.retention` goes. Only minutes that
/// every lane has closed do, as a whole. With `target.retention_mode = "soft"` the files stay and
/// are forgotten. Age counts by this machine's clock.
///
/// Takes the source over: a process that runs it stops (exit code 3), and is to be started again
/// afterwards. So it asks first, unless --yes is given. With --dry-run nothing is changed, and it
/// may run beside `shardmill run`.
///
/// Example: shardmill expire source.toml --older-than 7days --dry-run
#[derive(Args, Debug)]
pub struct Expire {
    /// The source's configuration
    #[arg(value_name = "SOURCE.TOML")]
    source: PathBuf,

    /// Minutes that ended so long ago, such as "7 days" or 36h
    #[arg(long, value_name = "AGE", value_parser = age, conflicts_with = "through")]
    older_than: Option<Duration>,

    /// Minutes up to this time, as 2026-11-22T10:00:00Z
    #[arg(long, value_name = "TIME", value_parser = super::statistics::time)]
    through: Option<TimestampMs>,

    /// Show what would go, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Do not ask
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    pub json: Json,
}

/// What `expire --json` prints.
#[derive(Serialize)]
struct Report<'r> {
    event: &'static str,
    source: &'r str,
    dry_run: bool,
    #[serde(flatten)]
    expiry: Expiry,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<Forgotten>,
}

impl Expire {
    pub fn run(&self) -> Outcome {
        let source = DataSource::from_file(&self.source)?;
        let before = self.before(&source)?;
        let would = lifecycle::would_expire(&source, before);
        let expiry = block_on(async { would.await.map_err(|error| failure(&error)) })?;
        if !self.json.json {
            show(&source, &expiry);
        }
        let mut deleted = None;
        if !self.dry_run && !expiry.is_empty() {
            confirm(&question(&expiry), self.yes, self.json.json)?;
            let expire = lifecycle::expire(&source, &expiry);
            deleted = Some(block_on(async {
                expire.await.map_err(|error| failure(&error))
            })?);
        }
        self.tell(&source, expiry, deleted);
        Ok(Exit::Done)
    }

    fn before(&self, source: &DataSource) -> Result<Before, Failure> {
        let kept = source.target().retention;
        let before = self.through.map(Before::Time);
        let before = before.or(self.older_than.or(kept).map(Before::Ago));
        before.ok_or_else(|| Failure {
            exit: Exit::Usage,
            ..Failure::new(
                "lifecycle.no_age",
                "the source keeps everything for ever: say which minutes go, by --older-than or \
                 --through, or set target.retention",
            )
        })
    }

    fn tell(&self, source: &DataSource, expiry: Expiry, deleted: Option<Forgotten>) {
        if self.json.json {
            output::json_line(&Report {
                event: "expire",
                source: source.name(),
                dry_run: self.dry_run,
                expiry,
                deleted,
            });
        } else if let Some(gone) = deleted {
            line(&format!(
                "Deleted {} files ({}), {} objects of statistics, {} entries of logs.",
                count(gone.files),
                format_size(gone.bytes),
                count(gone.statistics_objects),
                count(gone.entries)
            ));
        }
    }
}

fn show(source: &DataSource, expiry: &Expiry) {
    let name = source.name();
    let Some(before) = expiry.expires_before_ms.filter(|_| !expiry.is_empty()) else {
        return line(&format!("{name}: nothing is old enough."));
    };
    let survey = expiry.survey;
    line(&format!(
        "{name}: what arrived before {} expires: {} minutes",
        time(before),
        count(survey.windows)
    ));
    let stay = if expiry.soft { ", which stay" } else { "" };
    line(&format!(
        "  {:>15}  files, {}{stay}",
        count(survey.files),
        format_size(survey.bytes)
    ));
    line(&format!(
        "  {:>15}  objects of statistics, {}",
        count(survey.statistics_objects),
        format_size(survey.statistics_bytes)
    ));
}

fn question(expiry: &Expiry) -> String {
    let what = if expiry.soft { "Forget" } else { "Delete" };
    format!("A process that runs the source stops. {what} these minutes for good?")
}

fn age(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}: such as \"7 days\" or 36h"))
}
