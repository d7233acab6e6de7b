//! What is said of CSV and TSV.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::decode::lexical::FieldType;
use crate::decode::options::OptionError;

/// Text of fields with a delimiter between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DelimitedOptions {
    /// What stands between fields; a comma for CSV and a tab for TSV where nothing is said.
    pub delimiter: Option<Mark>,
    /// What fields are put in that hold delimiters or line ends; `None` where nothing does that.
    pub quote: Option<Mark>,
    /// What takes the special meaning from the character after it. Where it is not given, a quote
    /// in a quoted field is doubled; that is understood in any case.
    pub escape: Option<Mark>,
    /// Whether each content begins with a line of names.
    #[serde(rename = "header")]
    pub has_header: bool,
    /// The names of the columns. Where they are given they count, and the header is skipped. With
    /// neither, columns are `_column_1`, `_column_2`, ...
    pub columns: Option<Vec<String>>,
    /// The types of columns, by name, as they were decided; the others follow `infer`.
    pub types: BTreeMap<String, FieldType>,
    /// Whether values of other columns are typed by their spelling; else they are text.
    #[serde(rename = "infer_types")]
    pub infer: bool,
    /// Texts that stand for null. An unquoted field is compared as it stands.
    pub null_values: Vec<String>,
    /// Whether a quoted field may be null too.
    pub quoted_nulls: bool,
    /// Whether spaces and tabs around fields that are not quoted, and around quotes, are left out.
    pub trim: bool,
    /// What a line with fewer fields than there are columns is.
    pub short_lines: ShortLines,
}

impl Default for DelimitedOptions {
    fn default() -> Self {
        Self {
            delimiter: None,
            quote: Some(Mark(b'"')),
            escape: None,
            has_header: true,
            columns: None,
            types: BTreeMap::new(),
            infer: true,
            null_values: vec![String::new()],
            quoted_nulls: false,
            trim: false,
            short_lines: ShortLines::Reject,
        }
    }
}

impl DelimitedOptions {
    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// Where one character has two meanings, or `columns` is empty.
    pub fn check(&self) -> Result<(), OptionError> {
        self.check_marks(self.delimiter)
    }

    /// The same where `delimiter` stands between fields unless the options name another.
    pub(in crate::decode) fn check_with(&self, delimiter: char) -> Result<(), OptionError> {
        self.check_marks(self.delimiter.or(Mark::try_from(delimiter).ok()))
    }

    fn check_marks(&self, delimiter: Option<Mark>) -> Result<(), OptionError> {
        let marks = [
            ("delimiter", delimiter),
            ("quote", self.quote),
            ("escape", self.escape),
        ];
        for (place, (name, mark)) in marks.into_iter().enumerate() {
            let Some(mark) = mark else { continue };
            if marks[..place].iter().any(|(_, other)| *other == Some(mark)) {
                let reason = format!(
                    "delimiter, quote and escape must differ; {:?} is two of them",
                    char::from(mark)
                );
                return Err(OptionError::new(reason).at(name));
            }
        }
        if self.columns.as_ref().is_some_and(Vec::is_empty) {
            return Err(OptionError::new("columns are given, but none is named").at("columns"));
        }
        Ok(())
    }
}

/// What a line with fewer fields than there are columns is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShortLines {
    /// A reject: a field may be missing anywhere in it.
    #[default]
    Reject,
    /// An event whose last columns are null.
    Fill,
}

/// A character that structures text: one of ASCII, and no line end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "char", into = "char")]
pub struct Mark(pub(in crate::decode) u8);

impl TryFrom<char> for Mark {
    type Error = OptionError;

    fn try_from(mark: char) -> Result<Self, OptionError> {
        match u8::try_from(mark) {
            Ok(byte) if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0) => Ok(Self(byte)),
            _ => Err(OptionError::new(format!(
                "{mark:?} cannot structure text: only a character of ASCII can, and no line end"
            ))),
        }
    }
}

impl From<Mark> for char {
    fn from(mark: Mark) -> Self {
        char::from(mark.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_single_characters_of_ascii() {
        for mark in [',', '\t', '|', ';', '\u{1}', ' '] {
            let mark = Mark::try_from(mark).unwrap();
            let stored = serde_json::to_string(&mark).unwrap();
            assert_eq!(serde_json::from_str::<Mark>(&stored).unwrap(), mark);
        }
        for stored in [
            "\"\\n\"",
            "\"\\r\"",
            "\"é\"",
            "\",,\"",
            "\"\"",
            "\"\\u0000\"",
        ] {
            assert!(serde_json::from_str::<Mark>(stored).is_err(), "{stored}");
        }
    }

    #[test]
    fn one_character_has_one_meaning() {
        let mut options = DelimitedOptions::default();
        options.check().unwrap();
        options.delimiter = options.quote;
        assert!(options.check().unwrap_err().to_string().contains("'\"'"));
        options.delimiter = None;
        options.quote = Mark::try_from('\t').ok();
        options.check_with(',').unwrap();
        assert_eq!(
            options.check_with('\t').unwrap_err().option(),
            Some("quote")
        );
        options.columns = Some(Vec::new());
        options.check().unwrap_err();
    }
}
