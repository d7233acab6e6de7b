//! Contents that other libraries made, value by value. `engine/fixtures/text/make.py` makes them.

use rstest::rstest;
use serde::Deserialize;
use serde_json::Value;

use super::payloads::one;
use crate::decode::ContentOptions;

#[derive(Deserialize)]
struct Case {
    case: String,
    options: ContentOptions,
    text: Option<String>,
    hex: Option<String>,
    expected: Vec<Value>,
}

impl Case {
    fn content(&self) -> Vec<u8> {
        match (&self.text, &self.hex) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(hex)) => (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect(),
            _ => panic!("{}: either text or hex", self.case),
        }
    }
}

#[rstest]
#[case::csv(include_str!("../../../fixtures/text/csv.jsonl"), 8)]
#[case::json(include_str!("../../../fixtures/text/json.jsonl"), 3)]
#[case::xml(include_str!("../../../fixtures/text/xml.jsonl"), 6)]
#[case::form(include_str!("../../../fixtures/text/form.jsonl"), 3)]
#[case::fixed_width(include_str!("../../../fixtures/text/fixed_width.jsonl"), 2)]
#[case::regex(include_str!("../../../fixtures/text/regex.jsonl"), 2)]
fn values_are_those_that_were_written(#[case] cases: &str, #[case] count: usize) {
    assert_eq!(cases.lines().count(), count);
    for line in cases.lines() {
        let case: Case = serde_json::from_str(line).unwrap();
        let found = one(&case.options, &case.content());
        assert_eq!(found.len(), case.expected.len(), "{}", case.case);
        for (found, expected) in found.iter().zip(&case.expected) {
            match expected {
                // A reject, by its code.
                Value::String(code) => {
                    assert_eq!(found.split(' ').next(), Some(&**code), "{}", case.case);
                }
                event => {
                    let found: Value = serde_json::from_str(found).unwrap();
                    assert!(alike(&found, event), "{}:\n{found}\n{event}", case.case);
                }
            }
        }
    }
}

/// Numbers are compared as numbers: canonical text writes a float that is integral as an integer.
fn alike(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            found.len() == expected.len()
                && expected
                    .iter()
                    .all(|(key, value)| found.get(key).is_some_and(|found| alike(found, value)))
        }
        (Value::Array(found), Value::Array(expected)) => {
            found.len() == expected.len()
                && found
                    .iter()
                    .zip(expected)
                    .all(|(found, item)| alike(found, item))
        }
        (Value::Number(found), Value::Number(expected)) if expected.is_f64() => {
            found.as_f64() == expected.as_f64()
        }
        (found, expected) => found == expected,
    }
}
