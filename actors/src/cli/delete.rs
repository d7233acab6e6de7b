//! `shardmill delete`: the end of a source.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use shardmill_engine::log::Forgotten;
use shardmill_engine::types::TimestampMs;

use super::confirm::confirm;
use super::output::{count, line, time};
use super::run::failure;
use super::{Exit, Json, Outcome, block_on, output};
use crate::config::{DataSource, format_size};
use crate::lifecycle::{self, DeleteOptions, Deleted, Remains};

/// Delete a data source: its state, and with --data its files
///
/// Takes the source over, so a process that runs it stops (exit code 3), expires everything, and
/// deletes commits, statistics and whatever else the state holds. Files of rows, rejects and raw
/// copies stay as ordinary Parquet files unless --data is given. The stream is not touched.
///
/// What stops a process that was paused and wakes up late stays for a day: a few small objects. Run
/// the command again after that, and they go, too; --now does not wait. Until all is gone no source
/// of this name can be started there. Where files stay, one object (`_deleted.json`) does, so that
/// no other source of the name gets among them.
///
/// May be interrupted and run again. Asks first, unless --yes is given.
///
/// Example: shardmill delete source.toml --data
#[derive(Args, Debug)]
pub struct Delete {
    /// The source's configuration
    #[arg(value_name = "SOURCE.TOML")]
    source: PathBuf,

    /// Delete the files of rows, rejects and raw copies, too
    #[arg(long)]
    data: bool,

    /// Do not wait a day for processes that may wake up late: there are none
    #[arg(long)]
    now: bool,

    /// Do not ask
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    pub json: Json,
}

/// What `delete --json` prints.
#[derive(Serialize)]
struct Report<'r> {
    event: &'static str,
    source: &'r str,
    /// `nothing`, `data` or `fences`.
    remains: &'static str,
    /// Until when what fences stays.
    fences_until_ms: Option<TimestampMs>,
    #[serde(flatten)]
    forgotten: Forgotten,
}

impl Delete {
    pub fn run(&self) -> Outcome {
        let source = DataSource::from_file(&self.source)?;
        confirm(&self.question(&source), self.yes, self.json.json)?;
        let options = DeleteOptions {
            data: self.data,
            now: self.now,
        };
        let delete = lifecycle::delete(&source, options);
        let deleted = block_on(async { delete.await.map_err(|error| failure(&error)) })?;
        if self.json.json {
            let (remains, fences_until_ms) = match deleted.remains {
                Remains::Nothing => ("nothing", None),
                Remains::Data => ("data", None),
                Remains::Fences { until } => ("fences", Some(until)),
            };
            output::json_line(&Report {
                event: "delete",
                source: source.name(),
                remains,
                fences_until_ms,
                forgotten: deleted.forgotten,
            });
        } else {
            show(&source, &deleted);
        }
        Ok(Exit::Done)
    }

    fn question(&self, source: &DataSource) -> String {
        let files = if self.data {
            "and its files"
        } else {
            "but not its files"
        };
        format!(
            "A process that runs {} stops. Delete its state in {}/{}, {files}, for good?",
            source.name(),
            source.target().url,
            source.name()
        )
    }
}

fn show(source: &DataSource, deleted: &Deleted) {
    let (name, gone) = (source.name(), deleted.forgotten);
    line(&format!(
        "{name}: deleted {} files ({}), {} objects of statistics, {} entries of logs.",
        count(gone.files),
        format_size(gone.bytes),
        count(gone.statistics_objects),
        count(gone.entries)
    ));
    line(&match deleted.remains {
        Remains::Nothing => "Nothing of it is left.".to_owned(),
        Remains::Data => "Its files are left, and `_deleted.json`, which keeps other sources of \
                          the name out; both go with --data."
            .to_owned(),
        Remains::Fences { until } => format!(
            "What stops a process that wakes up late is left. Run this again after {}, or with \
             --now if no process of it can be alive.",
            time(until)
        ),
    });
}
