use shardmill_engine::types::SequenceNumber;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn session() -> Session {
    Session::new(FanOutTiming::default(), IteratorFrom::TrimHorizon)
}

/// A subscription that was accepted at `now`.
fn subscribed(now: Instant) -> Session {
    let mut session = session();
    session.calling(now);
    session.subscribed(now, now, 1_000_000);
    session
}

fn event(records: usize, continuation: &str, children: &[&str]) -> Event {
    let record = |number: usize| StreamRecord {
        sequence: SequenceNumber::new(&number.to_string()).unwrap(),
        partition_key: String::new(),
        arrival: 0,
        data: Vec::new().into(),
    };
    let child = |id: &&str| (KinesisShardId::new(*id), Vec::new());
    Event {
        records: (1..=records).map(record).collect(),
        continuation: continuation.to_owned(),
        millis_behind: 0,
        children: children.iter().map(child).collect(),
    }
}

#[test]
fn an_idle_kinesis_shard_goes_on_at_its_continuation() {
    let now = Instant::now();
    let mut session = subscribed(now);
    for number in ["70", "80"] {
        let records = session.event(event(0, number, &[]), None, "next".into());
        assert_eq!(records.next_iterator.as_deref(), Some("next"));
        assert_eq!(session.begin(), &Begin::Continue(number.into()));
    }
    session.over(Over::Ended, now + 300 * SECOND, 0);
    assert_eq!(session.begin(), &Begin::Continue("80".into()));
    // Nobody took it: it goes on at once.
    assert!(session.may_call_at() <= Some(now + 300 * SECOND));
    session.restart(IteratorFrom::AtTimestamp(7));
    assert_eq!(session.begin(), &Begin::Asked(IteratorFrom::AtTimestamp(7)));
}

#[test]
fn a_kinesis_shard_ends_by_the_event_after_which_nothing_can_come() {
    let now = Instant::now();
    let ends = |event| {
        let records = subscribed(now).event(event, None, "next".into());
        (records.next_iterator.is_none(), records.children.len())
    };
    assert_eq!(ends(event(0, "9", &["a", "b"])), (true, 2));
    assert_eq!(ends(event(3, "", &["a"])), (true, 1));
    assert_eq!(ends(event(3, "", &[])), (true, 0), "ListShards knows more");
    // There may be more records: a server may name children whenever the Kinesis shard is closed.
    assert_eq!(ends(event(3, "9", &["a", "b"])), (false, 0));
    assert_eq!(ends(event(0, "9", &[])), (false, 0));
}

#[test]
fn calls_are_a_second_apart_and_no_one_is_made_in_vain() {
    let now = Instant::now();
    let mut session = session();
    assert_eq!(session.may_call_at(), None);
    session.calling(now);
    let error = StreamError::Unavailable("cut".into());
    assert_eq!(session.refused(error.clone(), false, now, 0), error);
    assert_eq!(session.may_call_at(), Some(now + SECOND));
    session.subscribed(now + SECOND, now + SECOND, 0);
    // Until then Kinesis would answer ResourceInUse.
    assert_eq!(session.may_call_at(), Some(now + 6 * SECOND));
}

#[test]
fn what_others_take_is_taken_back_more_and_more_slowly() {
    let mut now = Instant::now();
    let mut session = session();
    let mut waits = Vec::new();
    for _ in 0..8 {
        session.calling(now);
        session.subscribed(now, now, 0);
        now += 2 * SECOND;
        session.over(Over::InUse, now, 1_023);
        let at = session.may_call_at().unwrap();
        waits.push((at - now).as_secs());
        now = at;
    }
    assert_eq!(waits, [7, 14, 29, 59, 89, 89, 89, 89]);
    // One that lives is nobody else's: the next trouble begins anew.
    session.subscribed(now, now, 0);
    session.over(Over::Ended, now + 300 * SECOND, 0);
    now += 400 * SECOND;
    session.subscribed(now, now, 0);
    session.over(Over::InUse, now, 0);
    assert_eq!(session.may_call_at(), Some(now + 5 * SECOND));
}

#[test]
fn a_subscription_that_ends_early_was_taken() {
    let now = Instant::now();
    let mut session = subscribed(now);
    session.over(Over::Ended, now + 30 * SECOND, 0);
    assert_eq!(session.may_call_at(), Some(now + 35 * SECOND));
    session.refused(StreamError::Unavailable("in use".into()), true, now, 0);
    assert_eq!(session.may_call_at(), Some(now + 10 * SECOND));
}

#[test]
fn only_a_position_of_the_readers_own_can_be_lost() {
    let now = Instant::now();
    let refused = || StreamError::PositionRefused("too old".into());
    let mut session = subscribed(now);
    assert_eq!(session.refused(refused(), false, now, 0), refused());
    session.event(event(1, "5", &[]), None, "next".into());
    let told = session.refused(refused(), false, now, 0);
    assert_eq!(told, StreamError::IteratorExpired("too old".into()));
}

#[test]
fn silence_counts_only_while_an_event_is_waited_for() {
    let mut session = subscribed(Instant::now());
    session.listened(20 * SECOND);
    session.listened(10 * SECOND);
    assert_eq!(session.silence_left(), 5 * SECOND);
    session.heard_something();
    assert_eq!(session.silence_left(), 35 * SECOND);
    session.listened(60 * SECOND);
    assert_eq!(session.silence_left(), Duration::ZERO);
    session.event(event(0, "1", &[]), None, "next".into());
    assert_eq!(session.silence_left(), 35 * SECOND);
}

#[test]
fn the_servers_clock_goes_on_to_when_the_connection_was_empty() {
    let now = Instant::now();
    let mut session = subscribed(now);
    let mut time = |empty_at| {
        let records = session.event(event(0, "1", &[]), empty_at, "next".into());
        records.server_time
    };
    // However long it has lain there: nothing says that it is younger than the subscription.
    assert_eq!(time(None), 1_000_000);
    assert_eq!(time(Some(now - SECOND)), 1_000_000);
    assert_eq!(time(Some(now + 7 * SECOND)), 1_007_000);
}
