//! Names of event fields in files.

use std::borrow::Cow;

/// The columns that files add to each row, and the one for what did not fit.
pub const SYSTEM_COLUMNS: [&str; 7] = [
    "_shard",
    "_sequence",
    "_subsequence",
    "_partition_key",
    "_arrival",
    "_index",
    "_overflow",
];

/// The partition keys of the folders that files lie in.
const PARTITION_KEYS: [&str; 2] = ["date", "hour"];

/// The name that a top-level event field has in files. One that is a partition key or a system
/// column, ignoring case and trailing `_`, gets one more `_`; so no two fields share a name and no
/// reader confuses a field with a column of ours.
pub fn file_field_name(name: &str) -> Cow<'_, str> {
    let bare = name.trim_end_matches('_');
    let reserved = PARTITION_KEYS
        .iter()
        .chain(&SYSTEM_COLUMNS)
        .any(|reserved| reserved.eq_ignore_ascii_case(bare));
    if reserved {
        Cow::Owned(format!("{name}_"))
    } else {
        Cow::Borrowed(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_names_get_one_more_underscore() {
        for (name, in_file) in [
            ("date", "date_"),
            ("Date", "Date_"),
            ("date_", "date__"),
            ("HOUR__", "HOUR___"),
            ("_shard", "_shard_"),
            ("_Index_", "_Index__"),
            ("_overflow", "_overflow_"),
        ] {
            assert_eq!(file_field_name(name), in_file);
        }
    }

    #[test]
    fn other_names_stay() {
        for name in ["", "_", "dates", "_date", "shard", "_sequence_number"] {
            assert_eq!(file_field_name(name), name);
        }
    }
}
