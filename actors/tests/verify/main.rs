//! `verify` on a target that is right, and on the same target damaged in every way that it knows.

mod raw;
mod statistics;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::Value;
use shardmill::adapters::{LocalStore, SystemHost};
use shardmill_engine::budget::Budget;
use shardmill_engine::decode::{ContentOptions, DecodeLimits, Decoder};
use shardmill_engine::log::{
    Commit, DataFile, Identity, LaneLog, LaneState, LogError, ShardRange, ShardState,
    SourceOptions, StatisticsObject, claim_lanes, names, open_source, take_generation,
};
use shardmill_engine::parquet::{ParquetOptions, WindowEncoder};
use shardmill_engine::ports::{Host, Store};
use shardmill_engine::statistics::{Pane, PaneLimits};
use shardmill_engine::types::{
    BatchHead, ClaimRef, FileKind, KinesisShardId, Payload, PayloadBatch, Position, ProcessId,
    SequenceNumber, TimestampMs, Window, WindowLength,
};
use shardmill_engine::verify::{Verified, VerifyError, verify};
use tempfile::TempDir;

const SHARD: &str = "shardId-000000000000";
const FIRST_WINDOW: Window = Window(29_922_360);
const MINUTE: Duration = Duration::from_secs(60);

/// The clock of processes that start later than the test can wait.
#[derive(Default)]
struct LaterHost {
    by_ms: AtomicI64,
}

impl Host for LaterHost {
    fn now(&self) -> TimestampMs {
        SystemHost.now() + self.by_ms.load(Ordering::Relaxed)
    }

    fn sleep(&self, millis: u64) -> BoxFuture<'static, ()> {
        SystemHost.sleep(millis)
    }

    fn random(&self) -> u64 {
        SystemHost.random()
    }
}

/// A source on a local folder, made by the real log, decoder and encoder.
struct Lake {
    folder: TempDir,
    store: Arc<dyn Store>,
    clock: Arc<LaterHost>,
    host: Arc<dyn Host>,
    log: LaneLog,
    next_sequence: u64,
}

impl Lake {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(LocalStore::new(folder.path()).unwrap());
        let clock = Arc::new(LaterHost::default());
        let host: Arc<dyn Host> = clock.clone();
        let options = SourceOptions {
            name: "clicks".to_owned(),
            stream: "clickstream".to_owned(),
            window_length: WindowLength::MINUTE,
            start: None,
            version: "test".to_owned(),
        };
        open_source(&store, &host, options).await.unwrap();
        let log = claim(&store, &host, "first").await;
        Self {
            folder,
            store,
            clock,
            host,
            log,
            next_sequence: 1,
        }
    }

    /// Another process takes over, this long from now.
    async fn take_over(&mut self, process: &str, later: Duration) {
        let by_ms = later.as_millis().try_into().unwrap();
        self.clock.by_ms.store(by_ms, Ordering::Relaxed);
        self.log = claim(&self.store, &self.host, process).await;
    }

    /// Commits payloads as one window.
    async fn commit(&mut self, window: Window, payloads: &[&str]) -> Commit {
        self.commit_saying(window, payloads, payloads).await
    }

    /// Commits payloads with the statistics of others.
    async fn commit_saying(&mut self, window: Window, payloads: &[&str], said: &[&str]) -> Commit {
        let next = self.next_sequence;
        let shard = KinesisShardId::new(SHARD);
        let from = self.log.state().shards[&shard].position.clone();
        let batch = self.batch(window, from.clone(), payloads);
        let to = batch.head.to.clone();
        let arrival_at_to = batch.head.arrival_at_to;
        let budget = Budget::new(1 << 30);
        let mut decoder = Decoder::new(DecodeLimits::default(), &ContentOptions::default());
        let decoded = decoder.decode(batch, &budget);
        let after = std::mem::replace(&mut self.next_sequence, next);
        let said = self.batch(window, from.clone(), said);
        self.next_sequence = after;
        let mut pane = Pane::new(PaneLimits::default());
        pane.observe(&decoder.decode(said, &budget));
        let counts = decoded.counts;
        let schema = Arc::clone(&self.log.state().schema);
        let mut encoder = WindowEncoder::new(window, schema, ParquetOptions::default());
        encoder.add(decoded);
        let mut files: BTreeMap<(String, u32), (Vec<u8>, Option<DataFile>)> = BTreeMap::new();
        for chunk in encoder.finish(&budget).unwrap() {
            let name = self.name(&chunk.kind.to_string(), window, chunk.part);
            let file = files
                .entry((chunk.kind.to_string(), chunk.part))
                .or_default();
            file.0.extend_from_slice(&chunk.bytes);
            file.1 = chunk.finished.map(|finished| DataFile {
                name,
                window,
                rows: finished.rows,
                bytes: finished.bytes,
                schema: finished.schema,
            });
        }
        let mut commit = Commit {
            closed_through: Some(window),
            ..Commit::default()
        };
        for ((kind, _), (bytes, file)) in files {
            let file = file.unwrap();
            self.store
                .put_if_absent(&file.name, Bytes::from(bytes))
                .await
                .unwrap();
            match kind.as_str() {
                "data" => commit.files.push(file),
                _ => commit.rejects.push(file),
            }
        }
        commit.statistics = Some(self.statistics(window, &pane).await);
        let current_window = window.next();
        let to = Position::At(to);
        let range = ShardRange {
            from,
            to,
            arrival_at_to,
            counts,
            current_window,
        };
        commit.ranges.insert(shard, range);
        self.log.append(commit.clone()).await.unwrap();
        commit
    }

    async fn statistics(&self, window: Window, pane: &Pane) -> StatisticsObject {
        let name = self.name("_statistics", window, 0);
        let body = Bytes::from(pane.encode(&[]).unwrap());
        let bytes = body.len() as u64;
        self.store.put_if_absent(&name, body).await.unwrap();
        StatisticsObject {
            name,
            window,
            bytes,
        }
    }

    fn batch(&mut self, window: Window, from: Position, payloads: &[&str]) -> PayloadBatch {
        let arrival = WindowLength::MINUTE.start_of(window);
        let payloads: Vec<Payload> = payloads
            .iter()
            .map(|text| {
                let sequence = SequenceNumber::new(&self.next_sequence.to_string()).unwrap();
                self.next_sequence += 1;
                Payload {
                    sequence,
                    subsequence: 0,
                    partition_key: "key".into(),
                    arrival,
                    data: Bytes::copy_from_slice(text.as_bytes()),
                }
            })
            .collect();
        let head = BatchHead {
            claim: self.log.claim(),
            shard: KinesisShardId::new(SHARD),
            window,
            from,
            to: payloads.last().unwrap().sequence.clone(),
            arrival_at_to: arrival,
            records: payloads.len() as u64,
            received: 0,
        };
        PayloadBatch {
            head,
            payloads,
            credit: Budget::new(1 << 30).charge(0),
        }
    }

    fn name(&self, kind: &str, window: Window, part: u32) -> String {
        file_name(kind, self.log.claim(), window, part)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Changes the JSON of the log's newest entry.
    fn edit(&self, change: impl FnOnce(&mut Value)) {
        let claim = self.log.claim();
        let name = names::entry(claim.epoch, claim.lane, self.log.folded().entry);
        let path = self.path(&name);
        let mut entry: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut entry);
        std::fs::write(&path, serde_json::to_vec(&entry).unwrap()).unwrap();
    }

    async fn verify(&self) -> Result<Verified, VerifyError> {
        verify(Arc::clone(&self.store), Arc::clone(&self.host), &mut |_| {}).await
    }

    /// The code of the violation that is there.
    async fn violation(&self) -> &'static str {
        let error = self.verify().await.expect_err("something is wrong");
        assert!(error.is_violation(), "{error}");
        error.code()
    }
}

fn file_name(kind: &str, claim: ClaimRef, window: Window, part: u32) -> String {
    let kind = FileKind::ALL
        .into_iter()
        .find(|known| known.folder() == kind)
        .unwrap();
    names::file(kind, WindowLength::MINUTE, claim, window, part)
}

async fn claim(store: &Arc<dyn Store>, host: &Arc<dyn Host>, process: &str) -> LaneLog {
    let identity = Identity {
        process: ProcessId::new(process),
        host: "test".to_owned(),
        version: "test".to_owned(),
    };
    let generation = take_generation(store, host, &identity).await.unwrap();
    let first = || async {
        let state = ShardState {
            position: Position::Start,
            current_window: FIRST_WINDOW,
            parents: Vec::new(),
            ended: false,
            arrival_at_position: None,
            caught_up_at: None,
            cut: None,
        };
        let mut lane = LaneState::default();
        lane.shards.insert(KinesisShardId::new(SHARD), state);
        Ok::<_, LogError>(vec![lane])
    };
    claim_lanes(store, host, &identity, generation, 1, first)
        .await
        .unwrap()
        .remove(0)
}

/// Three commits: rows, rows and rejects of one payload and an empty one, and a changed schema.
async fn lake() -> (Lake, Vec<Commit>) {
    let mut lake = Lake::new().await;
    let mut commits = Vec::new();
    let windows: [&[&str]; 3] = [
        &[r#"{"a":1}"#, r#"{"a":2}{"a":3}"#],
        &[r#"{"a":4} nonsense"#, "", "[1]", r#"{"a":5}"#],
        &[r#"{"a":6,"b":[{"c":"x"}]}"#, r#"{"a":"text"}"#],
    ];
    let mut window = FIRST_WINDOW;
    for payloads in windows {
        commits.push(lake.commit(window, payloads).await);
        window = window.next();
    }
    (lake, commits)
}

#[tokio::test]
async fn a_target_that_is_right_is_verified_in_whole() {
    let (lake, commits) = lake().await;
    let verified = lake.verify().await.unwrap();
    let sum = |count: fn(&Commit) -> u64| commits.iter().map(count).sum::<u64>();
    assert_eq!(verified.epochs, 1);
    assert_eq!((verified.entries, verified.commits), (4, 3));
    assert_eq!(
        verified.rows,
        sum(|commit| commit.files.iter().map(|file| file.rows).sum())
    );
    assert_eq!(verified.payloads, 8);
    assert_eq!(verified.empty, 1);
    assert!(verified.rows >= 7 && verified.rejects >= 2, "{verified:?}");
    assert_eq!(
        verified.files,
        sum(|commit| (commit.files.len() + commit.rejects.len()) as u64)
    );
    let bytes = sum(|commit| commit.statistics.as_ref().map_or(0, |object| object.bytes));
    assert_eq!(verified.statistics_objects, 3);
    assert_eq!(verified.statistics_bytes, bytes);
    assert_eq!((verified.unnamed_files, verified.foreign_objects), (0, 0));
}

#[tokio::test]
async fn a_file_that_is_missing_or_damaged_is_found() {
    let (lake, commits) = lake().await;
    let path = lake.path(&commits[0].files[0].name);
    let bytes = std::fs::read(&path).unwrap();

    std::fs::remove_file(&path).unwrap();
    assert_eq!(lake.violation().await, "verify.missing_file");

    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(lake.violation().await, "verify.file_length");

    let mut damaged = bytes.clone();
    *damaged.last_mut().unwrap() ^= 0xff;
    std::fs::write(&path, &damaged).unwrap();
    assert_eq!(lake.violation().await, "verify.unreadable_file");
    std::fs::write(&path, vec![0; bytes.len()]).unwrap();
    assert_eq!(lake.violation().await, "verify.unreadable_file");
    std::fs::write(&path, &bytes).unwrap();
    assert!(lake.verify().await.is_ok());
}

#[tokio::test]
async fn a_file_with_the_rows_of_another_is_found() {
    let mut lake = Lake::new().await;
    let first = lake.commit(FIRST_WINDOW, &[r#"{"a":1}"#]).await;
    let second = lake.commit(FIRST_WINDOW.next(), &[r#"{"a":1}"#]).await;
    let (first, second) = (&first.files[0], &second.files[0]);
    assert_eq!(
        first.bytes, second.bytes,
        "the test needs files of one length"
    );
    std::fs::copy(lake.path(&first.name), lake.path(&second.name)).unwrap();
    assert_eq!(lake.violation().await, "verify.outside_range");
}

#[tokio::test]
async fn a_commit_that_says_something_else_is_found() {
    let say = |path: &'static str, value: Value| async move {
        let (lake, _) = lake().await;
        lake.edit(|entry| *entry.pointer_mut(path).expect(path) = value);
        lake.violation().await
    };
    let counts = "/ranges/shardId-000000000000/counts";
    assert_eq!(counts, format!("/ranges/{SHARD}/counts"));
    assert_eq!(
        say("/ranges/shardId-000000000000/counts/payloads", 9.into()).await,
        "verify.counts"
    );
    assert_eq!(
        say("/ranges/shardId-000000000000/counts/rows", 9.into()).await,
        "log.broken"
    );
    assert_eq!(
        say("/ranges/shardId-000000000000/from", "5".into()).await,
        "log.broken"
    );
    assert_eq!(
        say("/ranges/shardId-000000000000/to", "7".into()).await,
        "verify.outside_range"
    );
    assert_eq!(
        say("/files/0/schema/0/type", "utf8".into()).await,
        "verify.schema"
    );
    assert_eq!(say("/files/0/bytes", 1.into()).await, "verify.file_length");
    assert_eq!(say("/format_version", "x".into()).await, "log.damaged");
}

#[tokio::test]
async fn rows_that_are_counted_and_not_there_are_found() {
    let (lake, _) = lake().await;
    lake.edit(|entry| {
        let rows = entry["files"][0]["rows"].as_u64().unwrap() + 1;
        entry["files"][0]["rows"] = rows.into();
        entry["ranges"][SHARD]["counts"]["rows"] = rows.into();
    });
    assert_eq!(lake.violation().await, "verify.row_count");
}

#[tokio::test]
async fn an_identity_that_is_there_twice_is_found() {
    for (payloads, code) in [
        (&[r#"{"a":1}"#][..], "verify.identity_twice"),
        (&[r#"{"a":1}"#, r#"{"a":2}"#][..], "verify.out_of_order"),
    ] {
        let mut lake = Lake::new().await;
        let commit = lake.commit(FIRST_WINDOW, payloads).await;
        let again = lake.name("data", FIRST_WINDOW, 1);
        std::fs::copy(lake.path(&commit.files[0].name), lake.path(&again)).unwrap();
        lake.edit(|entry| {
            let mut file = entry["files"][0].clone();
            file["name"] = again.into();
            entry["files"].as_array_mut().unwrap().push(file);
            entry["ranges"][SHARD]["counts"]["rows"] = (2 * payloads.len()).into();
        });
        assert_eq!(lake.violation().await, code);
    }
}

#[tokio::test]
async fn an_entry_that_is_missing_is_found() {
    let (lake, _) = lake().await;
    let claim = lake.log.claim();
    std::fs::remove_file(lake.path(&names::entry(claim.epoch, claim.lane, 2))).unwrap();
    assert_eq!(lake.violation().await, "log.missing");
}

#[tokio::test]
async fn what_no_commit_names_is_counted_until_its_clean_up_was_due() {
    let (mut lake, _) = lake().await;
    let window = FIRST_WINDOW.next().next().next();
    let left = lake.name("data", window, 0);
    lake.store
        .put_if_absent(&left, Bytes::from_static(b"left"))
        .await
        .unwrap();
    let foreign = "data/date=2026-01-01/hour=00/notes.parquet";
    lake.store
        .put_if_absent(foreign, Bytes::from_static(b"notes"))
        .await
        .unwrap();

    let verified = lake.verify().await.unwrap();
    assert_eq!((verified.unnamed_files, verified.unnamed_bytes), (1, 4));
    assert_eq!(verified.foreign_objects, 1);

    lake.take_over("second", 2 * MINUTE).await;
    // The second process has cleaned up only once it has committed.
    assert_eq!(lake.verify().await.unwrap().unnamed_files, 1);
    lake.commit(window, &[r#"{"a":7}"#]).await;
    assert_eq!(lake.violation().await, "verify.unnamed_file");

    lake.store.delete(&left).await.unwrap();
    assert_eq!(lake.verify().await.unwrap().unnamed_files, 0);
}

#[tokio::test]
async fn what_was_on_its_way_during_a_clean_up_waits_for_the_next() {
    let (mut lake, _) = lake().await;
    let window = FIRST_WINDOW.next().next().next();
    let whole = lake.name("data", window, 0);
    let in_parts = lake.name("data", window, 1);
    let part = vec![0; lake.store.part_size() + 1];
    lake.store
        .put_if_absent(&whole, Bytes::from_static(b"left"))
        .await
        .unwrap();
    lake.store
        .put_if_absent(&in_parts, Bytes::from(part))
        .await
        .unwrap();
    lake.take_over("second", Duration::from_secs(1)).await;
    lake.commit(window, &[r#"{"a":7}"#]).await;
    assert_eq!(lake.verify().await.unwrap().unnamed_files, 2);

    lake.store.delete(&whole).await.unwrap();
    // S3 dates it when its upload began: it may have been completed an hour later.
    lake.take_over("third", 60 * MINUTE).await;
    lake.commit(window.next(), &[r#"{"a":7}"#]).await;
    assert_eq!(lake.verify().await.unwrap().unnamed_files, 1);

    lake.take_over("fourth", 25 * 60 * MINUTE).await;
    lake.commit(window.next().next(), &[r#"{"a":7}"#]).await;
    assert_eq!(lake.violation().await, "verify.unnamed_file");
}

#[tokio::test]
async fn a_target_without_a_source_is_said_to_be_empty() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(LocalStore::new(folder.path()).unwrap());
    let error = verify(store, Arc::new(SystemHost), &mut |_| {})
        .await
        .unwrap_err();
    assert_eq!(error.code(), "log.missing");
}
