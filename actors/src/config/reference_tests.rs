//! The table of keys against the reader, and against the reference page.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::config::document::Values;
use crate::config::problem::Report;
use crate::config::{
    ContentCompression, ContentFormat, ContentOptions, DataSource, FieldType, FixedColumn,
    FixedWidthOptions, MemoryPlan, format_size,
};

/// Every key that a format has, each with a value.
type Entries = Vec<(&'static Key, String)>;

/// Keys that keep text of events: they do not stand beside `hash_columns`.
const KEEP_TEXT: [&str; 5] = [
    "target.store_raw_data",
    "content.json.store_json_as_string",
    "content.json.json_text_field",
    "content.json.keep_nested_text",
    "content.cloudwatch.keep_message_text",
];

/// The keys of columns that are hashed.
const HASH: [&str; 2] = ["content.hash_columns", "content.hash_key"];

/// Every key that may stand beside a format, each with its example.
fn everything(format: ContentFormat) -> Entries {
    let mut entries = all(format);
    entries.retain(|(key, _)| !KEEP_TEXT.contains(&key.path));
    entries
}

/// The same with the keys that keep text, and none that hash.
fn keeping_text(format: ContentFormat) -> Entries {
    let mut entries = all(format);
    entries.retain(|(key, _)| !HASH.contains(&key.path));
    entries
}

fn all(format: ContentFormat) -> Entries {
    let foreign = |key: &Key| {
        let mut sections = SECTIONS.iter();
        let section = sections.find(|section| below(key.path, section.path).is_some());
        section.is_some_and(|section| !section.formats.contains(&format))
    };
    // They stand for others.
    const STAND_INS: [&str; 2] = [
        "content.avro_confluent.token",
        "content.avro_confluent.secret_file",
    ];
    // `[files]` stands in place of `[kinesis]`.
    let stands_in = |path: &str| {
        STAND_INS.contains(&path) || content::OF_FILES.contains(&path) || path.starts_with("files.")
    };
    let keys = keys().filter(|key| !stands_in(key.path));
    keys.filter(|key| !foreign(key))
        .map(|key| match key.path {
            "content.format" => (key, format!("\"{}\"", format.as_str())),
            // Its level is an example too.
            "parquet.compression" => (key, "\"zstd\"".to_owned()),
            _ => (key, key.example.to_owned()),
        })
        .collect()
}

fn toml(entries: &Entries) -> String {
    let mut text = String::new();
    let mut section = "";
    for (key, value) in entries {
        let (parent, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        if parent.ends_with(".*") && parent != "connection.*" {
            continue;
        }
        if parent != section {
            section = parent;
            text.push_str(&format!("[{}]\n", parent.replace('*', "prod")));
        }
        let of_table = entries.iter().filter_map(|(member, value)| {
            let name = below(member.path, key.path)?.strip_prefix("*.")?;
            Some(format!("{name} = {value}"))
        });
        let value = match key.kind {
            Kind::Tables => format!("[{{ {} }}]", of_table.collect::<Vec<_>>().join(", ")),
            _ => value.clone(),
        };
        text.push_str(&format!("{} = {value}\n", name.replace('*', "NAME")));
    }
    text
}

fn read(entries: &Entries) -> DataSource {
    let text = format!(
        "{}[connection.other]\nregion = \"elsewhere\"\n",
        toml(entries)
    );
    DataSource::read("t", &text, None, &|_| None).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

#[test]
fn every_key_with_its_example_makes_a_data_source() {
    for format in ContentFormat::ALL {
        let options = read(&everything(format)).content().options.clone();
        // What is stored of it is all of it.
        let stored = serde_json::to_string(&options).unwrap();
        let again: ContentOptions = serde_json::from_str(&stored).unwrap();
        assert_eq!(again, options);
    }
}

/// Another value than the example.
fn other(key: &Key) -> String {
    match (key.path, key.kind) {
        ("kinesis.connection" | "target.connection", _) => "\"other\"".to_owned(),
        ("engine.memory_budget", _) => "\"300 MiB\"".to_owned(),
        ("parquet.compression", _) => "\"gzip\"".to_owned(),
        ("output.*.connection", _) => "\"other\"".to_owned(),
        ("content.format", _) => "\"raw\"".to_owned(),
        ("kinesis.shards", Kind::Integer { max, .. }) => max.to_string(),
        ("content.regex.pattern", _) => "'(?<other>.)'".to_owned(),
        ("content.avro_record.schema", _) => "'\"string\"'".to_owned(),
        ("content.protobuf.message", _) => "\"web.Hit.Part\"".to_owned(),
        ("content.protobuf.descriptor_set", _) => {
            "\"CjEKCWhpdC5wcm90bxIDd2ViIhcKA0hpdBIQCgN1cmwYASABKAlSA3VybGIGcHJvdG8z\"".to_owned()
        }
        (_, Kind::Integer { .. }) if key.example == "1" => "2".to_owned(),
        (_, Kind::Integer { .. }) => "1".to_owned(),
        (_, Kind::Size { .. }) => "\"2 MiB\"".to_owned(),
        ("target.retention", _) => "\"7 hours\"".to_owned(),
        (_, Kind::Duration { .. }) => "\"7 s\"".to_owned(),
        (_, Kind::Choice(words)) => {
            let mut words = words.iter().map(|word| format!("\"{word}\""));
            words.find(|word| word != key.example).unwrap()
        }
        (_, Kind::Bool) => (key.example == "false").to_string(),
        (_, Kind::Texts | Kind::AnyTexts | Kind::Expressions) => "[\"other\"]".to_owned(),
        (_, Kind::Character { .. }) => "\"|\"".to_owned(),
        (_, Kind::StartFrom) => "\"start\"".to_owned(),
        (_, Kind::Time) => "\"2027-01-01T00:00:00Z\"".to_owned(),
        (_, Kind::Url) => "\"https://other\"".to_owned(),
        ("content.hash_key", _) => "\"another key of some length\"".to_owned(),
        _ => "\"other\"".to_owned(),
    }
}

#[test]
fn every_key_that_is_read_changes_the_data_source() {
    // A key that stood in the table and was read by nobody would make no difference here. One that
    // merely repeats the default makes none either, so those are given another value.
    let mut seen = BTreeSet::new();
    for format in ContentFormat::ALL {
        for entries in [everything(format), keeping_text(format)] {
            for (key, _) in &entries {
                // Each key once, with the first format that has it; a list of tables is changed by
                // their keys.
                if key.kind != Kind::Tables && seen.insert(key.path) {
                    changes_the_data_source(key, &entries);
                }
            }
        }
    }
}

fn changes_the_data_source(key: &Key, entries: &Entries) {
    let value = other(key);
    let goes = |path: &str| {
        let mut meaningless = NO_MEANING.iter();
        meaningless.any(|(other, by, word)| *other == path && *by == key.path && *word == value)
            || (key.path == "content.format"
                && path.starts_with("content.")
                && path.matches('.').count() > 1)
    };
    let mut entries = entries.clone();
    entries.retain(|(key, _)| key.path.starts_with("connection.") || !goes(key.path));
    let whole = read(&entries);
    for entry in &mut entries {
        if entry.0.path == key.path {
            entry.1 = value.clone();
        }
    }
    assert_ne!(read(&entries), whole, "{} is read by nobody", key.path);
}

#[test]
fn what_is_written_as_a_file_is_read_back() {
    let again = |text: &str| {
        let secret = |name: &str| match name {
            "SHARDMILL_EXTERNAL_ID" | "SHARDMILL_REGISTRY_PASSWORD" => Some("none".to_owned()),
            "SHARDMILL_HASH_KEY" => Some("b5d1c9f04a7e4f6c8d20".to_owned()),
            _ => None,
        };
        DataSource::read("t", text, None, &secret).unwrap_or_else(|e| panic!("{e}\n{text}"))
    };
    for mut entries in ContentFormat::ALL
        .into_iter()
        .flat_map(|format| [everything(format), keeping_text(format)])
    {
        let whole = read(&entries);
        assert_eq!(again(&whole.to_toml()), whole);
        // Texts that TOML or the filling in of variables would take for something else.
        for (key, value) in &mut entries {
            let is_text = matches!(key.kind, Kind::Text | Kind::TextOrNone);
            let is_name =
                key.path == "content.protobuf.message" || key.path.ends_with(".connection");
            if is_text && !is_name && key.path.starts_with("content.") {
                *value = "'a\"$$b\\t'".to_owned();
            }
        }
        let odd = read(&entries);
        assert_eq!(again(&odd.to_toml()), odd);
    }
    let least = DataSource::builder("clicks")
        .stream("clickstream")
        .target("./lake")
        .build()
        .unwrap();
    let text = least.to_toml();
    assert_eq!(again(&text), least);
    let written: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect();
    let expected = [
        "name = \"clicks\"",
        "[kinesis]",
        "stream = \"clickstream\"",
        "[target]",
        "url = \"./lake\"",
    ];
    assert_eq!(written, expected);
}

#[test]
fn every_option_of_the_decoder_has_a_key_with_the_same_default() {
    let columns = FixedWidthOptions {
        columns: vec![FixedColumn {
            name: "id".to_owned(),
            start: Some(1),
            width: 8,
            field_type: Some(FieldType::Int64),
        }],
        ..FixedWidthOptions::default()
    };
    let all = ContentOptions {
        fixed_width: columns,
        ..ContentOptions::default()
    };
    let all = serde_json::to_value(&all).unwrap();
    let names = |value: &serde_json::Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    // These stand right below `[content]`, `expansion` as two keys.
    let mut found =
        BTreeSet::from(["format", "compression", "expansion", "avro_schema"].map(str::to_owned));

    for section in SECTIONS
        .iter()
        .filter(|section| !section.options.is_empty())
    {
        found.insert(section.options.to_owned());
        let options = &all[section.options];
        let keys = || section.keys().map(|(_, option)| option);
        let first = |option: &str| option.split('.').next().unwrap().to_owned();
        assert_eq!(
            names(options),
            keys().map(first).collect(),
            "{}",
            section.path
        );
        if let Some(table) = options.get("columns").and_then(|columns| columns.get(0)) {
            let of_table = keys().filter_map(|option| option.strip_prefix("columns.*."));
            assert_eq!(names(table), of_table.map(str::to_owned).collect());
        }
    }
    assert_eq!(names(&all), found);

    for format in ContentFormat::ALL {
        let mut entries = everything(format);
        let must = |key: &Key| {
            let of_file = [
                "content.avro_record.schema",
                "content.protobuf.descriptor_set",
            ];
            key.default == Default::Required || of_file.contains(&key.path)
        };
        entries.retain(|(key, _)| must(key) || key.path == "content.format");
        let mut options = read(&entries).content().options.clone();
        (options.regex.pattern, options.avro_schema, options.registry) = (None, None, None);
        (options.protobuf.descriptor_set, options.protobuf.message) = (None, None);
        options.fixed_width.columns.clear();
        let defaults = ContentOptions {
            format,
            ..ContentOptions::default()
        };
        assert_eq!(options, defaults);
    }
}

#[test]
fn a_key_without_a_meaning_is_an_error() {
    for (path, by, word) in NO_MEANING {
        let mut sections = SECTIONS.iter();
        let section = sections.find(|section| below(path, section.path).is_some());
        let mut entries = keeping_text(section.unwrap().formats[0]);
        read(&entries);
        for entry in &mut entries {
            if entry.0.path == *by {
                entry.1 = (*word).to_owned();
            }
        }
        let error = DataSource::read("t", &toml(&entries), None, &|_| None).unwrap_err();
        assert!(
            error.problems().iter().any(|problem| problem.key == *path),
            "{error}"
        );
    }
}

#[test]
fn every_default_is_allowed() {
    for key in keys() {
        if let Default::Value(text) = key.default {
            assert!(key.kind.parse(text).is_ok(), "{}", key.path);
            // As TOML it is read the same.
            let section = key.path.rsplit_once('.').map_or("", |(section, _)| section);
            let name = key.path.rsplit('.').next().unwrap();
            let value = key.kind.as_toml(text);
            // What its table must have is missing there.
            let (text, path, others) =
                match section.strip_suffix(".*").filter(|s| find(s).is_some()) {
                    Some(list) => {
                        let text = format!("[[{list}]]\n{name} = {value}\n");
                        (text, format!("{list}[0].{name}"), true)
                    }
                    None => {
                        let text = format!("[{section}]\n{name} = {value}\n");
                        (text, key.path.to_owned(), false)
                    }
                };
            let mut report = Report::new("t", &text);
            let values = Values::read(&text, &|_| None, &mut report);
            assert!(
                (others || report.is_empty()) && values.get(&path).is_some(),
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
}

#[test]
fn the_examples_of_formats_work() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/CONFIGURATION.md");
    let page = std::fs::read_to_string(path).unwrap();
    let blocks = page.split("```toml\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    let mut examples = 0;
    for block in blocks.filter(|block| block.starts_with("[content]")) {
        let head = "name = \"n\"\n[kinesis]\nstream = \"s\"\n[target]\nurl = \"/lake\"\n";
        let text = format!("{head}{block}");
        DataSource::read("t", &text, None, &|_| None).unwrap_or_else(|e| panic!("{e}"));
        examples += 1;
    }
    assert_eq!(examples, 4);
}

/// The part of the reference page that is made from the table.
fn generated() -> String {
    let mut text = markdown();
    text.push_str("\n### Least memory budget\n\n");
    text.push_str("| lanes | least `memory_budget` |\n| --- | --- |\n");
    for lanes in [1, 2, 4, 8] {
        text.push_str(&format!(
            "| {lanes} | {} |\n",
            format_size(MemoryPlan::least(lanes, 4 << 20, false))
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
