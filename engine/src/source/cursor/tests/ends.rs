//! How a cursor comes to believe that its Kinesis shard has ended.

use crate::ports::ShardInfo;

use super::*;

fn ends(outputs: &[CursorOutput]) -> Vec<&ShardEnd> {
    outputs
        .iter()
        .filter_map(|output| match output {
            CursorOutput::End(end) => Some(end),
            _ => None,
        })
        .collect()
}

#[test]
fn the_last_answer_may_carry_records_and_ends_after_them() {
    let (mut cursor, mut now) = (cursor(), 0);
    let children = vec![(KinesisShardId::new("child"), vec![shard()])];
    let last = |records| Records {
        next_iterator: None,
        children: children.clone(),
        ..answer(records, 0, 9_000)
    };
    until_fetch(&mut cursor, &mut now);
    let records = vec![record(1, 500), record(2, 5_500)];
    // The second one lies beyond the limit: this is not the end yet.
    let outputs = cursor.on_records(Ok(last(records.clone())), now, Window(1), &Budget::new(0));
    assert!(ends(&outputs).is_empty());
    cursor.limit_moved(Window(5));
    until_fetch(&mut cursor, &mut now);
    let outputs = cursor.on_records(
        Ok(last(records[1..].to_vec())),
        now,
        Window(5),
        &Budget::new(0),
    );
    let ends = ends(&outputs);
    assert_eq!(ends[0].position, Position::At(sequence(2)));
    assert_eq!(ends[0].current_window, Window(5));
    assert_eq!(ends[0].children, children);
    assert_eq!(cursor.next(now), CursorStep::Done);
}

fn asks_for_its_end() -> (ShardCursor, i64) {
    let (mut cursor, mut now) = (cursor(), 0);
    until_fetch(&mut cursor, &mut now);
    let given = Records {
        next_iterator: None,
        ..answer(vec![record(1, 500)], 0, 9_000)
    };
    let outputs = cursor.on_records(Ok(given), now, NO_LIMIT, &Budget::new(0));
    assert!(ends(&outputs).is_empty());
    now += 1_000;
    assert_eq!(cursor.next(now), CursorStep::AskEnd);
    (cursor, now)
}

fn listing(shards: &[(&str, Option<&str>, bool)]) -> ShardList {
    let info = |(id, parent, closed): &(&str, Option<&str>, bool)| ShardInfo {
        id: KinesisShardId::new(*id),
        parents: parent.iter().map(|id| KinesisShardId::new(*id)).collect(),
        closed: *closed,
        hash_keys: (0, u128::MAX),
    };
    ShardList {
        shards: shards.iter().map(info).collect(),
        server_time: 0,
    }
}

fn ends_after(
    cursor: &mut ShardCursor,
    mut now: i64,
    records: Vec<StreamRecord>,
) -> Vec<CursorOutput> {
    until_fetch(cursor, &mut now);
    let given = Records {
        next_iterator: None,
        ..answer(records, 0, 9_000)
    };
    cursor.on_records(Ok(given), now, NO_LIMIT, &Budget::new(0))
}

#[test]
fn no_next_iterator_and_no_children_is_an_end_only_if_the_listing_says_closed() {
    let own = "shardId-000000000000";
    let (mut cursor, now) = asks_for_its_end();
    let closed = listing(&[(own, None, true), ("child", Some(own), false)]);
    cursor.on_shard_info(Ok(&closed), now);
    // It may have been closed since, with a record in between.
    let outputs = ends_after(&mut cursor, now, vec![record(2, 600)]);
    let children = [(KinesisShardId::new("child"), vec![shard()])];
    assert_eq!(ends(&outputs)[0].children, children);
    assert_eq!(ends(&outputs)[0].position, Position::At(sequence(2)));
    assert_eq!(cursor.next(now), CursorStep::Done);

    let (mut cursor, mut now) = asks_for_its_end();
    cursor.on_shard_info(Ok(&listing(&[(own, None, false)])), now);
    assert_eq!(cursor.trouble().map(|trouble| trouble.failures), Some(1));
    until_fetch(&mut cursor, &mut now);
    assert_eq!(
        cursor.position(),
        &Position::At(sequence(1)),
        "it goes on where it was"
    );

    let (mut cursor, now) = asks_for_its_end();
    cursor.on_shard_info(Ok(&listing(&[])), now);
    assert!(
        ends(&ends_after(&mut cursor, now, Vec::new())).is_empty(),
        "nothing proves nothing"
    );

    let (mut cursor, now) = asks_for_its_end();
    cursor.on_shard_info(Ok(&listing(&[("another", None, false)])), now);
    assert_eq!(
        ends(&ends_after(&mut cursor, now, Vec::new())).len(),
        1,
        "it has aged out"
    );
}
