//! A data source: its settings, resolved and checked.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[cfg(feature = "cli")]
use shardmill_engine::decode::FormatChoice;
use shardmill_engine::decode::{ContentOptions, HashKey};
use shardmill_engine::parquet::ParquetOptions;
use shardmill_engine::types::{TimestampMs, WindowLength};

use super::builder::DataSourceBuilder;
use super::consumer::ConsumerId;
use super::document::Values;
use super::files::FilesSettings;
#[cfg(feature = "cli")]
use super::files::FilesSource;
use super::memory::MemoryPlan;
use super::outputs::OutputSettings;
use super::problem::{ConfigError, Report};
use super::registry::RegistrySettings;
use super::resolve::resolve;
use super::value::StartFrom;

/// One Kinesis stream read under one name, with its options and its target. It can only be made
/// from settings that agree with one another.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSource {
    pub(super) name: String,
    pub(super) kinesis: KinesisSettings,
    pub(super) files: Option<FilesSettings>,
    pub(super) content: ContentSettings,
    pub(super) target: TargetSettings,
    pub(super) parquet: ParquetOptions,
    pub(super) statistics: StatisticsSettings,
    pub(super) outputs: Vec<OutputSettings>,
    pub(super) engine: EngineSettings,
    pub(super) window_length: WindowLength,
}

/// `[kinesis]`: what is read.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct KinesisSettings {
    /// Name or ARN of the stream.
    pub stream: String,
    /// How to reach it; `region` of the section has been put in.
    pub connection: Connection,
    /// Where a new data source begins.
    pub read_from: StartFrom,
    /// The arrival time at which reading ends, in milliseconds since the Unix epoch: what arrived
    /// then or later is out.
    pub end_read_at: Option<TimestampMs>,
    /// The consumer to read with by enhanced fan-out; without one the stream is polled.
    pub fan_out: Option<ConsumerId>,
    /// Whether to go on where the stream no longer keeps what follows a committed position.
    pub accept_gap: bool,
    /// Parallel readers.
    pub shards: u32,
}

/// `[content]`: what the payloads are.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ContentSettings {
    /// What decoders are told: format, compression, limits of expansion, and what holds for the
    /// format.
    pub options: ContentOptions,
    /// The key of columns that are hashed. Never shown.
    pub hash_key: Option<HashKey>,
    /// Where the schemas of payloads are, for formats whose schemas a registry has.
    pub registry: Option<RegistrySettings>,
    /// Whether a new data source waits for its first data where its format is to be found out.
    pub wait_for_data: bool,
    /// Deepest nesting of an event.
    pub max_depth: usize,
    /// Largest event, in bytes.
    pub max_event_size: usize,
}

/// `[target]`: where files and state go.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TargetSettings {
    /// The bucket and prefix, or the folder, that holds data sources.
    pub url: TargetUrl,
    /// How to reach it.
    pub connection: Connection,
    /// Lanes.
    pub execution_parallelism: u32,
    /// Whether checksums of bodies are sent to S3 and checked.
    pub checksums: bool,
    /// Whether a raw copy is kept.
    pub store_raw_data: bool,
    /// How long windows are kept; `None` for ever.
    pub retention: Option<Duration>,
    /// What happens to files whose time is over.
    pub retention_mode: RetentionMode,
}

/// What happens to files whose time is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetentionMode {
    /// They are deleted.
    #[default]
    Delete,
    /// They stay, and the source forgets them.
    Soft,
}

impl RetentionMode {
    /// The word in TOML.
    pub fn as_str(self) -> &'static str {
        match self {
            RetentionMode::Delete => "delete",
            RetentionMode::Soft => "soft",
        }
    }
}

/// The place of a target. The files of a data source lie below its name there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetUrl {
    /// A folder of this machine.
    Local(PathBuf),
    /// A bucket of S3 and a prefix without slashes at its ends; it may be empty.
    S3 {
        /// The bucket.
        bucket: String,
        /// The prefix.
        prefix: String,
    },
}

/// `[statistics]`: what is known about events, live and of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatisticsSettings {
    /// Whether fields have statistics; without it there are counts and rejects only.
    pub real_time: bool,
    /// Most bytes of one window of one lane.
    pub max_bytes_per_window: usize,
    /// Most fields.
    pub max_fields: usize,
    /// Values of a field that are counted one by one.
    pub top_values: usize,
}

/// `[engine]`: what the process may use.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EngineSettings {
    /// The memory budget and what follows from it.
    pub memory: MemoryPlan,
    /// Worker threads that decode and encode.
    pub threads: usize,
    /// How long a graceful stop may take.
    pub stop_deadline: Duration,
}

/// How to reach a service: a `[connection.NAME]` table. What is absent comes from the AWS SDK's
/// usual chain.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// Endpoint of the service.
    pub endpoint_url: Option<String>,
    /// AWS region.
    pub region: Option<String>,
    /// Profile in the AWS configuration files.
    pub profile: Option<String>,
    /// IAM role to assume.
    pub role_arn: Option<String>,
    /// External id for the role. Never shown.
    pub external_id: Option<String>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field(
                "endpoint_url",
                &self.endpoint_url.as_deref().map(without_user),
            )
            .field("region", &self.region)
            .field("profile", &self.profile)
            .field("role_arn", &self.role_arn)
            .field(
                "external_id",
                &self.external_id.as_ref().map(|_| "(hidden)"),
            )
            .finish()
    }
}

/// A URL without the user and password that may stand in it.
fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://(hidden)@{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

impl fmt::Display for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetUrl::Local(folder) => folder.display().fmt(f),
            TargetUrl::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            TargetUrl::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

impl DataSource {
    /// Begins a data source in Rust. Everything that is not set has its default.
    pub fn builder(name: impl Into<String>) -> DataSourceBuilder {
        DataSourceBuilder::new(name.into())
    }

    /// Reads a data source from TOML. Environment variables in string values are put in; a
    /// relative folder counts from the current one.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        Self::read("configuration", text, None, &|name| {
            std::env::var(name).ok()
        })
    }

    /// Reads a data source from a TOML file, as [`DataSource::from_toml`] does. A relative folder
    /// counts from the folder of the file.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let origin = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::unreadable(&origin, &error))?;
        Self::read(&origin, &text, path.parent(), &|name| {
            std::env::var(name).ok()
        })
    }

    pub(super) fn read(
        origin: &str,
        text: &str,
        folder: Option<&Path>,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let mut report = Report::new(origin, text);
        let values = Values::read(text, lookup, &mut report);
        // What a text that is not TOML lacks is not known.
        let source = if report.has("config.syntax") {
            None
        } else {
            resolve(&values, folder, &mut report)
        };
        match source {
            Some(source) if report.is_empty() => Ok(source),
            _ => Err(report.into_error()),
        }
    }

    /// The name; files and state lie below it on the target.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is read in place of a stream, if it is files.
    pub fn files(&self) -> Option<&FilesSettings> {
        self.files.as_ref()
    }

    /// The same under another name, with files in place of what it reads. They are reached as the
    /// target is.
    #[cfg(feature = "cli")]
    pub(crate) fn replaying(
        mut self,
        name: String,
        source: FilesSource,
    ) -> Result<Self, ConfigError> {
        // A name passes the checks that it always does.
        Self::builder(name.as_str())
            .stream("s")
            .target("t")
            .build()?;
        let files = FilesSettings {
            source,
            connection: self.target.connection.clone(),
        };
        let shards = self.kinesis.shards;
        self.kinesis = files.as_stream(StartFrom::Start, shards);
        self.files = Some(files);
        self.name = name;
        Ok(self)
    }

    /// What is read. Of a source of files: what stands for its stream.
    pub fn kinesis(&self) -> &KinesisSettings {
        &self.kinesis
    }

    /// The same with other options of decoding. A registry that these need and that is not there is
    /// AWS Glue, reached as the stream is.
    #[cfg(feature = "cli")]
    pub(crate) fn with_content_options(mut self, options: ContentOptions) -> Self {
        let registry = self.content.registry.take();
        self.content.registry = match (options.format, registry) {
            (FormatChoice::AvroGlue, None) => {
                Some(RegistrySettings::glue_beside(&self.kinesis.connection))
            }
            (FormatChoice::AvroGlue | FormatChoice::AvroConfluent, registry) => registry,
            _ => None,
        };
        self.content.options = options;
        self
    }

    /// The same with another target.
    #[cfg(feature = "cli")]
    pub(crate) fn with_target_url(mut self, url: TargetUrl) -> Self {
        self.target.url = url;
        self
    }

    /// The same with the place of an output as its target.
    pub(crate) fn at_output(&self, output: &OutputSettings) -> Self {
        let mut moved = self.clone();
        moved.name.clone_from(&output.name);
        moved.target.url = output.url.clone();
        moved.target.connection = output.connection.clone();
        moved
    }

    /// What the payloads are.
    pub fn content(&self) -> &ContentSettings {
        &self.content
    }

    /// Where files and state go.
    pub fn target(&self) -> &TargetSettings {
        &self.target
    }

    /// `[parquet]`: how files are written.
    pub fn parquet(&self) -> &ParquetOptions {
        &self.parquet
    }

    /// `[statistics]`: what is known about events.
    pub fn statistics(&self) -> &StatisticsSettings {
        &self.statistics
    }

    /// `[[output]]`: what goes elsewhere, too.
    pub fn outputs(&self) -> &[OutputSettings] {
        &self.outputs
    }

    /// What the process may use.
    pub fn engine(&self) -> &EngineSettings {
        &self.engine
    }

    /// The length of windows of a data source that is new: one minute, unless
    /// [`DataSource::with_window_length`] says otherwise.
    pub fn window_length(&self) -> WindowLength {
        self.window_length
    }

    /// Another length of windows, for tests that cannot wait for minutes. No key sets it, and a
    /// data source that exists keeps the length that it was made with.
    pub fn with_window_length(mut self, length: WindowLength) -> Self {
        self.window_length = length;
        self
    }

    /// Another retention, also one shorter than the minute that the key allows at least: for tests
    /// with windows of another length.
    pub fn with_retention(mut self, retention: Option<Duration>) -> Self {
        self.target.retention = retention;
        self
    }
}
