//! What people see, and what docs/STATISTICS.md shows them.

use std::path::Path;

use shardmill_tests::readers;

use crate::scene::{Scene, events};

#[test]
fn people_see_fields_bars_and_minutes() {
    let scene = Scene::new();
    let said = scene.text(&[]);
    let all = events().len();
    for expected in [
        &*format!("  events           {all}\n"),
        "  rejects          8: json.syntax (8)\n",
        "Events by 1 min of arrival, at most 238\n  ███  2025-10-09T08:54:00Z to 2025-10-09T08:57:00Z",
        "██████████",
        "user.name",
        "user-0 34%",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in\n{said}");
    }
    let density = said
        .lines()
        .find(|line| line.starts_with(" tags "))
        .unwrap();
    assert!(density.contains(" ███░░░░░░░   25%  list "), "{density}");

    let said = scene.text(&["price"]);
    for expected in [
        "integer",
        "float",
        "highest          89.5\n",
        " p99.9",
        "████████████████████",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in\n{said}");
    }
    let said = scene.text(&["user.name"]);
    assert!(said.contains("Most frequent\n user-0  240 34%"), "{said}");
}

#[test]
fn the_queries_of_the_page_about_statistics_give_true_answers() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/STATISTICS.md");
    let page = std::fs::read_to_string(page).unwrap();
    let scene = Scene::new();
    let folder = scene.folder.path().join("clicks");
    let queries: Vec<&str> = page
        .split("```sql\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(queries.len() >= 3, "the page shows how objects are read");
    let answers: Vec<_> = queries
        .iter()
        .map(|query| {
            let query = query.replace("SOURCE", folder.to_str().unwrap());
            let rows = readers::duckdb(&query);
            assert!(!rows.is_empty(), "no answer to {query}");
            rows
        })
        .collect();
    let all: Vec<_> = events().into_iter().map(|(_, event)| event).collect();
    let number = |name: &str| {
        let row = answers.iter().find_map(|rows| rows[0].get(name));
        row.and_then(|value| value.as_f64())
            .unwrap_or_else(|| panic!("no query has {name}"))
    };
    let mut prices: Vec<f64> = all
        .iter()
        .filter_map(|event| event["price"].as_f64())
        .collect();
    prices.sort_by(f64::total_cmp);
    let mean = prices.iter().sum::<f64>() / prices.len() as f64;
    assert!((number("mean") - mean).abs() < 1e-9);
    let median = prices[prices.len() / 2 - 1];
    assert!((number("median") - median).abs() <= median / 128.0);
    let names = all.iter().filter(|event| event["user"]["name"] == "user-0");
    assert_eq!(number("times"), names.count() as f64);
    // The first one counts events by minute.
    let minutes = answers[0].iter();
    let counted: f64 = minutes.filter_map(|row| row["events"].as_f64()).sum();
    assert_eq!((answers[0].len(), counted), (3, all.len() as f64));
}
