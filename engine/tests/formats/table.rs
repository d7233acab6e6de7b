//! docs/FORMATS.md: which formats are read under which compressions.

use std::fmt::Write as _;
use std::path::Path;

use bytes::Bytes;
use shardmill_engine::decode::{Compression, ContentOptions, DecodeLimits, FormatChoice, Hints};
use shardmill_engine::preview::preview;

use crate::cases::{Case, all, decode_one};

/// Whether a payload gives exactly the rows, value by value; a reject where it does not.
fn is_read(case: &Case, payload: Bytes, compression: Compression) -> bool {
    let options = ContentOptions {
        compression,
        ..case.options.clone()
    };
    options.check().unwrap();
    let found = decode_one(&options, payload);
    if found.texts() == case.rows {
        assert!(found.rejects.is_empty());
        return true;
    }
    let format = case.options.format.as_str();
    // What is still compressed is taken for text, or bytes, where the format allows any.
    let takes_any = matches!(format, "lines" | "raw" | "csv" | "tsv" | "form");
    assert!(
        takes_any || !found.rejects.is_empty(),
        "{format} as {}: {found:?}\n{:?}",
        compression.as_str(),
        case.rows
    );
    false
}

/// Whether `content.format = "auto"` finds the format out by the payload alone, and gives exactly the
/// rows.
fn is_found(case: &Case) -> bool {
    let payload = case.payload("none");
    let given = ContentOptions {
        format: FormatChoice::Auto,
        ..ContentOptions::default()
    };
    let sample = [payload.clone()];
    let seen = preview(&sample, &given, Hints::default(), &DecodeLimits::default());
    let detected = seen.detected.unwrap();
    detected.is_decided()
        && detected.format == case.options.format
        && decode_one(&detected.options, payload).texts() == case.rows
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
    let cases = all();
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
        let found = if is_found(case) { "yes" } else { "no" };
        let _ = write!(page, "| `{}` | {found} |", format.as_str());
        for compression in compressions() {
            let payload = case.payload(compression.as_str());
            let named = is_read(case, payload.clone(), compression);
            let found = match (named, is_read(case, payload, Compression::Auto)) {
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
