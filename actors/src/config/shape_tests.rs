//! Columns that stay, go or are hashed: in Rust, and wrongly.

use rstest::rstest;

use super::content_tests::{builder, read};
use super::*;

const KEY: &str = "hash_key = \"b5d1c9f04a7e4f6c8d20\"\n";

#[test]
fn what_is_said_of_columns_is_the_same_in_rust() {
    let toml =
        "format = \"json\"\ninclude_columns = [\"a\", \"b.*\"]\nexclude_columns = [\"b.c\"]\n\
                hash_columns = [\"a\"]\n"
            .to_owned()
            + KEY;
    let rust = builder(ContentFormat::Json)
        .include_columns(["a", "b.*"])
        .exclude_columns(["b.c"])
        .hash_columns(["a"], "b5d1c9f04a7e4f6c8d20")
        .build()
        .unwrap();
    let read = read(&toml).unwrap();
    assert_eq!(read, rust);
    let shown = format!("{read:?}{}", read.to_toml());
    assert!(!shown.contains("b5d1c9f04a7e4f6c8d20"), "{shown}");
}

#[rstest]
#[case::no_key("hash_columns = [\"a\"]", "content.hash_columns", "SHARDMILL_HASH_KEY")]
#[case::short_key(
    "hash_columns = [\"a\"]\nhash_key = \"short\"",
    "content.hash_key",
    "16 bytes"
)]
#[case::nothing_to_hash(
    "hash_key = \"b5d1c9f04a7e4f6c8d20\"",
    "content.hash_key",
    "no meaning"
)]
#[case::no_pattern(
    "exclude_columns = [\"a..b\"]",
    "content.exclude_columns",
    "no pattern"
)]
#[case::kept_text(
    "hash_columns = [\"a\"]\nhash_key = \"b5d1c9f04a7e4f6c8d20\"\n[content.json]\n\
     store_json_as_string = \"beside\"",
    "content.json.store_json_as_string",
    "stand in clear"
)]
fn what_is_wrong_is_named(#[case] content: &str, #[case] key: &str, #[case] message: &str) {
    let error = read(&format!("format = \"json\"\n{content}")).unwrap_err();
    let [problem] = error.problems() else {
        panic!("{error}");
    };
    assert_eq!(
        (problem.code, problem.key.as_str()),
        ("config.wrong_value", key)
    );
    let text = error.to_string();
    assert!(
        text.contains(message) && !text.contains("\"short\"\n  help"),
        "{text}"
    );
}

#[test]
fn a_raw_copy_would_hold_in_clear_what_is_hashed() {
    let error = builder(ContentFormat::Json)
        .hash_columns(["a"], "b5d1c9f04a7e4f6c8d20")
        .store_raw_data(true)
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("stand in clear"), "{error}");
    assert_eq!(error.problems()[0].key, "target.store_raw_data");
}
