//! Format decisions.

use super::*;

pub(super) fn decision(compression: &str, reason: &str) -> FormatDecision {
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
        let wanted = decision(compression, reason);
        let will_do = |stored: &FormatDecision| stored.compression == compression;
        now(decide_format(&store, &host, wanted, will_do)).unwrap()
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
    let stored = |name: &str| {
        memory
            .objects()
            .iter()
            .filter(|(at, _)| at.starts_with(name))
            .count()
    };
    assert_eq!(stored("_formats/"), 3);
}
