//! Which columns stay, and which values are put behind a key, before anything else sees them.
//!
//! What is shaped are values, not columns: a value is at the same path whether it stands in a column
//! of its own, in a list, as an entry of a map, or inside JSON text. So what becomes of an event does
//! not depend on its neighbours (I10), and no text lets through what a column would not.
//!
//! - `exclude` takes away what it names, with all below.
//! - `include`, where there is any, keeps what it names, with all below; objects on the way stay,
//!   other values on the way are null.
//! - `hash` replaces every value at or below what it names: a string by the hash of its text, any
//!   other value by that of its canonical JSON text. Lists and objects stay, with hashed values.
//!
//! What could not be decoded is kept only without hashed columns: nobody knows what is in it.

mod hash;
mod patterns;
mod text;

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, StringArray, StringBuilder, StructArray, new_null_array,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use self::hash::HashKey;
use self::patterns::{Patterns, Standing};
use super::options::OptionError;
use crate::schema::text::{JsonText, write_string};
use crate::schema::{DataType, Field, Schema, item_field, map_array, struct_array, widen};
use crate::types::{Reject, Rows};

/// Which columns stay, and which are hashed: patterns over the paths of fields as they are in
/// events. Lists are looked through; the keys of maps are names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShapeOptions {
    /// Only these; all where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Not these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// These hashed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hash: Vec<String>,
    /// [`HashKey::id`] of the key that they are hashed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_key_id: Option<String>,
}

impl ShapeOptions {
    /// Whether everything stays as it is.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether some values are hashed. Then what could not be decoded is withheld.
    pub fn hashes(&self) -> bool {
        !self.hash.is_empty()
    }

    /// Checks the patterns.
    ///
    /// # Errors
    /// One that is none.
    pub fn check(&self) -> Result<(), OptionError> {
        for (texts, option) in [
            (&self.include, "include"),
            (&self.exclude, "exclude"),
            (&self.hash, "hash"),
        ] {
            Patterns::parse(texts).map_err(|error| error.at(option))?;
        }
        Ok(())
    }
}

/// Shapes what decoders make.
#[derive(Debug, Default)]
pub(super) struct Shaper {
    include: Patterns,
    exclude: Patterns,
    hash: Patterns,
    /// Without a key nothing is shown that should be hashed.
    key: Option<HashKey>,
}

/// A field, as far as patterns are concerned.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Whether it stays whatever is below.
    included: bool,
    include: Standing,
    exclude: Standing,
    hashed: bool,
    hash: Standing,
}

impl Place {
    /// Whether everything here and below stays as it is.
    fn is_untouched(&self) -> bool {
        self.included && !self.hashed && self.exclude.is_over() && self.hash.is_over()
    }

    /// Whether everything below is hashed and stays.
    fn is_hashed_whole(&self) -> bool {
        self.included && self.hashed && self.exclude.is_over()
    }
}

impl Shaper {
    /// Makes ready what the options say; they have been checked.
    pub(super) fn new(options: &ShapeOptions, key: Option<HashKey>) -> Self {
        let read = |texts: &[String]| Patterns::parse(texts).unwrap_or_default();
        Self {
            include: read(&options.include),
            exclude: read(&options.exclude),
            hash: read(&options.hash),
            key,
        }
    }

    fn is_empty(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty() && self.hash.is_empty()
    }

    /// Shapes tables of rows.
    pub(super) fn rows(&self, tables: &mut [Rows]) {
        if self.is_empty() {
            return;
        }
        let root = self.root();
        for rows in tables {
            let (fields, columns) = self.members(&root, &rows.schema.fields, &rows.columns);
            rows.schema = Arc::new(Schema { fields });
            rows.columns = columns;
        }
    }

    /// What could not be decoded may hold what is to be hashed.
    pub(super) fn rejects(&self, rejects: &mut [Reject]) {
        if self.hash.is_empty() {
            return;
        }
        for reject in rejects {
            reject.data = Bytes::new();
            reject.reason = "withheld, as content.hash_columns is set".to_owned();
        }
    }

    fn root(&self) -> Place {
        Place {
            included: self.include.is_empty(),
            include: self.include.begin(),
            exclude: self.exclude.begin(),
            hashed: false,
            hash: self.hash.begin(),
        }
    }

    /// The member `name` of what is at `place`; `None` if nothing of it can stay.
    pub(super) fn below(&self, place: &Place, name: &str) -> Option<Place> {
        let (exclude, excluded) = self.exclude.follow(&place.exclude, name);
        let (include, named) = self.include.follow(&place.include, name);
        let (hash, hashed) = self.hash.follow(&place.hash, name);
        let included = place.included || named;
        if excluded || (!included && include.is_over()) {
            return None;
        }
        Some(Place {
            included,
            include,
            exclude,
            hashed: place.hashed || hashed,
            hash,
        })
    }

    fn members(
        &self,
        place: &Place,
        fields: &[Field],
        columns: &[ArrayRef],
    ) -> (Vec<Field>, Vec<ArrayRef>) {
        let mut stay = (Vec::new(), Vec::new());
        for (field, column) in fields.iter().zip(columns) {
            let Some(place) = self.below(place, &field.name) else {
                continue;
            };
            if let Some((data_type, column)) = self.array(&place, &field.data_type, column) {
                stay.0.push(Field {
                    name: Arc::clone(&field.name),
                    data_type,
                });
                stay.1.push(column);
            }
        }
        stay
    }

    /// What stays of an array; `None` where nothing does.
    fn array(
        &self,
        place: &Place,
        data_type: &DataType,
        array: &ArrayRef,
    ) -> Option<(DataType, ArrayRef)> {
        if place.is_untouched() {
            return Some((data_type.clone(), Arc::clone(array)));
        }
        Some(match data_type {
            DataType::Struct(fields) => {
                let whole: &StructArray = array.as_struct();
                let (fields, columns) = self.members(place, fields, whole.columns());
                let shaped = struct_array(array.len(), &fields, columns, array.nulls().cloned());
                (DataType::Struct(fields), shaped)
            }
            DataType::List(item) => {
                let list: &ListArray = array.as_list();
                let (item, values) = self.array(place, item, list.values()).unwrap_or_else(|| {
                    let nothing = DataType::Null.to_arrow();
                    (
                        DataType::Null,
                        new_null_array(&nothing, list.values().len()),
                    )
                });
                let offsets = list.offsets().clone();
                let nulls = list.nulls().cloned();
                let shaped = ListArray::new(item_field(&item), offsets, values, nulls);
                (DataType::List(Box::new(item)), Arc::new(shaped))
            }
            // Every value of the map alike, so it stays one.
            DataType::Map(value) if place.is_hashed_whole() => {
                let map = array.as_map();
                let (value, values) = self.array(place, value, map.values())?;
                let keys = Arc::clone(map.keys());
                let nulls = map.nulls().cloned();
                let shaped = map_array(&value, map.offsets().clone(), keys, values, nulls);
                (DataType::Map(Box::new(value)), shaped)
            }
            DataType::Map(_) => {
                let text = widen(array, data_type, &DataType::Json);
                (DataType::Json, self.json(place, &text))
            }
            DataType::Json => (DataType::Json, self.json(place, array)),
            DataType::Null => (DataType::Null, Arc::clone(array)),
            _ if !place.included => return None,
            _ if place.hashed => (DataType::Utf8, self.hashed(data_type, array)?),
            _ => (data_type.clone(), Arc::clone(array)),
        })
    }

    /// Values of JSON text.
    fn json(&self, place: &Place, array: &ArrayRef) -> ArrayRef {
        let texts = array.as_string::<i32>();
        let mut shaped = StringBuilder::with_capacity(texts.len(), texts.values().len());
        let mut out = Vec::new();
        for text in texts {
            out.clear();
            let stays = text.is_some_and(|text| text::rewrite(self, place, text, &mut out).1);
            match std::str::from_utf8(&out) {
                Ok(text) if stays => shaped.append_value(text),
                _ => shaped.append_null(),
            }
        }
        Arc::new(shaped.finish())
    }

    /// Hashes of scalars; `None` without a key.
    fn hashed(&self, data_type: &DataType, array: &ArrayRef) -> Option<ArrayRef> {
        let key = self.key.as_ref()?;
        let values = JsonText::of(array, data_type);
        let (mut written, mut hash) = (Vec::new(), String::new());
        let mut hashes = StringBuilder::with_capacity(array.len(), array.len() * 64);
        for row in 0..array.len() {
            if values.is_null(row) {
                hashes.append_null();
                continue;
            }
            written.clear();
            hash.clear();
            values.write(row, &mut written);
            // Canonical text is UTF-8.
            let text = std::str::from_utf8(&written).unwrap_or_default();
            key.write(text::unquoted(text).as_bytes(), &mut hash);
            hashes.append_value(&hash);
        }
        let hashes: StringArray = hashes.finish();
        Some(Arc::new(hashes))
    }

    /// Writes what stays of a scalar in JSON text; whether anything does.
    pub(super) fn write_scalar(&self, place: &Place, text: &str, out: &mut Vec<u8>) -> bool {
        if !place.included {
            return false;
        }
        if !place.hashed || text == "null" {
            out.extend_from_slice(text.as_bytes());
            return true;
        }
        let Some(key) = &self.key else {
            return false;
        };
        let mut hash = String::new();
        key.write(text::unquoted(text).as_bytes(), &mut hash);
        write_string(out, &hash);
        true
    }
}
