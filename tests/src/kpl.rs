//! Aggregates as the Kinesis Producer Library makes them, by `aws-kinesis-agg`.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::events::Record;
use crate::{process, tools};

/// Makes each group of records into one record that holds them as user records.
pub fn aggregate(groups: &[Vec<Record>]) -> Vec<Record> {
    let mut input = String::new();
    for group in groups {
        let keys: Vec<_> = group.iter().map(|record| &record.key).collect();
        let data: Vec<_> = group.iter().map(|record| hex(&record.data)).collect();
        input += &json!({ "keys": keys, "data": data }).to_string();
        input.push('\n');
    }
    let output = process::run(
        "aggregate.py",
        tools::script("aggregate.py"),
        input.as_bytes(),
    );
    let output = String::from_utf8(output).expect("the script prints text");
    assert_eq!(output.lines().count(), groups.len(), "a line a group");
    let records = output.lines().zip(groups).map(|(line, group)| {
        let made: Value = serde_json::from_str(line).expect("the script prints JSON");
        let text = |field: &str| made[field].as_str().expect("a text").to_owned();
        Record {
            key: text("key"),
            data: Bytes::from(unhex(&text("data"))),
            payloads: group
                .iter()
                .flat_map(|record| record.payloads.clone())
                .collect(),
        }
    });
    records.collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks_exact(2);
    digits
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("hex is ASCII");
            u8::from_str_radix(pair, 16).expect("hex digits")
        })
        .collect()
}
