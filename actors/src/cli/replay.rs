//! `shardmill replay`: files or a raw copy through a source's options, into another place.

use std::path::PathBuf;

use clap::Args;

use super::run::watch;
use super::{Exit, Failure, Json, Outcome, block_on};
use crate::config::{DataSource, FilesSource, TargetUrl};

/// Read a raw copy or ordinary files in place of the stream, into another target or name
///
/// Takes the options of content, Parquet, target and statistics of the configuration, and reads what
/// `--from` names: with `--raw` the raw copy of a data source (its own, if `--from` is left out),
/// without it a folder, a file, a glob or `s3://BUCKET/PREFIX/`. What comes out is a data source of
/// its own, each event exactly once. It ends by itself when all is read, with exit code 0; run it
/// again after an interruption and it goes on exactly.
///
/// The place of the original is refused: give another `--to` or `--name`.
///
/// Example: shardmill replay source.toml --raw --name clicks-2
#[derive(Args, Debug)]
pub struct Replay {
    /// The source's configuration
    #[arg(value_name = "SOURCE.TOML")]
    source: PathBuf,

    /// What to read: PATH, GLOB or s3://BUCKET/PREFIX/; with --raw the place of a data source
    #[arg(long, value_name = "PLACE", required_unless_present = "raw")]
    from: Option<String>,

    /// Read the raw copy of a data source
    #[arg(long)]
    raw: bool,

    /// The target, in place of the configuration's
    #[arg(long, value_name = "URL")]
    to: Option<String>,

    /// The name, in place of the configuration's
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    #[command(flatten)]
    pub json: Json,
}

impl Replay {
    pub fn run(&self) -> Outcome {
        let original = DataSource::from_file(&self.source)?;
        let source = self.replaying(original)?;
        block_on(watch(vec![source], self.json.json))
    }

    fn replaying(&self, original: DataSource) -> Result<DataSource, Failure> {
        let before = place(&original.target().url, original.name());
        let from = match (&self.from, self.raw) {
            (None, _) => Ok(FilesSource::RawCopy(before.clone())),
            (Some(from), true) => FilesSource::parse_raw_copy(from, None),
            (Some(from), false) => FilesSource::parse_path(from, None),
        };
        let from = from.map_err(|why| usage("replay.from", format!("--from {why}")))?;
        let name = self
            .name
            .clone()
            .unwrap_or_else(|| original.name().to_owned());
        let mut source = original.replaying(name, from.clone())?;
        if let Some(to) = &self.to {
            let to = FilesSource::parse_raw_copy(to, None);
            match to.map_err(|why| usage("replay.to", format!("--to {why}")))? {
                FilesSource::RawCopy(url) => source = source.with_target_url(url),
                FilesSource::Local(_) | FilesSource::S3 { .. } => {}
            }
        }
        let after = place(&source.target().url, source.name());
        let reads_itself = matches!(&from, FilesSource::RawCopy(url) if absolute(url) == after);
        if after == before || reads_itself {
            let message = format!(
                "{after} is the place of what is replayed: write somewhere else, with --to or --name"
            );
            return Err(usage("replay.same_place", message));
        }
        Ok(source)
    }
}

fn usage(code: &'static str, message: String) -> Failure {
    let mut failure = Failure::new(code, message);
    failure.exit = Exit::Usage;
    failure
}

/// The same from wherever it is looked at.
fn absolute(url: &TargetUrl) -> TargetUrl {
    match url {
        TargetUrl::Local(folder) => {
            TargetUrl::Local(std::path::absolute(folder).unwrap_or_else(|_| folder.clone()))
        }
        bucket @ TargetUrl::S3 { .. } => bucket.clone(),
    }
}

/// Where a data source of this name lies.
fn place(url: &TargetUrl, name: &str) -> TargetUrl {
    match url {
        TargetUrl::Local(folder) => absolute(&TargetUrl::Local(folder.join(name))),
        TargetUrl::S3 { bucket, prefix } => TargetUrl::S3 {
            bucket: bucket.clone(),
            prefix: match prefix.is_empty() {
                true => name.to_owned(),
                false => format!("{prefix}/{name}"),
            },
        },
    }
}
