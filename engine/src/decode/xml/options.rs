//! What is said of XML.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::decode::lexical::FieldType;
use crate::decode::options::OptionError;

/// XML documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct XmlOptions {
    /// The path of the elements that are events: names with `/` between them, from the root on. The
    /// root element itself where nothing is said.
    #[serde(rename = "record_path")]
    pub record: Option<String>,
    /// The field that holds the name of the event's element; `None` for no such field.
    pub name_field: Option<String>,
    /// Elements that are lists even where they are there once.
    #[serde(rename = "list_fields")]
    pub lists: Vec<String>,
    /// The types of elements and attributes (`@name`), by name, as they were decided; the others
    /// follow `infer`.
    pub types: BTreeMap<String, FieldType>,
    /// Whether other texts are typed by their spelling; else they are text.
    #[serde(rename = "infer_types")]
    pub infer: bool,
    /// Whether white space around texts is left out, but for CDATA.
    pub trim: bool,
    /// Texts that stand for null; an empty one makes empty elements null.
    pub null_values: Vec<String>,
}

impl Default for XmlOptions {
    fn default() -> Self {
        Self {
            record: None,
            name_field: Some("#name".to_owned()),
            lists: Vec::new(),
            types: BTreeMap::new(),
            infer: true,
            trim: true,
            null_values: Vec::new(),
        }
    }
}

impl XmlOptions {
    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// Where the path of events has no name, or one that is empty.
    pub fn check(&self) -> Result<(), OptionError> {
        let path = self.record.as_deref().map(names);
        if path.is_some_and(|mut path| path.any(str::is_empty)) {
            return Err(
                OptionError::new("it is a path of elements: names with / between them")
                    .at("record_path"),
            );
        }
        Ok(())
    }

    /// The names of the path of events; none where roots are events.
    pub(super) fn path(&self) -> Vec<String> {
        let path = self.record.iter().flat_map(|path| names(path));
        path.map(str::to_owned).collect()
    }
}

fn names(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}
