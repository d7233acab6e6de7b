//! JSON, plain and with options.

use std::sync::LazyLock;

use serde_json::{Map, Value};
use shardmill_engine::decode::ContentOptions;
use shardmill_engine::types::RejectCode;

use super::choices::{self, Choice};
use super::{Family, Seen};
use crate::decoding::{Case, Piece, seen};
use crate::fixtures;
use crate::input::Input;

/// JSON.
pub const FAMILY: Family = Family {
    name: "json",
    law,
    seeds,
};

const SAMPLES: &[&str] = &[
    r#"{"a":1,"b":"x","c":[1,2.5,null],"d":{"e":true}}"#,
    r#"{"a":2,"b":"é\n\u00e9","c":[],"d":{"e":false,"f":-1.5e-7}}"#,
    "{\"a\":\"x\"}\n{\"a\":12345678901234567890}\n",
    r#"[{"a":1},{"b":{"c":[{"d":1},{"d":"x"}]}},3]"#,
];

const CHOICES: &[Choice] = &[
    Choice {
        options: r#"{"format":"json"}"#,
        samples: SAMPLES,
    },
    Choice {
        options: r#"{"format":"json","json":{"nested_json_fields":["a","b.a"],"keep_nested_text":true}}"#,
        samples: &[
            r#"{"a":"{\"x\":1}","b":[{"a":"[1,2]"},{"a":"{"}]}"#,
            r#"{"a":"plain","a_text":1}"#,
        ],
    },
    Choice {
        options: r#"{"format":"json","json":{"split_root_array":false,"store_json_as_string":"beside"}}"#,
        samples: SAMPLES,
    },
    Choice {
        options: r#"{"format":"json","json":{"store_json_as_string":"only","json_text_field":"a"}}"#,
        samples: SAMPLES,
    },
];

static OPTIONS: LazyLock<Vec<ContentOptions>> = LazyLock::new(|| choices::options(CHOICES));

fn law(bytes: &[u8]) -> Seen {
    let input = Input::read(bytes);
    let options = choices::chosen(&OPTIONS, &input);
    let pieces = Case::new(options, &input).check();
    for (payload, pieces) in input.payloads.iter().zip(&pieces) {
        if serde_json::from_slice::<Map<String, Value>>(payload).is_ok() {
            assert!(is_one_event(pieces), "an object became {pieces:?}");
        }
    }
    seen(&pieces)
}

/// Whether there is one event, or a reject because of a limit.
fn is_one_event(pieces: &[Piece]) -> bool {
    matches!(
        pieces,
        [Piece::Event(_) | Piece::Reject(RejectCode::TooLarge | RejectCode::JsonTooDeep, ..)]
    )
}

fn seeds() -> Vec<Vec<u8>> {
    choices::seeds(CHOICES, |_| fixtures::texts("json"))
}
