//! Random events: every number is the true one, in any batches and merges, and after being stored.

use bytes::Bytes;
use proptest::prelude::*;
use shardmill_engine::statistics::{Pane, PaneLimits};

use crate::documents::{Event, decoder, events, observe, pane};
use crate::naive;

pub fn unlimited() -> PaneLimits {
    PaneLimits {
        max_bytes: usize::MAX,
        ..PaneLimits::default()
    }
}

fn stored(pane: &Pane) -> Pane {
    let metadata = [("key".to_owned(), "value".to_owned())];
    let bytes = pane.encode(&metadata).unwrap();
    let (read, found) = Pane::decode(Bytes::from(bytes), pane.limits().clone()).unwrap();
    assert_eq!(
        found.iter().find(|(key, _)| key == "key"),
        Some(&metadata[0])
    );
    read
}

/// Events in as many panes as there are cuts, and one more.
pub fn apart(events: &[Event], cuts: &[usize]) -> Vec<Pane> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % events.len()).collect();
    ends.sort_unstable();
    ends.push(events.len());
    let mut begin = 0;
    ends.into_iter()
        .map(|end| {
            let mut pane = Pane::new(unlimited());
            if end > begin {
                observe(&mut pane, &mut decoder(), &events[begin..end], begin);
            }
            begin = end.max(begin);
            pane
        })
        .collect()
}

fn merged(panes: &[Pane]) -> Pane {
    let mut merged = Pane::new(unlimited());
    panes.iter().for_each(|pane| merged.merge(pane));
    merged
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn i8_every_number_is_that_of_the_events(
        events in events(),
        cuts in prop::collection::vec(any::<usize>(), 0..4),
    ) {
        let pane = pane(&events, &cuts, unlimited());
        naive::check(&pane, &events);
        naive::check(&stored(&pane), &events);
    }

    #[test]
    fn i8_statistics_do_not_depend_on_batches(
        events in events(),
        cuts in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        let at_once = pane(&events, &[], unlimited());
        let in_batches = pane(&events, &cuts, unlimited());
        prop_assert_eq!(at_once.difference(&in_batches), None);
    }

    #[test]
    fn i8_merges_are_associative_and_commutative(
        events in events(),
        cuts in prop::collection::vec(any::<usize>(), 2..5),
        middle in any::<usize>(),
    ) {
        let at_once = pane(&events, &[], unlimited());
        let mut panes = apart(&events, &cuts);
        let in_order = merged(&panes);
        naive::check(&in_order, &events);
        prop_assert_eq!(at_once.difference(&in_order), None);
        let (left, right) = panes.split_at(middle % panes.len());
        let of_two = merged(&[merged(left), stored(&merged(right))]);
        prop_assert_eq!(in_order.difference(&of_two), None);
        panes.reverse();
        prop_assert_eq!(in_order.difference(&merged(&panes)), None);
    }
}

#[test]
fn a_clone_stays_as_it_is() {
    let events: Vec<Event> = (0..20)
        .map(|number| Event {
            document: serde_json::json!({ "a": number, "b": { "c": [number] } }),
            arrival: number,
        })
        .collect();
    let mut pane = pane(&events[..10], &[], unlimited());
    let before = pane.clone();
    observe(&mut pane, &mut decoder(), &events[10..], 10);
    naive::check(&before, &events[..10]);
    naive::check(&pane, &events);
}
