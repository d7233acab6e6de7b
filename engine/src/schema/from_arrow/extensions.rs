//! Arrow's extension types whose values have a form of their own.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::value::RawValue;

use crate::schema::text::{ObjectText, quoted_key, write_float, write_int, write_string};

/// Text that is JSON.
pub(crate) const JSON_EXTENSION: &str = "arrow.json";

/// UUIDs in 16 bytes.
pub(crate) const UUID_EXTENSION: &str = "arrow.uuid";

/// Writes 16 bytes in the form of RFC 9562.
pub(crate) fn write_uuid(bytes: &[u8], out: &mut Vec<u8>) {
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        // Writing to memory does not fail.
        let _ = write!(out, "{byte:02x}");
    }
}

/// Writes JSON text as canonical JSON text; `None` for what is no JSON, or is deeper than `depth`
/// levels.
pub(super) fn write_json(text: &str, depth: usize, out: &mut Vec<u8>) -> Option<()> {
    let value: &RawValue = serde_json::from_str(text).ok()?;
    write_value(value.get(), depth, out)
}

/// `text` is right by the grammar of JSON, and has no white space around it.
fn write_value(text: &str, depth: usize, out: &mut Vec<u8>) -> Option<()> {
    match text.as_bytes().first()? {
        b'{' => {
            let depth = depth.checked_sub(1)?;
            // The last one of equal keys stays.
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
            let mut object = ObjectText::open(out);
            for (key, value) in members {
                if value.get() != "null" {
                    write_value(value.get(), depth, object.key(&quoted_key(&key)))?;
                }
            }
            object.close();
        }
        b'[' => {
            let depth = depth.checked_sub(1)?;
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            out.push(b'[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_value(item.get(), depth, out)?;
            }
            out.push(b']');
        }
        b'"' => write_string(out, &serde_json::from_str::<String>(text).ok()?),
        b't' | b'f' | b'n' => out.extend_from_slice(text.as_bytes()),
        _ => write_number(text, out),
    }
    Some(())
}

/// Numbers that no machine type holds keep their digits.
fn write_number(text: &str, out: &mut Vec<u8>) {
    let integer = !text.contains(['.', 'e', 'E']);
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(value), _) => write_int(out, value),
        (_, Ok(value)) if !integer && value.is_finite() => write_float(out, value),
        _ => out.extend_from_slice(text.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Option<String> {
        let mut out = Vec::new();
        write_json(text, 3, &mut out)?;
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn json_becomes_canonical() {
        for (text, expected) in [
            (
                r#" { "b" : 1.0, "a": [ null ,"\u00e9\/" ], "c": null } "#,
                r#"{"a":[null,"é/"],"b":1}"#,
            ),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            ("18446744073709551616", "18446744073709551616"),
            ("-0", "0"),
            ("1e400", "1e400"),
            ("1E2", "100"),
            ("-0.0", "-0.0"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(expected));
        }
        for text in ["", "{", "01", "NaN", "[[[[]]]]", "1 2", r#""\ud800""#] {
            assert_eq!(canonical(text), None, "{text}");
        }
        assert_eq!(canonical("[[[]]]").as_deref(), Some("[[[]]]"));
    }
}
