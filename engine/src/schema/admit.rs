//! The schema of a file: what is known, widened by what comes, within a number of columns.

use super::{DataType, Field, Schema};

/// `known` widened by `incoming` as far as `max_columns` leaves ([`Schema::leaf_count`]) permit.
///
/// Types of known fields always widen. A new field, at the root or in a struct, is taken in the
/// order of `incoming` while there is room; what does not fit is left out and goes to the overflow
/// column ([`super::conform()`]). A list whose items need fields that do not fit becomes JSON text,
/// since a list cannot be left out in part. A `known` that is over the number already keeps its
/// fields.
pub fn admit(known: &Schema, incoming: &Schema, max_columns: usize) -> Schema {
    let mut room = Room {
        columns: max_columns.saturating_sub(known.leaf_count()),
    };
    Schema {
        fields: room.fields(&known.fields, &incoming.fields),
    }
}

/// How many columns may still be added.
struct Room {
    columns: usize,
}

impl Room {
    fn fields(&mut self, known: &[Field], incoming: &[Field]) -> Vec<Field> {
        let mut fields = known.to_vec();
        for new in incoming {
            match fields.iter_mut().find(|field| field.name == new.name) {
                Some(field) => {
                    field.data_type = self.widened(&field.data_type, &new.data_type);
                }
                None => fields.extend(
                    self.new_type(&new.data_type)
                        .map(|data_type| Field::new(new.name.clone(), data_type)),
                ),
            }
        }
        fields
    }

    /// A known type with what comes: it stays what it is or gets wider, and takes room for what it
    /// needs beyond the columns that it has.
    fn widened(&mut self, known: &DataType, incoming: &DataType) -> DataType {
        if known.holds(incoming) {
            return known.clone();
        }
        let before = known.leaf_count();
        match (known, incoming) {
            (DataType::Struct(known), DataType::Struct(incoming)) => {
                // An empty struct holds a column for its text; its first field takes that.
                self.columns += usize::from(known.is_empty());
                let fields = self.fields(known, incoming);
                if fields.is_empty() {
                    self.columns -= 1;
                }
                DataType::Struct(fields)
            }
            (DataType::Null, _) => {
                self.columns += before;
                let fits = self.new_type(incoming);
                // One column was its own, so at least a text has its place.
                fits.unwrap_or(DataType::Json)
            }
            _ => {
                let wide = known.merge(incoming);
                let after = wide.leaf_count();
                if after > before + self.columns {
                    self.columns += before - 1;
                    return DataType::Json;
                }
                self.columns = self.columns + before - after;
                wide
            }
        }
    }

    /// As much of a new type as there is room for.
    fn new_type(&mut self, incoming: &DataType) -> Option<DataType> {
        if self.columns == 0 {
            return None;
        }
        let leaves = incoming.leaf_count();
        if leaves <= self.columns {
            self.columns -= leaves;
            return Some(incoming.clone());
        }
        match incoming {
            DataType::Struct(fields) => Some(DataType::Struct(self.fields(&[], fields))),
            _ => {
                self.columns -= 1;
                Some(DataType::Json)
            }
        }
    }
}
