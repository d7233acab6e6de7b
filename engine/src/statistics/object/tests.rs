//! Objects that are not what was written.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::statistics::PaneLimits;
use crate::types::Window;

fn counted() -> Pane {
    let mut pane = Pane::new(PaneLimits::default());
    for window in 0..50 {
        let counts = Counts {
            records: 1,
            bytes: window,
            ..Counts::default()
        };
        pane.observe_counts(Window(window as i64), counts);
    }
    pane.observe_rejects(["json.syntax", "json.syntax", "csv.ragged"]);
    pane
}

fn decode(bytes: Vec<u8>) -> Result<Pane, DamagedPane> {
    Pane::decode(bytes.into(), PaneLimits::default()).map(|(pane, _)| pane)
}

#[test]
fn counts_and_rejects_are_read_back() {
    let pane = counted();
    let read = decode(pane.encode(&[]).unwrap()).unwrap();
    assert_eq!(pane.difference(&read), None);
    assert_eq!(read.windows(), pane.windows());
    assert_eq!(read.rejects()["json.syntax"], 2);
}

#[test]
fn a_newer_object_is_refused_by_its_version() {
    let head = Head {
        format_version: FORMAT_VERSION + 1,
        ..Head::of(&counted())
    };
    let entry = (HEAD_KEY.to_owned(), serde_json::to_string(&head).unwrap());
    let refused = decode(counted().encode(&[entry]).unwrap());
    assert!(matches!(refused, Err(DamagedPane::Newer { found, .. }) if found == 2));
}

proptest! {
    #[test]
    fn a_damaged_object_is_an_error_or_a_pane(
        at in any::<Index>(),
        with in 1u8..,
        cut in any::<Index>(),
    ) {
        let whole = counted().encode(&[]).unwrap();
        let cut = cut.index(whole.len());
        prop_assert!(decode(whole[..cut].to_vec()).is_err());
        let mut changed = whole;
        let at = at.index(changed.len());
        changed[at] ^= with;
        // What matters is that it comes back.
        let _ = decode(changed);
    }
}
