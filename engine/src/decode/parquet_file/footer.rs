//! What of a footer is looked at before the library reads it: the tree of the schema. The library
//! goes down it level by level, and deep enough ends the process.

use parquet::file::metadata::ParquetMetaData;

use super::thrift::{Thrift, kind};
use crate::decode::whole_file::Refusal;

/// What a Parquet file begins and ends with.
const MAGIC: &[u8] = b"PAR1";

/// Levels of groups that one level of lists or maps takes.
const GROUPS_OF_A_LEVEL: usize = 2;

/// Refuses a file whose schema the library must not see.
pub(super) fn check(file: &[u8], max_depth: usize) -> Result<(), Refusal> {
    let footer = footer_of(file).ok_or_else(|| Refusal::damaged("it has no footer"))?;
    let children = children_of_elements(footer)
        .ok_or_else(|| Refusal::damaged("its footer is not what a footer is"))?;
    let depth = depth_of(&children).ok_or_else(|| Refusal::damaged("its schema is no tree"))?;
    if depth > max_depth.saturating_mul(GROUPS_OF_A_LEVEL) + 1 {
        return Err(Refusal::TooDeep);
    }
    Ok(())
}

/// Refuses a file that has other rows than it says: what the library does not find of it would be
/// lost without a word.
pub(super) fn check_rows(metadata: &ParquetMetaData) -> Result<(), Refusal> {
    let groups = metadata.row_groups().iter();
    let found = groups.fold(0_i64, |rows, group| rows.saturating_add(group.num_rows()));
    match found == metadata.file_metadata().num_rows() {
        true => Ok(()),
        false => Err(Refusal::damaged(
            "its row groups have other rows than it says",
        )),
    }
}

fn footer_of(file: &[u8]) -> Option<&[u8]> {
    let rest = file.strip_prefix(MAGIC)?.strip_suffix(MAGIC)?;
    let (rest, length) = rest.split_last_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    rest.get(rest.len().checked_sub(length)?..)
}

/// How many children each element of the schema says it has, in their order.
fn children_of_elements(footer: &[u8]) -> Option<Vec<i64>> {
    const SCHEMA: i64 = 2;
    const NUM_CHILDREN: i64 = 5;
    let mut elements = Vec::new();
    Thrift::new(footer).structure(|thrift, field, is| {
        if field != SCHEMA || is != kind::LIST {
            return Some(false);
        }
        let (len, items) = thrift.list()?;
        (items == kind::STRUCT).then_some(())?;
        elements.clear();
        for _ in 0..len {
            let mut children = 0;
            thrift.structure(|thrift, field, is| {
                let here = field == NUM_CHILDREN && is == kind::I32;
                if here {
                    children = thrift.int()?;
                }
                Some(here)
            })?;
            elements.push(children);
        }
        Some(true)
    })?;
    Some(elements)
}

/// The depth of the tree that the elements are when it is written down from the root, each with its
/// children behind it; `None` if they are no tree.
fn depth_of(children: &[i64]) -> Option<usize> {
    let mut open: Vec<i64> = Vec::new();
    let mut depth = 0;
    for (at, &children_here) in children.iter().enumerate() {
        if at > 0 {
            *open.last_mut()? -= 1;
        }
        (0..=children.len() as i64)
            .contains(&children_here)
            .then_some(())?;
        if children_here > 0 {
            open.push(children_here);
            depth = depth.max(open.len());
        }
        while open.last() == Some(&0) {
            open.pop();
        }
    }
    open.is_empty().then_some(depth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_told_from_what_is_none() {
        assert_eq!(depth_of(&[2, 0, 0]), Some(1));
        assert_eq!(depth_of(&[2, 1, 1, 0, 0]), Some(3));
        assert_eq!(depth_of(&[0]), Some(0));
        for broken in [&[1][..], &[1, 0, 0], &[2, 0], &[-1], &[1, i64::MAX]] {
            assert_eq!(depth_of(broken), None, "{broken:?}");
        }
    }
}
