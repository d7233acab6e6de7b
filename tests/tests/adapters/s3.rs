//! The S3 store against moto.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use shardmill::adapters::{S3Options, S3Store};
use shardmill_engine::ports::{ListPage, Store, StoreError};
use shardmill_tests::servers::Moto;
use shardmill_tests::{s3, sdk};

const BUCKET: &str = "lake";

async fn moto() -> Moto {
    let server = Moto::start().await;
    server.bucket(BUCKET).await;
    server
}

async fn store(server: &Moto, prefix: &str) -> S3Store {
    let sdk = sdk::config(&server.url()).await;
    S3Store::new(&sdk, S3Options::new(BUCKET, prefix))
}

fn names(page: &ListPage) -> Vec<&str> {
    page.objects.iter().map(|o| o.name.as_str()).collect()
}

#[tokio::test]
async fn a_put_is_seen_whole_and_only_the_first_one_counts() {
    let server = moto().await;
    for (prefix, checksums) in [("events/clicks/", true), ("", false)] {
        let sdk = sdk::config(&server.url()).await;
        let mut options = S3Options::new(BUCKET, prefix);
        options.checksums = checksums;
        let store = S3Store::new(&sdk, options);
        let name = "_commits/1/0/1.json";
        assert_eq!(store.get(name).await.unwrap(), None);
        assert_eq!(store.head(name).await.unwrap(), None);
        let first = Bytes::from_static(b"the first body");
        store.put_if_absent(name, first.clone()).await.unwrap();
        let second = store.put_if_absent(name, Bytes::from_static(b"x")).await;
        assert_eq!(second, Err(StoreError::Exists { name: name.into() }));
        assert_eq!(store.get(name).await.unwrap(), Some(first));
        assert_eq!(store.head(name).await.unwrap(), Some(14));
        assert_eq!(store.get_range(name, 4..9).await.unwrap(), "first");
        assert_eq!(store.get_range(name, 5..5).await.unwrap(), "");
        let beyond = store.get_range(name, 10..20).await;
        assert!(
            matches!(beyond, Err(StoreError::Refused { .. })),
            "{beyond:?}"
        );
        store.delete(name).await.unwrap();
        store.delete(name).await.unwrap();
        assert_eq!(store.head(name).await.unwrap(), None);
    }
}

#[tokio::test]
async fn of_25_writers_of_one_name_one_wins() {
    let server = moto().await;
    let store = store(&server, "events").await;
    let puts = (0..25).map(|writer| {
        let store = store.clone();
        async move {
            let body = Bytes::from(format!("body of {writer}"));
            let put = store.put_if_absent("_commits/1/0/7.json", body).await;
            put.map(|()| writer)
        }
    });
    let outcomes = join_all(puts).await;
    let winners: Vec<i32> = outcomes.iter().flatten().copied().collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    for outcome in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert!(matches!(outcome, StoreError::Exists { .. }), "{outcome}");
    }
    let body = store.get("_commits/1/0/7.json").await.unwrap().unwrap();
    assert_eq!(body, format!("body of {}", winners[0]));
}

#[tokio::test]
async fn of_8_uploads_of_one_name_one_completes() {
    let server = moto().await;
    let store = store(&server, "events").await;
    let name = "data/date=2026-11-23/hour=05/x.parquet";
    let part = |writer: u8| Bytes::from(vec![writer; 5 << 20]);
    let uploads = (0..8).map(|writer| {
        let store = store.clone();
        async move {
            let mut upload = store.begin_upload(name).await?;
            upload.put_part(part(writer)).await?;
            upload.put_part(Bytes::from_static(b"end")).await?;
            upload.complete_if_absent().await.map(|()| writer)
        }
    });
    let outcomes = join_all(uploads).await;
    let winners: Vec<u8> = outcomes.iter().flatten().copied().collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    for outcome in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert!(matches!(outcome, StoreError::Exists { .. }), "{outcome}");
    }
    let body = store.get(name).await.unwrap().unwrap();
    assert_eq!(body, [&part(winners[0])[..], b"end"].concat());
    // The losers' parts are found by name and can be given up.
    let pending = store
        .pending_uploads("data/date=2026-11-23/")
        .await
        .unwrap();
    assert!(pending.iter().all(|upload| upload.name == name));
    for upload in &pending {
        store.abort_upload(upload).await.unwrap();
    }
    assert!(store.pending_uploads("").await.unwrap().is_empty());
}

#[tokio::test]
async fn an_upload_that_somebody_aborted_is_lost() {
    let server = moto().await;
    let store = store(&server, "events").await;
    let mut upload = store.begin_upload("data/a").await.unwrap();
    upload.put_part(Bytes::from_static(b"part")).await.unwrap();
    let _left = store.begin_upload("raw/b").await.unwrap();
    assert_eq!(store.head("data/a").await.unwrap(), None);

    let pending = store.pending_uploads("data/").await.unwrap();
    let found: Vec<&str> = pending.iter().map(|upload| upload.name.as_str()).collect();
    assert_eq!(found, ["data/a"]);
    store.abort_upload(&pending[0]).await.unwrap();
    store.abort_upload(&pending[0]).await.unwrap();
    let part = upload.put_part(Bytes::from_static(b"more")).await;
    assert!(
        matches!(part, Err(StoreError::UploadLost { .. })),
        "{part:?}"
    );
    let complete = upload.complete_if_absent().await;
    assert!(
        matches!(complete, Err(StoreError::UploadLost { .. })),
        "{complete:?}"
    );
    upload.abort().await.unwrap();
    assert_eq!(store.pending_uploads("").await.unwrap().len(), 1);
}

#[tokio::test]
async fn lists_as_a_sorted_map_would() {
    let server = moto().await;
    let store = store(&server, "events/clicks").await;
    let client = s3::client(&server.url());
    let mut random = StdRng::seed_from_u64(11);
    let mut model = BTreeMap::new();
    let word = |random: &mut StdRng, longest: usize| -> String {
        let letters = ['a', 'b', '/', '-', '=', '.'];
        let length = random.random_range(0..=longest);
        (0..length)
            .map(|_| letters[random.random_range(0..letters.len())])
            .collect()
    };
    for _ in 0..60 {
        let name = format!("{}x", word(&mut random, 5));
        let put = store.put_if_absent(&name, Bytes::from(name.clone())).await;
        assert_eq!(
            put.is_ok(),
            model.insert(name.clone(), name.len() as u64).is_none()
        );
    }
    // Neighbours that are none of ours.
    for key in [
        "events/clicks",
        "events/clicks/",
        "events/clicksx",
        "events/click/a",
    ] {
        let put = client.put_object().bucket(BUCKET).key(key);
        put.body(ByteStream::from_static(b"foreign"))
            .send()
            .await
            .unwrap();
    }
    for _ in 0..60 {
        let prefix = word(&mut random, 2);
        let after = random.random_bool(0.6).then(|| word(&mut random, 4));
        let limit = random.random_range(1..8);
        let mut seen = Vec::new();
        let mut from = after.clone();
        loop {
            let page = store.list(&prefix, from.as_deref(), limit).await.unwrap();
            assert!(page.objects.len() <= limit);
            assert!(
                page.objects
                    .iter()
                    .all(|object| object.len == model[&object.name])
            );
            assert!(
                page.objects
                    .iter()
                    .all(|object| object.modified > 1_700_000_000_000)
            );
            seen.extend(names(&page).into_iter().map(str::to_owned));
            if !page.more {
                break;
            }
            from = seen.last().cloned();
        }
        let wanted: Vec<String> = model
            .keys()
            .filter(|name| name.starts_with(&prefix))
            .filter(|name| after.as_ref().is_none_or(|after| *name > after))
            .cloned()
            .collect();
        assert_eq!(seen, wanted, "prefix {prefix:?} after {after:?}");
    }
}

#[tokio::test]
async fn more_uploads_than_a_page_are_all_found() {
    let server = moto().await;
    let store = store(&server, "events").await;
    let begun = join_all((0..30).map(|n| {
        let store = store.clone();
        async move { store.begin_upload(&format!("data/{n:02}")).await.map(drop) }
    }));
    assert!(begun.await.iter().all(Result::is_ok));
    let pending = store.pending_uploads("data/").await.unwrap();
    let found: BTreeSet<String> = pending.into_iter().map(|upload| upload.name).collect();
    assert_eq!(found, (0..30).map(|n| format!("data/{n:02}")).collect());
    assert_eq!(store.pending_uploads("data/07").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_bucket_that_is_missing_is_named() {
    let server = moto().await;
    let sdk = sdk::config(&server.url()).await;
    let store = S3Store::new(&sdk, S3Options::new("nowhere", ""));
    let put = store.put_if_absent("x", Bytes::new()).await;
    let Err(StoreError::Refused { detail, .. }) = put else {
        panic!("{put:?}");
    };
    assert!(detail.contains("create the bucket"), "{detail}");
    let list = store.list("", None, 1).await;
    assert!(matches!(list, Err(StoreError::Refused { .. })), "{list:?}");
}
