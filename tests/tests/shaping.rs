//! Columns that go or are hashed: no clear value is anywhere on the target, in what is shown, or in
//! what is logged.

use std::path::Path;
use std::time::Duration;

use shardmill_tests::cli;
use shardmill_tests::events::{Holds, Record};
use shardmill_tests::kinesis::TestStream;
use shardmill_tests::ledger::Ledger;
use shardmill_tests::paths;
use shardmill_tests::process::Signal;
use shardmill_tests::readers;
use shardmill_tests::servers::Ferrokinesis;
use shardmill_tests::source::SourceFile;

const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");

/// Begins every value that nobody may see.
const SECRET: &str = "hush-hush";
const KEY: &str = "b5d1c9f04a7e4f6c8d20";

/// Events with secrets in plain columns, in lists, in objects of mixed types, and in what is broken.
fn record(number: usize) -> Record {
    let mail = format!("{SECRET}-{}@example.com", number % 50);
    let data = match number % 10 {
        0 => format!(r#"{{"number":{number},"user":{{"mail":"{mail}""#),
        1 => format!(r#"{{"number":{number},"user":["{mail}",{{"mail":"{mail}","plan":1}}]}}"#),
        2 => format!(r#"{{"number":{number},"user":7,"trace":{{"of":"{mail}"}}}}"#),
        _ => format!(r#"{{"number":{number},"user":{{"mail":"{mail}","plan":"free"}}}}"#),
    };
    Record {
        key: number.to_string(),
        data: data.into(),
        payloads: vec![Holds::default()],
    }
}

/// Names of files below a folder in which the secret is, compressed pages aside.
fn leaks(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(leaks(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            if bytes
                .windows(SECRET.len())
                .any(|part| part == SECRET.as_bytes())
            {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[tokio::test]
async fn no_hashed_value_is_in_clear_anywhere() {
    let server = Ferrokinesis::start().await;
    let stream = TestStream::create(&server.url(), "clickstream", 2).await;
    let folder = paths::new_folder();
    let target = folder.path().join("lake");
    let config = SourceFile {
        format: "auto\"\nexclude_columns = [\"trace\"]\nhash_columns = [\"user.mail\", \"user\"]\n\
                 hash_key = \"b5d1c9f04a7e4f6c8d20"
            .into(),
        more: "[parquet]\ncompression = \"none\"\n".into(),
        ..SourceFile::new(&server.url(), stream.name(), &target)
    };
    let config = config.write(folder.path());
    let config = config.to_str().unwrap();
    let records = (0..1_000).map(record).collect();
    stream.put(records, &mut Ledger::new()).await;

    let previewed = cli::text(SHARDMILL, &["preview", config, "--json"]);
    assert!(previewed.contains("json.syntax"), "{previewed}");
    assert!(!previewed.contains(SECRET), "{previewed}");

    let mut shardmill = cli::start(SHARDMILL, &["run", config, "--json", "--log", "trace"]);
    cli::progress(&mut shardmill, |line| line["decoded"]["payloads"] == 1_000).await;
    shardmill.signal(Signal::Terminate);
    let status = shardmill.end(Duration::from_secs(60)).await;
    assert!(status.success(), "{}", shardmill.last_words());
    assert!(!shardmill.output().contains(SECRET));

    // Pages are not compressed, so a value in clear would be found.
    assert_eq!(leaks(&target), Vec::<String>::new());
    let source = target.join("clicks");
    let data = source.join("data").display().to_string();
    let rows = readers::duckdb(&format!(
        "SELECT count(*) AS rows, count(DISTINCT number) AS numbers, \
         count(*) FILTER (WHERE CAST(\"user\" AS VARCHAR) LIKE '%{}%') AS of_one \
         FROM read_parquet('{data}/**/*.parquet')",
        hmac_of(&format!("{SECRET}-3@example.com"))
    ));
    assert_eq!(
        (&rows[0]["rows"], &rows[0]["numbers"]),
        (&900.into(), &900.into())
    );
    assert_eq!(rows[0]["of_one"], 20);
    for command in [
        &["inspect", config, "--json"][..],
        &["statistics", config, "--json"],
    ] {
        let said = cli::text(SHARDMILL, command);
        assert!(!said.contains(SECRET) && !said.contains(KEY), "{said}");
    }
    let statistics = cli::text(SHARDMILL, &["verify", "--statistics", config]);
    assert!(statistics.contains("900"), "{statistics}");
}

/// As Python computes it.
fn hmac_of(text: &str) -> String {
    let program = "import hmac,sys;print(hmac.new(sys.argv[1].encode(),sys.argv[2].encode(),'sha256').hexdigest())";
    let mut python = std::process::Command::new("python3");
    let output = python.args(["-c", program, KEY, text]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
