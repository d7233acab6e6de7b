//! From values to a data source: defaults, and the rules between keys.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use shardmill_engine::parquet::{Compression, ParquetOptions};
use shardmill_engine::types::{TimestampMs, WindowLength};

use super::consumer::ConsumerId;
use super::document::Values;
use super::memory::{MIN_OPEN_WINDOWS, MemoryPlan};
use super::outputs::OUTPUT_BYTES;
use super::problem::{Report, nearest};
use super::reference::{self, Default, Key};
use super::source::{
    Connection, DataSource, EngineSettings, KinesisSettings, RetentionMode, StatisticsSettings,
    TargetSettings, TargetUrl,
};
use super::value::{StartFrom, Value, format_size};

/// Makes a data source, or reports why there is none. Every rule is looked at, whatever another
/// has found.
pub(super) fn resolve(
    values: &Values,
    folder: Option<&Path>,
    report: &mut Report<'_>,
) -> Option<DataSource> {
    let mut resolver = Resolver { values, report };
    let name = resolver.text("name");
    let reads_files = resolver.reads_files();
    let (files, kinesis) = match reads_files {
        false => (None, resolver.kinesis()),
        true => resolver.files(folder).unzip(),
    };
    let content = resolver.content(folder);
    let target = resolver.target(folder);
    let parquet = resolver.parquet();
    let shards = resolver.number(match reads_files {
        true => "files.shards",
        false => "kinesis.shards",
    });
    let lanes = resolver.number("target.execution_parallelism");
    let parallel = shards
        .zip(lanes)
        .and_then(|(shards, lanes)| resolver.lanes(shards, lanes));
    let statistics = resolver.statistics();
    let outputs = resolver.outputs(name.as_deref(), target.as_ref(), parquet.as_ref(), folder);
    let many = outputs.as_ref().map_or(0, Vec::len);
    let engine = parallel
        .zip(statistics.as_ref())
        .and_then(|(lanes, statistics)| resolver.engine(lanes, statistics, many));
    Some(DataSource {
        name: name?,
        kinesis: kinesis?,
        files,
        content: content?,
        target: target?,
        parquet: parquet?,
        statistics: statistics?,
        outputs: outputs?,
        engine: engine?,
        window_length: WindowLength::MINUTE,
    })
}

/// Looks values up and reports what is wrong with them.
pub(super) struct Resolver<'r, 't> {
    pub(super) values: &'r Values,
    pub(super) report: &'r mut Report<'t>,
}

impl Resolver<'_, '_> {
    /// The value at a path: as given, or its default.
    pub(super) fn value(&self, path: &str) -> Option<Value> {
        if let Some(given) = self.values.get(path) {
            return Some(given.value.clone());
        }
        let key = reference::find(&reference::pattern_of(path))?;
        match key.default {
            Default::Value(text) => key.kind.parse(text).ok(),
            Default::Required | Default::Unset(_) => None,
        }
    }

    pub(super) fn span(&self, path: &str) -> Option<Range<usize>> {
        self.values.get(path).and_then(|given| given.span.clone())
    }

    /// A text that must be there.
    fn text(&mut self, path: &str) -> Option<String> {
        let text = self.optional_text(path);
        let required = reference::find(path).filter(|key| key.default == Default::Required);
        if let (None, Some(key)) = (&text, required) {
            self.report_missing(key);
        }
        text
    }

    /// Reports a key that must be written and is not.
    pub(super) fn report_missing(&mut self, key: &Key) {
        let Key { path, example, .. } = key;
        let message = format!("`{path}` is missing: it must be {}", key.kind.allowed());
        let (section, name) = path.rsplit_once('.').unwrap_or(("", path));
        let line = format!("`{name} = {example}`");
        let help = match section {
            "" => format!("write {line} above the first section"),
            _ => format!("write {line} under `[{section}]`"),
        };
        // One that stands there and is wrong has been reported already.
        if !self.report.names(path) {
            self.report
                .add("config.missing_key", path, None, message, Some(help));
        }
    }

    pub(super) fn optional_text(&self, path: &str) -> Option<String> {
        match self.value(path)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn number(&self, path: &str) -> Option<u64> {
        match self.value(path)? {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    pub(super) fn small(&self, path: &str) -> Option<u32> {
        self.number(path)
            .and_then(|number| u32::try_from(number).ok())
    }

    pub(super) fn size(&self, path: &str) -> Option<usize> {
        self.number(path)
            .and_then(|number| usize::try_from(number).ok())
    }

    fn kinesis(&mut self) -> Option<KinesisSettings> {
        let stream = self.text("kinesis.stream");
        let connection = self.connection("kinesis.connection");
        let read_from = match self.value("kinesis.read_from") {
            Some(Value::Start(start)) => start,
            _ => StartFrom::Now,
        };
        let end_read_at = match self.value("kinesis.end_read_at") {
            Some(Value::Time(end)) => Some(end),
            _ => None,
        };
        self.ends_after_it_begins(read_from, end_read_at);
        let fan_out = self.fan_out(stream.as_deref());
        let shards = self.small("kinesis.shards")?;
        let mut connection = connection?;
        connection.region = self.optional_text("kinesis.region").or(connection.region);
        Some(KinesisSettings {
            stream: stream?,
            connection,
            read_from,
            end_read_at,
            fan_out,
            accept_gap: self.value("kinesis.accept_gap") == Some(Value::Bool(true)),
            shards,
        })
    }

    fn ends_after_it_begins(&mut self, begin: StartFrom, end: Option<TimestampMs>) {
        if let (StartFrom::At(begin), Some(end)) = (begin, end)
            && end <= begin
        {
            let path = "kinesis.end_read_at";
            let message = "`kinesis.end_read_at` is not after `kinesis.read_from`: nothing would \
                           be read"
                .to_owned();
            let help = Some("set a later end, or take it out".to_owned());
            let span = self.span(path);
            self.report
                .add("config.wrong_value", path, span, message, help);
        }
    }

    fn fan_out(&mut self, stream: Option<&str>) -> Option<ConsumerId> {
        let path = "kinesis.fan_out";
        let consumer = ConsumerId::parse(&self.optional_text(path)?)?;
        if let Some(stream) = stream.filter(|stream| !consumer.is_of(stream)) {
            let message = format!("`{path}` is a consumer of another stream than \"{stream}\"");
            let help = "write the ARN of a consumer of this stream, or a name".to_owned();
            let span = self.span(path);
            self.report
                .add("config.wrong_value", path, span, message, Some(help));
        }
        Some(consumer)
    }

    fn target(&mut self, folder: Option<&Path>) -> Option<TargetSettings> {
        let text = self.text("target.url");
        let url = text.and_then(|text| self.url("target.url", &text, folder));
        let connection = self.connection("target.connection")?;
        let execution_parallelism = self.small("target.execution_parallelism")?;
        let checksums = self.value("target.checksums") == Some(Value::Bool(true));
        let store_raw_data = self.value("target.store_raw_data") == Some(Value::Bool(true));
        Some(TargetSettings {
            url: url?,
            connection,
            execution_parallelism,
            checksums,
            store_raw_data,
            retention: self.number("target.retention").map(Duration::from_millis),
            retention_mode: match self.optional_text("target.retention_mode").as_deref() {
                Some("soft") => RetentionMode::Soft,
                _ => RetentionMode::Delete,
            },
        })
    }

    /// The place that a URL names.
    pub(super) fn url(
        &mut self,
        path: &str,
        text: &str,
        folder: Option<&Path>,
    ) -> Option<TargetUrl> {
        let url = parse_url(text, folder);
        if let Err(message) = &url {
            let help = "write \"s3://BUCKET/PREFIX\" or a folder such as \"./lake\"".to_owned();
            let span = self.span(path);
            let message = format!("`{path}` {message}");
            self.report
                .add("config.wrong_value", path, span, message, Some(help));
        }
        url.ok()
    }

    /// The connection that `path` names; without one, the SDK's usual chain.
    pub(super) fn connection(&mut self, path: &str) -> Option<Connection> {
        let Some(name) = self.optional_text(path) else {
            return Some(Connection::default());
        };
        if !self.values.connections().any(|known| known == name) {
            let near = nearest(&name, self.values.connections());
            let help = match near {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("add a table `[connection.{name}]`"),
            };
            let message = format!("`{path}` names \"{name}\", but there is no such connection");
            let span = self.span(path);
            self.report
                .add("config.unknown_connection", path, span, message, Some(help));
            return None;
        }
        let part = |key: &str| self.optional_text(&format!("connection.{name}.{key}"));
        let connection = Connection {
            endpoint_url: part("endpoint_url"),
            region: part("region"),
            profile: part("profile"),
            role_arn: part("role_arn"),
            external_id: part("external_id"),
        };
        if connection.external_id.is_some() && connection.role_arn.is_none() {
            let key = format!("connection.{name}.external_id");
            let message = format!("`{key}` has no meaning without `role_arn`");
            let span = self.span(&key);
            self.report
                .add("config.wrong_value", &key, span, message, None);
            return None;
        }
        Some(connection)
    }

    fn parquet(&mut self) -> Option<ParquetOptions> {
        let bloom_filter_columns = match self.value("parquet.bloom_filter_columns") {
            Some(Value::Texts(columns)) => columns,
            _ => Vec::new(),
        };
        Some(ParquetOptions {
            compression: self.compression()?,
            row_group_bytes: self.size("parquet.row_group_size")?,
            max_columns: self.size("parquet.max_columns")?,
            page_bytes: self.size("parquet.page_size")?,
            dictionary_bytes: self.size("parquet.dictionary_size")?,
            bloom_filter_columns,
        })
    }

    fn compression(&mut self) -> Option<Compression> {
        let level = self.small("parquet.level");
        let word = self.optional_text("parquet.compression")?;
        let (made, levels) = match word.as_str() {
            "zstd" => (Compression::Zstd(level.unwrap_or(1)), Some(1..=22)),
            "gzip" => (Compression::Gzip(level.unwrap_or(6)), Some(0..=9)),
            "brotli" => (Compression::Brotli(level.unwrap_or(1)), Some(0..=11)),
            "snappy" => (Compression::Snappy, None),
            "lz4_raw" => (Compression::Lz4Raw, None),
            _ => (Compression::None, None),
        };
        let wrong = match (level, levels) {
            (Some(_), None) => Some(format!("`parquet.level` has no meaning with \"{word}\"")),
            (Some(level), Some(levels)) if !levels.contains(&level) => Some(format!(
                "`parquet.level` must be from {} to {} with \"{word}\", not {level}",
                levels.start(),
                levels.end()
            )),
            _ => None,
        };
        let Some(message) = wrong else {
            return Some(made);
        };
        let span = self.span("parquet.level");
        self.report
            .add("config.wrong_value", "parquet.level", span, message, None);
        None
    }

    /// The number of lanes, if it goes with the number of shards.
    fn lanes(&mut self, shards: u64, lanes: u64) -> Option<u32> {
        if lanes > 1 && lanes >= shards {
            let path = "target.execution_parallelism";
            let message = format!(
                "`{path}` is {lanes} and `kinesis.shards` is {shards}: a number of lanes above 1 \
                 must be less than the number of shards (with one shard only 1 is possible)"
            );
            let most = shards.saturating_sub(1).max(1);
            let help = format!(
                "write `execution_parallelism = {most}` or `shards = {}`",
                lanes + 1
            );
            let span = self.span(path);
            self.report
                .add("config.parallelism", path, span, message, Some(help));
            return None;
        }
        u32::try_from(lanes).ok()
    }

    fn statistics(&self) -> Option<StatisticsSettings> {
        Some(StatisticsSettings {
            real_time: self.value("statistics.real_time") == Some(Value::Bool(true)),
            max_bytes_per_window: self.size("statistics.max_bytes_per_window")?,
            max_fields: self.size("statistics.max_fields")?,
            top_values: self.size("statistics.top_values")?,
        })
    }

    fn engine(
        &mut self,
        lanes: u32,
        statistics: &StatisticsSettings,
        outputs: usize,
    ) -> Option<EngineSettings> {
        let path = "engine.memory_budget";
        let budget = self.number(path)?;
        let statistics = match statistics.real_time {
            true => statistics.max_bytes_per_window as u64,
            false => 0,
        };
        let raw_copy = self.value("target.store_raw_data") == Some(Value::Bool(true));
        let for_outputs = OUTPUT_BYTES.saturating_mul(outputs as u64);
        let for_source = budget.saturating_sub(for_outputs);
        let memory = MemoryPlan::new(for_source, lanes, statistics, raw_copy);
        let memory = memory.map(|plan| MemoryPlan { budget, ..plan });
        if memory.is_none() {
            let least = MemoryPlan::least(lanes, statistics, raw_copy) + for_outputs;
            let with_outputs = match outputs {
                0 => String::new(),
                1 => format!(" and an output ({})", format_size(OUTPUT_BYTES)),
                many => format!(" and {many} outputs ({} each)", format_size(OUTPUT_BYTES)),
            };
            let message = format!(
                "`{path}` is {}: with {lanes} lane{}{with_outputs} it must be at least {}",
                format_size(budget),
                if lanes == 1 { "" } else { "s" },
                format_size(least),
            );
            let help = format!(
                "a lane needs {} for one fetch and {} for each of at least {MIN_OPEN_WINDOWS} open \
                 windows, {} of these for statistics",
                format_size(MemoryPlan::KEPT_FETCH),
                format_size(MemoryPlan::open_window(statistics, raw_copy)),
                format_size(statistics),
            );
            // Where the budget is the default, the lanes are what was written.
            let span = self
                .span(path)
                .or_else(|| self.span("target.execution_parallelism"));
            self.report
                .add("config.memory_budget", path, span, message, Some(help));
        }
        let threads = self.size("engine.threads").unwrap_or_else(cores);
        let stop_deadline = Duration::from_millis(self.number("engine.stop_deadline")?);
        Some(EngineSettings {
            memory: memory?,
            threads,
            stop_deadline,
        })
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Reads a target's URL; an error is the end of a sentence that begins with the key.
pub(super) fn parse_url(text: &str, folder: Option<&Path>) -> Result<TargetUrl, String> {
    if let Some(rest) = text.strip_prefix("s3://") {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_matches('/');
        let in_bucket = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(in_bucket) {
            return Err(format!("names no bucket: {bucket:?}"));
        }
        if !prefix.is_empty()
            && prefix
                .split('/')
                .any(|part| matches!(part, "" | "." | ".."))
        {
            return Err(format!(
                "has a prefix with an empty, `.` or `..` part: {prefix:?}"
            ));
        }
        return Ok(TargetUrl::S3 {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        });
    }
    let path = text.strip_prefix("file://").unwrap_or(text);
    match path.split_once("://") {
        Some((scheme, _)) => Err(format!("has the scheme `{scheme}://`, which is not known")),
        None if path.is_empty() => Err("names no folder".to_owned()),
        // Joining an absolute path gives that path.
        None => {
            let path = folder.map_or_else(|| PathBuf::from(path), |folder| folder.join(path));
            // Collecting drops what says nothing: `a/./b` is `a/b`.
            Ok(TargetUrl::Local(path.components().collect()))
        }
    }
}
