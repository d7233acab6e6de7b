//! The table of keys against the reader, and against the reference page.

use std::path::Path;

use super::*;
use crate::config::document::Values;
use crate::config::problem::Report;
use crate::config::{ContentCompression, ContentFormat, DataSource, MemoryPlan, format_size};

/// A configuration with every key, each with its example.
fn everything() -> String {
    let mut text = String::new();
    let mut section = "";
    for key in KEYS {
        let (parent, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        if parent != section {
            section = parent;
            text.push_str(&format!("[{}]\n", parent.replace('*', "prod")));
        }
        text.push_str(&format!("{name} = {}\n", key.example));
    }
    text.replace("\"snappy\"", "\"zstd\"")
}

#[test]
fn every_key_with_its_example_makes_a_data_source() {
    let text = everything();
    DataSource::read("source.toml", &text, None, &|_| None).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn every_key_that_is_read_changes_the_data_source() {
    // A key that stood in the table and was read by nobody would make no difference here. One that
    // merely repeats the default makes none either, so those are given another value.
    let whole = DataSource::read("t", &everything(), None, &|_| None).unwrap();
    for key in KEYS {
        let name = key.path.rsplit('.').next().unwrap();
        let other = match key.path {
            // There is one allowed value only, and it is the default.
            "content.format" => continue,
            "kinesis.connection" | "target.connection" => "\"other\"".to_owned(),
            _ => match key.kind {
                Kind::Integer { max, .. } if key.path == "kinesis.shards" => max.to_string(),
                Kind::Integer { .. } => "1".to_owned(),
                Kind::Size { .. } if key.path == "engine.memory_budget" => "\"300 MiB\"".to_owned(),
                Kind::Size { .. } => "\"2 MiB\"".to_owned(),
                Kind::Duration { .. } => "\"7 s\"".to_owned(),
                Kind::Choice(_) => "\"none\"".to_owned(),
                Kind::Bool => (key.example == "false").to_string(),
                Kind::Texts => "[\"other\"]".to_owned(),
                Kind::StartFrom => "\"start\"".to_owned(),
                Kind::Url => "\"https://other\"".to_owned(),
                _ => "\"other\"".to_owned(),
            },
        };
        let written = format!(
            "\n{name} = {}\n",
            key.example.replace("\"snappy\"", "\"zstd\"")
        );
        let section = key.path.rsplit_once('.').map_or("", |(section, _)| section);
        let header = format!("[{}]", section.replace('*', "prod"));
        let text = format!("\n{}", everything());
        let start = text
            .find(&header)
            .filter(|_| !section.is_empty())
            .unwrap_or(0);
        let at = start
            + text[start..]
                .find(&written)
                .unwrap_or_else(|| panic!("{written}"));
        let mut changed = text.clone();
        changed.replace_range(at..at + written.len(), &format!("\n{name} = {other}\n"));
        if key.path == "parquet.compression" {
            changed = changed.replace("\nlevel = 3\n", "\n");
        }
        changed.push_str("[connection.other]\nregion = \"elsewhere\"\n");
        let changed = DataSource::read("t", &changed, None, &|_| None)
            .unwrap_or_else(|error| panic!("{}: {error}", key.path));
        assert_ne!(changed, whole, "{} is read by nobody", key.path);
    }
}

#[test]
fn every_default_is_allowed() {
    for key in KEYS {
        if let Default::Value(text) = key.default {
            assert!(key.kind.parse(text).is_ok(), "{}", key.path);
            // As TOML it is read the same.
            let section = key.path.rsplit_once('.').map_or("", |(section, _)| section);
            let name = key.path.rsplit('.').next().unwrap();
            let text = format!("[{section}]\n{name} = {}\n", key.kind.as_toml(text));
            let mut report = Report::new("t", &text);
            let values = Values::read(&text, &|_| None, &mut report);
            assert!(
                report.is_empty() && values.get(key.path).is_some(),
                "{text}"
            );
        }
    }
}

#[test]
fn the_words_for_payloads_are_those_that_the_decoder_knows() {
    let compressions = ContentCompression::ALL.map(ContentCompression::as_str);
    assert_eq!(CONTENT_COMPRESSIONS, compressions);
    let formats = ContentFormat::ALL.map(ContentFormat::as_str);
    assert_eq!(CONTENT_FORMATS, formats);
}

#[test]
fn what_is_still_to_come_is_not_there_yet() {
    for (path, _) in PLANNED {
        assert!(find(path).is_none(), "{path} works: take it out of PLANNED");
    }
    for (path, words) in PLANNED_VALUES {
        let key = find(path).unwrap();
        assert!(
            words.iter().all(|word| key.kind.parse(word).is_err()),
            "{path}"
        );
    }
}

/// The part of the reference page that is made from the table.
fn generated() -> String {
    let mut text = markdown();
    text.push_str("\n### Least memory budget\n\n");
    text.push_str("| lanes | least `memory_budget` |\n| --- | --- |\n");
    for lanes in [1, 2, 4, 8] {
        text.push_str(&format!(
            "| {lanes} | {} |\n",
            format_size(MemoryPlan::least(lanes))
        ));
    }
    text
}

#[test]
fn the_reference_page_is_up_to_date() {
    const BEGIN: &str = "<!-- made from actors/src/config/reference.rs -->\n";
    const END: &str = "<!-- end -->";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/CONFIGURATION.md");
    let page = std::fs::read_to_string(&path).expect("docs/CONFIGURATION.md is there");
    let begin = page.find(BEGIN).expect("the page has the opening mark") + BEGIN.len();
    let end = begin
        + page[begin..]
            .find(END)
            .expect("the page has the closing mark");
    if std::env::var_os("SHARDMILL_WRITE_DOCS").is_some() {
        let page = format!("{}{}{}", &page[..begin], generated(), &page[end..]);
        std::fs::write(&path, page).expect("the page can be written");
        return;
    }
    let is_current = page[begin..end] == generated();
    assert!(
        is_current,
        "run the test with SHARDMILL_WRITE_DOCS=1 to bring the page up to date"
    );
}
