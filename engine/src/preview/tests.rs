//! Previews of samples, by what they say.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::log::FormatDecision;

fn auto() -> ContentOptions {
    ContentOptions {
        format: FormatChoice::Auto,
        ..ContentOptions::default()
    }
}

fn of(payloads: &[&[u8]]) -> Previewed {
    let payloads: Vec<Bytes> = payloads
        .iter()
        .map(|data| Bytes::copy_from_slice(data))
        .collect();
    preview(
        &payloads,
        &auto(),
        Hints::default(),
        &DecodeLimits::default(),
    )
}

fn gzip(data: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn seen(seen: &[Seen]) -> Vec<(&str, u64)> {
    seen.iter().map(|seen| (&*seen.name, seen.count)).collect()
}

#[test]
fn a_sample_is_counted_and_shown() {
    let zipped = gzip(b"{\"id\":3,\"tags\":[{\"k\":\"x\"},{}]}");
    let found = of(&[
        b"{\"id\":1,\"user\":{\"name\":\"a\"}}",
        &zipped,
        b"{\"id\":2,\"user\":{}}\n{\"id\":\"two\"}",
        b"{\"id\":4} oops",
        b"",
    ])
    .preview;
    assert_eq!((found.sample_size, found.parsed_successfully), (5, 4));
    assert_eq!((found.events, found.number_of_errors), (5, 1));
    assert_eq!(found.error_codes["json.syntax"], 1);
    assert_eq!(
        (found.errors[0].payload, &*found.errors[0].code),
        (4, "json.syntax")
    );
    assert_eq!(found.errors[0].excerpt, "oops");
    assert_eq!(seen(&found.compressions), [("none", 4), ("gzip", 1)]);
    assert_eq!(found.format.as_deref(), Some("json"));
    assert_eq!(seen(&found.formats), [("json", 4)]);
    let tree: Vec<(&str, &str, f64)> = found
        .schema
        .iter()
        .map(|column| (&*column.name, &*column.data_type, column.density))
        .collect();
    let expected = [
        ("id", "json", 1.0),
        ("user", "object", 0.4),
        ("tags", "list<object>", 0.2),
    ];
    assert_eq!(tree, expected);
    let name = &found.schema[1].fields[0];
    assert_eq!((&*name.name, name.density), ("name", 0.2));
    let key = &found.schema[2].fields[0];
    assert_eq!(
        (&*key.name, &*key.data_type, key.density),
        ("k", "text", 0.2)
    );
    assert_eq!(found.rows.len(), 5);
    assert_eq!(found.rows[0], json!({ "id": 1, "user": { "name": "a" } }));
}

#[test]
fn csv_says_what_its_first_line_is() {
    let found = of(&[b"id,name\n1,a\n2,b\n"]).preview;
    assert_eq!(found.format.as_deref(), Some("csv"));
    let header = found.header.unwrap();
    assert!(header.looks_like_header && header.used);
    assert_eq!(header.first_line, ["id", "name"]);
    assert_eq!(found.rows[1], json!({ "id": 2, "name": "b" }));
}

#[test]
fn payloads_that_cannot_be_opened_are_errors() {
    let mut cut = gzip(b"{\"id\":3}");
    cut.truncate(12);
    let found = of(&[&cut, b"{\"id\":1}"]).preview;
    assert_eq!((found.parsed_successfully, found.number_of_errors), (1, 1));
    assert_eq!(found.errors[0].code, "compression.damaged");
    assert_eq!(
        seen(&found.compressions),
        [("none", 1), ("not readable", 1)]
    );
    let nothing_else = of(&[&cut]);
    assert_eq!(nothing_else.detected, None);
    assert_eq!(nothing_else.preview.format, None);
    assert_eq!(nothing_else.preview.number_of_errors, 1);
}

#[test]
fn an_empty_sample_is_no_error() {
    let found = of(&[]);
    assert_eq!(found.detected, None);
    assert_eq!((found.preview.sample_size, found.preview.events), (0, 0));
}

#[test]
fn it_stays_small_whatever_payloads_hold() {
    let long = format!("{{\"text\":\"{}\"}}", "x".repeat(1 << 20));
    let many: Vec<String> = (0..30_000).map(|n| format!("\"field_{n}\":{n}")).collect();
    let many = format!("{{{}}}", many.join(","));
    let list = format!("{{\"list\":[{}1]}}", "1,".repeat(100_000));
    let bad = "oops\n".repeat(50_000);
    let found = of(&[
        long.as_bytes(),
        many.as_bytes(),
        list.as_bytes(),
        bad.as_bytes(),
    ])
    .preview;
    assert_eq!(found.schema.len(), 1_000);
    assert_eq!(found.more_fields, 30_002 - 1_000);
    let text = serde_json::to_string(&found).unwrap();
    assert!(text.len() < 200_000, "{}", text.len());
    let again: Preview = serde_json::from_str(&text).unwrap();
    assert_eq!(again, found);
}

#[test]
fn a_sample_ends_where_it_has_enough_bytes() {
    let payload = vec![b' '; MAX_SAMPLE_BYTES / 2 + 1];
    let found = of(&[&payload, &payload, b"{}"]).preview;
    assert_eq!(found.sample_size, 2);
}

#[test]
fn what_is_decided_is_stored_whole_and_read_back() {
    let found = of(&[b"id;name\n1;a\n2;b\n"]).detected.unwrap();
    let stored = decision(&found.options, &*found.reason);
    assert_eq!((&*stored.content, &*stored.compression), ("csv", "auto"));
    let text = serde_json::to_string(&stored).unwrap();
    let stored: FormatDecision = serde_json::from_str(&text).unwrap();
    let options = decodes_with(&stored).unwrap();
    assert_eq!(options, found.options.effective());
    assert!(decodes_like(&stored, &found.options));
    // Another configuration counts with its compression and limits, under `auto` with no more.
    let mut given = auto();
    given.compression = Compression::Gzip;
    let next = go_on_with(&stored, &given).unwrap();
    assert_eq!(next.compression, Compression::Gzip);
    assert_eq!(
        (next.decided, &next.delimited),
        (options.decided, &options.delimited)
    );
    assert!(!decodes_like(&stored, &next));
    // What makes no difference for a format makes no decision.
    let json = ContentOptions::default();
    let mut other = json.clone();
    other.xml.trim = false;
    assert!(decodes_like(&decision(&json, ""), &other));
    other.json.split_root_array = false;
    assert!(!decodes_like(&decision(&json, ""), &other));
}

#[test]
fn decisions_of_the_first_versions_are_read() {
    let text = r#"{"content":"json","compression":"gzip","reason":"x"}"#;
    let stored: FormatDecision = serde_json::from_str(text).unwrap();
    let options = decodes_with(&stored).unwrap();
    let expected = ContentOptions {
        compression: Compression::Gzip,
        ..ContentOptions::default()
    };
    assert_eq!(options, expected);
    let later = FormatDecision {
        content: "cobol".to_owned(),
        ..stored
    };
    assert!(decodes_with(&later).unwrap_err().contains("cobol"));
}

proptest! {
    #[test]
    fn density_is_a_share_and_counts_add_up(
        payloads in prop::collection::vec("[{}\\[\\]\":,a1\n <>/=&]{0,30}", 0..8),
    ) {
        let payloads: Vec<&[u8]> = payloads.iter().map(|text| text.as_bytes()).collect();
        let found = of(&payloads).preview;
        prop_assert_eq!(found.sample_size, payloads.len() as u64);
        prop_assert!(found.parsed_successfully <= found.sample_size);
        prop_assert_eq!(found.error_codes.values().sum::<u64>(), found.number_of_errors);
        fn check(columns: &[Column]) -> bool {
            columns.iter().all(|column| {
                (0.0..=1.0).contains(&column.density)
                    && column.fields.iter().all(|field| field.density <= column.density)
                    && check(&column.fields)
            })
        }
        prop_assert!(check(&found.schema));
    }
}
