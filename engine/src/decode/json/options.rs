//! What is said of JSON.

use serde::{Deserialize, Serialize};

use crate::decode::options::OptionError;

/// JSON that is not taken just as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JsonOptions {
    /// Whether the items of a list at the root are events. Else the list is one event with the
    /// field `root_array_field`.
    pub split_root_array: bool,
    /// The field that holds a list at the root which is not split.
    pub root_array_field: String,
    /// Paths of fields that hold JSON as text: names with dots between them, lists on the way
    /// looked through. Text that is a JSON object or list is parsed; any other stays as it is.
    pub nested_json_fields: Vec<String>,
    /// Whether the text of what was parsed so is kept beside it, as `NAME_text`.
    pub keep_nested_text: bool,
    /// Whether the text of each event is kept, as it stands.
    pub store_json_as_string: StoreJson,
    /// The field that holds the text of an event. A field of the event that has the same name gives
    /// way: it is in the text.
    pub json_text_field: String,
}

impl Default for JsonOptions {
    fn default() -> Self {
        Self {
            split_root_array: true,
            root_array_field: "items".to_owned(),
            nested_json_fields: Vec::new(),
            keep_nested_text: false,
            store_json_as_string: StoreJson::No,
            json_text_field: "json".to_owned(),
        }
    }
}

/// Whether the text of each event is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreJson {
    /// It is not.
    #[default]
    No,
    /// Beside the fields.
    Beside,
    /// Instead of the fields: an event has this one.
    Only,
}

impl JsonOptions {
    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// Where a path has no name, or one that is empty.
    pub fn check(&self) -> Result<(), OptionError> {
        let empty = |path: &&String| path.split('.').any(str::is_empty);
        match self.nested_json_fields.iter().find(empty) {
            Some(path) => Err(OptionError::new(format!(
                "{path:?} is no path of a field: names with dots between them"
            ))
            .at("nested_json_fields")),
            None => Ok(()),
        }
    }

    /// Whether events are taken as they stand.
    pub(in crate::decode) fn are_plain(&self) -> bool {
        self.split_root_array
            && self.nested_json_fields.is_empty()
            && self.store_json_as_string == StoreJson::No
    }
}
