//! What limits cost, and that they hold.

use serde_json::json;
use shardmill_engine::statistics::{Pane, PaneLimits, ValueType};

use crate::documents::{Event, decoder, observe, pane};

fn event(document: serde_json::Value) -> Event {
    Event {
        document,
        arrival: 1_795_341_780_000,
    }
}

/// `often` is in every event, each `rare-N` in one.
fn wide(events: usize) -> Vec<Event> {
    (0..events)
        .map(|number| event(json!({ "often": "word", format!("rare-{number}"): number })))
        .collect()
}

fn limits(max_fields: usize, max_bytes: usize) -> PaneLimits {
    PaneLimits {
        max_fields,
        max_bytes,
        ..PaneLimits::default()
    }
}

#[test]
fn the_sparsest_fields_go_and_are_counted() {
    // The system columns are six.
    let pane = pane(&wide(50), &[10, 20, 30], limits(12, usize::MAX));
    assert_eq!(pane.fields().len(), 12);
    assert_eq!(pane.field("often").unwrap().events, 50);
    assert_eq!(pane.field("_index").unwrap().events, 50);
    let given_up = pane.given_up();
    assert_eq!(given_up.fields, 50 - 5);
    // A rare field was in one event, and may have missed what went in each batch before.
    assert!((1..=4).contains(&given_up.events), "{given_up:?}");
}

#[test]
fn a_field_that_comes_back_says_what_it_may_have_missed() {
    let mut pane = pane(&wide(50), &[25], limits(8, usize::MAX));
    let missed = pane.given_up().events;
    let back: Vec<Event> = (0..5).map(|_| event(json!({ "rare-0": 7 }))).collect();
    observe(&mut pane, &mut decoder(), &back, 50);
    let field = pane
        .field("rare-0")
        .expect("it is in more events than the others");
    // It was in six events; one of them it may have missed.
    assert!(
        field.events <= 6 && field.events + field.missed >= 6,
        "{field:?}"
    );
    assert!(field.missed <= missed);
}

#[test]
fn what_a_merge_misses_is_said() {
    let all = limits(1_000, usize::MAX);
    let few = pane(&wide(50), &[25], limits(7, usize::MAX));
    let mut merged = pane(&[event(json!({ "rare-3": 1 }))], &[], all);
    merged.merge(&few);
    let field = merged.field("rare-3").unwrap();
    assert!(field.events == 1 && field.missed >= 1, "{field:?}");
    assert_eq!(merged.field("often").unwrap().missed, 0);
}

#[test]
fn sketches_are_given_up_before_fields_and_the_sparsest_first() {
    let events: Vec<Event> = (0..3_000)
        .map(|number| match number % 10 {
            0 => event(json!({ "often": format!("a{number}"), "seldom": format!("b{number}") })),
            _ => event(json!({ "often": format!("a{number}") })),
        })
        .collect();
    let whole = pane(&events, &[], limits(1_000, usize::MAX));
    let most = whole.memory_size() - 2_000;
    let pane = pane(&events, &[500, 1_000, 2_000], limits(1_000, most));
    assert!(pane.memory_size() <= most);
    assert_eq!((pane.given_up().fields, pane.given_up().sketches), (0, 1));
    let seldom = pane.field("seldom").unwrap().of(ValueType::String).unwrap();
    assert_eq!((seldom.values, seldom.sketched), (300, 0));
    assert!(seldom.sketches.distinct.is_none());
    assert!(seldom.bounds.is_some() && seldom.measures.is_some());
    let often = pane.field("often").unwrap().of(ValueType::String).unwrap();
    assert_eq!((often.values, often.sketched), (3_000, 3_000));
}

#[test]
fn bytes_are_kept_within_whatever_the_fields() {
    let most = 64 << 10;
    let mut pane = Pane::new(limits(100_000, most));
    let mut decoder = decoder();
    for batch in 0..20 {
        let events: Vec<Event> = (0..100)
            .map(|number| event(json!({ format!("f{batch}-{number}"): "x".repeat(number) })))
            .collect();
        observe(&mut pane, &mut decoder, &events, batch * 100);
        assert!(pane.memory_size() <= most, "{}", pane.memory_size());
    }
    assert_eq!(pane.counts().rows, 2_000);
    assert!(pane.given_up().fields > 1_000);
}

#[test]
fn without_fields_there_are_counts() {
    let counters = PaneLimits {
        fields: false,
        ..PaneLimits::default()
    };
    let pane = pane(&wide(10), &[], counters);
    assert_eq!(pane.counts().rows, 10);
    assert!(pane.fields().is_empty() && !pane.is_empty());
}

#[test]
fn one_event_brings_no_more_fields_than_are_tracked() {
    // `x` is JSON text, since it is two things: its members come one by one.
    let members = (0..5_000).map(|number| (format!("k{number}"), json!(1)));
    let object: serde_json::Map<_, _> = members.collect();
    let events = [event(json!({ "x": 1 })), event(json!({ "x": object }))];
    let mut pane = pane(&events, &[], limits(100, usize::MAX));
    assert_eq!(pane.fields().len(), 100);
    let given_up = pane.given_up();
    assert!(
        given_up.fields > 4_800 && given_up.events >= 1,
        "{given_up:?}"
    );
    // One that found no room says that it may have been there before.
    let known: Vec<String> = pane.fields().into_iter().map(|(path, _)| path).collect();
    let name = (0..5_000).map(|number| format!("k{number}"));
    let name = name
        .into_iter()
        .find(|name| !known.contains(&format!("x.{name}")));
    let often = event(json!({ "x": { name.clone().unwrap(): 1 } }));
    let often: Vec<Event> = std::iter::repeat_n(often, 9).collect();
    observe(&mut pane, &mut decoder(), &often, 2);
    let field = pane.field(&format!("x.{}", name.unwrap())).unwrap();
    assert!(field.events + field.missed >= 10, "{field:?}");
}

#[test]
fn long_names_count() {
    let most = 1 << 20;
    let mut pane = Pane::new(limits(10_000, most));
    let mut decoder = decoder();
    for number in 0..40 {
        let name = format!("{}{number}", "n".repeat(100_000));
        let members = (0..50).map(|member| (format!("m{member}"), json!(member)));
        let object: serde_json::Map<_, _> = members.collect();
        observe(
            &mut pane,
            &mut decoder,
            &[event(json!({ name: object }))],
            number,
        );
    }
    let names: usize = pane.fields().iter().map(|(path, _)| path.len()).sum();
    assert!(names < most, "{names}");
    assert!(pane.encode(&[]).unwrap().len() < 2 * most);
}
