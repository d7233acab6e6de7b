//! What other libraries made: the files of `engine/fixtures`, for inputs to begin from.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

/// Bytes of a text that is only there to begin from.
const MAX_TEXT: usize = 1_500;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../engine/fixtures")
}

fn text(name: &str) -> String {
    let path = folder().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file by its name below `engine/fixtures`.
pub fn file(name: &str) -> Vec<u8> {
    let path = folder().join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files of a folder with one of some extensions, the smallest first.
pub fn files(name: &str, extensions: &[&str]) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder().join(name)).expect("a folder of fixtures");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let wanted = paths.filter(|path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| extensions.contains(&extension))
    });
    let mut files: Vec<Vec<u8>> = wanted
        .map(|path| fs::read(path).expect("a fixture"))
        .collect();
    files.sort_by_key(Vec::len);
    files
}

/// The texts of `text/NAME.jsonl`, the beginning of each.
pub fn texts(name: &str) -> Vec<Vec<u8>> {
    let cases = text(&format!("text/{name}.jsonl"));
    let contents = cases.lines().map(|line| {
        let case: Value = serde_json::from_str(line).expect("a case");
        let mut content = match (case["text"].as_str(), case["hex"].as_str()) {
            (Some(text), None) => text.as_bytes().to_vec(),
            (None, Some(hex)) => unhex(hex),
            _ => panic!("a case has either text or hex"),
        };
        content.truncate(MAX_TEXT);
        content
    });
    contents.collect()
}

/// A payload of a format that is not compressed, and the options it is read with.
pub fn of_format(format: &str) -> (Value, Vec<u8>) {
    let cases: Value = serde_json::from_str(&text("formats/cases.json")).expect("cases");
    let case = &cases[format];
    let payload = case["payloads"]["none"].as_str().expect("a payload");
    let payload = BASE64_STANDARD.decode(payload).expect("base64");
    (case["options"].clone(), payload)
}

/// Compressed payloads, with the names of their compressions where they have one.
pub fn compressed() -> Vec<(Option<String>, Vec<u8>)> {
    let cases: Value = serde_json::from_str(&text("compression/cases.json")).expect("cases");
    let cases = cases["cases"].as_object().expect("cases").values();
    cases
        .map(|case| {
            let bytes = unhex(case["hex"].as_str().expect("hex"));
            (case["compression"].as_str().map(str::to_owned), bytes)
        })
        .collect()
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks_exact(2);
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("hex is ASCII");
        u8::from_str_radix(pair, 16).expect("hex digits")
    };
    digits.map(byte).collect()
}
