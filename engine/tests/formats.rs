//! docs/FORMATS.md: which formats are read under which compressions, by contents of other libraries.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int32Type;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use shardmill_engine::budget::Budget;
use shardmill_engine::decode::{
    Compression, ContentOptions, DecodeLimits, Decoder, FormatChoice, Hints,
};
use shardmill_engine::preview::preview;
use shardmill_engine::schema::text::{JsonText, ObjectText, quoted_key};
use shardmill_engine::types::{
    BatchHead, ClaimNumber, ClaimRef, DecodedBatch, Epoch, KinesisShardId, LaneId, Payload,
    PayloadBatch, Position, Rows, SequenceNumber, Window,
};

/// What `fixtures/formats/make.py` wrote: one content of each format, under every compression.
const CASES: &str = include_str!("../fixtures/formats/cases.json");

#[derive(Deserialize)]
struct Case {
    made_by: String,
    options: ContentOptions,
    /// Canonical JSON text.
    rows: Vec<String>,
    /// By the words of compressions, in base64.
    payloads: BTreeMap<String, String>,
}

impl Case {
    /// Whether a payload gives exactly the rows, value by value; a reject where it does not.
    fn is_read(&self, payload: &str, compression: Compression) -> bool {
        let options = ContentOptions {
            compression,
            ..self.options.clone()
        };
        options.check().unwrap();
        let payload = STANDARD.decode(payload).unwrap();
        let decoded = decode(&options, &payload);
        let found = texts(&decoded);
        if found == self.rows {
            assert!(decoded.rejects.is_empty());
            return true;
        }
        let format = self.options.format.as_str();
        // What is still compressed is taken for text, or bytes, where the format allows any.
        let takes_any = matches!(format, "lines" | "raw" | "csv" | "tsv" | "form");
        assert!(
            takes_any || !decoded.rejects.is_empty(),
            "{format} as {}: {found:?}\n{:?}",
            compression.as_str(),
            self.rows
        );
        false
    }

    /// Whether `content.format = "auto"` finds the format out by the payload alone, and gives exactly
    /// the rows.
    fn is_found(&self) -> bool {
        let payload = STANDARD.decode(&self.payloads["none"]).unwrap();
        let given = ContentOptions {
            format: FormatChoice::Auto,
            ..ContentOptions::default()
        };
        let sample = [payload.clone().into()];
        let seen = preview(&sample, &given, Hints::default(), &DecodeLimits::default());
        let detected = seen.detected.unwrap();
        detected.is_decided()
            && detected.format == self.options.format
            && texts(&decode(&detected.options, &payload)) == self.rows
    }
}

fn decode(options: &ContentOptions, payload: &[u8]) -> DecodedBatch {
    let sequence = SequenceNumber::new("100").unwrap();
    let head = BatchHead {
        claim: ClaimRef {
            epoch: Epoch(1),
            lane: LaneId(0),
            claim: ClaimNumber(1),
        },
        shard: KinesisShardId::new("shardId-000000000000"),
        window: Window(5),
        from: Position::Horizon,
        to: sequence.clone(),
        arrival_at_to: 1,
        records: 1,
    };
    let payload = Payload {
        sequence,
        subsequence: 0,
        partition_key: Arc::from("key"),
        arrival: 1,
        data: payload.to_vec().into(),
    };
    let budget = Budget::new(1 << 30);
    let batch = PayloadBatch {
        head,
        payloads: vec![payload],
        credit: budget.charge(0),
    };
    Decoder::new(DecodeLimits::default(), options).decode(batch, &budget)
}

/// The rows of one payload in their order, as canonical text.
fn texts(batch: &DecodedBatch) -> Vec<String> {
    let mut found = BTreeMap::new();
    for rows in &batch.rows {
        let index = rows.index.as_primitive::<Int32Type>();
        found.extend((0..rows.len).map(|row| (index.value(row), text(rows, row))));
    }
    found.into_values().collect()
}

fn text(rows: &Rows, row: usize) -> String {
    let fields = rows.schema.fields.iter().zip(&rows.columns);
    let mut columns: Vec<_> = fields
        .map(|(field, array)| (&field.name, JsonText::of(array, &field.data_type)))
        .collect();
    columns.sort_by_key(|(name, _)| *name);
    let mut text = Vec::new();
    let mut object = ObjectText::open(&mut text);
    for (name, values) in &columns {
        if !values.is_null(row) {
            values.write(row, object.key(&quoted_key(name)));
        }
    }
    object.close();
    String::from_utf8(text).unwrap()
}

const HEAD: &str = "\
# Formats and compressions

What is read, as a test finds it out: it decodes a content of each format under each compression and \
compares every value with what was written. The contents are made by other libraries \
(`engine/fixtures/formats/make.py`; the last column is the module of Python), never by Shardmill. What payloads become is in \
[CONTENT.md](CONTENT.md); the words are those of `content.format` and `content.compression` in \
[CONFIGURATION.md](CONFIGURATION.md).

- **auto**: read under `content.compression = \"auto\"`, and under the compression's own word.
- **by name**: read under its own word. Under `auto` the payload is taken for one that is not compressed.
- **found**: whether `content.format = \"auto\"` tells the format by this content alone. What looks like \
anything is never guessed: it has to be named.

";

fn page() -> String {
    let cases: BTreeMap<String, Case> = serde_json::from_str(CASES).unwrap();
    let compressions = || {
        let named = |compression: &Compression| *compression != Compression::Auto;
        Compression::ALL.into_iter().filter(named)
    };
    let mut page = HEAD.to_owned();
    page.push_str("| format | found |");
    for compression in compressions() {
        let _ = write!(page, " `{}` |", compression.as_str());
    }
    page.push_str(" made with |\n| --- | --- |");
    page.push_str(&" --- |".repeat(compressions().count() + 1));
    page.push('\n');
    let formats = FormatChoice::ALL.into_iter();
    for format in formats.filter(|format| *format != FormatChoice::Auto) {
        let case = &cases[format.as_str()];
        assert_eq!(case.options.format, format);
        assert!(!case.rows.is_empty());
        let found = if case.is_found() { "yes" } else { "no" };
        let _ = write!(page, "| `{}` | {found} |", format.as_str());
        for compression in compressions() {
            let payload = &case.payloads[compression.as_str()];
            let named = case.is_read(payload, compression);
            let found = match (named, case.is_read(payload, Compression::Auto)) {
                (true, true) => "auto",
                (true, false) => "by name",
                (false, _) => "not",
            };
            let _ = write!(page, " {found} |");
        }
        let _ = writeln!(page, " {} |", case.made_by);
    }
    page
}

#[test]
fn the_table_of_formats_and_compressions_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/FORMATS.md");
    let page = page();
    assert!(!page.contains(" not |"), "{page}");
    if std::env::var_os("SHARDMILL_WRITE_DOCS").is_some() {
        return std::fs::write(&path, page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(
        found == page,
        "run the test with SHARDMILL_WRITE_DOCS=1 to bring docs/FORMATS.md up to date:\n{page}"
    );
}
