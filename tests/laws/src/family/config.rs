//! Configurations as TOML, and the options of decoders as the target stores them.

use serde_json::Value;
use shardmill::config::{ContentFormat, DataSource};
use shardmill_engine::decode::ContentOptions;

use super::{Family, Seen};
use crate::decoding::{Case, seen};
use crate::fixtures;
use crate::input::Input;

/// Configurations.
pub const FAMILY: Family = Family {
    name: "config",
    law,
    seeds,
};

const TOML: usize = 0;
const STORED: usize = 1;
const CHOICES: usize = 2;
/// Bytes of a payload that options are tried with: a pattern may take long for each of them.
const MAX_PAYLOAD: usize = 256;

fn law(bytes: &[u8]) -> Seen {
    let mut input = Input::read(bytes);
    let text = String::from_utf8_lossy(&input.payloads.remove(0)).into_owned();
    match usize::from(input.choice) % CHOICES {
        TOML => configuration(&text),
        _ => stored(&text, input),
    }
}

/// A configuration is a source that can be written down and read again, or an error that names every
/// problem with its place.
fn configuration(text: &str) -> Seen {
    let read = DataSource::from_toml(text);
    assert_eq!(read, DataSource::from_toml(text));
    match read {
        Ok(source) => {
            check_written(&source);
            Seen {
                events: 1,
                rejects: 0,
            }
        }
        Err(error) => {
            let problems = error.problems();
            assert!(!problems.is_empty() && error.code().starts_with("config."));
            let shown = error.to_string();
            for problem in problems {
                assert!(
                    shown.contains(&problem.message),
                    "{shown}\n{}",
                    problem.message
                );
                let lines = text.split('\n').count();
                let inside = problem
                    .at
                    .as_ref()
                    .is_none_or(|at| (1..=lines).contains(&at.line));
                assert!(inside, "a place outside: {problem:?}");
            }
            Seen {
                events: 0,
                rejects: problems.len(),
            }
        }
    }
}

fn check_written(source: &DataSource) {
    let written = source.to_toml();
    // A secret is never written: a variable stands for it.
    if written.contains("external_id = \"${") {
        return;
    }
    let again = DataSource::from_toml(&written);
    let again = again.unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!(&again, source, "{written}");
    assert_eq!(again.to_toml(), written);
}

/// Options that are stored decode, or say what is wrong with them.
fn stored(text: &str, mut input: Input) -> Seen {
    let Ok(options) = serde_json::from_str::<ContentOptions>(text) else {
        return Seen::default();
    };
    let written = serde_json::to_string(&options).expect("options are plain values");
    let again: ContentOptions = serde_json::from_str(&written).expect("options come back");
    assert_eq!(again, options);
    assert_eq!(options.effective().effective(), options.effective());
    if let Err(error) = options.check() {
        assert!(!error.to_string().is_empty());
        return Seen {
            events: 0,
            rejects: 1,
        };
    }
    for payload in &mut input.payloads {
        payload.truncate(MAX_PAYLOAD);
    }
    seen(&Case::new(&options, &input).check())
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = ContentFormat::ALL
        .into_iter()
        .filter_map(|format| {
            let source = DataSource::builder("clicks")
                .stream("clickstream")
                .region("eu-west-1")
                .target("s3://lake/events")
                .content_format(format);
            let written = source.build().ok()?.to_toml();
            Some(Input::write(
                TOML,
                0,
                &[without_comments(&written).as_bytes()],
            ))
        })
        .collect();
    seeds.push(Input::write(TOML, 0, &[SOURCE.as_bytes()]));
    for format in [
        "json",
        "csv",
        "tsv",
        "xml",
        "form",
        "lines",
        "raw",
        "regex",
        "fixed_width",
        "cloudwatch",
        "avro_record",
    ] {
        let (options, mut payload) = fixtures::of_format(format);
        payload.truncate(MAX_PAYLOAD);
        let options = options.to_string();
        seeds.push(Input::write(STORED, 1, &[options.as_bytes(), &payload]));
    }
    let all = serde_json::to_value(ContentOptions::default()).unwrap_or(Value::Null);
    seeds.push(Input::write(
        STORED,
        1,
        &[all.to_string().as_bytes(), b"{\"a\":1}"],
    ));
    seeds
}

fn without_comments(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.collect::<Vec<_>>().join("\n")
}

const SOURCE: &str = r#"
name = "clicks"
[kinesis]
stream = "${STREAM:-clickstream}"
connection = "there"
read_from = "2026-11-22T10:00:00Z"
shards = 4
[connection.there]
region = "eu-west-1"
[content]
format = "csv"
compression = "gzip"
max_expanded_size = "8 MiB"
[content.csv]
delimiter = "|"
null_values = ["", "-"]
columns = ["a", "b"]
[target]
url = "s3://lake/events"
execution_parallelism = 2
[parquet]
compression = "zstd"
[engine]
memory_budget = "2 GiB"
"#;
