//! Answers about known events are the true numbers, under their documented keys.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMillisecondType};
use arrow::util::display::array_value_to_string;
use serde_json::{Value, json};
use shardmill_engine::statistics::{Origin, PaneLimits, View};
use shardmill_engine::types::{Counts, Window, WindowLength};

use crate::documents::{Event, pane};

/// 2026-11-22T10:03:00Z.
const BEGIN: i64 = 1_795_341_780_000;

/// Four events a second apart, two committed and two live.
fn view() -> View {
    let documents = [
        json!({"id": 1, "price": 2.5, "user": {"name": "ada", "paid": true}, "tags": ["a", "b", null]}),
        json!({"id": 2, "price": 4, "user": {"name": "bob"}, "tags": []}),
        json!({"id": 3, "price": "free", "user": {"name": "ada", "paid": false}}),
        json!({"id": 9_007_199_254_740_993_i64, "price": null, "tags": ["a"]}),
    ];
    let events: Vec<Event> = documents
        .into_iter()
        .zip(0i64..)
        .map(|(document, at)| Event {
            document,
            arrival: BEGIN + at * 1_000,
        })
        .collect();
    let mut live = pane(&events[2..], &[], PaneLimits::default());
    let rejected = Counts {
        rejects: 2,
        ..Counts::default()
    };
    live.observe_counts(Window(29_922_364), rejected);
    live.observe_rejects(["json.syntax", "json.syntax"]);
    let panes = vec![
        (
            Arc::new(pane(&events[..2], &[], PaneLimits::default())),
            Origin::Committed,
        ),
        (Arc::new(live), Origin::Live),
    ];
    View::new(panes, BEGIN + 5_000)
}

fn field(path: &str) -> Value {
    let answer = view().field(path);
    serde_json::to_value(answer.unwrap_or_else(|| panic!("{path} is known"))).unwrap()
}

/// Compares the keys of `expected`, at any depth, and no others.
#[track_caller]
fn check(answer: &Value, expected: &Value) {
    match expected {
        Value::Object(members) => {
            for (name, expected) in members {
                assert!(answer.get(name).is_some(), "no {name} in {answer}");
                check(&answer[name], expected);
            }
        }
        _ => assert_eq!(answer, expected),
    }
}

#[test]
fn the_source_is_counted() {
    let answer = serde_json::to_value(view().source()).unwrap();
    let bytes = answer["bytes"].as_u64().unwrap();
    assert!(bytes > 100);
    let window = |start: i64, events: u64, bytes: u64, rejects: u64| {
        json!({
            "start_ms": start, "events": events, "bytes": bytes, "payloads": events,
            "records": events, "rejects": rejects, "empty": 0,
        })
    };
    let expected = json!({
        "as_of_ms": BEGIN + 5_000,
        "events": 4, "bytes": bytes, "payloads": 4, "records": 4, "rejects": 2, "empty": 0,
        "rejects_by_code": {"json.syntax": 2},
        "live": {"events": 2, "share": 0.5},
        "counted_only": 0,
        "given_up": {"fields": 0, "sketches": 0, "events": 0},
        "windows": [window(BEGIN, 4, bytes, 0), window(BEGIN + 60_000, 0, 0, 2)],
    });
    assert_eq!(answer, expected);
}

#[test]
fn windows_begin_where_their_length_says() {
    let second = WindowLength::from_millis(1_000).unwrap();
    let windows = view().with_window_length(second).source().windows;
    let starts: Vec<i64> = windows.iter().map(|window| window.start_ms).collect();
    assert_eq!(starts, [29_922_363_000, 29_922_364_000]);
}

#[test]
fn numbers_of_several_types_are_one_and_apart() {
    let answer = field("price");
    check(
        &answer,
        &json!({
            "path": "price", "events": 3, "missed": 0, "density": 0.75,
            "density_in_parent": 0.75, "places": 4, "values": 3, "nulls": 1,
            "first_seen_ms": BEGIN, "last_seen_ms": BEGIN + 2_000,
            "distinct": {"estimate": 3, "lower": 3, "upper": 3, "sketched": 3, "values": 3},
            "numbers": {"count": 2, "min": 2.5, "max": 4.0, "sum": 6.5, "mean": 3.25,
                "standard_deviation": 0.75, "quantile_error": 1.0 / 128.0, "sketched": 2},
            "lengths": {"count": 1, "min": 4.0, "max": 4.0, "sum_exact": "4"},
        }),
    );
    assert!(answer["numbers"].get("sum_exact").is_none());
    let median = answer["numbers"]["quantiles"]["p50"].as_f64().unwrap();
    assert!((median - 2.5).abs() <= 2.5 / 128.0);
    let types = answer["types"].as_array().unwrap();
    let kinds: Vec<&Value> = types.iter().map(|typed| &typed["type"]).collect();
    assert_eq!(kinds, ["integer", "float", "string"]);
    let third = json!(1.0 / 3.0);
    check(&types[0], &json!({"share": third, "min": 4, "max": 4}));
    check(&types[1], &json!({"share": third, "min": 2.5, "max": 2.5}));
    check(&types[2], &json!({"min": "free", "max": "free"}));
}

#[test]
fn sums_of_integers_are_exact() {
    let answer = field("id");
    check(
        &answer["numbers"],
        &json!({"count": 4, "sum_exact": "9007199254740999"}),
    );
    check(
        &answer["types"][0],
        &json!({"max": 9_007_199_254_740_993_i64}),
    );
}

#[test]
fn quantiles_of_small_integers_are_exact() {
    let sizes = field("tags");
    let quantiles = &sizes["sizes"]["quantiles"];
    check(quantiles, &json!({"p1": 0.0, "p50": 1.0, "p99_9": 3.0}));
}

#[test]
fn there_are_no_more_distinct_values_than_values() {
    let events: Vec<Event> = (0..20_000)
        .map(|at| Event {
            document: json!({"id": at}),
            arrival: BEGIN,
        })
        .collect();
    let pane = pane(&events, &[], PaneLimits::default());
    let view = View::new(vec![(Arc::new(pane), Origin::Committed)], BEGIN);
    let distinct = view.field("id").unwrap().distinct.unwrap();
    assert_eq!((distinct.values, distinct.upper), (20_000, 20_000));
    assert!(distinct.lower > 19_000 && distinct.lower <= distinct.estimate);
}

#[test]
fn members_and_items_have_their_own_places() {
    check(
        &field("user.paid"),
        &json!({
            "events": 2, "density": 0.5, "density_in_parent": 2.0 / 3.0, "places": 3, "nulls": 1,
            "booleans": {"true": 1, "false": 1},
            "distinct": {"estimate": 2, "lower": 2, "upper": 2, "sketched": 2, "values": 2},
        }),
    );
    check(
        &field("tags"),
        &json!({
            "events": 3, "nulls": 1,
            "sizes": {"count": 3, "min": 0.0, "max": 3.0, "sum_exact": "4"},
        }),
    );
    // Four items, one of them null, in two events.
    check(
        &field("tags[]"),
        &json!({
            "events": 2, "density": 0.5, "density_in_parent": 0.75, "places": 4, "values": 3,
            "nulls": 1,
        }),
    );
}

#[test]
fn top_values_come_with_their_bounds() {
    let top = |value: &str, count: u64| json!({"value": value, "type": "string", "count": count, "at_most": count});
    let names = view().top_values("user.name", 10);
    let expected = json!({"values": [top("ada", 2), top("bob", 1)], "others_at_most": 0});
    assert_eq!(serde_json::to_value(names).unwrap(), expected);
    let one = view().top_values("tags[]", 1).unwrap();
    assert_eq!(
        serde_json::to_value(one.values).unwrap(),
        json!([top("a", 2)])
    );
    // `b` is known and not listed.
    assert_eq!(one.others_at_most, 1);
    assert!(view().top_values("user", 10).unwrap().values.is_empty());
    assert_eq!(view().top_values("nobody", 10), None);
}

#[test]
fn sketches_that_were_given_up_leave_room_for_any_value() {
    let events: Vec<Event> = (0..100)
        .map(|at| Event {
            document: json!({"word": format!("word {at}")}),
            arrival: BEGIN,
        })
        .collect();
    let limits = PaneLimits {
        max_bytes: 24_000,
        ..PaneLimits::default()
    };
    let small = pane(&events, &[], limits);
    assert!(small.field("word").is_some(), "only sketches are given up");
    let view = View::new(vec![(Arc::new(small), Origin::Committed)], BEGIN);
    let top = view.top_values("word", 10).unwrap();
    assert_eq!((top.values.len(), top.others_at_most), (0, 100));
    let answer = view.field("word").unwrap();
    let distinct = answer.distinct.unwrap();
    assert_eq!((distinct.sketched, distinct.values), (0, 100));
    let lengths = answer.lengths.unwrap();
    assert_eq!((lengths.count, lengths.sketched), (100, 0));
    assert_eq!((lengths.max, lengths.quantiles), (7.0, None));
}

#[test]
fn times_are_iso_8601() {
    check(
        &field("_arrival"),
        &json!({
            "times": {"first": "2026-11-22T10:03:00Z", "last": "2026-11-22T10:03:03Z"},
            "latest": [
                {"arrival_ms": BEGIN + 3_000, "value": "2026-11-22T10:03:03Z"},
                {"arrival_ms": BEGIN + 2_000, "value": "2026-11-22T10:03:02Z"},
                {"arrival_ms": BEGIN + 1_000, "value": "2026-11-22T10:03:01Z"},
            ],
        }),
    );
}

#[test]
fn a_field_that_no_event_had_is_not_known() {
    assert_eq!(view().field("nobody"), None);
    assert_eq!(view().field("user..name"), None);
    assert_eq!(View::new(Vec::new(), BEGIN).field("id"), None);
    assert_eq!(View::new(Vec::new(), BEGIN).fields(), []);
}

#[test]
fn the_table_has_a_row_a_field() {
    let table = view().record_batch();
    let paths: Vec<&str> = text(&table, "path").collect();
    let own = [
        "id",
        "price",
        "tags",
        "tags[]",
        "user",
        "user.name",
        "user.paid",
    ];
    assert_eq!(paths[..own.len()], own);
    let row = |path: &str| paths.iter().position(|own| *own == path).unwrap();
    let integer = |name: &str, path: &str| {
        let column = table.column_by_name(name).unwrap();
        column.as_primitive::<Int64Type>().value(row(path))
    };
    let shown = |name: &str, path: &str| {
        array_value_to_string(table.column_by_name(name).unwrap(), row(path)).unwrap()
    };
    assert_eq!(integer("events", "price"), 3);
    assert_eq!(integer("nulls", "price"), 1);
    assert_eq!(integer("distinct", "user.name"), 2);
    assert_eq!(integer("top_count", "user.name"), 2);
    assert_eq!(shown("top_value", "user.name"), "ada");
    assert_eq!(shown("types", "price"), "[integer, float, string]");
    assert_eq!(
        (shown("min", "id"), shown("min", "user.name")),
        ("1".into(), "ada".into())
    );
    assert_eq!(shown("latest", "id"), "9007199254740993");
    assert_eq!(shown("distinct", "user"), "");
    let mean = table.column_by_name("mean").unwrap();
    assert_eq!(mean.as_primitive::<Float64Type>().value(row("price")), 3.25);
    let seen = table.column_by_name("last_seen").unwrap();
    let seen = seen.as_primitive::<TimestampMillisecondType>();
    assert_eq!(seen.value(row("user")), BEGIN + 2_000);
}

fn text<'t>(table: &'t RecordBatch, name: &str) -> impl Iterator<Item = &'t str> {
    let column = table.column_by_name(name).unwrap();
    column.as_string::<i32>().iter().map(|value| value.unwrap())
}
