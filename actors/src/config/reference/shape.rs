//! `[content]`: which columns stay, and which are hashed.

use super::{Default, Key};
use crate::config::value::Kind;

pub(super) const KEYS: &[Key] = &[
    Key {
        path: "content.include_columns",
        kind: Kind::Texts,
        default: Default::Unset("all columns"),
        meaning: "Only these columns are kept, with all below them: patterns over the paths of \
                  fields, names with dots between them. `*` stands for any part of a name, `**` \
                  for any names; lists are looked through. What is left out is nowhere but in \
                  rejects and in the raw copy.",
        example: "[\"user.*\", \"**.id\"]",
    },
    Key {
        path: "content.exclude_columns",
        kind: Kind::Texts,
        default: Default::Unset("none"),
        meaning: "These columns are left out, with all below them; patterns as in \
                  `include_columns`, of which they take away.",
        example: "[\"debug\", \"**.trace\"]",
    },
    Key {
        path: "content.hash_columns",
        kind: Kind::Texts,
        default: Default::Unset("none"),
        meaning: "Values of these columns, and all below them, are replaced by their \
                  HMAC-SHA-256 under `hash_key`, as 64 hexadecimal digits: equal values stay \
                  equal. Patterns as in `include_columns`. No value is left in clear anywhere: \
                  the bytes of rejects are withheld, and no text of events may be kept beside \
                  the columns.",
        example: "[\"user.email\", \"**.ip\"]",
    },
    Key {
        path: "content.hash_key",
        kind: Kind::Secret,
        default: Default::Unset("`hash_columns` cannot be used"),
        meaning: "The key of `hash_columns`, of at least 16 bytes; write a variable, such as \
                  `\"${SHARDMILL_HASH_KEY}\"`. It is never stored. Another key makes other \
                  hashes, so values no longer compare with older ones.",
        example: "\"b5d1c9f04a7e4f6c8d20\"",
    },
];
