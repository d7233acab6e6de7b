//! A view of panes says what a view of one pane of all their events says.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;
use shardmill_engine::statistics::{Origin, Pane, View};

use crate::agreement::{apart, unlimited};
use crate::documents::{Event, events, observe, pane};

/// What depends on how floats are rounded.
const ROUNDED: [&str; 3] = ["sum", "mean", "standard_deviation"];

const NOW: i64 = 1_795_341_900_000;

fn view(panes: Vec<Pane>) -> View {
    let panes = panes.into_iter().map(|pane| (Arc::new(pane), Origin::Live));
    View::new(panes.collect(), NOW)
}

/// An answer as JSON, without what is rounded.
fn exact(answer: impl serde::Serialize) -> Value {
    fn forget_rounded(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.retain(|name, _| !ROUNDED.contains(&name.as_str()));
                members.values_mut().for_each(forget_rounded);
            }
            Value::Array(items) => items.iter_mut().for_each(forget_rounded),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(answer).unwrap();
    forget_rounded(&mut value);
    value
}

fn by_path(view: &View) -> Vec<Value> {
    let mut fields: Vec<Value> = view.fields().into_iter().map(exact).collect();
    fields.sort_by_key(|field| field["path"].to_string());
    fields
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn i8_a_view_of_panes_is_a_view_of_one(
        events in events(),
        cuts in prop::collection::vec(any::<usize>(), 0..5),
    ) {
        let whole = view(vec![pane(&events, &[], unlimited())]);
        let split = view(apart(&events, &cuts));
        prop_assert_eq!(exact(whole.source()), exact(split.source()));
        prop_assert_eq!(whole.merged().difference(&split.merged()), None);
        prop_assert_eq!(by_path(&whole), by_path(&split));
        for path in whole.paths() {
            prop_assert_eq!(exact(whole.field(&path)), exact(split.field(&path)));
            prop_assert_eq!(whole.top_values(&path, 3), split.top_values(&path, 3));
        }
    }

    /// A summary and the full answer agree, and so does the table.
    #[test]
    fn i8_answers_agree_with_one_another(
        events in events(),
        cuts in prop::collection::vec(any::<usize>(), 0..5),
    ) {
        let view = view(apart(&events, &cuts));
        let fields = view.fields();
        prop_assert_eq!(view.record_batch().num_rows(), fields.len());
        for summary in fields {
            let (short, long) = (exact(&summary), exact(view.field(&summary.path)));
            let keys = [
                "path", "events", "missed", "density", "density_in_parent", "places", "values",
                "nulls", "distinct", "first_seen_ms", "last_seen_ms",
            ];
            for key in keys {
                prop_assert_eq!(&short[key], &long[key], "{} of {}", key, summary.path);
            }
            prop_assert_eq!(&short["quantiles"], &long["numbers"]["quantiles"]);
            prop_assert_eq!(&short["top"], &long["top"]["values"][0]);
            let latest = long["latest"].get(0).map_or(&Value::Null, |latest| &latest["value"]);
            prop_assert_eq!(&short["latest"], latest);
        }
    }
}

fn event(number: i64, document: &str) -> Event {
    Event {
        document: serde_json::from_str(document).unwrap(),
        arrival: NOW + number,
    }
}

#[test]
fn a_field_has_missed_what_came_where_it_was_not_tracked() {
    let mut limits = unlimited();
    // The six system columns and one more.
    limits.max_fields = 7;
    let dense: Vec<Event> = (0..10).map(|at| event(at, r#"{"dense": 1}"#)).collect();
    let mut full = pane(&dense, &[], limits.clone());
    let rare = vec![event(10, r#"{"rare": 1}"#), event(11, r#"{"rare": 2}"#)];
    observe(&mut full, &mut crate::documents::decoder(), &rare, 10);
    assert!(full.field("rare").is_none() && full.given_up().events == 2);

    let later = vec![event(12, r#"{"rare": 3}"#)];
    let view = view(vec![full, pane(&later, &[], limits)]);
    let answer = view.field("rare").unwrap();
    assert_eq!((answer.events, answer.missed), (1, 2));
    assert_eq!(view.source().given_up.fields, 1);
    let summary = view.fields().into_iter().find(|own| own.path == "rare");
    assert_eq!(summary.unwrap().missed, 2);
}

#[test]
fn a_field_has_missed_the_events_of_which_only_counts_are_known() {
    let events: Vec<Event> = (0..3).map(|at| event(at, r#"{"a": 1}"#)).collect();
    let mut counters = unlimited();
    counters.fields = false;
    let known = pane(&events, &[], unlimited());
    let view = view(vec![known, pane(&events, &[], counters)]);
    assert_eq!(view.source().counts.events, 6);
    assert_eq!(view.source().counted_only, 3);
    let answer = view.field("a").unwrap();
    assert_eq!((answer.events, answer.missed, answer.nulls), (3, 3, 3));
    let summary = view.fields().into_iter().find(|own| own.path == "a");
    assert_eq!(summary.unwrap().missed, 3);
}
