//! `[content]`: its keys, and which of its sections belong to which formats.

use super::{Default, GIB, KIB, Key, below};
use crate::config::ContentFormat as Format;
use crate::config::value::Kind;

/// A section of what holds for a format: its keys are options of the decoder.
pub(in crate::config) struct ContentSection {
    /// Its path.
    pub path: &'static str,
    /// The formats that look at it.
    pub formats: &'static [Format],
    /// The decoder's options that it is; empty for those that no format has to itself.
    pub options: &'static str,
}

const fn section(
    path: &'static str,
    options: &'static str,
    formats: &'static [Format],
) -> ContentSection {
    ContentSection {
        path,
        formats,
        options,
    }
}

/// The sections of formats.
pub(in crate::config) const SECTIONS: &[ContentSection] = &[
    section("content.json", "json", &[Format::Json, Format::Auto]),
    section(
        "content.cloudwatch",
        "cloudwatch",
        &[Format::CloudWatch, Format::Auto],
    ),
    section(
        "content.csv",
        "csv",
        &[Format::Csv, Format::Tsv, Format::Auto],
    ),
    section("content.fixed_width", "fixed_width", &[Format::FixedWidth]),
    section("content.regex", "regex", &[Format::Regex]),
    section("content.form", "form", &[Format::Form, Format::Auto]),
    section("content.xml", "xml", &[Format::Xml, Format::Auto]),
    section("content.lines", "lines", &[Format::Lines, Format::Auto]),
    section("content.raw", "raw", &[Format::Raw, Format::Auto]),
    section("content.avro_record", "", &[Format::AvroRecord]),
    section("content.protobuf", "protobuf", &[Format::Protobuf]),
    section("content.avro_confluent", "", &[Format::AvroConfluent]),
    section("content.avro_glue", "", &[Format::AvroGlue]),
];

/// Keys that name files with what another key holds: they are no options of the decoder.
pub(in crate::config) const OF_FILES: &[&str] = &[
    "content.avro_record.schema_file",
    "content.protobuf.descriptor_set_file",
    "content.protobuf.proto_files",
    "content.protobuf.include_paths",
];

/// Keys that have no meaning while another key has a value, written as TOML.
pub(in crate::config) const NO_MEANING: &[(&str, &str, &str)] = &[
    (
        "content.json.root_array_field",
        "content.json.split_root_array",
        "true",
    ),
    (
        "content.json.keep_nested_text",
        "content.json.nested_json_fields",
        "[]",
    ),
    (
        "content.json.json_text_field",
        "content.json.store_json_as_string",
        "\"no\"",
    ),
    (
        "content.cloudwatch.keep_message_text",
        "content.cloudwatch.parse_messages",
        "false",
    ),
    ("content.csv.quoted_nulls", "content.csv.null_values", "[]"),
    ("content.csv.quoted_nulls", "content.csv.quote", "\"\""),
];

impl ContentSection {
    /// The keys below it, each with the path of its option among those of the section.
    pub fn keys(&self) -> impl Iterator<Item = (&'static Key, &'static str)> {
        let keys = super::keys().filter(|key| !OF_FILES.contains(&key.path));
        keys.filter_map(|key| {
            let option = match (below(key.path, self.path)?, self.options) {
                // These stand beside the options of formats.
                ("schema", "") => "avro_schema",
                ("url", "") => "registry",
                (name, _) => name,
            };
            Some((key, option))
        })
    }
}

/// The formats of payloads.
pub const CONTENT_FORMATS: &[&str] = &[
    "auto",
    "json",
    "cloudwatch",
    "csv",
    "tsv",
    "fixed_width",
    "regex",
    "form",
    "xml",
    "lines",
    "raw",
    "avro",
    "avro_record",
    "avro_confluent",
    "avro_glue",
    "orc",
    "parquet",
    "protobuf",
];

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

pub(super) const KEYS: &[Key] = &[
    Key {
        path: "content.format",
        kind: Kind::Choice(CONTENT_FORMATS),
        default: Default::Value("auto"),
        meaning: "Format of the payloads; what they become is in [CONTENT.md](CONTENT.md). \
                  `\"auto\"` finds it out from what came in the last 30 minutes when the data \
                  source is made, and remembers it; payloads that are plainly of another format \
                  are decoded as that. What holds for a format has a section of its own below.",
        example: "\"json\"",
    },
    Key {
        path: "content.wait_for_data",
        kind: Kind::Bool,
        default: Default::Value("false"),
        meaning: "Whether a new data source whose format is `\"auto\"` waits for its first data \
                  where none came in the last 30 minutes. `false` stops with an error.",
        example: "true",
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
];
