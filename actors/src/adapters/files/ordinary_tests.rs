//! Files of a folder, read as a stream.

use std::path::Path;

use shardmill_engine::decode::FormatChoice;

use super::*;

fn lines() -> ContentOptions {
    ContentOptions {
        format: FormatChoice::Lines,
        ..ContentOptions::default()
    }
}

async fn stream(folder: &Path) -> OrdinaryFiles {
    OrdinaryFiles::open(Place::local(folder), lines())
        .await
        .unwrap()
}

/// Reads all that follows a place, and the positions on the way.
async fn rest(
    stream: &OrdinaryFiles,
    shard: &str,
    from: IteratorFrom,
) -> Result<(Vec<u8>, Vec<SequenceNumber>), StreamError> {
    let shard = KinesisShardId::new(shard);
    let mut next = Some(stream.shard_iterator(&shard, from).await?);
    let (mut bytes, mut positions) = (Vec::new(), Vec::new());
    while let Some(iterator) = next {
        let answer = stream.get_records(&iterator, 1_000).await?;
        for record in answer.records {
            bytes.extend_from_slice(&record.data);
            positions.push(record.sequence);
        }
        next = answer.next_iterator;
    }
    Ok((bytes, positions))
}

fn code(error: &StreamError) -> &'static str {
    match error {
        StreamError::Unusable { code, .. } => code,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn files_are_closed_kinesis_shards_in_the_order_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("b")).unwrap();
    for name in ["c.txt", "b/z.txt", "a.txt", ".hidden", "_SUCCESS"] {
        std::fs::write(folder.path().join(name), "a line\n").unwrap();
    }
    let stream = stream(folder.path()).await;
    let list = stream.list_shards(ShardFilter::All).await.unwrap();
    let ids: Vec<&str> = list.shards.iter().map(|shard| shard.id.as_str()).collect();
    assert_eq!(ids, ["a.txt", "b/z.txt", "c.txt"]);
    assert!(
        list.shards
            .iter()
            .all(|shard| shard.closed && shard.parents.is_empty())
    );
    let later = ShardFilter::AtTimestamp(list.server_time + 3_600_000);
    assert!(stream.list_shards(later).await.unwrap().shards.is_empty());
    assert!(stream.is_bounded() && stream.ends_at().is_none());
    assert_eq!(stream.extent(), Some(Extent { read: 0, total: 21 }));
}

#[tokio::test]
async fn reading_goes_on_from_any_position() {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..200_000).map(|n| format!("line {n}\n")).collect();
    std::fs::write(folder.path().join("a"), &text).unwrap();
    let stream = stream(folder.path()).await;
    let (all, positions) = rest(&stream, "a", IteratorFrom::TrimHorizon).await.unwrap();
    assert!(all == text.as_bytes() && positions.len() > 3);
    for position in &positions {
        let after = IteratorFrom::After(position.clone());
        let (left, _) = rest(&stream, "a", after).await.unwrap();
        let at: usize = position.as_str().parse().unwrap();
        assert!(left == text.as_bytes()[at..]);
    }
    let total = text.len() as u64;
    assert_eq!(stream.extent(), Some(Extent { read: total, total }));
    let shard = KinesisShardId::new("a");
    let late = IteratorFrom::AtTimestamp(SystemHost.now() + 3_600_000);
    let late = stream.shard_iterator(&shard, late).await.unwrap();
    let answer = stream.get_records(&late, 1).await.unwrap();
    assert!(answer.records.is_empty() && answer.next_iterator.is_none());
}

#[tokio::test]
async fn more_files_than_are_open_at_once_are_read_in_turn() {
    let folder = tempfile::tempdir().unwrap();
    let count = MAX_OPEN + 40;
    let text: String = (0..30_000).map(|n| format!("line {n}\n")).collect();
    for number in 0..count {
        std::fs::write(folder.path().join(format!("{number:04}")), &text).unwrap();
    }
    let stream = stream(folder.path()).await;
    let mut next: Vec<(usize, String)> = (0..count)
        .map(|number| (number, format!("0/{number:04}")))
        .collect();
    let mut read = vec![Vec::new(); count];
    while !next.is_empty() {
        let mut left = Vec::new();
        for (number, iterator) in next {
            let answer = stream.get_records(&iterator, 1).await.unwrap();
            answer
                .records
                .iter()
                .for_each(|record| read[number].extend_from_slice(&record.data));
            left.extend(answer.next_iterator.map(|iterator| (number, iterator)));
            assert!(stream.lock().open.len() <= MAX_OPEN);
        }
        next = left;
    }
    assert!(read.iter().all(|read| read == text.as_bytes()));
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let text = "a line\n".repeat(100_000);
    let names = ["longer", "shorter", "gone", "touched"];
    for name in names {
        std::fs::write(folder.path().join(name), &text).unwrap();
    }
    let stream = stream(folder.path()).await;
    let mut iterators = Vec::new();
    for name in names {
        let answer = stream.get_records(&format!("0/{name}"), 1).await.unwrap();
        iterators.push(answer.next_iterator.unwrap());
    }
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("longer"), format!("{text}more\n")).unwrap();
    std::fs::write(path("shorter"), &text[..10_000]).unwrap();
    std::fs::remove_file(path("gone")).unwrap();
    let touched = std::fs::File::options()
        .write(true)
        .open(path("touched"))
        .unwrap();
    let earlier = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    touched.set_modified(earlier).unwrap();
    for (name, iterator) in names.iter().zip(iterators) {
        let error = stream.get_records(&iterator, 1).await.unwrap_err();
        assert_eq!(code(&error), "files.changed");
        assert!(error.to_string().contains(name), "{error}");
    }
    // One that was cut down between two runs has lost what was read of it.
    let again = self::stream(folder.path()).await;
    let after = IteratorFrom::After(SequenceNumber::from(70_000));
    let error = rest(&again, "shorter", after).await.unwrap_err();
    assert_eq!(code(&error), "files.changed");
}

#[tokio::test]
async fn what_is_decided_counts_for_what_is_cut_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..20_000).map(|n| format!("{n},x\n")).collect();
    std::fs::write(folder.path().join("a"), format!("id,text\n{rows}")).unwrap();
    let stream = stream(folder.path()).await;
    let csv = ContentOptions {
        format: FormatChoice::Csv,
        ..ContentOptions::default()
    };
    stream.decided(&csv);
    let (all, positions) = rest(&stream, "a", IteratorFrom::TrimHorizon).await.unwrap();
    let text = String::from_utf8(all).unwrap();
    assert!(positions.len() > 1);
    assert_eq!(text.matches("id,text\n").count(), positions.len());
}
