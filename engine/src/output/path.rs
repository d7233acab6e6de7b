//! Columns by their paths: `user.id`, `"user-agent"`, `user.id AS id`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder, StructArray, new_null_array};
use arrow::buffer::NullBuffer;
use serde_json::value::RawValue;

use super::table::Table;
use crate::schema::{DataType, Field};

/// The way to a field: names from the top, each as it is in the file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path(pub Vec<String>);

/// A column that is a field as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    /// The field.
    pub path: Path,
    /// The name of the column: that after `AS`, else the last of the path.
    pub name: String,
}

/// Why a text is no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PathError(&'static str);

impl Pick {
    /// Reads a path with or without `AS name`. Names of letters, digits and `_` stand as they are,
    /// others in double quotes, `""` for a quote in them. Upper and lower case differ.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let mut words = Words { rest: text.trim() };
        let mut path = vec![words.name()?];
        while words.skip(".") {
            path.push(words.name()?);
        }
        let spaced = words.rest.starts_with(char::is_whitespace);
        words.rest = words.rest.trim_start();
        let name = match words.rest.get(..2) {
            Some(word) if spaced && word.eq_ignore_ascii_case("as") => {
                words.rest = &words.rest[2..];
                if !words.rest.starts_with([' ', '\t', '\n', '\r', '"']) {
                    return Err(PathError("it is no path of names"));
                }
                words.rest = words.rest.trim_start();
                words.name()?
            }
            // A path has a name.
            _ => path.last().cloned().unwrap_or_default(),
        };
        match words.rest.trim() {
            "" => Ok(Self {
                path: Path(path),
                name,
            }),
            _ => Err(PathError("it is no path of names")),
        }
    }
}

struct Words<'t> {
    rest: &'t str,
}

impl Words<'_> {
    fn skip(&mut self, mark: &str) -> bool {
        match self.rest.strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn name(&mut self) -> Result<String, PathError> {
        if self.skip("\"") {
            return self.quoted();
        }
        let plain = |c: char| c.is_alphanumeric() || c == '_';
        let end = self.rest.find(|c| !plain(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(PathError("it is no path of names"));
        }
        self.rest = rest;
        Ok(name.to_owned())
    }

    fn quoted(&mut self) -> Result<String, PathError> {
        let mut name = String::new();
        loop {
            let Some((before, after)) = self.rest.split_once('"') else {
                return Err(PathError("a double quote in it is not closed"));
            };
            name.push_str(before);
            self.rest = after;
            if !self.skip("\"") {
                break;
            }
            name.push('"');
        }
        match name.is_empty() {
            true => Err(PathError("a name in it is empty")),
            false => Ok(name),
        }
    }
}

impl Path {
    /// The top-level column that it is in.
    pub fn root(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// The type of the field in rows with these columns; [`DataType::Null`] where they have none.
    pub fn type_in(&self, fields: &[Field]) -> DataType {
        let mut names = self.0.iter();
        let top = names.next().and_then(|name| find(fields, name));
        let Some(top) = top else {
            return DataType::Null;
        };
        names.fold(top.data_type.clone(), |of, name| member_type(&of, name))
    }

    /// The field's values; nulls where rows have no such field.
    pub fn values_in(&self, rows: &Table) -> ArrayRef {
        let mut names = self.0.iter();
        let top = names.next().and_then(|name| rows.column(name));
        let Some((field, array)) = top else {
            return new_null_array(&arrow::datatypes::DataType::Null, rows.len());
        };
        let begin = (field.data_type.clone(), Arc::clone(array));
        let (_, values) = names.fold(begin, |(of, array), name| {
            (member_type(&of, name), member(&of, &array, name))
        });
        values
    }
}

fn find<'f>(fields: &'f [Field], name: &str) -> Option<&'f Field> {
    fields.iter().find(|field| &*field.name == name)
}

fn member_type(of: &DataType, name: &str) -> DataType {
    match of {
        DataType::Struct(fields) => {
            find(fields, name).map_or(DataType::Null, |field| field.data_type.clone())
        }
        DataType::Map(value) => (**value).clone(),
        DataType::Json => DataType::Json,
        _ => DataType::Null,
    }
}

fn member(of: &DataType, array: &ArrayRef, name: &str) -> ArrayRef {
    match of {
        DataType::Struct(fields) => {
            let at = fields.iter().position(|field| &*field.name == name);
            match at {
                Some(at) => under(array.as_struct(), at),
                None => new_null_array(&arrow::datatypes::DataType::Null, array.len()),
            }
        }
        DataType::Map(_) => value_of_key(array, name),
        DataType::Json => member_of_text(array, name),
        _ => new_null_array(&arrow::datatypes::DataType::Null, array.len()),
    }
}

/// A member of structs: null where the struct is.
fn under(array: &StructArray, at: usize) -> ArrayRef {
    let column = array.column(at);
    let Some(outer) = array.nulls() else {
        return Arc::clone(column);
    };
    let nulls = NullBuffer::union(Some(outer), column.nulls());
    let data = column.to_data().into_builder().nulls(nulls);
    // The same values under more nulls.
    data.build()
        .map_or_else(|_| Arc::clone(column), arrow::array::make_array)
}

/// The value that maps have for a key: the first where there are several.
fn value_of_key(array: &ArrayRef, name: &str) -> ArrayRef {
    let map = array.as_map();
    let keys = map.keys().as_string::<i32>();
    let offsets = map.value_offsets();
    let places = (0..map.len()).map(|row| {
        let mut entries = offsets[row]..offsets[row + 1];
        let found = entries.find(|entry| keys.value(*entry as usize) == name);
        found.filter(|_| map.is_valid(row))
    });
    let places: arrow::array::Int32Array = places.collect();
    // Places are those of entries, and nulls.
    arrow::compute::take(map.values(), &places, None)
        .unwrap_or_else(|_| new_null_array(map.values().data_type(), map.len()))
}

/// The member of objects in canonical JSON text, as canonical JSON text.
fn member_of_text(array: &ArrayRef, name: &str) -> ArrayRef {
    let texts = array.as_string::<i32>();
    let mut found = StringBuilder::new();
    for text in texts {
        let member = text.and_then(|text| {
            let object: std::collections::BTreeMap<String, Box<RawValue>> =
                serde_json::from_str(text).ok()?;
            object.get(name).map(|value| value.get().to_owned())
        });
        found.append_option(member.filter(|text| text != "null"));
    }
    Arc::new(found.finish())
}

/// Takes the quotes off what was written from `begin` on, if it is a JSON string.
pub(super) fn unquote(out: &mut Vec<u8>, begin: usize) {
    if out.get(begin) != Some(&b'"') {
        return;
    }
    if let Ok(text) = serde_json::from_slice::<String>(&out[begin..]) {
        out.truncate(begin);
        out.extend_from_slice(text.as_bytes());
    }
}
