//! A format that panics takes down one payload and nothing else.

use super::payloads::{batch, outcome};
use crate::budget::Budget;
use crate::decode::content::Content;
use crate::decode::expand::Expander;
use crate::decode::format::Format;
use crate::decode::shape::{ShapeOptions, Shaper};
use crate::decode::sink::Sink;
use crate::decode::{ContentOptions, DecodeLimits, Decoder, json};
use crate::types::RejectCode;

/// JSON that panics over some payloads.
struct Fragile {
    json: json::Json,
    resets: usize,
}

impl Format for Fragile {
    fn decode(&mut self, contents: &[Content<'_>], sink: &mut Sink<'_>) {
        self.json.decode(contents, sink);
        if contents
            .iter()
            .any(|content| content.data.starts_with(b"boom"))
        {
            panic!("the {} payload", "boom");
        }
    }

    fn reset(&mut self) {
        self.json.reset();
        self.resets += 1;
        assert!(self.resets < 20, "one bad payload of eight needs few tries");
    }
}

#[test]
fn the_payload_that_panics_is_the_only_reject() {
    let limits = DecodeLimits::default();
    let mut decoder = Decoder {
        format: Box::new(Fragile {
            json: json::Json::new(&limits),
            resets: 0,
        }),
        expander: Expander::new(&ContentOptions::default()),
        limits,
        shape: ShapeOptions::default(),
        shaper: Shaper::default(),
        raw: None,
    };
    let budget = Budget::new(1 << 20);
    let payloads: [&[u8]; 8] = [
        br#"{"n":0}"#,
        b"",
        br#"{"n":2}"#,
        b"oops",
        br#"{"n":4}"#,
        b"boom",
        br#"{"n":6}"#,
        br#"{"n":7}"#,
    ];
    let decoded = decoder.decode(batch(&payloads, &budget), &budget);
    assert_eq!(
        outcome(&decoded),
        [
            vec![r#"{"n":0}"#],
            vec![],
            vec![r#"{"n":2}"#],
            vec!["json.syntax oops"],
            vec![r#"{"n":4}"#],
            vec!["decode.panic boom"],
            vec![r#"{"n":6}"#],
            vec![r#"{"n":7}"#],
        ]
    );
    let reject = decoded
        .rejects
        .iter()
        .find(|reject| reject.code == RejectCode::DecoderPanic)
        .unwrap();
    assert!(reject.reason.contains("the boom payload"));
    assert_eq!(decoded.counts.empty, 1);
    assert_eq!(decoded.counts.rows, 5);
}
