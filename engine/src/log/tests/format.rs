//! Format decisions.

use super::*;

fn decision(compression: &str, reason: &str) -> FormatDecision {
    FormatDecision {
        content: "json".to_owned(),
        compression: compression.to_owned(),
        options: None,
        reason: reason.to_owned(),
    }
}

#[test]
fn what_decodes_the_same_is_the_same_decision_and_another_is_the_next_one() {
    let memory = Memory::new(NOW);
    let (store, host) = (memory.store(), memory.host());
    let decide = |compression, reason| {
        now(decide_format(&store, &host, decision(compression, reason))).unwrap()
    };
    let first = decide("none", "first");
    assert_eq!(first.number, 1);
    assert_eq!(decide("none", "again"), first, "what is stored counts");
    let second = decide("auto", "another");
    assert_eq!(
        (second.number, &second.decision),
        (2, &decision("auto", "another"))
    );
    assert_eq!(decide("auto", "again"), second);
    assert_eq!(decide("none", "back").number, 3);
    let otherwise = FormatDecision {
        options: Some(serde_json::json!({"delimited": {"has_header": false}})),
        ..decision("none", "other options")
    };
    let fourth = now(decide_format(&store, &host, otherwise)).unwrap();
    assert_eq!(fourth.number, 4, "other options decode otherwise");
    let stored = |name: &str| {
        memory
            .objects()
            .iter()
            .filter(|(at, _)| at.starts_with(name))
            .count()
    };
    assert_eq!(stored("_formats/"), 4);
}
