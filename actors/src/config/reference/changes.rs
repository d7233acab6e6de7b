//! What becomes of an existing data source when a key changes between two runs.

use std::fmt::Write as _;

use super::{Key, below, keys};

/// What a change of a key does to a data source that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It holds from the next start on; the text says what of.
    NextStart(&'static str),
    /// It is not looked at once the data source exists.
    NewSourcesOnly(&'static str),
    /// The next start refuses it; the text says why and what to do.
    Refused(&'static str),
    /// It names another data source; the text says what happens then.
    OtherSource(&'static str),
}

/// By path, or by the section that keys are in; the longest that fits counts.
const CHANGES: &[(&str, Change)] = &[
    (
        "name",
        Change::OtherSource(
            "Files and state lie under the name: another one is another data source, which begins \
             anew. A folder that was renamed by hand is refused (`log.source_mismatch`).",
        ),
    ),
    (
        "kinesis.stream",
        Change::Refused(
            "Positions are those of one stream (`log.source_mismatch`). Read another stream under \
             another name.",
        ),
    ),
    (
        "kinesis.region",
        Change::NextStart(
            "The way to the stream. It must lead to the same one: Kinesis shards that are not \
             there stop the start (`source.shard_gone`).",
        ),
    ),
    (
        "kinesis.connection",
        Change::NextStart("As `kinesis.region`."),
    ),
    (
        "kinesis.read_from",
        Change::NewSourcesOnly(
            "The start was resolved when the data source was made, and is stored with it.",
        ),
    ),
    (
        "kinesis.end_read_at",
        Change::NextStart(
            "A later time, or none, goes on from where reading has ended. What is committed stays.",
        ),
    ),
    (
        "kinesis.fan_out",
        Change::NextStart("How the stream is read. Nothing is read twice or left out."),
    ),
    (
        "kinesis.shards",
        Change::NextStart("The number of readers."),
    ),
    (
        "kinesis.accept_gap",
        Change::NextStart("Looked at when the data source starts."),
    ),
    (
        "files.path",
        Change::Refused(
            "Positions are those of the files of one place (`log.source_mismatch`). New files in it \
             are read by the next run. Read another place under another name.",
        ),
    ),
    ("files.raw_copy", Change::Refused("As `files.path`.")),
    (
        "files.connection",
        Change::NextStart("The way to the files. It must lead to the same ones."),
    ),
    (
        "files.read_from",
        Change::NewSourcesOnly("As `kinesis.read_from`."),
    ),
    ("files.shards", Change::NextStart("The number of readers.")),
    (
        "content",
        Change::NextStart(
            "What is read from then on. The next format decision is stored, and commits name it; \
             rows that are committed stay as they are. `auto` keeps what was found out.",
        ),
    ),
    (
        "content.wait_for_data",
        Change::NewSourcesOnly("There was data when the format was decided."),
    ),
    (
        "content.hash_columns",
        Change::NextStart(
            "What is read from then on. Values that are committed stay as they are, in clear too.",
        ),
    ),
    (
        "content.hash_key",
        Change::NextStart(
            "What is read from then on. The same value then has another hash than before.",
        ),
    ),
    (
        "target.url",
        Change::OtherSource(
            "Another place holds another data source, or none yet: then one begins anew. To move \
             one, stop it and copy all that lies under its name.",
        ),
    ),
    (
        "target.connection",
        Change::NextStart("The way to the target."),
    ),
    (
        "target.checksums",
        Change::NextStart("What is put from then on."),
    ),
    (
        "target.execution_parallelism",
        Change::NextStart(
            "The lanes: Kinesis shards are dealt out anew (an epoch begins). Positions stay.",
        ),
    ),
    (
        "target.store_raw_data",
        Change::NextStart("What is read from then on. Raw copies that are there stay."),
    ),
    (
        "target.retention",
        Change::NextStart(
            "A shorter time deletes within the hour; a longer one, or none, brings nothing back.",
        ),
    ),
    (
        "target.retention_mode",
        Change::NextStart(
            "What expires from then on. Files that `soft` has left stay; those that had expired \
             before are deleted.",
        ),
    ),
    (
        "parquet",
        Change::NextStart("Files from then on. Those that are there stay as they are."),
    ),
    (
        "statistics",
        Change::NextStart(
            "Minutes from then on. What answers merge of older ones is as it was stored.",
        ),
    ),
    (
        "output",
        Change::NextStart(
            "What is written from then on; docs/OUTPUTS.md has each change. One that is taken out \
             stops; its files and state stay.",
        ),
    ),
    (
        "output.*.name",
        Change::OtherSource("Another name is another output, which begins anew."),
    ),
    (
        "output.*.url",
        Change::OtherSource("Another place holds another output, or none yet: one begins anew."),
    ),
    (
        "output.*.from",
        Change::NewSourcesOnly("It was resolved when the output was made."),
    ),
    (
        "output.*.format",
        Change::Refused("An output's files are of one format (`output.mismatch`)."),
    ),
    ("engine", Change::NextStart("The process.")),
    (
        "connection",
        Change::NextStart("The way to the stream, the target or the registry."),
    ),
];

/// What a change of a key does; `None` for a key that nobody has thought of.
pub fn change(key: &Key) -> Option<Change> {
    let fits = |place: &str| place == key.path || below(key.path, place).is_some();
    let fitting = CHANGES.iter().filter(|(place, _)| fits(place));
    let longest = fitting.max_by_key(|(place, _)| place.len());
    longest.map(|(_, change)| *change)
}

/// The table for the reference page.
pub(super) fn markdown() -> String {
    let mut page = String::from("| key | may change | what that does |\n| --- | --- | --- |\n");
    for (place, change) in CHANGES {
        let (may, what) = match change {
            Change::NextStart(what) => ("yes, at a restart", what),
            Change::NewSourcesOnly(what) => ("yes, without effect", what),
            Change::Refused(what) => ("no", what),
            Change::OtherSource(what) => ("no", what),
        };
        let is_section = !keys().any(|key| key.path == *place);
        let place = match is_section {
            true => format!("`[{place}]`, but for what stands here by itself"),
            false => format!("`{place}`"),
        };
        // A text cannot refuse to be written to.
        let _ = writeln!(page, "| {place} | {may} | {what} |");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_says_what_its_change_does_and_nothing_else_does() {
        for key in keys() {
            assert!(
                change(key).is_some(),
                "{} says nothing of changes",
                key.path
            );
        }
        for (place, _) in CHANGES {
            let known = keys().any(|key| key.path == *place || below(key.path, place).is_some());
            assert!(known, "{place} is no key");
        }
    }

    #[test]
    fn the_longest_place_counts() {
        let of = |path: &str| change(keys().find(|key| key.path == path).unwrap());
        let new_only = |change| matches!(change, Some(Change::NewSourcesOnly(_)));
        assert!(new_only(of("content.wait_for_data")));
        assert!(!new_only(of("content.csv.header")));
        assert!(matches!(of("kinesis.stream"), Some(Change::Refused(_))));
    }
}
