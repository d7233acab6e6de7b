//! The keys of a source of files.

use super::{Default, Key};
use crate::config::value::Kind;

/// The keys of `[files]`, in place of `[kinesis]`.
pub(super) const KEYS: &[Key] = &[
    Key {
        path: "files.path",
        kind: Kind::Text,
        default: Default::Unset("`raw_copy` says what is read"),
        meaning: "What is read in place of a stream: a folder with all below it, a file, a glob \
                  (`*`, `**`, `?`, `[abc]`), or `s3://BUCKET/PREFIX/` with or without a glob. Each \
                  file takes the part of a Kinesis shard. A relative path counts from the folder of \
                  the configuration file.",
        example: "\"events/**/*.json.gz\"",
    },
    Key {
        path: "files.raw_copy",
        kind: Kind::Text,
        default: Default::Unset("`path` says what is read"),
        meaning: "The place of another data source, its name included, whose raw copy \
                  (`target.store_raw_data`) is read: `s3://BUCKET/PREFIX/NAME`, or a folder.",
        example: "\"s3://lake/events/clicks\"",
    },
    Key {
        path: "files.connection",
        kind: Kind::Text,
        default: Default::Unset("the AWS SDK's usual chain of credentials and endpoints"),
        meaning: "The `[connection.NAME]` table to reach the bucket of the files with.",
        example: "\"prod\"",
    },
    Key {
        path: "files.read_from",
        kind: Kind::StartFrom,
        default: Default::Value("start"),
        meaning: "Where a new data source begins: `\"start\"`, or a time. Files that were changed \
                  last before it, and records of a raw copy that arrived before it, are left out.",
        example: "\"2026-11-22T10:00:00Z\"",
    },
    Key {
        path: "files.shards",
        kind: Kind::Integer {
            min: 1,
            max: 10_000,
        },
        default: Default::Value("4"),
        meaning: "Parallel readers, as `kinesis.shards`.",
        example: "8",
    },
];
