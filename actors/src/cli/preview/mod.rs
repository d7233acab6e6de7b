//! `shardmill preview`: what is on a stream?

mod show;
mod write;

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde::Serialize;
use shardmill_engine::preview::{Preview as Report, Previewed};

use super::run::failure;
use super::{Exit, Failure, Json, Outcome, block_on, output};
use crate::config::reference::CONTENT_FORMATS;
use crate::config::{Connection, ContentFormat, DataSource};
use crate::preview::{PreviewOptions, previewed};

/// Show what is on a stream: format, compression, schema, errors, sample rows
///
/// Scans the last 30 minutes of every Kinesis shard and takes up to 100 payloads; nothing is written
/// to the target, and nothing about the stream changes. A stream, a region and credentials suffice;
/// with a configuration its format and options count. --write makes a configuration of what was
/// found, which `shardmill run` takes as it is.
///
/// Example: shardmill preview --stream clickstream --region eu-west-1 --write source.toml
#[derive(Args, Debug)]
pub struct Preview {
    /// The source's configuration, in place of --stream
    #[arg(value_name = "SOURCE.TOML", required_unless_present = "stream",
          conflicts_with_all = ["stream", "region", "endpoint", "profile"])]
    source: Option<PathBuf>,

    /// Name or ARN of the stream
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,

    /// AWS region of the stream
    #[arg(long, value_name = "REGION")]
    region: Option<String>,

    /// Endpoint of the service, for servers other than AWS's own
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,

    /// Profile in the AWS configuration files to take credentials from
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// Decode as this format, whatever the payloads look like
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(CONTENT_FORMATS))]
    format: Option<String>,

    /// CSV: take the first line of each payload for a header
    #[arg(long, conflicts_with = "no_header")]
    header: bool,

    /// CSV: take the first line of each payload for data
    #[arg(long)]
    no_header: bool,

    /// Write a configuration with what was found
    #[arg(long, value_name = "SOURCE.TOML")]
    write: Option<PathBuf>,

    /// Let --write replace a file
    #[arg(long, requires = "write")]
    force: bool,

    #[command(flatten)]
    pub json: Json,
}

/// What `preview --json` prints.
#[derive(Serialize)]
struct Event<'e> {
    event: &'static str,
    source: &'e str,
    stream: &'e str,
    /// It is never part of committed data.
    preview: bool,
    #[serde(flatten)]
    report: &'e Report,
    /// The file that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<String>,
}

impl Preview {
    pub fn run(&self) -> Outcome {
        let source = self.data_source()?;
        if let Some(path) = self.write.as_ref().filter(|_| !self.force) {
            // Before the stream is asked.
            write::refuse_existing(path)?;
        }
        let header = match (self.header, self.no_header) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        };
        let options = PreviewOptions {
            format: self.format.as_deref().and_then(ContentFormat::from_word),
            header,
        };
        let seen: Previewed = block_on(async {
            let seen = previewed(&source, options).await;
            seen.map_err(|error| failure(&error))
        })?;
        let written = match &self.write {
            None => None,
            Some(path) => {
                let from_file = self.source.is_some();
                write::write(path, &source, from_file, &seen, self.force)?;
                Some(path.display().to_string())
            }
        };
        if self.json.json {
            output::json_line(&Event {
                event: "preview",
                source: source.name(),
                stream: &source.kinesis().stream,
                preview: true,
                report: &seen.preview,
                written,
            });
        } else {
            output::line(&format!(
                "Preview of the stream {}",
                source.kinesis().stream
            ));
            show::show(&seen.preview);
            if let Some(path) = written {
                output::line(&format!("\nWritten: {path}. Next: shardmill run {path}"));
            }
        }
        Ok(Exit::Done)
    }

    /// The source of the configuration, or one of the stream that is named.
    fn data_source(&self) -> Result<DataSource, Failure> {
        if let Some(path) = &self.source {
            return Ok(DataSource::from_file(path)?);
        }
        let stream = self.stream.as_deref().unwrap_or_default();
        let connection = Connection {
            endpoint_url: self.endpoint.clone(),
            profile: self.profile.clone(),
            ..Connection::default()
        };
        let mut builder = DataSource::builder(source_name(stream))
            .stream(stream)
            .target("./lake")
            .stream_connection(&connection);
        if let Some(region) = &self.region {
            builder = builder.region(region);
        }
        Ok(builder.build()?)
    }
}

/// A name for a source by that of its stream, or by the end of its ARN.
fn source_name(stream: &str) -> String {
    const MOST: usize = 64;
    let name = stream.rsplit('/').next().unwrap_or(stream);
    let known = |c: &char| c.is_ascii_alphanumeric() || "_-.".contains(*c);
    let name = name.chars().filter(known);
    let name = name.skip_while(|c| !c.is_ascii_alphanumeric());
    let name: String = name.take(MOST).collect();
    if name.is_empty() {
        "source".to_owned()
    } else {
        name
    }
}

pub(super) use show::show as show_report;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_called_like_its_stream() {
        assert_eq!(source_name("clickstream"), "clickstream");
        assert_eq!(
            source_name("arn:aws:kinesis:eu-west-1:1:stream/clicks.v2"),
            "clicks.v2"
        );
        assert_eq!(source_name("_x"), "x");
        assert_eq!(source_name("---"), "source");
    }
}
