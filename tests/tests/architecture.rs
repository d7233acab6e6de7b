//! What docs/ARCHITECTURE.md promises about the code, checked against the code.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
        .to_owned()
}

/// Every Rust file below a folder, with its text.
fn rust_files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the workspace") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            files.push((path, text));
        }
    }
    files
}

/// I9: nothing under `engine/` knows actix, spawns, sleeps, reads a clock or a random source.
#[test]
fn i9_the_engine_is_pure() {
    let manifest = fs::read_to_string(root().join("engine/Cargo.toml")).unwrap();
    let (dependencies, _) = manifest.split_once("[dev-dependencies]").unwrap();
    for word in ["actix", "tokio", "aws", "rand", "crossbeam", "uuid"] {
        let depends = dependencies.lines().any(|line| line.starts_with(word));
        assert!(!depends, "engine/Cargo.toml depends on {word}");
    }
    let banned = [
        "std::thread",
        "thread::spawn",
        "thread::sleep",
        "SystemTime",
        "Instant",
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "RandomState",
    ];
    for (path, text) in rust_files(&root().join("engine/src")) {
        for word in banned {
            assert!(!text.contains(word), "{} mentions {word}", path.display());
        }
    }
}

/// The stages meet in plain types: none imports another. The log's records are plain data.
#[test]
fn i9_no_stage_imports_another() {
    let stages = ["source", "decode", "window", "statistics", "parquet", "log"];
    for stage in stages {
        for (path, text) in rust_files(&root().join("engine/src").join(stage)) {
            for other in stages
                .iter()
                .filter(|other| **other != stage && **other != "log")
            {
                let import = format!("crate::{other}::");
                assert!(
                    !text.contains(&import),
                    "{} imports {other}",
                    path.display()
                );
            }
        }
    }
}

/// Every invariant of the table names tests, and each of them exists.
#[test]
fn every_invariant_has_a_test_that_exists() {
    let page = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let code: String = ["engine", "actors", "tests"]
        .iter()
        .flat_map(|folder| rust_files(&root().join(folder)))
        .map(|(_, text)| text)
        .collect();
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| **I"))
        .collect();
    assert_eq!(rows.len(), 10, "I1 to I10");
    for row in rows {
        let tests = row.rsplit('|').nth(1).expect("a cell of tests");
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test: {row}");
        for name in names {
            assert!(
                code.contains(&format!("fn {name}(")),
                "there is no test {name}: {row}"
            );
        }
    }
}
