//! A data source in Rust. What is set here passes the same checks as what stands in TOML.

use std::path::Path;
use std::time::Duration;

use shardmill_engine::decode::{Compression as ContentCompression, FormatChoice as ContentFormat};
use shardmill_engine::parquet::Compression;
use shardmill_engine::types::WindowLength;

use super::document::Values;
use super::problem::{ConfigError, Report};
use super::reference;
use super::resolve::resolve;
use super::source::{Connection, DataSource};
use super::value::{Kind, Raw, StartFrom, Value};

/// Collects the settings of a data source; see [`DataSource::builder`].
///
/// ```
/// use shardmill::config::{DataSource, StartFrom};
///
/// let source = DataSource::builder("clicks")
///     .stream("clickstream")
///     .read_from(StartFrom::Start)
///     .shards(4)
///     .target("./lake")
///     .execution_parallelism(2)
///     .build()?;
/// assert_eq!(source.kinesis().shards, 4);
/// # Ok::<(), shardmill::config::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct DataSourceBuilder {
    settings: Vec<(String, Setting)>,
    connections: Vec<String>,
    window_length: WindowLength,
}

#[derive(Clone, Debug)]
enum Setting {
    Text(String),
    Number(u64),
    /// What its type alone makes right.
    Value(Value),
}

impl DataSourceBuilder {
    pub(super) fn new(name: String) -> Self {
        let settings = vec![("name".to_owned(), Setting::Text(name))];
        Self {
            settings,
            connections: Vec::new(),
            window_length: WindowLength::MINUTE,
        }
    }

    /// Name or ARN of the stream.
    pub fn stream(self, stream: impl Into<String>) -> Self {
        self.text("kinesis.stream", stream)
    }

    /// AWS region of the stream.
    pub fn region(self, region: impl Into<String>) -> Self {
        self.text("kinesis.region", region)
    }

    /// How to reach the stream.
    pub fn stream_connection(self, connection: &Connection) -> Self {
        self.text("kinesis.connection", "stream")
            .connection("stream", connection)
    }

    /// Where a new data source begins.
    pub fn read_from(self, start: StartFrom) -> Self {
        self.value("kinesis.read_from", Value::Start(start))
    }

    /// Whether to go on where the stream no longer keeps what follows a committed position.
    pub fn accept_gap(self, accept: bool) -> Self {
        self.value("kinesis.accept_gap", Value::Bool(accept))
    }

    /// Parallel readers.
    pub fn shards(self, shards: u32) -> Self {
        self.number("kinesis.shards", u64::from(shards))
    }

    /// The format of every payload.
    pub fn content_format(self, format: ContentFormat) -> Self {
        self.text("content.format", format.as_str())
    }

    /// How payloads are compressed.
    pub fn content_compression(self, compression: ContentCompression) -> Self {
        self.text("content.compression", compression.as_str())
    }

    /// Most bytes that may come out of one payload.
    pub fn max_expanded_size(self, bytes: usize) -> Self {
        self.number("content.max_expanded_size", bytes as u64)
    }

    /// Most bytes that may come out of a payload for each byte of it, once more than 16 KiB have.
    pub fn max_expansion_ratio(self, ratio: usize) -> Self {
        self.number("content.max_expansion_ratio", ratio as u64)
    }

    /// Deepest nesting of an event.
    pub fn max_depth(self, depth: usize) -> Self {
        self.number("content.max_depth", depth as u64)
    }

    /// Largest event, in bytes.
    pub fn max_event_size(self, bytes: usize) -> Self {
        self.number("content.max_event_size", bytes as u64)
    }

    /// `s3://BUCKET/PREFIX`, or a local folder.
    pub fn target(self, url: impl Into<String>) -> Self {
        self.text("target.url", url)
    }

    /// A local folder, whatever its name looks like.
    pub fn target_folder(self, folder: impl AsRef<Path>) -> Self {
        let url = format!("file://{}", folder.as_ref().display());
        self.text("target.url", url)
    }

    /// How to reach the bucket.
    pub fn target_connection(self, connection: &Connection) -> Self {
        self.text("target.connection", "target")
            .connection("target", connection)
    }

    /// Whether checksums of bodies are sent to S3 and checked.
    pub fn checksums(self, checksums: bool) -> Self {
        self.value("target.checksums", Value::Bool(checksums))
    }

    /// Lanes.
    pub fn execution_parallelism(self, lanes: u32) -> Self {
        self.number("target.execution_parallelism", u64::from(lanes))
    }

    /// Compression of Parquet pages.
    pub fn compression(self, compression: Compression) -> Self {
        let (word, level) = match compression {
            Compression::Zstd(level) => ("zstd", Some(level)),
            Compression::Snappy => ("snappy", None),
            Compression::Lz4Raw => ("lz4_raw", None),
            Compression::Gzip(level) => ("gzip", Some(level)),
            Compression::Brotli(level) => ("brotli", Some(level)),
            Compression::None => ("none", None),
        };
        let mut builder = self.text("parquet.compression", word);
        builder.settings.retain(|(path, _)| path != "parquet.level");
        match level {
            Some(level) => builder.number("parquet.level", u64::from(level)),
            None => builder,
        }
    }

    /// Memory of the rows that make one row group, in bytes.
    pub fn row_group_size(self, bytes: usize) -> Self {
        self.number("parquet.row_group_size", bytes as u64)
    }

    /// Encoded values, before compression, after which a page ends, in bytes.
    pub fn page_size(self, bytes: usize) -> Self {
        self.number("parquet.page_size", bytes as u64)
    }

    /// Largest dictionary of a column in a row group, in bytes.
    pub fn dictionary_size(self, bytes: usize) -> Self {
        self.number("parquet.dictionary_size", bytes as u64)
    }

    /// Columns that get a bloom filter, each by its path with dots.
    pub fn bloom_filter_columns(self, columns: Vec<String>) -> Self {
        self.value("parquet.bloom_filter_columns", Value::Texts(columns))
    }

    /// Most leaf columns of events in a file.
    pub fn max_columns(self, columns: usize) -> Self {
        self.number("parquet.max_columns", columns as u64)
    }

    /// Memory for everything that is read and not yet on the target, in bytes.
    pub fn memory_budget(self, bytes: usize) -> Self {
        self.number("engine.memory_budget", bytes as u64)
    }

    /// Worker threads that decode and encode.
    pub fn threads(self, threads: usize) -> Self {
        self.number("engine.threads", threads as u64)
    }

    /// How long a graceful stop may take.
    pub fn stop_deadline(self, deadline: Duration) -> Self {
        let millis = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        self.number("engine.stop_deadline", millis)
    }

    /// The length of windows, for tests; see [`DataSource::with_window_length`].
    pub fn window_length(mut self, length: WindowLength) -> Self {
        self.window_length = length;
        self
    }

    /// Checks all settings together.
    pub fn build(self) -> Result<DataSource, ConfigError> {
        let mut report = Report::new("the builder", "");
        let mut values = Values::default();
        for name in &self.connections {
            values.put_connection(name);
        }
        for (path, setting) in &self.settings {
            match setting.check(path) {
                Ok(value) => values.put(path, value),
                Err(message) => {
                    report.add("config.wrong_value", path, None, message, None);
                }
            }
        }
        let source = resolve(&values, None, &mut report);
        match source {
            Some(source) if report.is_empty() => Ok(source.with_window_length(self.window_length)),
            _ => Err(report.into_error()),
        }
    }

    fn text(mut self, path: &str, text: impl Into<String>) -> Self {
        self.settings
            .push((path.to_owned(), Setting::Text(text.into())));
        self
    }

    fn number(mut self, path: &str, number: u64) -> Self {
        self.settings
            .push((path.to_owned(), Setting::Number(number)));
        self
    }

    fn value(mut self, path: &str, value: Value) -> Self {
        self.settings.push((path.to_owned(), Setting::Value(value)));
        self
    }

    fn connection(mut self, name: &str, connection: &Connection) -> Self {
        self.connections.push(name.to_owned());
        let parts = [
            ("endpoint_url", &connection.endpoint_url),
            ("region", &connection.region),
            ("profile", &connection.profile),
            ("role_arn", &connection.role_arn),
            ("external_id", &connection.external_id),
        ];
        for (key, part) in parts {
            if let Some(part) = part {
                self = self.text(&format!("connection.{name}.{key}"), part);
            }
        }
        self
    }
}

impl Setting {
    fn check(&self, path: &str) -> Result<Value, String> {
        let pattern = match path
            .strip_prefix("connection.")
            .and_then(|rest| rest.rsplit_once('.'))
        {
            Some((_, key)) => format!("connection.*.{key}"),
            None => path.to_owned(),
        };
        let kind = reference::find(&pattern).map_or(Kind::Text, |key| key.kind);
        let value = match self {
            Setting::Value(value) => return Ok(value.clone()),
            Setting::Text(text) => kind.read(&Raw::Text {
                text: text.clone(),
                filled: false,
            }),
            Setting::Number(number) => kind.number(*number),
        };
        value.map_err(|_| {
            let shown = match (self, kind) {
                (_, Kind::Secret) => "this".to_owned(),
                (Setting::Text(text), _) => format!("{text:?}"),
                (Setting::Number(number), _) => number.to_string(),
                (Setting::Value(value), _) => format!("{value:?}"),
            };
            format!("`{path}` must be {}, not {shown}", kind.allowed())
        })
    }
}
