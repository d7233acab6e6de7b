//! The end of a file: its postscript, and the footer with the types and the stripes.

use super::chunks::Compression;
use super::proto::{Message, Value, varint};
use crate::decode::whole_file::Refusal;

/// What the end of a file says.
#[derive(Default)]
pub(super) struct Postscript {
    pub(super) footer: u64,
    pub(super) metadata: u64,
    pub(super) compression: Compression,
    pub(super) block_size: u64,
    /// Bytes of the postscript, with the one that holds its length.
    pub(super) len: u64,
}

#[derive(Default)]
pub(super) struct Footer {
    pub(super) types: Vec<Type>,
    pub(super) stripes: Vec<Stripe>,
    /// Rows of all stripes, where it says how many.
    rows: Option<u64>,
}

/// A type: its kind, and the places of the types within it.
#[derive(Default)]
pub(super) struct Type {
    pub(super) kind: u64,
    pub(super) inner: Vec<u64>,
}

#[derive(Default)]
pub(super) struct Stripe {
    pub(super) offset: u64,
    pub(super) index: u64,
    pub(super) data: u64,
    pub(super) footer: u64,
    pub(super) rows: u64,
}

/// The kinds of types that matter here.
pub(super) const LIST: u64 = 10;
pub(super) const MAP: u64 = 11;
pub(super) const TIMESTAMP: u64 = 9;
pub(super) const INSTANT: u64 = 18;

/// What a file begins with.
const MARK: &[u8] = b"ORC";

/// The largest block that a stream's chunks may say to hold: their headers have 23 bits for it.
const MAX_BLOCK: u64 = 1 << 23;

impl Postscript {
    pub(super) fn of(file: &[u8]) -> Result<Self, Refusal> {
        if !file.starts_with(MARK) {
            return Err(Refusal::damaged("it does not begin as an ORC file does"));
        }
        let broken = || Refusal::damaged("it does not end as an ORC file does");
        let (len, rest) = file.split_last().ok_or_else(broken)?;
        let start = rest
            .len()
            .checked_sub(usize::from(*len))
            .ok_or_else(broken)?;
        let mut postscript = Postscript {
            len: u64::from(*len) + 1,
            // What the format says where the file does not.
            block_size: 256 << 10,
            ..Postscript::default()
        };
        let mut message = Message::new(&rest[start..]);
        while let Some(field) = message.field() {
            match field.ok_or_else(broken)? {
                (1, Value::Number(len)) => postscript.footer = len,
                (2, Value::Number(kind)) => postscript.compression = Compression::of(kind)?,
                (3, Value::Number(size)) => postscript.block_size = size,
                (5, Value::Number(len)) => postscript.metadata = len,
                _ => {}
            }
        }
        if postscript.block_size > MAX_BLOCK {
            return Err(Refusal::damaged("its blocks are larger than blocks can be"));
        }
        Ok(postscript)
    }
}

impl Footer {
    pub(super) fn of(bytes: &[u8]) -> Result<Self, Refusal> {
        Self::read(bytes).ok_or_else(|| Refusal::damaged("its footer is broken"))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut footer = Footer::default();
        let mut message = Message::new(bytes);
        while let Some(field) = message.field() {
            match field? {
                (3, Value::Bytes(bytes)) => footer.stripes.push(stripe(bytes)?),
                (4, Value::Bytes(bytes)) => footer.types.push(data_type(bytes)?),
                (6, Value::Number(rows)) => footer.rows = Some(rows),
                _ => {}
            }
        }
        Some(footer)
    }

    /// Refuses a file that has other rows than it says: what the library does not find of it would
    /// be lost without a word.
    pub(super) fn check_rows(&self) -> Result<(), Refusal> {
        let rows = self.stripes.iter().map(|stripe| stripe.rows);
        let found = rows.fold(0_u64, u64::saturating_add);
        match self.rows.is_none_or(|said| said == found) {
            true => Ok(()),
            false => Err(Refusal::damaged("its stripes have other rows than it says")),
        }
    }

    /// Refuses types that are no tree, or a deeper one than allowed. Gives for each type the type
    /// that it is in.
    pub(super) fn parents(&self, max_depth: usize) -> Result<Vec<usize>, Refusal> {
        let no_tree = || Refusal::damaged("its types are no tree");
        let mut parents: Vec<Option<usize>> = vec![None; self.types.len()];
        let mut depths = vec![0_usize; self.types.len()];
        for (place, data_type) in self.types.iter().enumerate() {
            if place > 0 && parents[place].is_none() {
                return Err(no_tree());
            }
            for inner in &data_type.inner {
                let inner = usize::try_from(*inner).map_err(|_| no_tree())?;
                // Types are written down after what they are in.
                let parent = parents.get_mut(inner).filter(|_| inner > place);
                let parent = parent.ok_or_else(no_tree)?;
                if parent.replace(place).is_some() {
                    return Err(no_tree());
                }
                depths[inner] = depths[place] + 1;
                if depths[inner] > max_depth {
                    return Err(Refusal::TooDeep);
                }
            }
        }
        Ok(parents
            .into_iter()
            .map(|parent| parent.unwrap_or(0))
            .collect())
    }
}

fn data_type(bytes: &[u8]) -> Option<Type> {
    let mut data_type = Type::default();
    let mut message = Message::new(bytes);
    while let Some(field) = message.field() {
        match field? {
            (1, Value::Number(kind)) => data_type.kind = kind,
            (2, Value::Number(inner)) => data_type.inner.push(inner),
            (2, Value::Bytes(mut packed)) => {
                while !packed.is_empty() {
                    data_type.inner.push(varint(&mut packed)?);
                }
            }
            _ => {}
        }
    }
    Some(data_type)
}

fn stripe(bytes: &[u8]) -> Option<Stripe> {
    let mut stripe = Stripe::default();
    let mut message = Message::new(bytes);
    while let Some(field) = message.field() {
        match field? {
            (1, Value::Number(value)) => stripe.offset = value,
            (2, Value::Number(value)) => stripe.index = value,
            (3, Value::Number(value)) => stripe.data = value,
            (4, Value::Number(value)) => stripe.footer = value,
            (5, Value::Number(value)) => stripe.rows = value,
            _ => {}
        }
    }
    Some(stripe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parents(types: &[&[u64]]) -> Result<Vec<usize>, Refusal> {
        let types = types.iter().map(|inner| Type {
            kind: 12,
            inner: inner.to_vec(),
        });
        let footer = Footer {
            types: types.collect(),
            ..Footer::default()
        };
        footer.parents(3)
    }

    #[test]
    fn types_that_are_no_tree_are_refused() {
        assert_eq!(parents(&[&[1, 2], &[], &[3], &[]]).unwrap(), [0, 0, 0, 2]);
        for types in [
            &[&[0][..]][..],
            &[&[1], &[0]],
            &[&[1], &[1]],
            &[&[1, 1], &[]],
            &[&[5], &[]],
            &[&[], &[]],
            &[&[u64::MAX], &[]],
        ] {
            assert!(matches!(parents(types), Err(Refusal::Damaged(_))));
        }
        let deep = parents(&[&[1], &[2], &[3], &[4], &[]]);
        assert!(matches!(deep, Err(Refusal::TooDeep)));
    }
}
