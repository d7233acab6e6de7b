//! Structs, and unions as structs.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, NullArray, StructArray, UInt64Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType as ArrowType, Fields, UnionFields};

use super::{Column, Convert, FromArrowError, is_valid};
use crate::schema::{DataType, Field, struct_array};

impl Convert {
    pub(super) fn structs(
        &mut self,
        fields: &Fields,
        array: &StructArray,
        nulls: Option<NullBuffer>,
    ) -> Result<Column, FromArrowError> {
        let names = unique_names(fields.iter().map(|field| field.name().as_str()));
        let mut members = Vec::with_capacity(fields.len());
        let mut columns = Vec::with_capacity(fields.len());
        self.deeper(|this| {
            for ((name, field), column) in names.into_iter().zip(fields).zip(array.columns()) {
                let (data_type, column) = this.column(field, column, nulls.as_ref())?;
                members.push(Field::new(name, data_type));
                columns.push(column);
            }
            Ok(())
        })?;
        let array = struct_array(array.len(), &members, columns, nulls);
        Ok((DataType::Struct(members), array))
    }

    pub(super) fn union(
        &mut self,
        fields: &UnionFields,
        array: &ArrayRef,
        visible: Option<&NullBuffer>,
    ) -> Result<Column, FromArrowError> {
        let union = array.as_union();
        let len = union.len();
        let variants: Vec<_> = fields
            .iter()
            .filter(|(_, field)| *field.data_type() != ArrowType::Null)
            .collect();
        let names = unique_names(variants.iter().map(|(_, field)| field.name().as_str()));
        let mut columns = Vec::with_capacity(variants.len());
        self.deeper(|this| {
            for (id, field) in &variants {
                this.charge(len * size_of::<u64>())?;
                let place = |row| {
                    let here = union.type_id(row) == *id && is_valid(visible, row);
                    here.then(|| union.value_offset(row) as u64)
                };
                let places: UInt64Array = (0..len).map(place).collect();
                columns.push(this.picked(field, union.child(*id), &places)?);
            }
            Ok(())
        })?;
        if columns.len() <= 1 {
            let nothing = (DataType::Null, Arc::new(NullArray::new(len)) as ArrayRef);
            return Ok(columns.pop().unwrap_or(nothing));
        }
        let (types, columns): (Vec<DataType>, Vec<ArrayRef>) = columns.into_iter().unzip();
        let members: Vec<Field> = names
            .into_iter()
            .zip(types)
            .map(|(name, data_type)| Field::new(name, data_type))
            .collect();
        // A null is null whichever variant it is of: the struct would not say.
        let some: Vec<bool> = (0..len)
            .map(|row| columns.iter().any(|column| column.is_valid(row)))
            .collect();
        let array = struct_array(len, &members, columns, Some(NullBuffer::from(some)));
        Ok((DataType::Struct(members), array))
    }
}

/// The names, each but the first of equal ones with a number that makes it another.
pub(super) fn unique_names<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    let given: HashSet<&str> = names.clone().collect();
    let mut taken = HashSet::new();
    let unique = |name: &str| {
        let mut unique = name.to_owned();
        let mut number = 2;
        while (unique != name && given.contains(&*unique)) || !taken.insert(unique.clone()) {
            unique = format!("{name}_{number}");
            number += 1;
        }
        unique
    };
    names.map(unique).collect()
}
