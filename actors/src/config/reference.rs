//! Every key of the configuration in one table: its type, default and meaning.
//!
//! The reader accepts what stands here and nothing else, every default is taken from here, and
//! `docs/CONFIGURATION.md` is made from it (a test compares them).

use std::fmt::Write as _;

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
    /// The path, `section.key`. `connection.*.key` stands for a key of every `[connection.NAME]`.
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

/// The formats of payloads.
pub const CONTENT_FORMATS: &[&str] = &["json", "avro", "orc", "parquet"];

/// The compressions of payloads.
pub const CONTENT_COMPRESSIONS: &[&str] = &[
    "auto",
    "none",
    "gzip",
    "zlib",
    "zstd",
    "lz4",
    "snappy",
    "snappy_raw",
    "bzip2",
    "xz",
    "zip",
    "tar",
];

/// The compressions of Parquet files.
pub const COMPRESSIONS: &[&str] = &["zstd", "snappy", "lz4_raw", "gzip", "brotli", "none"];

/// Every key, in the order of the reference page.
pub const KEYS: &[Key] = &[
    Key {
        path: "name",
        kind: Kind::Name,
        default: Default::Required,
        meaning: "Name of the data source. Files and state live under it on the target, so it \
                  stays the same for the life of the source.",
        example: "\"clicks\"",
    },
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
    Key {
        path: "content.format",
        kind: Kind::Choice(CONTENT_FORMATS),
        default: Default::Value("json"),
        meaning: "Format of the payloads. JSON: one or several documents or lines in a payload; \
                  an array at the root is split into events. Avro, ORC, Parquet: a payload is a \
                  file (Avro: a container file), each of its rows an event.",
        example: "\"json\"",
    },
    Key {
        path: "content.compression",
        kind: Kind::Choice(CONTENT_COMPRESSIONS),
        default: Default::Value("auto"),
        meaning: "Compression of the payloads. `\"auto\"` looks at each payload by itself and \
                  undoes one compression within another too (a `tar.gz`); a name stands for \
                  that one alone, and what is not compressed so becomes a reject. zip and tar: \
                  each file of the archive is decoded. `\"snappy\"` is the framing format, \
                  `\"snappy_raw\"` a bare block.",
        example: "\"gzip\"",
    },
    Key {
        path: "content.max_expanded_size",
        kind: Kind::Size { min: KIB, max: GIB },
        default: Default::Value("64 MiB"),
        meaning: "Most bytes that may come out of one payload when its compression is undone, \
                  over all layers. What would be more becomes a reject.",
        example: "\"16 MiB\"",
    },
    Key {
        path: "content.max_expansion_ratio",
        kind: Kind::Integer {
            min: 1,
            max: 1_000_000,
        },
        default: Default::Value("200"),
        meaning: "Most bytes that may come out of a payload for each byte of it, once more than \
                  16 KiB have come out. What would be more becomes a reject.",
        example: "1000",
    },
    Key {
        path: "content.max_depth",
        kind: Kind::Integer { min: 1, max: 256 },
        default: Default::Value("64"),
        meaning: "Deepest nesting of an event. What is deeper becomes a reject.",
        example: "64",
    },
    Key {
        path: "content.max_event_size",
        kind: Kind::Size { min: KIB, max: GIB },
        default: Default::Value("64 MiB"),
        meaning: "Largest event. What is larger becomes a reject.",
        example: "\"16 MiB\"",
    },
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
    ("kinesis.fan_out", "enhanced fan-out"),
    ("kinesis.end_read_at", "a bounded read"),
    ("target.retention", "retention"),
    ("target.store_raw_data", "the raw copy"),
    ("statistics", "statistics"),
    ("engine.serve", "the HTTP side"),
    ("lookup", "lookup tables"),
    ("output", "outputs"),
];

/// Values that the design names and this version does not know.
pub const PLANNED_VALUES: &[(&str, &[&str])] = &[(
    "content.format",
    &[
        "auto", "csv", "avro", "parquet", "orc", "protobuf", "xml", "form", "text",
    ],
)];

/// The key of a pattern path (`connection.*.region`, not `connection.prod.region`).
pub fn find(pattern: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == pattern)
}

/// The keys of a section (`""` for the top level), without those of sections below it.
pub(super) fn keys_in(section: &str) -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter_map(move |key| {
        let (parent, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        (parent == section).then_some(name)
    })
}

/// The sections below a section, each once.
pub(super) fn sections_in(section: &str) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for key in KEYS {
        let rest = match section {
            "" => Some(key.path),
            _ => key
                .path
                .strip_prefix(section)
                .and_then(|rest| rest.strip_prefix('.')),
        };
        if let Some((name, _)) = rest.and_then(|rest| rest.split_once('.'))
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

/// The tables of the reference page, as Markdown.
pub fn markdown() -> String {
    let mut page = String::new();
    let mut section = None;
    for key in KEYS {
        let (parent, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        if section != Some(parent) {
            section = Some(parent);
            let title = match parent {
                "" => "Top level".to_owned(),
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
            "| `{name}` | {} | {default} | {} | `{}` |",
            key.kind.allowed(),
            key.meaning,
            key.example
        );
    }
    page
}

#[cfg(test)]
#[path = "reference_tests.rs"]
mod tests;
