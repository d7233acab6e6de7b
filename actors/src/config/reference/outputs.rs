//! `[[output]]`: its keys.

use super::{Default, Key};
use crate::config::value::Kind;

/// The formats of outputs.
pub const OUTPUT_FORMATS: &[&str] = &["parquet", "json", "csv", "avro"];

/// The compressions of outputs; which of them a format knows is in `OUTPUTS.md`.
pub const OUTPUT_COMPRESSIONS: &[&str] = &[
    "zstd", "gzip", "snappy", "lz4_raw", "brotli", "deflate", "none",
];

const SECOND_MS: u64 = 1_000;
const CENTURY_MS: u64 = 36_525 * 24 * 3_600 * SECOND_MS;

/// The key of the list.
pub(super) const LIST: &[Key] = &[Key {
    path: "output",
    kind: Kind::Tables,
    default: Default::Unset("none"),
    meaning: "Outputs: what is committed, with chosen columns and rows, in a format and on a target \
              of their own. Each is a table `[[output]]`; see below.",
    example: "[{ name = \"errors\", url = \"./errors\" }]",
}];

/// The keys of a table.
pub(super) const KEYS: &[Key] = &[
    Key {
        path: "output.*.name",
        kind: Kind::Name,
        default: Default::Required,
        meaning: "Name of the output. Its files and state live under it, so it stays the same for \
                  the life of the output.",
        example: "\"errors\"",
    },
    Key {
        path: "output.*.url",
        kind: Kind::Text,
        default: Default::Required,
        meaning: "Where its files and state go: `s3://BUCKET/PREFIX`, or a local folder. A relative \
                  folder counts from the folder of the configuration file. It must not lie in the \
                  source's own place.",
        example: "\"s3://lake/errors\"",
    },
    Key {
        path: "output.*.connection",
        kind: Kind::Text,
        default: Default::Unset("the AWS SDK's usual chain of credentials and endpoints"),
        meaning: "The `[connection.NAME]` table to reach the bucket with.",
        example: "\"prod\"",
    },
    Key {
        path: "output.*.from",
        kind: Kind::StartFrom,
        default: Default::Value("now"),
        meaning: "Where a new output begins: `\"start\"` (the oldest window that the source \
                  keeps), `\"now\"` (the first window that no lane has begun to commit), or the \
                  window of a time. It is resolved once, when the output is made.",
        example: "\"2026-11-22T10:00:00Z\"",
    },
    Key {
        path: "output.*.format",
        kind: Kind::Choice(OUTPUT_FORMATS),
        default: Default::Value("parquet"),
        meaning: "Format of its files. It never changes for an output.",
        example: "\"parquet\"",
    },
    Key {
        path: "output.*.compression",
        kind: Kind::Choice(OUTPUT_COMPRESSIONS),
        default: Default::Unset("Parquet: zstd, JSON and CSV: gzip, Avro: deflate"),
        meaning: "Compression: of Parquet `zstd`, `gzip`, `snappy`, `lz4_raw`, `brotli` or `none`; \
                  of JSON and CSV `gzip`, `zstd` or `none`; of Avro `deflate`, `zstd` or `none`.",
        example: "\"zstd\"",
    },
    Key {
        path: "output.*.columns",
        kind: Kind::Expressions,
        default: Default::Unset("all columns of the source's files"),
        meaning: "Its columns, each a path (`user.id`, `user.id AS user_id`) or an SQL expression \
                  with a name (`lower(path) AS path`).",
        example: "[\"user.id\", \"status\", \"lower(path) AS path\"]",
    },
    Key {
        path: "output.*.filter",
        kind: Kind::Verbatim("an SQL expression that is true or false"),
        default: Default::Unset("every row"),
        meaning: "Which rows it takes: those for which the SQL expression is true.",
        example: "\"status >= 500\"",
    },
    Key {
        path: "output.*.retention",
        kind: Kind::Duration {
            min_ms: SECOND_MS,
            max_ms: CENTURY_MS,
        },
        default: Default::Unset("for ever"),
        meaning: "How long its windows are kept, whatever the source keeps.",
        example: "\"7 days\"",
    },
    Key {
        path: "output.*.max_lag",
        kind: Kind::Duration {
            min_ms: 0,
            max_ms: CENTURY_MS,
        },
        default: Default::Value("7 days"),
        meaning: "How long the source's retention waits for an output that is behind. After that \
                  the output stops with an error that names the gap.",
        example: "\"2 days\"",
    },
];
