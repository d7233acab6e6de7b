//! The local store under races, crashes and hostile names. A test that needs other processes
//! starts this test binary again, told by an environment variable what to be.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::FutureExt;
use proptest::prelude::*;
use shardmill_engine::ports::{ListPage, PendingUpload, Store, StoreError};
use tempfile::TempDir;

use super::LocalStore;
use super::publish::Step;

const ROOT: &str = "SHARDMILL_TEST_ROOT";
const BODY: &str = "SHARDMILL_TEST_BODY";
const ABORT_AT: &str = "SHARDMILL_TEST_ABORT_AT";
const UPLOAD: &str = "SHARDMILL_TEST_UPLOAD";

const NAME: &str = "_commits/00000000000000000001/0/00000000000000000001.json";

thread_local! {
    /// The step that fails in this thread, once.
    static FAIL_AT: Cell<Option<Step>> = const { Cell::new(None) };
}

/// Every step of a put comes by here: a child process dies where it was told to, and the file
/// system fails where a test says so.
pub(super) fn reached(step: Step) -> io::Result<()> {
    if std::env::var(ABORT_AT).is_ok_and(|wanted| wanted == format!("{step:?}")) {
        std::process::abort();
    }
    if FAIL_AT.get() == Some(step) {
        FAIL_AT.set(None);
        return Err(io::Error::other("by the test"));
    }
    Ok(())
}

/// Without a runtime the file work is done within the first poll.
fn block_on<T>(call: impl Future<Output = T>) -> T {
    call.now_or_never().expect("the call is done")
}

fn store(folder: &TempDir) -> LocalStore {
    LocalStore::new(folder.path()).unwrap()
}

fn put(store: &LocalStore, name: &str, body: &str) -> Result<(), StoreError> {
    block_on(store.put_if_absent(name, Bytes::copy_from_slice(body.as_bytes())))
}

fn get(store: &LocalStore, name: &str) -> Option<String> {
    let bytes = block_on(store.get(name)).unwrap();
    bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

fn names(page: &ListPage) -> Vec<&str> {
    page.objects.iter().map(|o| o.name.as_str()).collect()
}

fn list_all(store: &LocalStore) -> Vec<String> {
    let page = block_on(store.list("", None, usize::MAX)).unwrap();
    names(&page).into_iter().map(str::to_owned).collect()
}

fn temporaries(folder: &TempDir) -> usize {
    let entries = std::fs::read_dir(folder.path().join("_tmp"));
    entries.map_or(0, Iterator::count)
}

/// What a child process does; in the test run itself it does nothing.
#[test]
fn child() {
    let (Ok(root), Ok(body)) = (std::env::var(ROOT), std::env::var(BODY)) else {
        return;
    };
    let store = LocalStore::new(root).unwrap();
    let outcome = if std::env::var(UPLOAD).is_ok() {
        block_on(async {
            let mut upload = store.begin_upload(NAME).await?;
            upload.put_part(Bytes::from(body.clone())).await?;
            upload.complete_if_absent().await
        })
    } else {
        put(&store, NAME, &body)
    };
    match outcome {
        Ok(()) => println!("outcome=won"),
        Err(StoreError::Exists { .. }) => println!("outcome=lost"),
        Err(error) => println!("outcome={error}"),
    }
}

fn child_command(folder: &TempDir, body: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "--nocapture", "adapters::local::tests::child"])
        .env(ROOT, folder.path())
        .env(BODY, body)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

#[test]
fn of_32_processes_that_put_one_name_one_wins() {
    let folder = TempDir::new().unwrap();
    let children: Vec<_> = (0..32)
        .map(|number| {
            let mut command = child_command(&folder, &format!("body of {number}"));
            if number % 2 == 1 {
                command.env(UPLOAD, "1");
            }
            (number, command.spawn().unwrap())
        })
        .collect();
    let mut winners = Vec::new();
    for (number, child) in children {
        let output = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        if output.contains("outcome=won") {
            winners.push(number);
        } else {
            assert!(output.contains("outcome=lost"), "{output}");
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    let store = store(&folder);
    let winner = format!("body of {}", winners[0]);
    assert_eq!(get(&store, NAME), Some(winner));
    assert_eq!(list_all(&store), [NAME]);
    // The losers' uploads wait for clean-up; whole puts leave nothing.
    let pending = block_on(store.pending_uploads("")).unwrap();
    assert_eq!(temporaries(&folder), pending.len());
}

#[test]
fn of_32_threads_that_put_each_of_many_names_one_wins() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder);
    let barrier = Barrier::new(32);
    let wins: Vec<usize> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..32)
            .map(|thread| {
                let (store, barrier) = (&store, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    (0..16)
                        .filter(|n| put(store, &format!("log/{n}"), &format!("{thread}")).is_ok())
                        .count()
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(wins.iter().sum::<usize>(), 16);
    assert_eq!(temporaries(&folder), 0);
}

#[test]
fn a_process_that_dies_at_any_step_leaves_all_or_nothing() {
    use Step::*;
    for upload in [false, true] {
        for step in [Created, Written, Synced, Linked, Durable, Unlinked] {
            let folder = TempDir::new().unwrap();
            let mut command = child_command(&folder, "whole");
            command.env(ABORT_AT, format!("{step:?}"));
            if upload {
                command.env(UPLOAD, "1");
            }
            let output = command.output().unwrap();
            assert!(!output.status.success(), "{step:?} was not reached");
            let store = store(&folder);
            let linked = matches!(step, Linked | Durable | Unlinked);
            assert_eq!(
                get(&store, NAME).as_deref(),
                linked.then_some("whole"),
                "{step:?}"
            );
            // Whatever was left, the next process can put, list and clean up.
            assert_eq!(put(&store, NAME, "second").is_ok(), !linked, "{step:?}");
            assert_eq!(list_all(&store), [NAME]);
            for pending in block_on(store.pending_uploads("_commits/")).unwrap() {
                block_on(store.abort_upload(&pending)).unwrap();
            }
            let left = usize::from(!upload && step != Unlinked);
            assert_eq!(temporaries(&folder), left, "{step:?}");
        }
    }
}

#[test]
fn bytes_that_the_disk_did_not_take_are_never_given_a_name() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder);
    let mut upload = block_on(store.begin_upload(NAME)).unwrap();
    block_on(upload.put_part(Bytes::from_static(b"bytes"))).unwrap();
    FAIL_AT.set(Some(Step::Written));
    // The system may have dropped the bytes: a second try must not believe it.
    for _ in 0..2 {
        let completed = block_on(upload.complete_if_absent());
        assert!(matches!(completed, Err(StoreError::UploadLost { .. })));
        assert_eq!(get(&store, NAME), None);
    }
    // A whole object is written anew by the second try.
    FAIL_AT.set(Some(Step::Written));
    assert!(put(&store, NAME, "whole").unwrap_err().retryable());
    put(&store, NAME, "whole").unwrap();
    assert_eq!(get(&store, NAME).as_deref(), Some("whole"));
}

#[test]
fn a_name_that_may_not_be_durable_is_no_success_yet() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder);
    let mut upload = block_on(store.begin_upload(NAME)).unwrap();
    block_on(upload.put_part(Bytes::from_static(b"bytes"))).unwrap();
    FAIL_AT.set(Some(Step::Linked));
    assert!(
        block_on(upload.complete_if_absent())
            .unwrap_err()
            .retryable()
    );
    let again = block_on(upload.complete_if_absent());
    assert!(matches!(again, Err(StoreError::Exists { .. })), "{again:?}");
    assert_eq!(get(&store, NAME).as_deref(), Some("bytes"));
    assert_eq!(temporaries(&folder), 0);

    let other = "_commits/1/0/2.json";
    FAIL_AT.set(Some(Step::Linked));
    assert!(put(&store, other, "bytes").unwrap_err().retryable());
    let again = put(&store, other, "bytes");
    assert!(matches!(again, Err(StoreError::Exists { .. })), "{again:?}");
}

#[test]
fn temporary_files_of_the_dead_are_swept_once_they_are_old() {
    let folder = TempDir::new().unwrap();
    let temporary = folder.path().join("_tmp");
    std::fs::create_dir(&temporary).unwrap();
    let old = std::time::SystemTime::now() - 2 * super::publish::STALE_AFTER;
    let make = |name: &str| {
        let file = std::fs::File::create_new(temporary.join(name)).unwrap();
        file.set_modified(old).unwrap();
        file
    };
    drop(make("put~a~1"));
    drop(make("upload~b~2"));
    let held = make("upload~c~3");
    held.lock().unwrap();
    std::fs::File::create_new(temporary.join("put~young~4")).unwrap();
    put(&store(&folder), "x", "x").unwrap();
    let mut left: Vec<_> = std::fs::read_dir(&temporary)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["put~young~4", "upload~c~3"]);
}

#[test]
fn who_reads_while_others_put_sees_all_or_nothing() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder);
    let body = "0123456789abcdef".repeat(1 << 14);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..20 {
                put(&store, &format!("log/{number:03}"), &body).unwrap();
            }
            done.store(true, Ordering::Release);
        });
        let mut seen = 0;
        while seen < 20 {
            let finished = done.load(Ordering::Acquire);
            let page = block_on(store.list("", None, 100)).unwrap();
            assert!(page.objects.len() >= seen, "an object went away");
            seen = page.objects.len();
            for object in &page.objects {
                assert_eq!(object.len, body.len() as u64);
                assert_eq!(get(&store, &object.name).as_ref(), Some(&body));
            }
            assert!(
                !finished || seen == 20,
                "{seen} of 20 listed after the last put"
            );
        }
    });
}

#[test]
fn an_upload_is_there_when_it_is_complete_and_not_before() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder);
    let name = "data/date=2026-11-23/hour=05/a~b%.parquet";
    let mut upload = block_on(store.begin_upload(name)).unwrap();
    block_on(upload.put_part(Bytes::from_static(b"one "))).unwrap();
    block_on(upload.put_part(Bytes::from_static(b"two"))).unwrap();
    assert_eq!(block_on(store.head(name)).unwrap(), None);
    assert!(list_all(&store).is_empty());
    let pending = block_on(store.pending_uploads("data/date=2026-11-23/")).unwrap();
    assert_eq!(pending.len(), 1);
    assert_eq!(pending[0].name, name);
    assert!(block_on(store.pending_uploads("raw/")).unwrap().is_empty());

    block_on(upload.complete_if_absent()).unwrap();
    assert_eq!(get(&store, name).as_deref(), Some("one two"));
    assert_eq!(block_on(store.head(name)).unwrap(), Some(7));
    assert_eq!(block_on(store.get_range(name, 4..7)).unwrap(), "two");
    // A caller that did not get the answer asks again.
    block_on(upload.complete_if_absent()).unwrap();
    assert!(block_on(store.pending_uploads("")).unwrap().is_empty());

    let mut late = block_on(store.begin_upload(name)).unwrap();
    block_on(late.put_part(Bytes::from_static(b"other"))).unwrap();
    assert!(matches!(
        block_on(late.complete_if_absent()),
        Err(StoreError::Exists { .. })
    ));
    assert_eq!(get(&store, name).as_deref(), Some("one two"));
}

#[test]
fn an_aborted_upload_is_lost_to_whoever_still_holds_it() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder);
    let mut upload = block_on(store.begin_upload("data/x")).unwrap();
    block_on(upload.put_part(Bytes::from_static(b"bytes"))).unwrap();
    let pending = block_on(store.pending_uploads("data/")).unwrap();
    block_on(store.abort_upload(&pending[0])).unwrap();
    block_on(store.abort_upload(&pending[0])).unwrap();
    assert!(matches!(
        block_on(upload.complete_if_absent()),
        Err(StoreError::UploadLost { .. })
    ));
    assert!(list_all(&store).is_empty());
    block_on(upload.abort()).unwrap();
}

#[test]
fn nothing_leads_out_of_the_root() {
    let outer = TempDir::new().unwrap();
    std::fs::write(outer.path().join("secret"), "x").unwrap();
    let store = LocalStore::new(outer.path().join("root")).unwrap();
    let name = "../secret";
    assert!(put(&store, name, "y").is_err());
    assert!(block_on(store.get(name)).is_err());
    assert!(block_on(store.head(name)).is_err());
    assert!(block_on(store.delete(name)).is_err());
    assert!(block_on(store.begin_upload(name)).is_err());
    let foreign = PendingUpload {
        name: "x".into(),
        id: "/../../../secret".into(),
    };
    assert!(block_on(store.abort_upload(&foreign)).is_err());
    assert!(list_all(&store).is_empty());
    assert!(outer.path().join("secret").exists());
}

#[test]
fn absence_is_an_answer_and_reading_makes_nothing() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("not/yet");
    let store = LocalStore::new(&root).unwrap();
    assert_eq!(get(&store, "a/b"), None);
    assert_eq!(block_on(store.head("a")).unwrap(), None);
    block_on(store.delete("a")).unwrap();
    assert!(list_all(&store).is_empty());
    assert!(block_on(store.pending_uploads("")).unwrap().is_empty());
    assert!(!root.exists());
    put(&store, "a/b/c", "x").unwrap();
    // A folder is no object, and a file is no folder.
    assert_eq!(get(&store, "a/b"), None);
    assert_eq!(block_on(store.head("a/b")).unwrap(), None);
    assert_eq!(get(&store, "a/b/c/d"), None);
    assert!(matches!(
        put(&store, "a/b/c/d", "x"),
        Err(StoreError::Refused { .. })
    ));
    assert!(block_on(store.get_range("a/b/c", 0..2)).is_err());
    // Folders that deleting has emptied go too, and come again.
    block_on(store.delete("a/b/c")).unwrap();
    assert!(!root.join("a").exists());
    put(&store, "a/b/c", "y").unwrap();
    assert_eq!(get(&store, "a/b/c").as_deref(), Some("y"));
}

#[test]
fn a_folder_that_may_not_be_written_is_refused_with_its_path() {
    let file = tempfile::NamedTempFile::new().unwrap();
    // A file where the root should be: the same for root as for anybody.
    let store = LocalStore::new(file.path()).unwrap();
    let Err(StoreError::Refused { detail, .. }) = put(&store, "x", "x") else {
        panic!("it was not refused");
    };
    assert!(detail.contains(file.path().to_str().unwrap()), "{detail}");
}

#[test]
fn calls_work_on_a_runtime_and_without_one() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        store
            .put_if_absent("x", Bytes::from_static(b"x"))
            .await
            .unwrap();
        let mut upload = store.begin_upload("y").await.unwrap();
        upload.put_part(Bytes::from_static(b"y")).await.unwrap();
        upload.complete_if_absent().await.unwrap();
    });
    assert_eq!(list_all(&store), ["x", "y"]);
}

fn object_name() -> impl Strategy<Value = String> {
    // Characters on both sides of `/`, so that the order of folders and files is put to the test.
    let part = prop_oneof!["[a-b]{1,2}", "[a-b][-=.0][a-b]?"];
    prop::collection::vec(part, 1..4).prop_map(|parts| parts.join("/"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn lists_as_a_sorted_map_would(
        wanted in prop::collection::vec(object_name(), 0..24),
        queries in prop::collection::vec(
            ("[ab/]{0,3}", prop::option::of("[ab/.=-]{0,4}"), 0_usize..6),
            8,
        ),
    ) {
        let folder = TempDir::new().unwrap();
        let store = store(&folder);
        let mut model = BTreeMap::new();
        for name in wanted {
            // A file cannot be a folder as well; an object store could.
            let path = folder.path().join(&name);
            let made = std::fs::create_dir_all(path.parent().unwrap());
            if made.and_then(|()| std::fs::write(&path, &name)).is_ok() {
                model.insert(name.clone(), name.len() as u64);
            }
        }
        for (prefix, after, limit) in queries {
            let page = block_on(store.list(&prefix, after.as_deref(), limit)).unwrap();
            let matching: Vec<&str> = model
                .keys()
                .map(String::as_str)
                .filter(|name| name.starts_with(&prefix))
                .filter(|name| after.as_deref().is_none_or(|after| *name > after))
                .collect();
            let first = &matching[..matching.len().min(limit)];
            prop_assert_eq!(names(&page), first, "{} {:?}", prefix, after);
            prop_assert_eq!(page.more, limit > 0 && matching.len() > limit);
            prop_assert!(page.objects.iter().all(|o| o.len == model[&o.name]));
        }
    }
}

#[test]
fn a_folder_with_more_entries_than_are_held_at_once_lists_in_order() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    std::fs::create_dir(root.join("log")).unwrap();
    let mut wanted = Vec::new();
    for number in 0..1_300 {
        // Empty folders in between: nothing to list, but an entry each.
        if number % 3 == 0 {
            std::fs::create_dir(root.join(format!("log/{number:06}"))).unwrap();
        } else {
            std::fs::write(root.join(format!("log/{number:06}")), "x").unwrap();
            wanted.push(format!("log/{number:06}"));
        }
    }
    let store = store(&folder);
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = block_on(store.list("log/", after.as_deref(), 300)).unwrap();
        seen.extend(names(&page).into_iter().map(str::to_owned));
        after = seen.last().cloned();
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, wanted);
}
