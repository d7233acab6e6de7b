//! Every key of the configuration in one table: its type, default and meaning.
//!
//! The reader accepts what stands here and nothing else, every default is taken from here, and
//! `docs/CONFIGURATION.md` is made from it (a test compares them).

mod changes;
mod content;
mod files;
mod formats;
mod outputs;
mod shape;

use std::borrow::Cow;
use std::fmt::Write as _;

pub use self::changes::{Change, change};
pub use self::content::{CONTENT_COMPRESSIONS, CONTENT_FORMATS};
pub(super) use self::content::{ContentSection, NO_MEANING, SECTIONS};
pub use self::outputs::{OUTPUT_COMPRESSIONS, OUTPUT_FORMATS};
use super::value::Kind;

/// What a key means when it is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// It must be written.
    Required,
    /// The same as this text.
    Value(&'static str),
    /// No value; the text says what happens then.
    Unset(&'static str),
}

/// One key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The path, `section.key`. `*` stands for any name, and for any table of a list:
    /// `connection.*.key` is a key of every `[connection.NAME]`.
    pub path: &'static str,
    /// What its value may be.
    pub kind: Kind,
    /// What it is when it is not written.
    pub default: Default,
    /// What it does, for the reference page and for messages.
    pub meaning: &'static str,
    /// A value that is allowed, as TOML.
    pub example: &'static str,
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// The compressions of Parquet files.
pub const COMPRESSIONS: &[&str] = &["zstd", "snappy", "lz4_raw", "gzip", "brotli", "none"];

/// What happens to files whose time is over.
pub const RETENTION_MODES: &[&str] = &["delete", "soft"];

/// The key of the name.
const NAME: &[Key] = &[Key {
    path: "name",
    kind: Kind::Name,
    default: Default::Required,
    meaning: "Name of the data source. Files and state live under it on the target, so it \
              stays the same for the life of the source.",
    example: "\"clicks\"",
}];

/// The keys of what is read.
const SOURCE: &[Key] = &[
    Key {
        path: "kinesis.stream",
        kind: Kind::Stream,
        default: Default::Required,
        meaning: "Name or ARN of the Kinesis stream.",
        example: "\"clickstream\"",
    },
    Key {
        path: "kinesis.region",
        kind: Kind::Text,
        default: Default::Unset("the connection's region, else what the AWS SDK finds"),
        meaning: "AWS region of the stream.",
        example: "\"eu-west-1\"",
    },
    Key {
        path: "kinesis.connection",
        kind: Kind::Text,
        default: Default::Unset("the AWS SDK's usual chain of credentials and endpoints"),
        meaning: "The `[connection.NAME]` table to reach the stream with.",
        example: "\"prod\"",
    },
    Key {
        path: "kinesis.read_from",
        kind: Kind::StartFrom,
        default: Default::Value("now"),
        meaning: "Where a new data source begins: `\"start\"` (the oldest record that the stream \
                  keeps), `\"now\"`, or a time. It is resolved once, when the data source is made; \
                  later it is not looked at.",
        example: "\"2026-11-22T10:00:00Z\"",
    },
    Key {
        path: "kinesis.end_read_at",
        kind: Kind::Time,
        default: Default::Unset("reading goes on until it is stopped"),
        meaning: "Where reading ends: a time. What arrived before it is in and committed; in each \
                  Kinesis shard the first record that arrived then or later, and all after it, are \
                  out. Then the data source finishes by itself. A later time goes on from there.",
        example: "\"2026-12-01T00:00:00Z\"",
    },
    Key {
        path: "kinesis.fan_out",
        kind: Kind::Consumer,
        default: Default::Unset("the stream is polled"),
        meaning: "Name or ARN of the consumer to read with by enhanced fan-out. By a name it is \
                  registered if it is not there. It may be set, changed and taken out between \
                  runs. AWS charges for consumers; none is deregistered.",
        example: "\"shardmill\"",
    },
    Key {
        path: "kinesis.shards",
        kind: Kind::Integer {
            min: 1,
            max: 10_000,
        },
        default: Default::Value("1"),
        meaning: "Parallel readers. Each reads one or more Kinesis shards; there may be at most \
                  as many as the stream has open Kinesis shards.",
        example: "4",
    },
    Key {
        path: "kinesis.accept_gap",
        kind: Kind::Bool,
        default: Default::Value("false"),
        meaning: "Whether to go on where the stream no longer keeps what follows a committed \
                  position, because nothing read it for longer than the stream's retention. \
                  `false` stops with an error that names the gap.",
        example: "false",
    },
];

/// The keys of what comes out.
const OUT: &[Key] = &[
    Key {
        path: "target.url",
        kind: Kind::Text,
        default: Default::Required,
        meaning: "Where files and state go: `s3://BUCKET/PREFIX`, or a local folder. A relative \
                  folder counts from the folder of the configuration file.",
        example: "\"s3://lake/events\"",
    },
    Key {
        path: "target.connection",
        kind: Kind::Text,
        default: Default::Unset("the AWS SDK's usual chain of credentials and endpoints"),
        meaning: "The `[connection.NAME]` table to reach the bucket with.",
        example: "\"prod\"",
    },
    Key {
        path: "target.checksums",
        kind: Kind::Bool,
        default: Default::Value("true"),
        meaning: "Whether checksums of bodies are sent to S3 and checked. `false` is for servers \
                  that do not know them.",
        example: "true",
    },
    Key {
        path: "target.execution_parallelism",
        kind: Kind::Integer {
            min: 1,
            max: 10_000,
        },
        default: Default::Value("1"),
        meaning: "Lanes: independent paths to the target. Each writes one file per minute window \
                  that has rows. A number above 1 must be less than `kinesis.shards`.",
        example: "2",
    },
    Key {
        path: "target.store_raw_data",
        kind: Kind::Bool,
        default: Default::Value("false"),
        meaning: "Whether a raw copy is kept: every payload exactly as it was received, in files of \
                  LZ4 frames of JSON lines beside the rows. They can be read with common tools and \
                  replayed. May change between two runs.",
        example: "true",
    },
    Key {
        path: "target.retention",
        kind: Kind::Duration {
            min_ms: 60_000,
            max_ms: 3_155_760_000_000,
        },
        default: Default::Unset("for ever"),
        meaning: "How long minutes are kept. One that is older, as a whole, is deleted: rows, \
                  rejects, raw copy, statistics, and in time its commits. Age counts from the \
                  newest complete minute; what is not complete is never deleted.",
        example: "\"30 days\"",
    },
    Key {
        path: "target.retention_mode",
        kind: Kind::Choice(RETENTION_MODES),
        default: Default::Value("delete"),
        meaning: "What happens to files whose time is over. `\"delete\"` deletes them. `\"soft\"` \
                  leaves the files of rows, rejects and raw copies where they are, for good, and \
                  only forgets them: they are no part of the source any more.",
        example: "\"soft\"",
    },
    Key {
        path: "parquet.compression",
        kind: Kind::Choice(COMPRESSIONS),
        default: Default::Value("zstd"),
        meaning: "Compression of Parquet pages.",
        example: "\"snappy\"",
    },
    Key {
        path: "parquet.level",
        kind: Kind::Integer { min: 0, max: 22 },
        default: Default::Unset("zstd: 1, gzip: 6, brotli: 1"),
        meaning: "Compression level: zstd 1 to 22, gzip 0 to 9, brotli 0 to 11. The others have \
                  none.",
        example: "3",
    },
    Key {
        path: "parquet.row_group_size",
        kind: Kind::Size {
            min: 64 * KIB,
            max: GIB,
        },
        default: Default::Value("32 MiB"),
        meaning: "Memory of the rows that make one row group. When memory is short, row groups \
                  are smaller.",
        example: "\"64 MiB\"",
    },
    Key {
        path: "parquet.max_columns",
        kind: Kind::Integer {
            min: 1,
            max: 100_000,
        },
        default: Default::Value("1000"),
        meaning: "Most leaf columns of events in a file. New fields beyond it go, as JSON, into \
                  the column `_overflow`.",
        example: "500",
    },
    Key {
        path: "parquet.page_size",
        kind: Kind::Size {
            min: 4 * KIB,
            max: 64 * MIB,
        },
        default: Default::Value("1 MiB"),
        meaning: "Encoded values, before compression, after which a page ends.",
        example: "\"512 KiB\"",
    },
    Key {
        path: "parquet.dictionary_size",
        kind: Kind::Size {
            min: 0,
            max: 64 * MIB,
        },
        default: Default::Value("256 KiB"),
        meaning: "Largest dictionary of a column in a row group. A column with more distinct \
                  values goes on without one.",
        example: "\"1 MiB\"",
    },
    Key {
        path: "parquet.bloom_filter_columns",
        kind: Kind::Texts,
        default: Default::Unset("none"),
        meaning: "Columns that get a bloom filter, each by its path with dots: for columns by \
                  which single values are looked up.",
        example: "[\"user.id\", \"_partition_key\"]",
    },
    Key {
        path: "statistics.real_time",
        kind: Kind::Bool,
        default: Default::Value("true"),
        meaning: "Whether every field of the events has statistics. `false` leaves counts and \
                  rejects by code.",
        example: "false",
    },
    Key {
        path: "statistics.max_bytes_per_window",
        kind: Kind::Size {
            min: 64 * KIB,
            max: GIB,
        },
        default: Default::Value("4 MiB"),
        meaning: "Most bytes of the statistics of one window of one lane. Past it the sparsest \
                  fields give up what is estimated first.",
        example: "\"16 MiB\"",
    },
    Key {
        path: "statistics.max_fields",
        kind: Kind::Integer {
            min: 1,
            max: 1_000_000,
        },
        default: Default::Value("10000"),
        meaning: "Most fields that have statistics. Past it the sparsest go first.",
        example: "2000",
    },
    Key {
        path: "statistics.top_values",
        kind: Kind::Integer {
            min: 1,
            max: 10_000,
        },
        default: Default::Value("100"),
        meaning: "Most frequent values that are kept of a field.",
        example: "20",
    },
    Key {
        path: "engine.memory_budget",
        kind: Kind::Size { min: MIB, max: TIB },
        default: Default::Value("256 MiB"),
        meaning: "Memory for everything that is read and not yet on the target. When it is used \
                  up, reading waits. How much is needed at least follows from the lanes; see \
                  below.",
        example: "\"512 MiB\"",
    },
    Key {
        path: "engine.threads",
        kind: Kind::Integer { min: 1, max: 1024 },
        default: Default::Unset("the number of CPU cores"),
        meaning: "Worker threads that decode and encode.",
        example: "4",
    },
    Key {
        path: "engine.stop_deadline",
        kind: Kind::Duration {
            min_ms: 0,
            max_ms: 86_400_000,
        },
        default: Default::Value("30 s"),
        meaning: "How long a graceful stop may take to finish and commit what is in flight. After \
                  it the process stops at once; nothing is lost, it is read again.",
        example: "\"2 min\"",
    },
    Key {
        path: "connection.*.endpoint_url",
        kind: Kind::Url,
        default: Default::Unset("AWS's own endpoint"),
        meaning: "Endpoint of the service, for servers other than AWS's own.",
        example: "\"http://127.0.0.1:4567\"",
    },
    Key {
        path: "connection.*.region",
        kind: Kind::Text,
        default: Default::Unset("what the AWS SDK finds"),
        meaning: "AWS region, where `kinesis.region` does not say another.",
        example: "\"eu-west-1\"",
    },
    Key {
        path: "connection.*.profile",
        kind: Kind::Text,
        default: Default::Unset("what the AWS SDK finds"),
        meaning: "Profile in the AWS configuration files to take credentials from.",
        example: "\"analytics\"",
    },
    Key {
        path: "connection.*.role_arn",
        kind: Kind::Text,
        default: Default::Unset("no role is assumed"),
        meaning: "IAM role to assume.",
        example: "\"arn:aws:iam::123456789012:role/reader\"",
    },
    Key {
        path: "connection.*.external_id",
        kind: Kind::Secret,
        default: Default::Unset("none is sent"),
        meaning: "External id to send when the role is assumed. Never shown in logs or messages.",
        example: "\"${SHARDMILL_EXTERNAL_ID:-none}\"",
    },
];

/// Keys and sections that the design names and this version does not have.
pub const PLANNED: &[(&str, &str)] = &[
    ("engine.serve", "the HTTP side"),
    ("lookup", "lookup tables"),
];

/// Other names that people know keys and sections by: where, the other name, ours.
const KNOWN_AS: &[(&str, &str, &str)] = &[
    ("content", "tsv", "csv"),
    ("content", "delimited", "csv"),
    ("content", "cloudwatch_logs", "cloudwatch"),
    ("content", "text", "lines"),
    ("", "separator", "delimiter"),
    ("", "sep", "delimiter"),
    ("", "quote_char", "quote"),
    ("", "quotechar", "quote"),
    ("", "escape_char", "escape"),
    ("", "escapechar", "escape"),
    ("", "has_header", "header"),
    ("", "names", "columns"),
    ("", "fields", "columns"),
    ("", "na_values", "null_values"),
    ("", "nulls", "null_values"),
    ("", "infer", "infer_types"),
    ("", "infer_schema", "infer_types"),
    ("", "schema", "types"),
    ("", "dtypes", "types"),
    ("", "row_tag", "record_path"),
    ("", "lists", "list_fields"),
    ("", "offset", "start"),
    ("", "length", "width"),
];

/// Every key, in the order of the reference page.
pub fn keys() -> impl Iterator<Item = &'static Key> + Clone {
    [
        NAME,
        outputs::LIST,
        SOURCE,
        files::KEYS,
        content::KEYS,
        shape::KEYS,
        formats::KEYS,
        outputs::KEYS,
        OUT,
    ]
    .into_iter()
    .flatten()
}

/// The key of a pattern path (`connection.*.region`, not `connection.prod.region`).
pub fn find(pattern: &str) -> Option<&'static Key> {
    keys().find(|key| key.path == pattern)
}

/// The pattern path of a name in a section, which is one too.
pub(super) fn pattern(section: &str, name: &str) -> String {
    let exact = join(section, name);
    let any = join(section, "*");
    match !is_known(&exact) && is_known(&any) {
        true => any,
        false => exact,
    }
}

/// The pattern path of a path: what stands in a list of tables has `*` for its place.
pub(super) fn pattern_of(path: &str) -> Cow<'_, str> {
    match (path.split_once('['), path.split_once(']')) {
        (Some((list, _)), Some((_, rest))) => Cow::Owned(format!("{list}.*{rest}")),
        _ => Cow::Borrowed(path),
    }
}

fn is_known(pattern: &str) -> bool {
    find(pattern).is_some() || is_section(pattern)
}

/// Whether a pattern path is that of a section.
pub(super) fn is_section(pattern: &str) -> bool {
    keys().any(|key| below(key.path, pattern).is_some())
}

/// What follows a section in a path that goes through it.
fn below<'p>(path: &'p str, section: &str) -> Option<&'p str> {
    match section {
        "" => Some(path),
        _ => path.strip_prefix(section)?.strip_prefix('.'),
    }
}

pub(super) fn join(parent: &str, name: &str) -> String {
    match parent {
        "" => name.to_owned(),
        _ => format!("{parent}.{name}"),
    }
}

/// The keys of a section (`""` for the top level), without those of sections below it.
pub(super) fn keys_in(section: &str) -> impl Iterator<Item = &'static str> {
    keys().filter_map(move |key| {
        let name = below(key.path, section)?;
        (!name.contains('.')).then_some(name)
    })
}

/// The sections below a section, each once. Those of a key that is a list of tables are not among
/// them.
pub(super) fn sections_in(section: &str) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for key in keys() {
        let name = below(key.path, section).and_then(|rest| rest.split_once('.'));
        if let Some((name, _)) = name
            && !names.contains(&name)
            && find(&join(section, name)).is_none()
        {
            names.push(name);
        }
    }
    names
}

/// What stands in a section under another name that people know it by.
pub(super) fn known_as(section: &str, name: &str) -> Option<&'static str> {
    let (_, _, ours) = KNOWN_AS
        .iter()
        .find(|(place, other, _)| (place.is_empty() || *place == section) && *other == name)?;
    is_known(&join(section, ours)).then_some(*ours)
}

/// The path of a key, or of a section, that has this name in another section.
pub(super) fn elsewhere(name: &str) -> Option<&'static str> {
    let mut paths = keys().map(|key| key.path);
    let key = paths
        .clone()
        .find(|path| path.rsplit('.').next() == Some(name));
    key.or_else(|| {
        let end = |path: &'static str| {
            let at = path.find(&format!(".{name}."))?;
            path.get(..at + 1 + name.len())
        };
        paths.find_map(end)
    })
}

/// A table of a list, of the keys that it must have.
pub(super) fn example_of(section: &str) -> String {
    let required = keys_in(section).filter_map(|name| {
        let key = find(&join(section, name))?;
        (key.default == Default::Required).then(|| format!("{name} = {}", key.example))
    });
    format!("{{ {} }}", required.collect::<Vec<_>>().join(", "))
}

/// The tables of the reference page, as Markdown.
pub fn markdown() -> String {
    let mut page = String::new();
    let mut section = None;
    for key in keys() {
        let (parent, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        if section != Some(parent) {
            section = Some(parent);
            let title = match (parent, parent.strip_suffix(".*").and_then(find)) {
                ("", _) => "Top level".to_owned(),
                (_, Some(list)) => format!("`[[{}]]`", list.path),
                _ => format!("`[{}]`", parent.replace('*', "NAME")),
            };
            let _ = write!(page, "\n### {title}\n\n");
            page.push_str("| key | value | default | meaning | example |\n");
            page.push_str("| --- | --- | --- | --- | --- |\n");
        }
        let default = match key.default {
            Default::Required => "none: it must be written".to_owned(),
            Default::Value(text) => format!("`{}`", key.kind.as_toml(text)),
            Default::Unset(what) => what.to_owned(),
        };
        let _ = writeln!(
            page,
            "| `{}` | {} | {default} | {} | `{}` |",
            name.replace('*', "NAME"),
            key.kind.allowed(),
            key.meaning,
            key.example
        );
    }
    page.push_str("\n### What a change does to a data source that exists\n\n");
    page.push_str(&changes::markdown());
    page
}

#[cfg(test)]
#[path = "reference_tests.rs"]
mod tests;
