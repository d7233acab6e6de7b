//! `verify` on a raw copy: whole, damaged, and with something else than what its commit says.

use shardmill_engine::raw_copy::Framer;

use super::*;

/// A source whose second commit has a raw copy of these payloads, whatever it committed.
async fn lake_with(committed: &[&str], copied: &[&str]) -> (Lake, String) {
    let mut lake = Lake::new().await;
    lake.commit(FIRST_WINDOW, &[r#"{"a":0}"#]).await;
    let (next, window) = (lake.next_sequence, FIRST_WINDOW.next());
    lake.commit(window, committed).await;
    let after = std::mem::replace(&mut lake.next_sequence, next);
    let batch = lake.batch(window, Position::Start, copied);
    lake.next_sequence = after;
    let name = lake.put_raw(window, &[batch.payloads]).await;
    (lake, name)
}

impl Lake {
    /// Puts a raw file of a frame for each list of payloads, and names it in the newest commit.
    async fn put_raw(&self, window: Window, frames: &[Vec<Payload>]) -> String {
        let budget = Budget::new(1 << 30);
        let shard = KinesisShardId::new(SHARD);
        let mut framer = Framer::default();
        let frames = frames
            .iter()
            .map(|payloads| framer.frame(&shard, payloads, &budget).unwrap());
        let (mut body, mut payloads) = (Vec::new(), 0);
        for frame in frames {
            body.extend_from_slice(&frame.frames);
            payloads += frame.payloads;
        }
        let name = self.name("raw", window, 0);
        let bytes = body.len();
        self.store
            .put_if_absent(&name, Bytes::from(body))
            .await
            .unwrap();
        let file = serde_json::json!({
            "name": name, "window": window, "rows": payloads, "bytes": bytes,
        });
        self.edit(|entry| entry["raw"] = serde_json::json!([file]));
        name
    }
}

const PAYLOADS: [&str; 4] = [r#"{"a":1}"#, "", "nonsense", r#"{"a":2}"#];

#[tokio::test]
async fn a_raw_copy_that_is_whole_is_read_again() {
    let (lake, _) = lake_with(&PAYLOADS, &PAYLOADS).await;
    let verified = lake.verify().await.unwrap();
    assert_eq!((verified.raw_files, verified.raw_payloads), (1, 4));
    assert!(verified.raw_bytes > 0);
    assert_eq!(verified.unnamed_files, 0);
}

#[tokio::test]
async fn a_raw_copy_that_is_missing_or_damaged_is_found() {
    let (lake, name) = lake_with(&PAYLOADS, &PAYLOADS).await;
    let path = lake.path(&name);
    let whole = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(lake.violation().await, "verify.missing_file");
    std::fs::write(&path, &whole[1..]).unwrap();
    assert_eq!(lake.violation().await, "verify.file_length");
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 0x40;
    std::fs::write(&path, &damaged).unwrap();
    assert_eq!(lake.violation().await, "verify.unreadable_file");
    std::fs::write(&path, &whole).unwrap();
    assert!(lake.verify().await.is_ok());
}

#[tokio::test]
async fn a_raw_copy_of_something_else_is_found() {
    // As many bytes are not the same bytes; more or fewer are found.
    let longer = [r#"{"a":1}"#, "", "nonsense!", r#"{"a":2}"#];
    let (lake, _) = lake_with(&PAYLOADS, &longer).await;
    assert_eq!(lake.violation().await, "verify.counts");

    // The log itself refuses another number of payloads.
    let (lake, _) = lake_with(&PAYLOADS, &PAYLOADS[..3]).await;
    assert_eq!(lake.violation().await, "log.broken");

    let (lake, _) = lake_with(&PAYLOADS[..3], &PAYLOADS).await;
    lake.edit(|entry| entry["raw"][0]["rows"] = 3.into());
    assert_eq!(lake.violation().await, "verify.outside_range");
}

#[tokio::test]
async fn a_payload_that_is_there_twice_or_out_of_order_is_found() {
    for (order, code) in [
        ([0, 1, 1], "verify.identity_twice"),
        ([0, 2, 1], "verify.out_of_order"),
    ] {
        let (mut lake, window) = (Lake::new().await, FIRST_WINDOW);
        lake.commit(window, &PAYLOADS[..3]).await;
        lake.next_sequence = 1;
        let payloads = lake.batch(window, Position::Start, &PAYLOADS[..3]).payloads;
        let payloads = order.map(|at| payloads[at].clone());
        lake.put_raw(window, &[payloads[..1].to_vec(), payloads[1..].to_vec()])
            .await;
        assert_eq!(lake.violation().await, code);
    }
}

#[tokio::test]
async fn what_a_claim_left_of_a_raw_copy_is_counted_too() {
    let (lake, _) = lake_with(&PAYLOADS, &PAYLOADS).await;
    let left = lake.name("raw", FIRST_WINDOW.next().next(), 0);
    lake.store
        .put_if_absent(&left, Bytes::from_static(b"left"))
        .await
        .unwrap();
    assert_eq!(lake.verify().await.unwrap().unnamed_files, 1);
}
