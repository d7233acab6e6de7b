//! A JSON value as YAML.

use std::fmt::Write as _;

use serde_json::Value;

/// The text of an object. Texts stand in quotes as in JSON, which YAML reads the same, so that none
/// is taken for something else.
pub(super) fn yaml(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value, 0);
    text
}

fn write(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let _ = write!(text, "{indent}{}:", name(key));
                below(text, member, depth);
            }
        }
        Value::Array(items) => {
            for item in items {
                let _ = write!(text, "{indent}-");
                below(text, item, depth);
            }
        }
        plain => {
            let _ = writeln!(text, "{indent}{plain}");
        }
    }
}

/// What follows a key or a dash: on the same line if it fits.
fn below(text: &mut String, value: &Value, depth: usize) {
    let nested = match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if nested {
        text.push('\n');
        write(text, value, depth + 1);
    } else {
        let _ = writeln!(text, " {value}");
    }
}

fn name(key: &str) -> String {
    let plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match plain && !key.is_empty() {
        true => key.to_owned(),
        false => Value::from(key).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_always_quoted_and_what_is_nested_is_indented() {
        let value = json!({
            "Version": "2012-10-17", "Fn::Sub": "a: b", "Empty": [], "Yes": true,
            "List": ["no", { "In": { "Deep": 1 } }],
        });
        let expected = "Empty: []\n\"Fn::Sub\": \"a: b\"\nList:\n  - \"no\"\n  -\n    In:\n      \
                        Deep: 1\nVersion: \"2012-10-17\"\nYes: true\n";
        assert_eq!(yaml(&value), expected);
    }
}
