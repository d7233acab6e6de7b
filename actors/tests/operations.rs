//! `docs/OPERATIONS.md` against the source: every code and every exit code has its entry.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use shardmill::config::reference::{PLANNED, keys};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/OPERATIONS.md")).unwrap()
}

/// What errors' codes begin with.
const AREAS: [&str; 24] = [
    "config",
    "connection",
    "stream",
    "content",
    "preview",
    "target",
    "source",
    "log",
    "engine",
    "encode",
    "lane",
    "lifecycle",
    "cli",
    "json",
    "decode",
    "compression",
    "inspect",
    "verify",
    "rollup",
    "output",
    "statistics",
    "files",
    "replay",
    "demo",
];

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            rust_files(&path, files);
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            files.push(path);
        }
    }
}

/// Texts in quotes that look like a code: `area.words_with_underscores`.
fn codes_in(code: &str) -> impl Iterator<Item = &str> {
    code.split('"').filter(|text| {
        text.split_once('.').is_some_and(|(area, word)| {
            let letters = word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            AREAS.contains(&area) && letters && !word.is_empty()
        })
    })
}

/// Every code in the source, but for tests and for keys of the configuration.
fn codes() -> BTreeSet<String> {
    let mut files = Vec::new();
    rust_files(&root().join("actors/src"), &mut files);
    rust_files(&root().join("engine/src"), &mut files);
    let mut codes = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        for line in text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
        {
            codes.extend(codes_in(line).map(str::to_owned));
        }
    }
    let keys = keys()
        .map(|key| key.path)
        .chain(PLANNED.iter().map(|(path, _)| *path));
    for key in keys {
        codes.remove(key);
        // And sections, which are named too.
        for (dot, _) in key.match_indices('.') {
            codes.remove(&key[..dot]);
        }
    }
    // A key and a code at once; and a file's name.
    codes.insert("engine.threads".to_owned());
    codes.remove("source.toml");
    codes
}

#[test]
fn every_code_of_the_source_has_an_entry_and_every_entry_a_code() {
    let page = page();
    let entries = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let entries: BTreeSet<String> = entries
        .filter_map(|line| line.split('`').next())
        .filter(|code| codes_in(code).next().is_some())
        .map(str::to_owned)
        .collect();
    let codes = codes();
    assert!(codes.len() > 80, "the source was read: {codes:?}");
    let missing: Vec<_> = codes.difference(&entries).collect();
    assert!(
        missing.is_empty(),
        "without an entry in docs/OPERATIONS.md: {missing:?}"
    );
    let stale: Vec<_> = entries.difference(&codes).collect();
    assert!(
        stale.is_empty(),
        "in docs/OPERATIONS.md, but not in the source: {stale:?}"
    );
}

#[cfg(feature = "cli")]
#[test]
fn the_exit_codes_are_those_of_the_command_line() {
    let page = page();
    for (exit, meaning) in shardmill::cli::EXIT_CODES {
        let meaning = meaning.replace("verify:", "`verify`:");
        let line = format!("| {} | {meaning} |", *exit as u8);
        assert!(page.contains(&line), "{line}");
    }
}
