//! `[files]`: what it reads, in TOML and in Rust.

use super::*;
use crate::config::{ConfigError, DataSource, FilesSource, reference};

fn read(files: &str) -> Result<DataSource, ConfigError> {
    let text = format!(
        "name = \"n\"\n{files}\n[target]\nurl = \"/lake\"\n[connection.prod]\nregion = \"here\"\n"
    );
    DataSource::read("t", &text, Some(Path::new("/home")), &|_| None)
}

fn source_of(files: &str) -> FilesSource {
    let source = read(files).unwrap_or_else(|error| panic!("{error}"));
    source.files().unwrap().source.clone()
}

#[test]
fn every_key_is_read_and_written() {
    let keys = || reference::keys().filter(|key| key.path.starts_with("files."));
    for kind in ["files.path", "files.raw_copy"] {
        let lines: Vec<String> = keys()
            .filter(|key| key.path == kind || !["files.path", "files.raw_copy"].contains(&key.path))
            .map(|key| format!("{} = {}", &key.path["files.".len()..], key.example))
            .collect();
        let whole = read(&format!("[files]\n{}", lines.join("\n"))).unwrap();
        for line in &lines {
            let others = lines.iter().filter(|other| *other != line);
            let others: Vec<&str> = others.map(String::as_str).collect();
            let without = read(&format!("[files]\n{}", others.join("\n"))).ok();
            assert_ne!(without.as_ref(), Some(&whole), "{line} is read by nobody");
        }
        let again = DataSource::read("t", &whole.to_toml(), None, &|_| None);
        assert_eq!(again.unwrap_or_else(|error| panic!("{error}")), whole);
    }
}

#[test]
fn places_are_told_apart() {
    let local = |path: &str| FilesSource::Local(PathBuf::from(path));
    assert_eq!(
        source_of("[files]\npath = \"in/*.gz\""),
        local("/home/in/*.gz")
    );
    assert_eq!(source_of("[files]\npath = \"/in\""), local("/in"));
    let bucket = |path: &str| FilesSource::S3 {
        bucket: "lake".to_owned(),
        path: path.to_owned(),
    };
    assert_eq!(
        source_of("[files]\npath = \"s3://lake/in/\""),
        bucket("in/")
    );
    assert_eq!(
        source_of("[files]\npath = \"s3://lake/**/*.gz\""),
        bucket("**/*.gz")
    );
    let raw_copy = TargetUrl::S3 {
        bucket: "lake".to_owned(),
        prefix: "events/clicks".to_owned(),
    };
    assert_eq!(
        source_of("[files]\nraw_copy = \"s3://lake/events/clicks\""),
        FilesSource::RawCopy(raw_copy)
    );
}

#[test]
fn one_of_everything_says_what_is_read() {
    for (files, key) in [
        ("[files]\nshards = 3", "files.path"),
        ("[files]\npath = \"a\"\nraw_copy = \"b\"", "files.path"),
        ("[files]\npath = \"ftp://a\"", "files.path"),
        (
            "[files]\npath = \"a\"\nread_from = \"now\"",
            "files.read_from",
        ),
        (
            "[files]\npath = \"a\"\n[kinesis]\nstream = \"s\"",
            "files.path",
        ),
        (
            "[files]\npath = \"a\"\nconnection = \"nowhere\"",
            "files.connection",
        ),
        ("", "kinesis.stream"),
    ] {
        let error = read(files).expect_err(files);
        let mut problems = error.problems().iter();
        assert!(
            problems.any(|problem| problem.key == key),
            "{files}: {error}"
        );
    }
}

#[test]
fn files_are_the_same_in_rust() {
    let connection = Connection {
        region: Some("here".to_owned()),
        ..Connection::default()
    };
    let built = DataSource::builder("n")
        .raw_copy("s3://lake/events/clicks")
        .files_connection(&connection)
        .files_read_from(StartFrom::At(1_795_341_600_000))
        .files_shards(8)
        .target("/lake")
        .build()
        .unwrap();
    let read = read(
        "[files]\nraw_copy = \"s3://lake/events/clicks\"\nconnection = \"prod\"\n\
         read_from = \"2026-11-22T10:00:00Z\"\nshards = 8",
    );
    assert_eq!(built, read.unwrap());
    let files = DataSource::builder("n")
        .files("/in")
        .target("/lake")
        .build();
    let files = files.unwrap();
    assert_eq!(files.kinesis().shards, 4);
    assert_eq!(
        files.files().unwrap().source,
        FilesSource::Local("/in".into())
    );
}
