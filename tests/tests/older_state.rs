//! State that an older version wrote is read, and goes on under this one.
//!
//! `fixtures/state_v1` was written by `shardmill demo` at format version 1, before commits named
//! statistics.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use shardmill::adapters::{LocalStore, SystemHost};
use shardmill_engine::log::{
    self, FORMAT_VERSION, Identity, LaneState, LogError, SourceOptions, read_state,
};
use shardmill_engine::ports::{Host, Store};
use shardmill_engine::types::{ProcessId, WindowLength};
use shardmill_engine::verify;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[tokio::test]
async fn state_of_version_1_is_verified_and_claimed() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/state_v1/clickstream");
    copy(&fixture, folder.path());
    let store: Arc<dyn Store> = Arc::new(LocalStore::new(folder.path()).unwrap());
    let host: Arc<dyn Host> = Arc::new(SystemHost);
    let verified = verify::verify(Arc::clone(&store), Arc::clone(&host), &mut |_| {}).await;
    let verified = verified.unwrap();
    assert_eq!(
        (verified.rows, verified.commits, verified.files),
        (160, 2, 2)
    );

    let before = read_state(Arc::clone(&store), Arc::clone(&host))
        .await
        .unwrap()
        .unwrap();
    let options = SourceOptions {
        name: "clickstream".into(),
        stream: "clickstream".into(),
        window_length: WindowLength::MINUTE,
        start: None,
        version: "this".into(),
    };
    log::open_source(&store, &host, options).await.unwrap();
    let identity = Identity {
        process: ProcessId::new("this"),
        host: "here".into(),
        version: "this".into(),
    };
    let generation = log::take_generation(&store, &host, &identity)
        .await
        .unwrap();
    let first = || async {
        Err::<Vec<LaneState>, LogError>(LogError::Lanes {
            wanted: 2,
            found: 0,
        })
    };
    let logs = log::claim_lanes(&store, &host, &identity, generation, 2, first)
        .await
        .unwrap();
    for (lane, log) in before.lanes.iter().zip(&logs) {
        assert_eq!(&lane.fold.folded.state, log.state());
    }
    let after = read_state(store, host).await.unwrap().unwrap();
    let claims = after.lanes.iter().map(|lane| &lane.tail.last().unwrap().1);
    let versions: Vec<u32> = claims.map(|claim| claim.format_version).collect();
    assert_eq!(versions, [FORMAT_VERSION; 2]);
}
