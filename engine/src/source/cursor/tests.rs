use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::ports::StreamRecord;
use crate::types::{ClaimNumber, Epoch, LaneId, SequenceNumber};

mod ends;

const LENGTH_MS: i64 = 1_000;
const NO_LIMIT: Window = Window(i64::MAX);

fn shard() -> KinesisShardId {
    KinesisShardId::new("shardId-000000000000")
}

fn cursor_at(position: Position, window: Window) -> ShardCursor {
    let claim = ClaimRef {
        epoch: Epoch(1),
        lane: LaneId(0),
        claim: ClaimNumber(1),
    };
    let from = ReadFrom {
        shard: shard(),
        position,
        current_window: window,
    };
    let length = WindowLength::from_millis(LENGTH_MS).unwrap();
    ShardCursor::new(claim, from, None, length, 1)
}

fn cursor() -> ShardCursor {
    cursor_at(Position::Start, Window(0))
}

fn sequence(number: usize) -> SequenceNumber {
    SequenceNumber::new(&number.to_string()).unwrap()
}

fn record(number: usize, arrival: i64) -> StreamRecord {
    StreamRecord {
        sequence: sequence(number),
        partition_key: "k".to_owned(),
        arrival,
        data: number.to_string().into_bytes().into(),
    }
}

fn answer(records: Vec<StreamRecord>, millis_behind: i64, server_time: i64) -> Records {
    Records {
        records,
        next_iterator: Some("next".to_owned()),
        millis_behind: Some(millis_behind),
        children: Vec::new(),
        server_time,
    }
}

/// Steps `cursor` to its next fetch, handing out iterators.
fn until_fetch(cursor: &mut ShardCursor, now: &mut i64) {
    loop {
        match cursor.next(*now) {
            CursorStep::Fetch { .. } => return,
            CursorStep::Iterator(_) => cursor.on_iterator(Ok("it".to_owned()), *now),
            CursorStep::Wait { until } => *now = until,
            step => panic!("unexpected step {step:?}"),
        }
    }
}

fn watermarks(outputs: &[CursorOutput]) -> Vec<&Watermark> {
    outputs
        .iter()
        .filter_map(|output| match output {
            CursorOutput::Watermark(watermark) => Some(watermark),
            _ => None,
        })
        .collect()
}

/// What happens at a fetch.
#[derive(Clone, Debug)]
enum Event {
    /// That many of the next records come.
    Records(usize),
    /// Records from the one before the position on: a server that resumes AT it.
    Again(usize),
    Throttled,
    Unavailable,
    Expired,
    /// The window limit is so far above the current window, for this answer alone.
    Limited(usize, i64),
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        5 => (0_usize..12).prop_map(Event::Records),
        1 => (1_usize..4).prop_map(Event::Again),
        1 => Just(Event::Throttled),
        1 => Just(Event::Unavailable),
        1 => Just(Event::Expired),
        2 => (1_usize..12, 0_i64..3).prop_map(|(count, above)| Event::Limited(count, above)),
    ]
}

/// Reads `arrivals` (record `n + 1` arrives at `arrivals[n]`) from `done` on until all is read.
/// Gives (number, window) of each payload and where a batch ended.
fn read_all(
    mut cursor: ShardCursor,
    mut done: usize,
    arrivals: &[i64],
    events: &[Event],
) -> Result<Vec<(usize, Window, bool)>, TestCaseError> {
    let budget = Budget::new(0);
    let mut now = 0;
    let mut read = Vec::new();
    let mut events = events.iter().cloned();
    let records = |from: usize, count: usize| -> Vec<StreamRecord> {
        let numbers = from..arrivals.len().min(from + count);
        numbers
            .map(|number| record(number + 1, arrivals[number]))
            .collect()
    };
    while done < arrivals.len() {
        until_fetch(&mut cursor, &mut now);
        let (given, limit) = match events.next().unwrap_or(Event::Records(5)) {
            Event::Records(count) => (Ok(records(done, count)), NO_LIMIT),
            Event::Again(count) => (Ok(records(done.saturating_sub(1), count)), NO_LIMIT),
            Event::Throttled => (Err(StreamError::Throttled("slow".to_owned())), NO_LIMIT),
            Event::Unavailable => (Err(StreamError::Unavailable("gone".to_owned())), NO_LIMIT),
            Event::Expired => (
                Err(StreamError::IteratorExpired("old".to_owned())),
                NO_LIMIT,
            ),
            Event::Limited(count, above) => (
                Ok(records(done, count)),
                Window(cursor.current_window().0 + above),
            ),
        };
        // A server that always says 0, its clock far ahead: with records it proves nothing.
        let empty = given.as_ref().is_ok_and(Vec::is_empty);
        let server_time = if empty { i64::MIN / 2 } else { i64::MAX / 2 };
        let given = given.map(|records| answer(records, 0, server_time));
        let mut position = cursor.position().clone();
        for output in cursor.on_records(given, now, limit, &budget) {
            match output {
                CursorOutput::Batch(batch) => {
                    prop_assert_eq!(&batch.head.from, &position);
                    prop_assert!(batch.head.window <= limit);
                    prop_assert_eq!(batch.head.records, batch.payloads.len() as u64);
                    prop_assert!(batch.credit.bytes() >= batch.payload_bytes());
                    position = Position::At(batch.head.to.clone());
                    for payload in &batch.payloads {
                        done += 1;
                        prop_assert_eq!(&payload.sequence, &sequence(done));
                        let last = payload.sequence == batch.head.to;
                        read.push((done, batch.head.window, last));
                    }
                }
                CursorOutput::Watermark(watermark) => {
                    prop_assert_eq!(&watermark.position, &position);
                }
                CursorOutput::Lag { millis_behind } => prop_assert_eq!(millis_behind, 0),
                CursorOutput::End(end) => prop_assert!(false, "no end was given: {:?}", end),
                CursorOutput::Cut(cut) => {
                    prop_assert_eq!((&cut.position, Some(cut.end)), (&position, cursor.end));
                    prop_assert!(cut.window > Window((cut.end - 1).div_euclid(LENGTH_MS)));
                    prop_assert_eq!(cursor.next(now), CursorStep::Done);
                    return Ok(read);
                }
            }
        }
        prop_assert_eq!(cursor.position(), &position);
        cursor.limit_moved(NO_LIMIT);
    }
    prop_assert_eq!(budget.used(), 0);
    Ok(read)
}

proptest! {
    /// I3, I5: whatever the answers look like, each record comes once, in order, in the running
    /// maximum of its arrival's window; and a reader that begins at any batch's end agrees.
    #[test]
    fn windows_are_the_running_maximum_and_survive_a_restart(
        arrivals in vec(0_i64..20_000, 1..60),
        events in vec(any_event(), 0..30),
        later in vec(any_event(), 0..30),
        restart in any::<prop::sample::Index>(),
    ) {
        let read = read_all(cursor(), 0, &arrivals, &events)?;
        prop_assert_eq!(read.len(), arrivals.len());
        let mut highest = Window(0);
        for (number, window, _) in &read {
            highest = highest.max(Window(arrivals[number - 1] / LENGTH_MS));
            prop_assert_eq!(*window, highest);
        }
        let batch_ends: Vec<_> = read.iter().filter(|(_, _, last)| *last).collect();
        let (number, window, _) = batch_ends[restart.index(batch_ends.len())];
        let resumed = cursor_at(Position::At(sequence(*number)), *window);
        let again = read_all(resumed, *number, &arrivals, &later)?;
        for ((number, window, _), (again, window_again, _)) in read[*number..].iter().zip(&again) {
            prop_assert_eq!((number, window), (again, window_again));
        }
        prop_assert_eq!(again.len(), arrivals.len() - number);
    }
}

proptest! {
    /// The first record that arrived at the end or later is out, and so is all after it; a later end
    /// goes on from there, in a later window.
    #[test]
    fn an_end_cuts_at_the_first_arrival_that_reaches_it(
        arrivals in vec(0_i64..20_000, 1..60),
        events in vec(any_event(), 0..30),
        end in 1_i64..21_000,
    ) {
        let out = arrivals.iter().position(|arrival| *arrival >= end);
        let inside = out.unwrap_or(arrivals.len());
        let read = read_all(cursor().with_end(Some(end)), 0, &arrivals, &events)?;
        prop_assert_eq!(read.len(), inside);
        let (position, window) = match read.last() {
            Some((number, window, _)) => (Position::At(sequence(*number)), *window),
            None => (Position::Start, Window(0)),
        };
        let after = window.max(Window((end - 1) / LENGTH_MS).next());
        let rest = read_all(cursor_at(position, after), inside, &arrivals, &events)?;
        prop_assert_eq!(rest.len(), arrivals.len() - inside);
        prop_assert!(rest.iter().all(|(_, window, _)| *window >= after));
    }
}

#[test]
fn an_idle_kinesis_shard_is_cut_by_lag() {
    let (cursor, mut now) = (cursor(), 0);
    let mut cursor = cursor.with_end(Some(10_000));
    let mut empty = |behind, server_time| {
        until_fetch(&mut cursor, &mut now);
        let given = answer(Vec::new(), behind, server_time);
        let outputs = cursor.on_records(Ok(given), now, NO_LIMIT, &Budget::new(0));
        outputs.into_iter().find_map(|output| match output {
            CursorOutput::Cut(cut) => Some(cut),
            _ => None,
        })
    };
    // A record may arrive five seconds behind what an answer says.
    assert_eq!(empty(0, 14_999), None);
    assert_eq!(empty(1, 15_000), None);
    let cut = empty(0, 15_000).unwrap();
    assert_eq!((cut.position, cut.window), (Position::Start, Window(10)));
    assert_eq!(cursor.next(now), CursorStep::Done);
}

#[test]
fn positions_ask_for_the_right_iterator() {
    let step = |position, start: Option<i64>| {
        let mut cursor = cursor_at(position, Window(0));
        cursor.start = start;
        cursor.next(0)
    };
    let at = Position::At(sequence(9));
    assert_eq!(
        step(at, Some(5)),
        CursorStep::Iterator(IteratorFrom::After(sequence(9)))
    );
    assert_eq!(
        step(Position::Start, Some(5)),
        CursorStep::Iterator(IteratorFrom::AtTimestamp(5))
    );
    assert_eq!(
        step(Position::Start, None),
        CursorStep::Iterator(IteratorFrom::TrimHorizon)
    );
    assert_eq!(
        step(Position::Horizon, Some(5)),
        CursorStep::Iterator(IteratorFrom::TrimHorizon)
    );
}

#[test]
fn an_empty_answer_moves_the_window_by_lag_and_the_margin() {
    let (mut cursor, mut now) = (cursor(), 0);
    until_fetch(&mut cursor, &mut now);
    let given = answer(Vec::new(), 2_000, 20_000);
    let outputs = cursor.on_records(Ok(given), now, NO_LIMIT, &Budget::new(0));
    let marks = watermarks(&outputs);
    // 20 s - 2 s behind - 5 s margin.
    assert_eq!(marks[0].window, Window(13));
    assert!(!marks[0].caught_up);
    assert!(
        matches!(cursor.next(now + 200), CursorStep::Fetch { .. }),
        "empty while behind is normal"
    );
    // A late comer goes into the window that lag has moved on to.
    let given = answer(vec![record(1, 3_000)], 0, 90_000);
    let outputs = cursor.on_records(Ok(given), now, NO_LIMIT, &Budget::new(0));
    assert!(
        watermarks(&outputs).is_empty(),
        "with records a lag of 0 proves nothing"
    );
    let window = outputs.iter().find_map(|output| match output {
        CursorOutput::Batch(batch) => Some(batch.head.window),
        _ => None,
    });
    assert_eq!(window, Some(Window(13)));
}

#[test]
fn an_empty_answer_without_lag_says_that_all_is_read() {
    let (mut cursor, mut now) = (cursor(), 0);
    until_fetch(&mut cursor, &mut now);
    let outputs = cursor.on_records(
        Ok(answer(Vec::new(), 0, 8_000)),
        now,
        NO_LIMIT,
        &Budget::new(0),
    );
    let marks = watermarks(&outputs);
    assert_eq!((marks[0].window, marks[0].caught_up), (Window(3), true));
    assert_eq!(
        cursor.next(now),
        CursorStep::Wait {
            until: now + CAUGHT_UP_PAUSE_MS
        }
    );
}

#[test]
fn beyond_the_limit_nothing_is_taken_until_it_moves() {
    let (mut cursor, mut now) = (cursor(), 0);
    until_fetch(&mut cursor, &mut now);
    let records = vec![record(1, 500), record(2, 5_500), record(3, 600)];
    let given = answer(records.clone(), 0, 9_000);
    let outputs = cursor.on_records(Ok(given), now, Window(4), &Budget::new(0));
    assert_eq!(cursor.position(), &Position::At(sequence(1)));
    let marks = watermarks(&outputs);
    assert_eq!((marks[0].window, marks[0].caught_up), (Window(5), false));
    assert_eq!(
        cursor.next(i64::MAX),
        CursorStep::Blocked { window: Window(5) }
    );
    cursor.limit_moved(Window(4));
    assert_eq!(
        cursor.next(i64::MAX),
        CursorStep::Blocked { window: Window(5) }
    );
    cursor.limit_moved(Window(5));
    assert_eq!(
        cursor.next(i64::MAX),
        CursorStep::Iterator(IteratorFrom::After(sequence(1)))
    );
    until_fetch(&mut cursor, &mut now);
    let given = answer(records[1..].to_vec(), 0, 9_000);
    cursor.on_records(Ok(given), now, Window(5), &Budget::new(0));
    assert_eq!(cursor.position(), &Position::At(sequence(3)));
}

#[test]
fn less_is_asked_for_while_most_cannot_be_taken() {
    let (mut cursor, mut now) = (cursor(), 0);
    let mut asked = |cursor: &mut ShardCursor| {
        cursor.limit_moved(NO_LIMIT);
        until_fetch(cursor, &mut now);
        match cursor.next(now) {
            CursorStep::Fetch { limit, .. } => limit,
            step => panic!("unexpected step {step:?}"),
        }
    };
    assert_eq!(asked(&mut cursor), FETCH_LIMIT);
    let records = (1..=1_000).map(|number| record(number, if number <= 200 { 500 } else { 9_000 }));
    let given = answer(records.collect(), 0, 9_000);
    cursor.on_records(Ok(given), 0, Window(4), &Budget::new(0));
    assert_eq!(asked(&mut cursor), 600);
    let given = answer(vec![record(201, 9_000), record(202, 9_000)], 0, 9_000);
    cursor.on_records(Ok(given), 0, Window(9), &Budget::new(0));
    assert_eq!(asked(&mut cursor), 1_200);
}

#[test]
fn errors_are_retried_with_a_growing_wait_and_never_in_a_spin() {
    let (mut cursor, mut now) = (cursor(), 0);
    let mut fetches = 0;
    while now < 600_000 {
        until_fetch(&mut cursor, &mut now);
        let error = if fetches % 2 == 0 {
            StreamError::IteratorExpired("old".to_owned())
        } else {
            StreamError::Throttled("slow".to_owned())
        };
        cursor.on_records(Err(error), now, NO_LIMIT, &Budget::new(0));
        fetches += 1;
    }
    assert!(fetches > 10, "it goes on trying");
    assert!(fetches < 80, "{fetches} fetches in ten minutes are a spin");
    assert!(cursor.trouble().is_some());
    until_fetch(&mut cursor, &mut now);
    cursor.on_records(Ok(answer(Vec::new(), 0, 0)), now, NO_LIMIT, &Budget::new(0));
    assert!(cursor.trouble().is_none());
}

#[test]
fn a_position_that_is_refused_is_an_error_that_names_it() {
    let refused = || StreamError::PositionRefused("too old".to_owned());
    // A subscription is refused only when its first event is asked for.
    for at_the_fetch in [false, true] {
        let (mut cursor, mut now) = (cursor_at(Position::At(sequence(77)), Window(0)), 0);
        if at_the_fetch {
            until_fetch(&mut cursor, &mut now);
            cursor.on_records(Err(refused()), now, NO_LIMIT, &Budget::new(0));
        } else {
            cursor.on_iterator(Err(refused()), now);
        }
        let CursorStep::Failed(error) = cursor.next(now + 1_000) else {
            panic!("it went on");
        };
        assert_eq!(error.code(), "source.position_lost");
        let text = error.to_string();
        assert!(text.contains("77") && text.contains("shardId-000000000000"));
    }
}

#[test]
fn what_is_pushed_is_fetched_at_once() {
    let mut cursor = cursor().with_delivery(Delivery::Pushed);
    let now = 1_000_000;
    cursor.on_iterator(Ok("it".to_owned()), now);
    for (records, behind) in [(vec![record(1, 10)], 7), (Vec::new(), 0), (Vec::new(), 0)] {
        let fetch = matches!(cursor.next(now), CursorStep::Fetch { .. });
        assert!(fetch, "no pause: the stream says when there is something");
        let given = Ok(answer(records, behind, now));
        cursor.on_records(given, now, NO_LIMIT, &Budget::new(0));
    }
}

#[test]
fn an_answer_that_says_nothing_changes_nothing() {
    let (mut cursor, mut now) = (cursor_at(Position::At(sequence(7)), Window(3)), 0);
    until_fetch(&mut cursor, &mut now);
    let nothing = Records {
        millis_behind: None,
        ..answer(Vec::new(), 0, i64::MAX)
    };
    let outputs = cursor.on_records(Ok(nothing), now, NO_LIMIT, &Budget::new(0));
    assert!(outputs.is_empty());
    assert_eq!(cursor.current_window(), Window(3));
    assert_eq!(cursor.position(), &Position::At(sequence(7)));
}

#[test]
fn what_kinesis_does_not_know_is_gone_only_after_a_while() {
    let (mut cursor, mut now) = (cursor_at(Position::Horizon, Window(0)), 0);
    loop {
        match cursor.next(now) {
            CursorStep::Wait { until } => now = until,
            CursorStep::Iterator(_) => {
                cursor.on_iterator(Err(StreamError::NotFound("no such shard".to_owned())), now);
            }
            CursorStep::Failed(error) => {
                assert_eq!(error.code(), "source.shard_gone");
                break;
            }
            step => panic!("unexpected step {step:?}"),
        }
    }
    assert!((30_000..120_000).contains(&now), "{now}");
}

#[test]
fn records_out_of_order_inside_an_answer_are_not_taken() {
    let (mut cursor, mut now) = (cursor(), 0);
    until_fetch(&mut cursor, &mut now);
    let given = answer(
        vec![record(5, 500), record(7, 500), record(6, 500)],
        0,
        9_000,
    );
    cursor.on_records(Ok(given), now, NO_LIMIT, &Budget::new(0));
    assert_eq!(cursor.position(), &Position::At(sequence(7)));
    assert!(
        cursor
            .trouble()
            .is_some_and(|trouble| trouble.error.contains('6'))
    );
}

#[test]
fn batches_are_closed_by_bytes_and_never_split_a_record() {
    let (mut cursor, mut now) = (cursor(), 0);
    until_fetch(&mut cursor, &mut now);
    let large = |number| StreamRecord {
        data: vec![b'x'; 700 * 1024].into(),
        ..record(number, 500)
    };
    let given = answer((1..=5).map(large).collect(), 0, 9_000);
    let budget = Budget::new(0);
    let outputs = cursor.on_records(Ok(given), now, NO_LIMIT, &budget);
    let sizes: Vec<usize> = outputs
        .iter()
        .filter_map(|output| match output {
            CursorOutput::Batch(batch) => Some(batch.payloads.len()),
            _ => None,
        })
        .collect();
    assert_eq!(sizes, [2, 2, 1]);
    assert!(budget.used() >= 5 * 700 * 1024);
}
