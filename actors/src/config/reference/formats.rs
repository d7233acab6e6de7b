//! The keys of what holds for each format.
//!
//! [`super::content::SECTIONS`] says which options of the decoder they are. A test compares the two
//! both ways: each option has a key, with the same default.

use super::{Default, Key};
use crate::config::value::Kind;

const FIELD_TYPES: &[&str] = &["string", "int64", "float64", "boolean"];
const STORE_JSON: &[&str] = &["no", "beside", "only"];
const SHORT_LINES: &[&str] = &["reject", "fill"];
const REGEX_UNITS: &[&str] = &["line", "content"];
const PROTOBUF_FRAMINGS: &[&str] = &["none", "delimited"];
const UNKNOWN_FIELDS: &[&str] = &["skip", "reject"];

/// The farthest place and the largest width of a column.
const MAX_PLACE: u64 = 1 << 30;

const fn infer_types(path: &'static str) -> Key {
    Key {
        path,
        kind: Kind::Bool,
        default: Default::Value("true"),
        meaning: "Whether values are typed by their spelling: integers, floats, `true` and `false`. \
                  `false`: what has no type of its own is text.",
        example: "false",
    }
}

const fn types(path: &'static str, meaning: &'static str) -> Key {
    Key {
        path,
        kind: Kind::Choice(FIELD_TYPES),
        default: Default::Unset("`infer_types` says it"),
        meaning,
        example: "\"string\"",
    }
}

pub(super) const KEYS: &[Key] = &[
    Key {
        path: "content.json.split_root_array",
        kind: Kind::Bool,
        default: Default::Value("true"),
        meaning: "Whether each item of a list at the root is an event. `false`: the list is one \
                  event, in the field `root_array_field`.",
        example: "false",
    },
    Key {
        path: "content.json.root_array_field",
        kind: Kind::Text,
        default: Default::Value("items"),
        meaning: "The field that holds a list at the root which is not split.",
        example: "\"rows\"",
    },
    Key {
        path: "content.json.nested_json_fields",
        kind: Kind::Texts,
        default: Default::Unset("none"),
        meaning: "Fields that hold JSON as text, each by its path with dots; lists on the way \
                  are looked through. A text that is an object or a list is parsed, any other \
                  stays text.",
        example: "[\"body\", \"detail.payload\"]",
    },
    Key {
        path: "content.json.keep_nested_text",
        kind: Kind::Bool,
        default: Default::Value("false"),
        meaning: "Whether the text of what was parsed so is kept beside it, as `NAME_text`.",
        example: "true",
    },
    Key {
        path: "content.json.store_json_as_string",
        kind: Kind::Choice(STORE_JSON),
        default: Default::Value("no"),
        meaning: "Whether the text of each event is kept as it stands: `\"beside\"` its fields, or \
                  as its `\"only\"` field.",
        example: "\"beside\"",
    },
    Key {
        path: "content.json.json_text_field",
        kind: Kind::Text,
        default: Default::Value("json"),
        meaning: "The field that holds the text of an event. A field of the event of the same \
                  name gives way: it is in the text.",
        example: "\"event_text\"",
    },
    Key {
        path: "content.cloudwatch.parse_messages",
        kind: Kind::Bool,
        default: Default::Value("false"),
        meaning: "Whether a message that is a JSON object or list is parsed; any other stays \
                  text.",
        example: "true",
    },
    Key {
        path: "content.cloudwatch.keep_message_text",
        kind: Kind::Bool,
        default: Default::Value("false"),
        meaning: "Whether the text of a message that was parsed is kept beside it, as \
                  `message_text`.",
        example: "true",
    },
    Key {
        path: "content.csv.delimiter",
        kind: Kind::Character { optional: false },
        default: Default::Unset("a comma; for tsv a tab"),
        meaning: "What stands between fields.",
        example: "\";\"",
    },
    Key {
        path: "content.csv.quote",
        kind: Kind::Character { optional: true },
        default: Default::Value("\""),
        meaning: "What fields are put in that hold delimiters or line ends.",
        example: "\"'\"",
    },
    Key {
        path: "content.csv.escape",
        kind: Kind::Character { optional: true },
        default: Default::Value(""),
        meaning: "What takes the special meaning from the character after it. A doubled quote \
                  within quotes is understood in any case.",
        example: "\"\\\\\"",
    },
    Key {
        path: "content.csv.header",
        kind: Kind::Bool,
        default: Default::Value("true"),
        meaning: "Whether each content begins with a line of names. With the format `\"auto\"`, \
                  `true` leaves it to the sample.",
        example: "false",
    },
    Key {
        path: "content.csv.columns",
        kind: Kind::Texts,
        default: Default::Unset(
            "the names of the header; without one `_column_1`, `_column_2`, ...",
        ),
        meaning: "The names of the columns. Where they are given a header is skipped.",
        example: "[\"id\", \"at\", \"amount\"]",
    },
    Key {
        path: "content.csv.null_values",
        kind: Kind::AnyTexts,
        default: Default::Value(""),
        meaning: "Texts that stand for null. A field that is not quoted is compared as it \
                  stands.",
        example: "[\"\", \"NULL\"]",
    },
    Key {
        path: "content.csv.quoted_nulls",
        kind: Kind::Bool,
        default: Default::Value("false"),
        meaning: "Whether a quoted field may be null too.",
        example: "true",
    },
    infer_types("content.csv.infer_types"),
    Key {
        path: "content.csv.trim",
        kind: Kind::Bool,
        default: Default::Value("false"),
        meaning: "Whether spaces and tabs around fields that are not quoted, and around quotes, \
                  are left out.",
        example: "true",
    },
    Key {
        path: "content.csv.short_lines",
        kind: Kind::Choice(SHORT_LINES),
        default: Default::Value("reject"),
        meaning: "What a line with fewer fields than there are columns is: a `\"reject\"`, or an \
                  event whose last columns are null (`\"fill\"`). What a line has too many is kept \
                  as `_column_N`.",
        example: "\"fill\"",
    },
    types("content.csv.types.*", "The type of a column, by its name."),
    Key {
        path: "content.fixed_width.columns",
        kind: Kind::Tables,
        default: Default::Required,
        meaning: "The columns, each a table; see below.",
        example: "[{ name = \"id\", width = 8 }]",
    },
    Key {
        path: "content.fixed_width.trim",
        kind: Kind::Bool,
        default: Default::Value("true"),
        meaning: "Whether blanks around values are left out.",
        example: "false",
    },
    infer_types("content.fixed_width.infer_types"),
    Key {
        path: "content.fixed_width.null_values",
        kind: Kind::AnyTexts,
        default: Default::Value(""),
        meaning: "Texts that stand for null, after trimming.",
        example: "[\"\", \"-\"]",
    },
    Key {
        path: "content.fixed_width.short_lines",
        kind: Kind::Choice(SHORT_LINES),
        default: Default::Value("fill"),
        meaning: "What a line is that ends before its last column begins: a `\"reject\"`, or an \
                  event whose last columns are null (`\"fill\"`).",
        example: "\"reject\"",
    },
    Key {
        path: "content.fixed_width.columns.*.name",
        kind: Kind::Text,
        default: Default::Required,
        meaning: "Name of the column.",
        example: "\"id\"",
    },
    Key {
        path: "content.fixed_width.columns.*.start",
        kind: Kind::Integer {
            min: 1,
            max: MAX_PLACE,
        },
        default: Default::Unset("after the column above"),
        meaning: "Place of its first character, from 1.",
        example: "1",
    },
    Key {
        path: "content.fixed_width.columns.*.width",
        kind: Kind::Integer {
            min: 1,
            max: MAX_PLACE,
        },
        default: Default::Required,
        meaning: "How many characters it has.",
        example: "8",
    },
    Key {
        path: "content.fixed_width.columns.*.type",
        kind: Kind::Choice(FIELD_TYPES),
        default: Default::Unset("`infer_types` says it"),
        meaning: "Its type.",
        example: "\"int64\"",
    },
    Key {
        path: "content.regex.pattern",
        kind: Kind::Verbatim("a regular expression with named groups"),
        default: Default::Required,
        meaning: "The expression, in the syntax of Rust's crate `regex`. Each group \
                  `(?<name>...)` is a field. It may match a part; `^` and `$` say that it must \
                  be all. Taken as it stands: no environment variables are put in.",
        example: "'^(?<host>\\S+) (?<status>\\d+)$'",
    },
    Key {
        path: "content.regex.unit",
        kind: Kind::Choice(REGEX_UNITS),
        default: Default::Value("line"),
        meaning: "What it is matched with: each `\"line\"`, or each `\"content\"` (a payload, or a \
                  file of an archive) as a whole.",
        example: "\"content\"",
    },
    infer_types("content.regex.infer_types"),
    Key {
        path: "content.regex.null_values",
        kind: Kind::AnyTexts,
        default: Default::Unset("none"),
        meaning: "Texts that stand for null.",
        example: "[\"-\"]",
    },
    types("content.regex.types.*", "The type of a group, by its name."),
    infer_types("content.form.infer_types"),
    Key {
        path: "content.form.null_values",
        kind: Kind::AnyTexts,
        default: Default::Unset("none"),
        meaning: "Texts that stand for null.",
        example: "[\"\", \"null\"]",
    },
    Key {
        path: "content.form.list_fields",
        kind: Kind::Texts,
        default: Default::Unset("those that are there several times in an event"),
        meaning: "Fields that are lists even where they are there once.",
        example: "[\"tag\"]",
    },
    types("content.form.types.*", "The type of a field, by its name."),
    Key {
        path: "content.xml.record_path",
        kind: Kind::Text,
        default: Default::Unset("each root element is an event"),
        meaning: "Path of the elements that are events: names with `/` between them, from the \
                  root on.",
        example: "\"orders/order\"",
    },
    Key {
        path: "content.xml.name_field",
        kind: Kind::TextOrNone,
        default: Default::Value("#name"),
        meaning: "The field that holds the name of the event's element.",
        example: "\"\"",
    },
    Key {
        path: "content.xml.list_fields",
        kind: Kind::Texts,
        default: Default::Unset("those that are there several times in their parent"),
        meaning: "Elements that are lists even where they are there once.",
        example: "[\"item\"]",
    },
    infer_types("content.xml.infer_types"),
    Key {
        path: "content.xml.trim",
        kind: Kind::Bool,
        default: Default::Value("true"),
        meaning: "Whether white space around texts is left out, but for CDATA.",
        example: "false",
    },
    Key {
        path: "content.xml.null_values",
        kind: Kind::AnyTexts,
        default: Default::Unset("none"),
        meaning: "Texts that stand for null; an empty one makes empty elements null.",
        example: "[\"\"]",
    },
    types(
        "content.xml.types.*",
        "The type of an element, or of an attribute (`\"@name\"`), by its name.",
    ),
    Key {
        path: "content.lines.field",
        kind: Kind::Text,
        default: Default::Value("line"),
        meaning: "Name of the field that holds the line.",
        example: "\"message\"",
    },
    Key {
        path: "content.raw.field",
        kind: Kind::Text,
        default: Default::Value("data"),
        meaning: "Name of the field that holds the bytes.",
        example: "\"body\"",
    },
    Key {
        path: "content.avro_record.schema",
        kind: Kind::Verbatim("the JSON of an Avro schema"),
        default: Default::Unset("what `schema_file` holds"),
        meaning: "The schema of the values. Taken as it stands: no environment variables are put \
                  in.",
        example: "'{\"type\": \"record\", \"name\": \"Hit\", \"fields\": [{\"name\": \"path\", \"type\": \"string\"}]}'",
    },
    Key {
        path: "content.avro_record.schema_file",
        kind: Kind::Text,
        default: Default::Unset("`schema` has it"),
        meaning: "File that holds the schema. A relative path counts from the folder of the \
                  configuration file.",
        example: "\"hit.avsc\"",
    },
    Key {
        path: "content.avro_confluent.url",
        kind: Kind::Url,
        default: Default::Required,
        meaning: "The schema registry that gave the numbers in the messages: Confluent's, or one \
                  that answers like it (Karapace, Redpanda, Apicurio under its own path).",
        example: "\"https://registry.example.com\"",
    },
    Key {
        path: "content.avro_confluent.user",
        kind: Kind::Text,
        default: Default::Unset("no credentials are sent, or a token"),
        meaning: "User, or API key, for basic authentication.",
        example: "\"reader\"",
    },
    Key {
        path: "content.avro_confluent.password",
        kind: Kind::Secret,
        default: Default::Unset("`secret_file` has it"),
        meaning: "Password of `user`, or the API key's secret. Never shown in logs or messages.",
        example: "\"${SHARDMILL_REGISTRY_PASSWORD:-none}\"",
    },
    Key {
        path: "content.avro_confluent.token",
        kind: Kind::Secret,
        default: Default::Unset("`secret_file` has it, or no token is sent"),
        meaning: "Bearer token, in place of `user`. Never shown in logs or messages.",
        example: "\"${SHARDMILL_REGISTRY_TOKEN:-none}\"",
    },
    Key {
        path: "content.avro_confluent.secret_file",
        kind: Kind::Text,
        default: Default::Unset("`password` or `token` has it, or none is sent"),
        meaning: "File that holds the password where there is a `user`, else the token. It is read \
                  again for each call, so it may be renewed. A relative path counts from the folder \
                  of the configuration file.",
        example: "\"/run/secrets/registry\"",
    },
    Key {
        path: "content.avro_glue.connection",
        kind: Kind::Text,
        default: Default::Unset(
            "the AWS SDK's usual chain of credentials and endpoints, in the region of the stream",
        ),
        meaning: "The `[connection.NAME]` table to reach AWS Glue with.",
        example: "\"prod\"",
    },
    Key {
        path: "content.protobuf.message",
        kind: Kind::Text,
        default: Default::Required,
        meaning: "Full name of the message that payloads are: its package, the messages that it is \
                  declared in, its own name, with dots between them.",
        example: "\"web.Hit\"",
    },
    Key {
        path: "content.protobuf.proto_files",
        kind: Kind::Texts,
        default: Default::Unset("`descriptor_set_file` has it"),
        meaning: "`.proto` files with the message and with extensions of it, if there are any; what \
                  they import is found by itself. Compiled at the start: no `protoc` is needed. A \
                  relative path counts from the folder of the configuration file, or else from one \
                  of `include_paths`.",
        example: "[\"protos/hit.proto\"]",
    },
    Key {
        path: "content.protobuf.include_paths",
        kind: Kind::Texts,
        default: Default::Unset("the folders that `proto_files` stand in"),
        meaning: "Folders that imports are looked up in, in this order. Relative ones count from \
                  the folder of the configuration file. Google's own files need none.",
        example: "[\"protos\"]",
    },
    Key {
        path: "content.protobuf.descriptor_set_file",
        kind: Kind::Text,
        default: Default::Unset("`proto_files` or `descriptor_set` has it"),
        meaning: "File with a descriptor set, as `protoc --include_imports --descriptor_set_out` \
                  writes it. A relative path counts from the folder of the configuration file.",
        example: "\"hit.desc\"",
    },
    Key {
        path: "content.protobuf.descriptor_set",
        kind: Kind::Verbatim("a descriptor set in base64"),
        default: Default::Unset("what `proto_files` or `descriptor_set_file` hold"),
        meaning: "The descriptor set itself. Taken as it stands: no environment variables are put \
                  in.",
        example: "\"CjsKCWhpdC5wcm90bxIDd2ViIiEKA0hpdBISCgRwYXRoGAEgASgJUgRwYXRoGgYKBFBhcnRiBnByb3RvMw==\"",
    },
    Key {
        path: "content.protobuf.framing",
        kind: Kind::Choice(PROTOBUF_FRAMINGS),
        default: Default::Value("none"),
        meaning: "How messages stand in payloads: one in each, `\"none\"`, or any number, each with \
                  its length before it as a varint, `\"delimited\"`.",
        example: "\"delimited\"",
    },
    Key {
        path: "content.protobuf.unknown_fields",
        kind: Kind::Choice(UNKNOWN_FIELDS),
        default: Default::Value("skip"),
        meaning: "Fields that the descriptor does not have: `\"skip\"` leaves them out, `\"reject\"` \
                  makes their message a reject.",
        example: "\"reject\"",
    },
];
