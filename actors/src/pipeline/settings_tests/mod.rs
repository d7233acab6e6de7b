//! What is said of the content, by its effect: configuration, settings, decoder, rows.

mod documents;
mod lines;

use std::sync::Arc;

use bytes::Bytes;
use shardmill_engine::decode::{
    Compression, ContentOptions, DecodedSample, Decoder, ExpansionLimits, FormatChoice,
};
use shardmill_engine::schema::text::RowText;
use shardmill_engine::types::{Payload, SequenceNumber};

use super::*;
use crate::config::reference;

#[test]
fn what_is_said_of_the_content_reaches_the_decoders() {
    let source = DataSource::builder("clicks")
        .stream("clickstream")
        .target("./lake")
        .content_compression(Compression::Bzip2)
        .max_expanded_size(5_000)
        .max_expansion_ratio(7)
        .max_depth(3)
        .max_event_size(4_000)
        .build()
        .unwrap();
    let plan = Settings::of(&source).decode;
    assert_eq!(plan.limits.max_depth, 3);
    assert_eq!(plan.limits.max_event_bytes, 4_000);
    let expected = ContentOptions {
        compression: Compression::Bzip2,
        expansion: ExpansionLimits {
            max_bytes: 5_000,
            max_ratio: 7,
        },
        format: FormatChoice::Auto,
        ..ContentOptions::default()
    };
    assert_eq!(plan.content, expected);
}

/// What a payload becomes under a configuration whose `[content]` is this: rows as canonical text,
/// nulls left out; then rejects, as codes and bytes.
fn decoded(content: &str, payload: &[u8]) -> Vec<String> {
    let text = format!(
        "name = \"clicks\"\n[kinesis]\nstream = \"clickstream\"\n[target]\nurl = \"./lake\"\n\
         [content]\n{content}\n"
    );
    let source = DataSource::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let plan = Settings::of(&source).decode;
    let mut decoder = Decoder::new(plan.limits.clone(), &plan.content);
    let payload = Payload {
        sequence: SequenceNumber::from(100),
        subsequence: 0,
        partition_key: Arc::from("key"),
        arrival: 1,
        data: Bytes::copy_from_slice(payload),
    };
    texts(&decoder.decode_sample(&[payload]))
}

fn texts(decoded: &DecodedSample) -> Vec<String> {
    let rows = decoded.rows.iter().flat_map(|rows| {
        let text = RowText::of(&rows.schema.fields, &rows.columns);
        (0..rows.len).map(move |row| text.text(row))
    });
    let rejects = decoded.rejects.iter().map(|reject| {
        let data = String::from_utf8_lossy(&reject.data);
        format!("{} {data}", reject.code.as_str())
    });
    rows.chain(rejects).collect()
}

/// What a key does: `[content]` without it and with it, a payload, and what that becomes.
struct Case {
    key: &'static str,
    without: &'static str,
    with: &'static str,
    payload: &'static [u8],
    was: &'static [&'static str],
    is: &'static [&'static str],
}

#[test]
fn every_key_of_a_format_does_what_it_says() {
    let cases = || lines::CASES.iter().chain(documents::CASES);
    for case in cases() {
        assert_eq!(
            decoded(case.without, case.payload),
            case.was,
            "{} without",
            case.key
        );
        assert_eq!(decoded(case.with, case.payload), case.is, "{}", case.key);
    }
    let keys = reference::keys().map(|key| key.path);
    let of_formats = keys.filter(|path| {
        let below = path.strip_prefix("content.");
        below.is_some_and(|rest| rest.contains('.'))
    });
    // Those that are left, which name files, have tests of their own below. What a registry is reached
    // by is tried with registries.
    let of_registry = |path: &&str| {
        path.starts_with("content.avro_confluent.") || path.starts_with("content.avro_glue.")
    };
    let of_decoders = of_formats.filter(|path| !of_registry(path));
    let missing = of_decoders.filter(|path| !cases().any(|case| case.key == *path));
    let missing: Vec<&str> = missing.collect();
    assert_eq!(
        missing,
        [
            "content.avro_record.schema_file",
            "content.protobuf.proto_files",
            "content.protobuf.include_paths",
            "content.protobuf.descriptor_set_file",
        ]
    );
}

#[test]
fn a_schema_is_read_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hit.avsc");
    let schema = r#"{"type": "record", "name": "R", "fields": [{"name": "n", "type": "int"}]}"#;
    std::fs::write(&file, schema).unwrap();
    let content = format!("format = \"avro_record\"\navro_record.schema_file = {file:?}");
    assert_eq!(decoded(&content, &[2]), [r#"{"n":1}"#]);
}

#[test]
fn protobuf_files_are_compiled_or_read_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let hit =
        "syntax = \"proto3\"; package web; import \"part.proto\"; message Hit { Part part = 1; }";
    let part = "syntax = \"proto3\"; package web; message Part { string path = 1; }";
    std::fs::write(folder.path().join("hit.proto"), hit).unwrap();
    std::fs::write(other.join("part.proto"), part).unwrap();
    let files = [folder.path().join("hit.proto")];
    let content = format!(
        "format = \"protobuf\"\n[content.protobuf]\nmessage = \"web.Hit\"\nproto_files = {files:?}\n\
         include_paths = {:?}",
        [folder.path(), &other]
    );
    let payload = b"\x0a\x03\x0a\x01x";
    assert_eq!(decoded(&content, payload), [r#"{"part":{"path":"x"}}"#]);

    let file = folder.path().join("hit.desc");
    let mut compiler = protox::Compiler::new([folder.path(), &other]).unwrap();
    let set = compiler.include_imports(true).open_files(&files).unwrap();
    std::fs::write(&file, set.encode_file_descriptor_set()).unwrap();
    let content = format!(
        "format = \"protobuf\"\n[content.protobuf]\nmessage = \"web.Hit\"\n\
         descriptor_set_file = {file:?}"
    );
    assert_eq!(decoded(&content, payload), [r#"{"part":{"path":"x"}}"#]);
}
