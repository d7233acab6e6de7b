//! Sources whose schemas a registry has: the whole engine, the command line, a registry in trouble.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use shardmill::adapters::LocalStore;
use shardmill::config::{
    ConfluentSettings, ContentFormat, DataSource, RegistryCredentials, Secret, StartFrom,
};
use shardmill::{Handle, Shardmill};
use shardmill_engine::types::WindowLength;
use shardmill_tests::events::{Holds, Record};
use shardmill_tests::kinesis::TestStream;
use shardmill_tests::lake::Lake;
use shardmill_tests::ledger::Ledger;
use shardmill_tests::memory_stream::MemoryStream;
use shardmill_tests::process::Signal;
use shardmill_tests::schema_registry::TestRegistry;
use shardmill_tests::servers::Ferrokinesis;
use shardmill_tests::source::SourceFile;
use shardmill_tests::{cli, paths, wait};

const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");
const PATIENCE: Duration = Duration::from_secs(60);
const EACH: u64 = 500;
const ALL: u64 = 2 * EACH;

const FIRST: &str =
    r#"{"type": "record", "name": "Click", "fields": [{"name": "id", "type": "long"}]}"#;
const SECOND: &str = r#"{"type": "record", "name": "Click", "fields": [
    {"name": "id", "type": "long"}, {"name": "name", "type": "string"}]}"#;

fn arrival(number: u64) -> i64 {
    1_760_000_000_000 + number as i64 * 10
}

/// A number as Avro has it.
fn long(number: u64) -> Vec<u8> {
    let mut zigzag = number << 1;
    let mut bytes = Vec::new();
    while zigzag >= 0x80 {
        bytes.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    bytes.push(zigzag as u8);
    bytes
}

fn first(id: u64) -> Vec<u8> {
    long(id)
}

fn second(id: u64) -> Vec<u8> {
    let name = format!("n{id}");
    [long(id), long(name.len() as u64), name.into_bytes()].concat()
}

fn framed(schema: u32, value: &[u8]) -> Vec<u8> {
    [&[0][..], &schema.to_be_bytes(), value].concat()
}

/// Which of its kind a record is.
fn id(shard: u64, number: u64) -> u64 {
    shard * EACH + number
}

/// Records of two schemas, now and then one that nobody knows or that is none of Avro.
fn payload(shard: u64, number: u64) -> Vec<u8> {
    let id = id(shard, number);
    match number % 100 {
        98 => framed(98, &first(id)),
        99 => framed(99, &first(id)),
        number if number % 2 == 0 => framed(1, &first(id)),
        _ => framed(2, &second(id)),
    }
}

/// The rows that these records are: the name where there is one.
fn rows() -> BTreeMap<i64, Option<String>> {
    let good = (0..ALL).filter(|id| id % 100 < 98);
    good.map(|id| (id as i64, (id % 2 == 1).then(|| format!("n{id}"))))
        .collect()
}

/// The same of what is committed.
fn rows_of(source: &Path) -> (Lake, BTreeMap<i64, Option<String>>) {
    let lake = Lake::read(source).unwrap_or_else(|finding| panic!("{finding}"));
    let mut rows = BTreeMap::new();
    let data = lake.files.iter().filter(|name| name.starts_with("data/"));
    for name in data {
        let file = std::fs::File::open(source.join(name)).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            let ids = batch.column_by_name("id").unwrap();
            let ids = ids.as_primitive::<Int64Type>();
            let names = batch.column_by_name("name");
            for row in 0..batch.num_rows() {
                let name = names
                    .map(|names| names.as_string::<i32>())
                    .filter(|names| names.is_valid(row));
                let name = name.map(|names| names.value(row).to_owned());
                assert_eq!(rows.insert(ids.value(row), name), None);
            }
        }
    }
    (lake, rows)
}

/// How many rejects have which code.
fn codes(lake: &Lake) -> BTreeMap<&str, usize> {
    let mut codes = BTreeMap::new();
    for reject in &lake.rejects {
        *codes.entry(reject.code.as_str()).or_default() += 1;
    }
    codes
}

async fn registry() -> TestRegistry {
    let registry = TestRegistry::start().await;
    registry.has_schema(1, FIRST);
    registry.has_schema(2, SECOND);
    let other = json!({"schema": "message Click {}", "schemaType": "PROTOBUF"});
    registry.has("/schemas/ids/99", other);
    registry
}

fn engine() -> Shardmill {
    Shardmill::new(256 << 20, 2).unwrap()
}

fn builder(name: &str, folder: &Path) -> shardmill::config::DataSourceBuilder {
    DataSource::builder(name)
        .stream("memory")
        .read_from(StartFrom::Start)
        .shards(2)
        .target_folder(folder)
        .stop_deadline(Duration::from_secs(3_600))
        .window_length(WindowLength::from_millis(1_000).unwrap())
}

/// A source of the records above.
fn add(engine: &Shardmill, registry: &TestRegistry, folder: &Path) -> Handle {
    let registry = ConfluentSettings {
        url: registry.url(),
        credentials: RegistryCredentials::Basic {
            user: "reader".into(),
            password: Secret::Value("secret".into()),
        },
    };
    let source = builder("clicks", folder)
        .content_format(ContentFormat::AvroConfluent)
        .avro_confluent(&registry)
        .build()
        .unwrap();
    let stream = Arc::new(MemoryStream::new(2, EACH, arrival, payload));
    let store = Arc::new(LocalStore::new(folder.join("clicks")).unwrap());
    engine.add_with_ports(&source, stream, store)
}

/// Waits until everything is committed.
async fn all_committed(handle: &Handle) {
    wait::until("all is committed", PATIENCE, async || {
        assert!(!handle.is_finished(), "{:?}", handle.finished().await);
        let counts = handle.progress().committed.counts;
        match counts.payloads {
            ALL => Ok(()),
            _ => Err(format!("{:?}", handle.progress())),
        }
    })
    .await;
}

/// Waits until a source says that it is stalled; gives what it says.
async fn stalled(handle: &Handle) -> String {
    wait::until("it stalls", PATIENCE, async || {
        let progress = handle.progress();
        match (progress.state.as_str(), progress.stalled) {
            ("stalled", Some(why)) => Ok(why),
            (state, why) => Err(format!("{state}: {why:?}")),
        }
    })
    .await
}

/// Stops a source, which must not take until its deadline.
async fn stop(handle: &Handle) {
    handle.stop();
    let ended = tokio::time::timeout(PATIENCE, handle.finished()).await;
    ended.expect("the stop is heard").expect("it ends well");
}

fn is_complete(source: &Path) {
    let (lake, found) = rows_of(source);
    assert_eq!(found, rows());
    let expected = [("avro.unknown_schema", 10), ("avro.unusable_schema", 10)];
    assert_eq!(codes(&lake), BTreeMap::from(expected));
}

#[tokio::test]
async fn rows_of_two_schemas_and_what_has_none() {
    let (registry, folder) = (registry().await, paths::new_folder());
    let handle = add(&engine(), &registry, folder.path());
    all_committed(&handle).await;
    stop(&handle).await;
    is_complete(&folder.path().join("clicks"));
    let mut asked: Vec<String> = registry.asked().into_iter().map(|ask| ask.what).collect();
    asked.sort();
    let ids = ["1", "2", "98", "99"].map(|id| format!("/schemas/ids/{id}"));
    assert_eq!(asked, ids, "each schema is asked for once");
    // "reader:secret"
    let basic = "Basic cmVhZGVyOnNlY3JldA==";
    let asked = registry.asked();
    assert!(asked.iter().all(|ask| ask.authorization == basic));
}

#[tokio::test]
async fn a_registry_that_is_down_stalls_its_source_and_no_other() {
    let (registry, folder) = (registry().await, paths::new_folder());
    registry.trouble(Some(503));
    let engine = engine();
    let handle = add(&engine, &registry, folder.path());
    let why = stalled(&handle).await;
    assert!(why.contains("HTTP 503: in trouble"), "{why}");

    // Another source of the same engine goes on.
    let json = |_, number| format!(r#"{{"id":{number}}}"#).into_bytes();
    let other = builder("other", folder.path());
    let other = other.content_format(ContentFormat::Json).build().unwrap();
    let stream = Arc::new(MemoryStream::new(2, EACH, arrival, json));
    let store = Arc::new(LocalStore::new(folder.path().join("other")).unwrap());
    let other = engine.add_with_ports(&other, stream, store);
    all_committed(&other).await;
    stop(&other).await;

    // Whoever may not ask is told so, and waits as well.
    registry.trouble(Some(401));
    wait::until("the refusal is shown", PATIENCE, async || {
        match handle.progress().stalled {
            Some(why) if why.contains("refused") && why.contains("shardmill check") => Ok(()),
            why => Err(format!("{why:?}")),
        }
    })
    .await;
    let progress = handle.progress();
    assert_eq!(progress.decoded.rejects, 0);
    assert!(progress.retries.registry > 1);

    registry.trouble(None);
    all_committed(&handle).await;
    let progress = handle.progress();
    assert_eq!(
        (progress.stalled, progress.state.as_str()),
        (None, "running")
    );
    assert_eq!(progress.lane_restarts, 0);
    stop(&handle).await;
    is_complete(&folder.path().join("clicks"));
}

#[tokio::test]
async fn a_stop_is_heard_while_stalled_and_nothing_is_lost() {
    let (registry, folder) = (registry().await, paths::new_folder());
    registry.trouble(Some(500));
    let engine = engine();
    let handle = add(&engine, &registry, folder.path());
    stalled(&handle).await;
    stop(&handle).await;
    assert_eq!(handle.progress().committed.counts.payloads, 0);

    registry.trouble(None);
    let handle = add(&engine, &registry, folder.path());
    all_committed(&handle).await;
    stop(&handle).await;
    is_complete(&folder.path().join("clicks"));
}

#[tokio::test]
async fn a_restart_gives_the_same_rows() {
    let (registry, folder) = (registry().await, paths::new_folder());
    let mut committed = 0;
    // Each engine knows no schema at first.
    while committed < ALL {
        let handle = add(&engine(), &registry, folder.path());
        let more = wait::until("more is committed", PATIENCE, async || {
            match handle.progress().committed.counts.payloads {
                0 => Err(format!("{:?}", handle.progress())),
                more => Ok(more),
            }
        });
        more.await;
        handle.stop_now();
        let _ = handle.finished().await;
        let lake = Lake::read(&folder.path().join("clicks")).unwrap();
        committed = lake.counts.values().map(|counts| counts.payloads).sum();
    }
    is_complete(&folder.path().join("clicks"));
}

/// A stream of these payloads, and the server that it is on.
async fn stream_of(payloads: Vec<Vec<u8>>) -> Ferrokinesis {
    let server = Ferrokinesis::start().await;
    let stream = TestStream::create(&server.url(), "clickstream", 1).await;
    let records = payloads
        .into_iter()
        .enumerate()
        .map(|(place, data)| Record {
            key: format!("key-{place}"),
            data: data.into(),
            payloads: vec![Holds::default()],
        });
    stream.put(records.collect(), &mut Ledger::new()).await;
    server
}

/// Tries a source, previews it and runs it to its end, by the command line; gives the preview and
/// what is committed.
async fn by_command_line(source: &SourceFile, folder: &Path, payloads: u64) -> (Value, Lake) {
    let config = source.write(folder);
    let config = config.to_str().expect("paths of tests are UTF-8");
    let checked = cli::report(SHARDMILL, &["check", config, "--json"]);
    let steps = checked[0]["steps"].as_array().unwrap();
    let registry = steps
        .iter()
        .find(|step| step["side"] == "registry")
        .unwrap();
    assert_eq!(registry["outcome"], "ok", "{registry}");
    let seen = cli::report(SHARDMILL, &["preview", config, "--json"])
        .pop()
        .unwrap();

    let mut process = cli::start(SHARDMILL, &["run", config, "--json"]);
    let decoded = |line: &Value| line["decoded"]["payloads"].as_u64() == Some(payloads);
    cli::progress(&mut process, decoded).await;
    process.signal(Signal::Terminate);
    let status = process.end(PATIENCE).await;
    assert!(status.success(), "{}", process.last_words());
    cli::verify(SHARDMILL, Path::new(config));
    let lake = Lake::read(&folder.join(&source.name)).unwrap();
    (seen, lake)
}

const GLUE_FIRST: &str = "01010101-0101-0101-0101-010101010101";
const GLUE_SECOND: &str = "02020202-0202-0202-0202-020202020202";

fn glue(version: u8, value: &[u8], compressed: bool) -> Vec<u8> {
    let head = |compression: u8| [&[3, compression][..], &[version; 16]].concat();
    if !compressed {
        return [head(0), value.to_vec()].concat();
    }
    let mut encoder = flate2::write::ZlibEncoder::new(head(5), flate2::Compression::fast());
    encoder.write_all(value).unwrap();
    encoder.finish().unwrap()
}

// The registry is in this process, and the command line is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn glue_by_the_command_line() {
    let registry = TestRegistry::start().await;
    registry.has_version(GLUE_FIRST, "AVRO", FIRST);
    registry.has_version(GLUE_SECOND, "AVRO", SECOND);
    registry.has_version("04040404-0404-0404-0404-040404040404", "JSON", "{}");
    let server = stream_of(vec![
        glue(1, &first(1), false),
        glue(2, &second(2), true),
        glue(3, &first(3), false),
        glue(4, &first(4), false),
        glue(1, &first(5), true),
    ])
    .await;
    let folder = paths::new_folder();
    let source = SourceFile {
        format: "avro_glue".into(),
        more: format!(
            "[content.avro_glue]\nconnection = \"glue\"\n[connection.glue]\nendpoint_url = \"{}\"\n",
            registry.url()
        ),
        ..SourceFile::new(&server.url(), "clickstream", folder.path())
    };
    let (seen, lake) = by_command_line(&source, folder.path(), 5).await;
    assert_eq!(
        (&seen["format"], &seen["events"], &seen["number_of_errors"]),
        (&json!("avro_glue"), &json!(3), &json!(2)),
        "{seen}"
    );
    let (_, found) = rows_of(&folder.path().join("clicks"));
    let expected = [(1, None), (2, Some("n2".to_owned())), (5, None)];
    assert_eq!(found, BTreeMap::from(expected));
    let expected = [("avro.unknown_schema", 1), ("avro.unusable_schema", 1)];
    assert_eq!(codes(&lake), BTreeMap::from(expected));
    let signed = |authorization: &str| authorization.contains("/us-east-1/glue/aws4_request");
    assert!(
        registry
            .asked()
            .iter()
            .all(|ask| signed(&ask.authorization))
    );
}

// The registry is in this process, and the command line is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn confluent_by_the_command_line() {
    let registry = registry().await;
    let server = stream_of(vec![
        framed(1, &first(1)),
        framed(2, &second(2)),
        framed(98, &first(3)),
    ])
    .await;
    let folder = paths::new_folder();
    std::fs::write(folder.path().join("token"), "hunter2\n").unwrap();
    let source = SourceFile {
        format: "avro_confluent".into(),
        more: format!(
            "[content.avro_confluent]\nurl = \"{}\"\nsecret_file = \"token\"\n",
            registry.url()
        ),
        ..SourceFile::new(&server.url(), "clickstream", folder.path())
    };
    let (seen, lake) = by_command_line(&source, folder.path(), 3).await;
    assert_eq!(seen["events"], 2, "{seen}");
    assert_eq!(lake.rows.len(), 2);
    assert_eq!(codes(&lake), BTreeMap::from([("avro.unknown_schema", 1)]));
    let asked = registry.asked();
    assert!(
        asked
            .iter()
            .all(|ask| ask.authorization == "Bearer hunter2")
    );

    // What `check`, `preview` and an unset registry say.
    let config = source.write(folder.path());
    let config = config.to_str().expect("paths of tests are UTF-8");
    registry.trouble(Some(403));
    let (exit, said) = cli::outcome(SHARDMILL, &["check", config, "--json"]);
    let steps = said[0]["steps"].as_array().unwrap();
    let step = steps
        .iter()
        .find(|step| step["side"] == "registry")
        .unwrap();
    assert_eq!((exit, &step["outcome"]), (1, &json!("failed")), "{step}");
    assert!(
        step["help"].as_str().unwrap().contains("secret_file"),
        "{step}"
    );
    let (exit, said) = cli::outcome(SHARDMILL, &["preview", config, "--json"]);
    let code = &said.last().unwrap()["code"];
    assert_eq!((exit, code), (1, &json!("registry.refused")));
    let url = server.url();
    let arguments = [
        "preview",
        "--stream",
        "clickstream",
        "--region",
        "us-east-1",
    ];
    let more = ["--endpoint", &url, "--format", "avro_confluent", "--json"];
    let (exit, said) = cli::outcome(SHARDMILL, &[&arguments[..], &more].concat());
    let code = &said.last().unwrap()["code"];
    assert_eq!((exit, code), (1, &json!("content.no_registry")));
}
