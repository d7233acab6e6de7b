//! The fields of an object, found fast.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;

use super::cells::Cells;
use super::column::Column;
use crate::schema::text::quoted_key;
use crate::schema::{DataType, Field, struct_array};

/// Fields by name, each with its column.
///
/// Events of one kind have their keys in one order as a rule, and a stream has few kinds. So each
/// field remembers which two came after it: a name is compared with those first, and looked up only
/// where it is neither.
#[derive(Default)]
pub(super) struct Fields {
    fields: Vec<FieldColumn>,
    /// Names to places, once there are more than a few.
    places: HashMap<Arc<[u8]>, Place, BuildHasherDefault<DefaultHasher>>,
    /// The fields that objects begin with.
    first: Guesses,
    /// Rows to make room for in new columns.
    expected: usize,
}

type Place = u32;

/// Which field comes next; places that may not be there yet.
#[derive(Clone, Copy, Default)]
struct Guesses {
    /// The one that came the last time.
    last: Place,
    /// The one that came before that one did.
    before: Place,
}

struct FieldColumn {
    name: Arc<str>,
    /// The name as it stands in an event.
    key: Key,
    /// The fields that come next.
    next: Guesses,
    /// The row that it was first seen in.
    since: usize,
    column: Column,
}

/// A name with its quotes and colon, made for being compared.
struct Key {
    /// The first bytes, the lowest first, and which of them count.
    head: u128,
    mask: u128,
    /// All of it.
    text: Box<[u8]>,
}

impl Key {
    const HEAD: usize = size_of::<u128>();

    fn new(name: &str) -> Self {
        let text = quoted_key(name);
        let mut head = [0; Self::HEAD];
        let mut mask = [0; Self::HEAD];
        let len = text.len().min(Self::HEAD);
        head[..len].copy_from_slice(&text[..len]);
        mask[..len].fill(0xff);
        Self {
            head: u128::from_le_bytes(head),
            mask: u128::from_le_bytes(mask),
            text: text.into(),
        }
    }

    fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether the name stands at `at` of `text`.
    #[inline]
    fn is_at(&self, text: &[u8], at: usize) -> bool {
        let Some(rest) = text.get(at..) else {
            return false;
        };
        match rest.first_chunk() {
            Some(head) if u128::from_le_bytes(*head) & self.mask != self.head => false,
            Some(_) if self.text.len() <= Self::HEAD => true,
            _ => rest.starts_with(&self.text),
        }
    }
}

/// Where in an object we are, for guessing the next field.
#[derive(Clone, Copy, Default)]
pub(super) struct Cursor {
    previous: Option<Place>,
}

impl Fields {
    /// Up to here names are compared one by one.
    const FEW: usize = 8;

    /// No fields yet; so many rows are expected.
    pub(super) fn expecting(rows: usize) -> Self {
        Self {
            expected: rows,
            ..Self::default()
        }
    }

    /// Number of fields.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// The column of the field `name`, made where there is none yet; `None` where `cells` does not
    /// permit another.
    #[inline]
    pub(super) fn column(
        &mut self,
        name: &str,
        row: usize,
        cursor: &mut Cursor,
        cells: &mut Cells,
    ) -> Option<&mut Column> {
        let place = match self.guessed(*cursor, |field| *field.name == *name) {
            Some(place) => place,
            None => self.find_or_make(name, row, *cursor, cells)?,
        };
        cursor.previous = Some(place);
        Some(&mut self.fields[place as usize].column)
    }

    /// The column of the field whose name stands at `at`, with quotes and colon, and where those end.
    /// `None` where there is no such field yet, or the name is written with escapes.
    #[inline]
    pub(super) fn known(
        &mut self,
        text: &[u8],
        at: usize,
        cursor: &mut Cursor,
    ) -> Option<(&mut Column, usize)> {
        let (place, end) = match self.guessed(*cursor, |field| field.key.is_at(text, at)) {
            Some(place) => (place, at + self.fields[place as usize].key.len()),
            None => self.find_written(text, at, *cursor)?,
        };
        cursor.previous = Some(place);
        Some((&mut self.fields[place as usize].column, end))
    }

    fn guesses(&mut self, cursor: Cursor) -> &mut Guesses {
        match cursor.previous {
            Some(previous) => &mut self.fields[previous as usize].next,
            None => &mut self.first,
        }
    }

    /// The field that was guessed to come next and that `is_it` says it is.
    #[inline]
    fn guessed(&mut self, cursor: Cursor, is_it: impl Fn(&FieldColumn) -> bool) -> Option<Place> {
        let Guesses { last, before } = *self.guesses(cursor);
        if self.fields.get(last as usize).is_some_and(&is_it) {
            return Some(last);
        }
        if self.fields.get(before as usize).is_some_and(&is_it) {
            self.follow(cursor, before);
            return Some(before);
        }
        None
    }

    /// Remembers which field came next.
    fn follow(&mut self, cursor: Cursor, place: Place) {
        let guesses = self.guesses(cursor);
        *guesses = Guesses {
            last: place,
            before: guesses.last,
        };
    }

    #[inline(never)]
    fn find_written(&mut self, text: &[u8], at: usize, cursor: Cursor) -> Option<(Place, usize)> {
        let name = text.get(at..)?.strip_prefix(b"\"")?;
        let len = memchr::memchr2(b'"', b'\\', name)?;
        // With an escape it is not looked for; the name that ends before one is another.
        let (name, rest) = name.split_at(len);
        let mut rest = rest.strip_prefix(b"\"")?;
        while let [b' ' | b'\t' | b'\r' | b'\n', after @ ..] = rest {
            rest = after;
        }
        let place = self.find(name)?;
        self.follow(cursor, place);
        let rest = rest.strip_prefix(b":")?;
        Some((place, text.len() - rest.len()))
    }

    #[inline(never)]
    fn find_or_make(
        &mut self,
        name: &str,
        row: usize,
        cursor: Cursor,
        cells: &mut Cells,
    ) -> Option<Place> {
        let place = match self.find(name.as_bytes()) {
            Some(place) => place,
            None => self.make(name, row, cells)?,
        };
        self.follow(cursor, place);
        Some(place)
    }

    fn find(&self, name: &[u8]) -> Option<Place> {
        if self.fields.len() > Self::FEW {
            return self.places.get(name).copied();
        }
        self.fields
            .iter()
            .position(|field| field.name.as_bytes() == name)
            .map(|place| place as Place)
    }

    fn make(&mut self, name: &str, row: usize, cells: &mut Cells) -> Option<Place> {
        if !cells.add_field(row) {
            return None;
        }
        let place = Place::try_from(self.fields.len()).ok()?;
        let name: Arc<str> = name.into();
        self.fields.push(FieldColumn {
            key: Key::new(&name),
            name: Arc::clone(&name),
            // Most likely the next new fields.
            next: Guesses {
                last: place + 1,
                before: place + 2,
            },
            since: row,
            column: Column::expecting(self.expected),
        });
        if self.fields.len() > Self::FEW {
            if self.places.is_empty() {
                let all = self.fields.iter().enumerate();
                self.places = all
                    .map(|(place, field)| (Arc::clone(&field.name).into(), place as Place))
                    .collect();
            }
            self.places.insert(name.into(), place);
        }
        Some(place)
    }

    /// Forgets the rows from `len` on.
    pub(super) fn truncate(&mut self, len: usize) {
        for field in &mut self.fields {
            field.column.truncate(len);
        }
    }

    /// Forgets fields, at any depth, that were first seen at `row` or later.
    pub(super) fn forget_since(&mut self, row: usize) {
        while self.fields.last().is_some_and(|last| last.since >= row) {
            if let Some(last) = self.fields.pop() {
                self.places.remove(last.name.as_bytes());
            }
        }
        if self.fields.len() <= Self::FEW {
            self.places.clear();
        }
        for field in &mut self.fields {
            field.column.forget_fields_since(row);
        }
    }

    /// The fields and their columns, `len` rows each.
    pub(super) fn into_columns(self, len: usize) -> (Vec<Field>, Vec<ArrayRef>) {
        self.fields
            .into_iter()
            .map(|field| {
                let (data_type, array) = field.column.finish(len);
                (Field::new(field.name, data_type), array)
            })
            .unzip()
    }

    /// The fields as one struct column.
    pub(super) fn finish(self, len: usize, nulls: Option<NullBuffer>) -> (DataType, ArrayRef) {
        let (fields, columns) = self.into_columns(len);
        let array = struct_array(len, &fields, columns, nulls);
        (DataType::Struct(fields), array)
    }
}
