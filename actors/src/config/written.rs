//! A data source as a configuration file: every key that it can have, with its meaning; what is not
//! as it is by default is written, the rest are comments.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value as Json;
use shardmill_engine::decode::ContentOptions;
use shardmill_engine::parquet::Compression;
use shardmill_engine::types::TimestampMs;

use super::files::FilesSource;
use super::outputs::{OutputSettings, compression_word};
use super::reference::{self, Default as KeyDefault, Key, SECTIONS};
use super::registry::RegistrySettings;
use super::source::{Connection, DataSource, TargetUrl};
use super::value::{Kind, StartFrom};

/// Characters of a line of comments.
const WIDTH: usize = 96;

/// What a file says beside its settings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remarks {
    /// Lines at the beginning.
    pub head: Vec<String>,
    /// Lines above `content.format`.
    pub format: Vec<String>,
}

impl DataSource {
    /// The data source as TOML: a file that [`DataSource::from_file`] reads as this source. Secrets
    /// are never written; variables take their places.
    pub fn to_toml(&self) -> String {
        self.to_toml_with(&Remarks::default())
    }

    pub(crate) fn to_toml_with(&self, remarks: &Remarks) -> String {
        let values = self.written();
        let mut text = String::new();
        comments(&mut text, &remarks.head);
        let mut section = None;
        for key in reference::keys() {
            let (parent, _) = key.path.rsplit_once('.').unwrap_or(("", key.path));
            if parent.starts_with("connection") || key.path.contains(".*.") || !self.has(parent) {
                continue;
            }
            if section != Some(parent) {
                section = Some(parent);
                header(&mut text, parent, &values);
            }
            if key.path == "content.format" {
                comments(&mut text, &remarks.format);
            }
            write_key(&mut text, key, &values);
        }
        for (name, connection) in self.connections() {
            write_connection(&mut text, &name, connection);
        }
        text
    }

    /// Whether the keys of a section have a meaning.
    fn has(&self, section: &str) -> bool {
        match section {
            "kinesis" if self.files.is_some() => return false,
            "files" if self.files.is_none() => return false,
            _ => {}
        }
        let format = self.content.options.format;
        let of_format = SECTIONS.iter().find(|known| {
            section
                .strip_prefix(known.path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        of_format.is_none_or(|known| known.formats.contains(&format))
    }

    /// Values as TOML, by path, of keys that are not as they are by default.
    fn written(&self) -> BTreeMap<String, String> {
        let mut values = BTreeMap::new();
        let mut put = |path: &str, value: Json| {
            let filled = reference::find(path).is_none_or(|key| key.kind.is_filled());
            values.insert(path.to_owned(), toml(&value, filled));
        };
        put("name", self.name.as_str().into());
        self.of_source(&mut put);
        let kinesis = &self.kinesis;
        put("kinesis.stream", kinesis.stream.as_str().into());
        if let Some(region) = &kinesis.connection.region {
            put("kinesis.region", region.as_str().into());
        }
        put("kinesis.read_from", start(kinesis.read_from).into());
        if let Some(end) = kinesis.end_read_at {
            put("kinesis.end_read_at", time(end).into());
        }
        if let Some(consumer) = &kinesis.fan_out {
            put("kinesis.fan_out", consumer.to_string().into());
        }
        put("kinesis.shards", kinesis.shards.into());
        put("kinesis.accept_gap", kinesis.accept_gap.into());
        for (name, _) in self.connections() {
            let section = match &*name {
                STREAM => "kinesis",
                FILES => "files",
                GLUE => "content.avro_glue",
                TARGET => "target",
                // Its own table names it.
                _ => continue,
            };
            put(&format!("{section}.connection"), (*name).into());
        }
        let content = &self.content;
        let options = &content.options;
        put("content.format", options.format.as_str().into());
        put("content.wait_for_data", content.wait_for_data.into());
        put("content.compression", options.compression.as_str().into());
        put(
            "content.max_expanded_size",
            options.expansion.max_bytes.into(),
        );
        put(
            "content.max_expansion_ratio",
            options.expansion.max_ratio.into(),
        );
        let shape = &options.shape;
        for (key, columns) in [
            ("include", &shape.include),
            ("exclude", &shape.exclude),
            ("hash", &shape.hash),
        ] {
            if !columns.is_empty() {
                put(&format!("content.{key}_columns"), columns.clone().into());
            }
        }
        put("content.max_depth", content.max_depth.into());
        put("content.max_event_size", content.max_event_size.into());
        of_format(options, &mut put);
        let target = &self.target;
        put("target.url", url(&target.url).into());
        put("target.checksums", target.checksums.into());
        put(
            "target.execution_parallelism",
            target.execution_parallelism.into(),
        );
        put("target.store_raw_data", target.store_raw_data.into());
        if let Some(retention) = target.retention {
            put("target.retention", span(retention).into());
        }
        put(
            "target.retention_mode",
            target.retention_mode.as_str().into(),
        );
        self.of_files(&mut put);
        let statistics = &self.statistics;
        put("statistics.real_time", statistics.real_time.into());
        put(
            "statistics.max_bytes_per_window",
            statistics.max_bytes_per_window.into(),
        );
        put("statistics.max_fields", statistics.max_fields.into());
        put("statistics.top_values", statistics.top_values.into());
        put("engine.memory_budget", self.engine.memory.budget.into());
        if std::thread::available_parallelism().map_or(1, usize::from) != self.engine.threads {
            put("engine.threads", self.engine.threads.into());
        }
        let millis = u64::try_from(self.engine.stop_deadline.as_millis()).unwrap_or(u64::MAX);
        put("engine.stop_deadline", format!("{millis} ms").into());
        if let Some(RegistrySettings::Confluent(registry)) = &content.registry {
            registry.write(&mut values);
        }
        if content.hash_key.is_some() {
            values.insert(
                "content.hash_key".to_owned(),
                "\"${SHARDMILL_HASH_KEY}\"".to_owned(),
            );
        }
        values.retain(|path, value| !is_default(path, value));
        if !self.outputs.is_empty() {
            let outputs = self.outputs.iter().enumerate().map(output_table);
            let outputs: Vec<String> = outputs.collect();
            values.insert("output".to_owned(), format!("[{}]", outputs.join(", ")));
        }
        values
    }

    /// What is read in place of a stream. Its section is not written where there is none.
    fn of_source(&self, put: &mut impl FnMut(&str, Json)) {
        let Some(files) = &self.files else { return };
        let key = match &files.source {
            FilesSource::RawCopy(_) => "files.raw_copy",
            FilesSource::Local(_) | FilesSource::S3 { .. } => "files.path",
        };
        let text = files.source.to_string();
        let local = !matches!(files.source, FilesSource::S3 { .. }) && !text.starts_with("s3://");
        let url = match local && text.contains("://") {
            true => format!("file://{text}"),
            false => text,
        };
        put(key, url.into());
        put("files.read_from", start(self.kinesis.read_from).into());
        put("files.shards", self.kinesis.shards.into());
    }

    fn of_files(&self, put: &mut impl FnMut(&str, Json)) {
        let parquet = &self.parquet;
        let (word, level) = match parquet.compression {
            Compression::Zstd(level) => ("zstd", Some(level).filter(|level| *level != 1)),
            Compression::Gzip(level) => ("gzip", Some(level)),
            Compression::Brotli(level) => ("brotli", Some(level)),
            Compression::Snappy => ("snappy", None),
            Compression::Lz4Raw => ("lz4_raw", None),
            Compression::None => ("none", None),
        };
        put("parquet.compression", word.into());
        if let Some(level) = level {
            put("parquet.level", level.into());
        }
        put("parquet.row_group_size", parquet.row_group_bytes.into());
        put("parquet.max_columns", parquet.max_columns.into());
        put("parquet.page_size", parquet.page_bytes.into());
        put("parquet.dictionary_size", parquet.dictionary_bytes.into());
        if !parquet.bloom_filter_columns.is_empty() {
            put(
                "parquet.bloom_filter_columns",
                parquet.bloom_filter_columns.clone().into(),
            );
        }
    }

    /// The connections, each with the name that it gets.
    fn connections(&self) -> impl Iterator<Item = (Cow<'static, str>, &Connection)> {
        // The region of the stream stands in its own section.
        let stream = &self.kinesis.connection;
        let apart = Connection {
            region: stream.region.clone(),
            ..Connection::default()
        };
        let target = &self.target.connection;
        let stream = (*stream != apart).then_some((STREAM, stream));
        let target = (*target != Connection::default()).then_some((TARGET, target));
        let glue = match &self.content.registry {
            Some(RegistrySettings::Glue(glue)) => Some((GLUE, glue)),
            _ => None,
        };
        let glue = glue.filter(|(_, glue)| **glue != Connection::default());
        let files = self.files.as_ref().map(|files| (FILES, &files.connection));
        let files = files.filter(|(_, files)| **files != Connection::default());
        let own = stream.into_iter().chain(files).chain(target).chain(glue);
        let outputs = self.outputs.iter().enumerate();
        let outputs = outputs
            .map(|(place, output)| (connection_of(place).into(), &output.connection))
            .filter(|(_, connection)| **connection != Connection::default());
        own.map(|(name, connection)| (name.into(), connection))
            .chain(outputs)
    }
}

/// The name that the connection of an output gets.
fn connection_of(place: usize) -> String {
    format!("output-{place}")
}

/// An output as a table of TOML on one line.
fn output_table((place, output): (usize, &OutputSettings)) -> String {
    let millis = |time: Duration| Json::from(format!("{} ms", time.as_millis()));
    let connection = output.connection != Connection::default();
    let definition = &output.definition;
    let values = [
        ("name", Some(output.name.as_str().into())),
        ("url", Some(url(&output.url).into())),
        (
            "connection",
            connection.then(|| connection_of(place).into()),
        ),
        ("from", Some(start(output.from).into())),
        ("format", Some(output.format.word().into())),
        ("compression", Some(compression_word(&output.format).into())),
        ("columns", definition.columns.clone().map(Json::from)),
        ("filter", definition.filter.clone().map(Json::from)),
        ("retention", output.retention.map(millis)),
        ("max_lag", Some(millis(output.max_lag))),
    ];
    let values = values.into_iter().filter_map(|(name, value)| {
        let filled = reference::find(&format!("output.*.{name}"))?
            .kind
            .is_filled();
        Some(format!("{name} = {}", toml(&value?, filled)))
    });
    format!("{{ {} }}", values.collect::<Vec<_>>().join(", "))
}

const STREAM: &str = "stream";
const TARGET: &str = "target";
const FILES: &str = "files";
const GLUE: &str = "glue";

/// The options of the format that are not as they are by default.
fn of_format(options: &ContentOptions, put: &mut impl FnMut(&str, Json)) {
    // Plain values: they are always JSON.
    let as_json = |options: &ContentOptions| serde_json::to_value(options).unwrap_or_default();
    let (mine, usual) = (as_json(options), as_json(&ContentOptions::default()));
    for section in SECTIONS
        .iter()
        .filter(|section| section.formats.contains(&options.format))
    {
        let place = |options: &Json| match section.options {
            "" => options.clone(),
            name => options[name].clone(),
        };
        let (mine, usual) = (place(&mine), place(&usual));
        for (key, option) in section.keys() {
            if let Some(table) = option.strip_suffix(".*") {
                let members = mine[table].as_object().into_iter().flatten();
                for (name, value) in members {
                    put(&key.path.replace('*', name), value.clone());
                }
                continue;
            }
            let value = &mine[&option];
            if key.path.contains('*') || *value == usual[&option] {
                continue;
            }
            // No text stands for none.
            put(
                key.path,
                if value.is_null() {
                    "".into()
                } else {
                    value.clone()
                },
            );
        }
    }
}

fn start(start: StartFrom) -> String {
    match start {
        StartFrom::Start => "start".to_owned(),
        StartFrom::Now => "now".to_owned(),
        StartFrom::At(millis) => time(millis),
    }
}

fn time(millis: TimestampMs) -> String {
    // Times of a configuration were read by the same library.
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    time.to_string()
}

/// A length of time in the largest unit that says it exactly.
fn span(time: Duration) -> String {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let units = [
        (86_400_000, "days"),
        (3_600_000, "hours"),
        (60_000, "min"),
        (1_000, "s"),
    ];
    let unit = units
        .into_iter()
        .find(|(unit, _)| millis.is_multiple_of(*unit));
    let (unit, name) = unit.unwrap_or((1, "ms"));
    format!("{} {name}", millis / unit)
}

fn url(url: &TargetUrl) -> String {
    let text = url.to_string();
    match url {
        TargetUrl::Local(_) if text.contains("://") => format!("file://{text}"),
        _ => text,
    }
}

fn is_default(path: &str, value: &str) -> bool {
    let Some(key) = reference::find(path) else {
        return false;
    };
    match key.default {
        // However it is written: a size may be a number of bytes.
        KeyDefault::Value(text) => {
            let plain = value.trim_matches('"');
            value == key.kind.as_toml(text)
                || matches!((key.kind.parse(plain), key.kind.parse(text)), (Ok(a), Ok(b)) if a == b)
        }
        KeyDefault::Required | KeyDefault::Unset(_) => false,
    }
}

/// A value as TOML. Dollars are doubled where variables are put in.
pub(super) fn toml(value: &Json, filled: bool) -> String {
    match value {
        Json::Null => "\"\"".to_owned(),
        Json::String(text) if filled => quoted(&text.replace('$', "$$")),
        Json::String(text) => quoted(text),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| toml(item, filled)).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            let members: Vec<String> = members
                .map(|(name, value)| format!("{} = {}", quoted(name), toml(value, filled)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        plain => plain.to_string(),
    }
}

/// A text in quotes: what JSON escapes, TOML does in the same way, and delete as well.
fn quoted(text: &str) -> String {
    Json::from(text).to_string().replace('\u{7f}', "\\u007F")
}

fn header(text: &mut String, section: &str, values: &BTreeMap<String, String>) {
    if section.is_empty() {
        return;
    }
    let start = format!("{section}.");
    // The names of fields may hold dots.
    let of_fields = section.ends_with(".types");
    let written = values.keys().any(|path| {
        path.strip_prefix(&start)
            .is_some_and(|name| of_fields || !name.contains('.'))
    });
    let mark = if written { "" } else { "# " };
    let _ = writeln!(text, "\n{mark}[{section}]");
}

fn write_key(text: &mut String, key: &Key, values: &BTreeMap<String, String>) {
    let name = key.path.rsplit('.').next().unwrap_or(key.path);
    comments(text, &[key.meaning.to_owned()]);
    if let Some(parent) = key.path.strip_suffix('*') {
        for (path, value) in values {
            if let Some(name) = path.strip_prefix(parent) {
                let _ = writeln!(text, "{} = {value}", quoted(name));
            }
        }
        return;
    }
    if key.kind == Kind::Secret && values.contains_key(key.path) {
        comments(
            text,
            &["It is a secret, so it is not written here: set the variable.".to_owned()],
        );
    }
    let _ = match (values.get(key.path), key.default) {
        (Some(value), _) => writeln!(text, "{name} = {value}"),
        (None, KeyDefault::Value(default)) => {
            writeln!(text, "# {name} = {}", key.kind.as_toml(default))
        }
        (None, KeyDefault::Unset(what)) => {
            writeln!(text, "# Default: {what}.\n# {name} = {}", key.example)
        }
        (None, KeyDefault::Required) => writeln!(text, "# {name} = {}", key.example),
    };
}

fn write_connection(text: &mut String, name: &str, connection: &Connection) {
    let _ = writeln!(text, "\n[connection.{name}]");
    let region = connection.region.as_ref().filter(|_| name != STREAM);
    let external_id = connection.external_id.as_ref();
    let parts = [
        ("endpoint_url", connection.endpoint_url.as_ref()),
        ("region", region),
        ("profile", connection.profile.as_ref()),
        ("role_arn", connection.role_arn.as_ref()),
    ];
    for (key, part) in parts {
        if let Some(part) = part {
            let _ = writeln!(text, "{key} = {}", toml(&Json::from(part.as_str()), true));
        }
    }
    if external_id.is_some() {
        text.push_str("# It is a secret, so it is not written here: set the variable.\n");
        text.push_str("external_id = \"${SHARDMILL_EXTERNAL_ID}\"\n");
    }
}

/// Lines of comments, broken between words.
fn comments(text: &mut String, remarks: &[String]) {
    for remark in remarks {
        let mut line = String::from("#");
        for word in remark.split_whitespace() {
            if line.len() + 1 + word.len() > WIDTH && line.len() > 1 {
                let _ = writeln!(text, "{line}");
                line = String::from("#");
            }
            line.push(' ');
            line.push_str(word);
        }
        let _ = writeln!(text, "{line}");
    }
}
