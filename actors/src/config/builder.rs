//! A data source in Rust. What is set here passes the same checks as what stands in TOML.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value as Json;
use shardmill_engine::decode::{
    CloudWatchOptions, Compression as ContentCompression, DelimitedOptions, FixedWidthOptions,
    FormOptions, FormatChoice as ContentFormat, JsonOptions, LinesOptions, ProtobufOptions,
    RawOptions, RegexOptions, XmlOptions,
};
use shardmill_engine::parquet::Compression;
use shardmill_engine::types::{TimestampMs, WindowLength};

use super::document::Values;
use super::outputs::OutputOptions;
use super::problem::{ConfigError, Report};
use super::reference::{self, SECTIONS};
use super::registry::ConfluentSettings;
use super::resolve::resolve;
use super::source::{Connection, DataSource, RetentionMode};
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
    settings: Vec<Entry>,
    connections: Vec<String>,
    outputs: u64,
    window_length: WindowLength,
}

/// A setting of the key at a path.
#[derive(Clone, Debug)]
struct Entry {
    path: String,
    kind: Kind,
    setting: Setting,
}

#[derive(Clone, Debug)]
enum Setting {
    Text(String),
    Texts(Vec<String>),
    Number(u64),
    /// What its type alone makes right.
    Value(Value),
}

impl DataSourceBuilder {
    pub(super) fn new(name: String) -> Self {
        let builder = Self {
            settings: Vec::new(),
            connections: Vec::new(),
            outputs: 0,
            window_length: WindowLength::MINUTE,
        };
        builder.text("name", name)
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

    /// Where reading ends, in milliseconds since the Unix epoch: what arrived before is in, and then
    /// the data source finishes by itself.
    pub fn end_read_at(self, end: TimestampMs) -> Self {
        self.value("kinesis.end_read_at", Value::Time(end))
    }

    /// Whether to go on where the stream no longer keeps what follows a committed position.
    pub fn accept_gap(self, accept: bool) -> Self {
        self.value("kinesis.accept_gap", Value::Bool(accept))
    }

    /// Name or ARN of the consumer to read with by enhanced fan-out.
    pub fn fan_out(self, consumer: impl Into<String>) -> Self {
        self.text("kinesis.fan_out", consumer)
    }

    /// Parallel readers.
    pub fn shards(self, shards: u32) -> Self {
        self.number("kinesis.shards", u64::from(shards))
    }

    /// Only these columns are kept: patterns over the paths of fields.
    pub fn include_columns<T: Into<String>>(self, columns: impl IntoIterator<Item = T>) -> Self {
        self.texts("content.include_columns", columns)
    }

    /// These columns are left out.
    pub fn exclude_columns<T: Into<String>>(self, columns: impl IntoIterator<Item = T>) -> Self {
        self.texts("content.exclude_columns", columns)
    }

    /// Values of these columns are replaced by their HMAC-SHA-256 under a key of at least 16 bytes.
    pub fn hash_columns<T: Into<String>>(
        self,
        columns: impl IntoIterator<Item = T>,
        key: impl Into<String>,
    ) -> Self {
        self.texts("content.hash_columns", columns)
            .text("content.hash_key", key)
    }

    /// The format of payloads.
    pub fn content_format(self, format: ContentFormat) -> Self {
        self.text("content.format", format.as_str())
    }

    /// Whether a new data source whose format is to be found out waits for its first data.
    pub fn wait_for_data(self, wait: bool) -> Self {
        self.value("content.wait_for_data", Value::Bool(wait))
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

    /// What holds for JSON.
    pub fn json(self, options: &JsonOptions) -> Self {
        self.options("content.json", options)
    }

    /// What holds for envelopes of CloudWatch Logs.
    pub fn cloudwatch(self, options: &CloudWatchOptions) -> Self {
        self.options("content.cloudwatch", options)
    }

    /// What holds for CSV and TSV.
    pub fn csv(self, options: &DelimitedOptions) -> Self {
        self.options("content.csv", options)
    }

    /// What holds for fixed width.
    pub fn fixed_width(self, options: &FixedWidthOptions) -> Self {
        self.options("content.fixed_width", options)
    }

    /// What holds for regular expressions.
    pub fn regex(self, options: &RegexOptions) -> Self {
        self.options("content.regex", options)
    }

    /// What holds for forms.
    pub fn form(self, options: &FormOptions) -> Self {
        self.options("content.form", options)
    }

    /// What holds for XML.
    pub fn xml(self, options: &XmlOptions) -> Self {
        self.options("content.xml", options)
    }

    /// What holds for lines.
    pub fn lines(self, options: &LinesOptions) -> Self {
        self.options("content.lines", options)
    }

    /// What holds for raw bytes.
    pub fn raw(self, options: &RawOptions) -> Self {
        self.options("content.raw", options)
    }

    /// The JSON of the schema of bare Avro values.
    pub fn avro_schema(self, schema: impl Into<String>) -> Self {
        self.text("content.avro_record.schema", schema)
    }

    /// What holds for Protobuf. The descriptor set is one in base64, or comes from a file
    /// ([`Self::descriptor_set_file`], [`Self::proto_files`]).
    pub fn protobuf(self, options: &ProtobufOptions) -> Self {
        self.options("content.protobuf", options)
    }

    /// The descriptor set of Protobuf messages, from a file that a compiler wrote. After
    /// [`Self::protobuf`].
    pub fn descriptor_set_file(self, path: impl Into<String>) -> Self {
        self.text("content.protobuf.descriptor_set_file", path)
    }

    /// The `.proto` files of Protobuf messages, and the folders that their imports are looked up in:
    /// the files' own where there are none. After [`Self::protobuf`].
    pub fn proto_files(self, files: Vec<String>, include_paths: Vec<String>) -> Self {
        let builder = self.set("content.protobuf.proto_files", Setting::Texts(files));
        match include_paths.is_empty() {
            true => builder,
            false => builder.set(
                "content.protobuf.include_paths",
                Setting::Texts(include_paths),
            ),
        }
    }

    /// The registry of Confluent's kind that has the schemas of Avro messages.
    pub fn avro_confluent(mut self, registry: &ConfluentSettings) -> Self {
        let mine = |entry: &Entry| entry.path.starts_with("content.avro_confluent.");
        self.settings.retain(|entry| !mine(entry));
        let entries = registry.entries().into_iter();
        entries.fold(self, |builder, (path, text)| builder.text(path, text))
    }

    /// How to reach AWS Glue, which has the schemas of Avro messages. Where this names no region, it
    /// is that of the stream.
    pub fn avro_glue(self, connection: &Connection) -> Self {
        self.text("content.avro_glue.connection", "glue")
            .connection("glue", connection)
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

    /// Whether a raw copy is kept: every payload as it was received.
    pub fn store_raw_data(self, keep: bool) -> Self {
        self.value("target.store_raw_data", Value::Bool(keep))
    }

    /// How long windows are kept; for ever unless it is set.
    pub fn retention(self, keep: Duration) -> Self {
        let millis = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
        self.number("target.retention", millis)
    }

    /// What happens to files whose time is over.
    pub fn retention_mode(self, mode: RetentionMode) -> Self {
        self.text("target.retention_mode", mode.as_str())
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
        builder
            .settings
            .retain(|entry| entry.path != "parquet.level");
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
        self.set("parquet.bloom_filter_columns", Setting::Texts(columns))
    }

    /// Most leaf columns of events in a file.
    pub fn max_columns(self, columns: usize) -> Self {
        self.number("parquet.max_columns", columns as u64)
    }

    /// Whether every field of the events has statistics.
    pub fn real_time_statistics(self, real_time: bool) -> Self {
        self.value("statistics.real_time", Value::Bool(real_time))
    }

    /// Most bytes of the statistics of one window of one lane.
    pub fn statistics_max_bytes_per_window(self, bytes: usize) -> Self {
        self.number("statistics.max_bytes_per_window", bytes as u64)
    }

    /// Most fields that have statistics.
    pub fn statistics_max_fields(self, fields: usize) -> Self {
        self.number("statistics.max_fields", fields as u64)
    }

    /// Most frequent values that are kept of a field.
    pub fn statistics_top_values(self, values: usize) -> Self {
        self.number("statistics.top_values", values as u64)
    }

    /// An output: what is committed, with chosen columns and rows, on a target of its own.
    pub fn output(mut self, output: &OutputOptions) -> Self {
        let place = self.outputs;
        self.outputs += 1;
        let duration =
            |time: Duration| Setting::Number(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let text = |text: &Option<String>| text.clone().map(Setting::Text);
        let connection = format!("output-{place}");
        let named = output.connection.as_ref().map(|_| connection.clone());
        let settings = [
            ("name", Some(Setting::Text(output.name.clone()))),
            ("url", Some(Setting::Text(output.url.clone()))),
            ("connection", named.map(Setting::Text)),
            (
                "from",
                output.from.map(|from| Setting::Value(Value::Start(from))),
            ),
            ("format", text(&output.format)),
            ("compression", text(&output.compression)),
            ("columns", output.columns.clone().map(Setting::Texts)),
            ("filter", text(&output.filter)),
            ("retention", output.retention.map(duration)),
            ("max_lag", output.max_lag.map(duration)),
        ];
        let mut builder = self;
        for (name, setting) in settings {
            if let Some(setting) = setting {
                let path = format!("output[{place}].{name}");
                builder = builder.set_as(path, &format!("output.*.{name}"), setting);
            }
        }
        if let Some(made) = &output.connection {
            builder = builder.connection(&connection, made);
        }
        let many = builder.outputs;
        builder.settings.retain(|entry| entry.path != "output");
        builder.value("output", Value::Number(many))
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
        for entry in &self.settings {
            match entry.check() {
                Ok(value) => values.put(&entry.path, value),
                Err(message) => {
                    report.add("config.wrong_value", &entry.path, None, message, None);
                }
            }
        }
        let source = resolve(&values, None, &mut report);
        match source {
            Some(source) if report.is_empty() => Ok(source.with_window_length(self.window_length)),
            _ => Err(report.into_error()),
        }
    }

    pub(super) fn text(self, path: &str, text: impl Into<String>) -> Self {
        self.set(path, Setting::Text(text.into()))
    }

    fn texts<T: Into<String>>(self, path: &str, texts: impl IntoIterator<Item = T>) -> Self {
        let texts = texts.into_iter().map(Into::into).collect();
        self.value(path, Value::Texts(texts))
    }

    pub(super) fn number(self, path: &str, number: u64) -> Self {
        self.set(path, Setting::Number(number))
    }

    pub(super) fn value(self, path: &str, value: Value) -> Self {
        self.set(path, Setting::Value(value))
    }

    fn set(self, path: &str, setting: Setting) -> Self {
        self.set_as(path.to_owned(), path, setting)
    }

    /// Sets a value of the key that the reference has at `pattern`.
    fn set_as(mut self, path: String, pattern: &str, setting: Setting) -> Self {
        let kind = reference::find(pattern).map_or(Kind::Text, |key| key.kind);
        self.settings.push(Entry {
            path,
            kind,
            setting,
        });
        self
    }

    /// Sets what the options of a format have other than by default, as keys of its section.
    fn options<T: Serialize + Default>(mut self, path: &'static str, options: &T) -> Self {
        let below = |entry: &Entry| entry.path.starts_with(&format!("{path}."));
        self.settings.retain(|entry| !below(entry));
        let section = SECTIONS.iter().find(|section| section.path == path);
        let all = serde_json::to_value(options).ok();
        let defaults = serde_json::to_value(T::default()).ok();
        let (Some(section), Some(all), Some(defaults)) = (section, all, defaults) else {
            return self;
        };
        for (key, option) in section.keys() {
            let (option, _) = option.split_once('.').unwrap_or((option, ""));
            let value = &all[option];
            if *value == defaults[option] || key.path.contains(".*.") {
                continue;
            }
            self = match (value, key.path.strip_suffix('*')) {
                (Json::Object(named), Some(parent)) => {
                    named.iter().fold(self, |builder, (name, value)| {
                        let path = format!("{parent}{name}");
                        builder.set_as(path, key.path, Setting::of(value))
                    })
                }
                (Json::Array(tables), _) if key.kind == Kind::Tables => {
                    self.tables(key.path, tables)
                }
                _ => self.set(key.path, Setting::of(value)),
            };
        }
        self
    }

    fn tables(mut self, path: &str, tables: &[Json]) -> Self {
        for (place, table) in tables.iter().enumerate() {
            let members = table.as_object().into_iter().flatten();
            for (name, value) in members.filter(|(_, value)| !value.is_null()) {
                let pattern = format!("{path}.*.{name}");
                let path = format!("{path}[{place}].{name}");
                self = self.set_as(path, &pattern, Setting::of(value));
            }
        }
        self.value(path, Value::Number(tables.len() as u64))
    }

    pub(super) fn connection(mut self, name: &str, connection: &Connection) -> Self {
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
                let path = format!("connection.{name}.{key}");
                let part = Setting::Text(part.clone());
                self = self.set_as(path, &format!("connection.*.{key}"), part);
            }
        }
        self
    }
}

impl Setting {
    /// An option as a setting: what is absent is an empty text.
    fn of(option: &Json) -> Self {
        match option {
            Json::Bool(yes) => Setting::Value(Value::Bool(*yes)),
            Json::Number(number) => Setting::Number(number.as_u64().unwrap_or(u64::MAX)),
            Json::Array(texts) => {
                let texts = texts.iter().filter_map(Json::as_str);
                Setting::Texts(texts.map(str::to_owned).collect())
            }
            Json::String(text) => Setting::Text(text.clone()),
            Json::Null | Json::Object(_) => Setting::Text(String::new()),
        }
    }
}

impl Entry {
    fn check(&self) -> Result<Value, String> {
        let Self {
            path,
            kind,
            setting,
        } = self;
        let value = match setting {
            Setting::Value(value) => return Ok(value.clone()),
            Setting::Text(text) => kind.read(&Raw::Text {
                text: text.clone(),
                filled: false,
            }),
            Setting::Texts(texts) => kind.read(&Raw::Texts(texts.clone())),
            Setting::Number(number) => kind.number(*number),
        };
        value.map_err(|_| {
            let shown = match (setting, kind) {
                (_, Kind::Secret) => "this".to_owned(),
                (Setting::Text(text), _) => format!("{text:?}"),
                (Setting::Texts(texts), _) => format!("{texts:?}"),
                (Setting::Number(number), _) => number.to_string(),
                (Setting::Value(value), _) => format!("{value:?}"),
            };
            format!("`{path}` must be {}, not {shown}", kind.allowed())
        })
    }
}
