//! tar archives.

use std::io::Error;

use ::tar::{Archive, EntryType};
use bytes::Bytes;

use super::output::Output;
use super::{Failure, MAX_PARTS};
use crate::decode::options::Compression;

/// The regular files of an archive, in its order. They share the archive's memory.
pub(super) fn files(
    data: &Bytes,
    output: &mut Output,
    files: &mut Vec<Bytes>,
) -> Result<(), Failure> {
    let damaged = |error: Error| Failure::damaged(Compression::Tar, error);
    let cut_off = || Failure::damaged(Compression::Tar, "it is cut off");
    let mut archive = Archive::new(&data[..]);
    let mut end = 0;
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let start = usize::try_from(entry.raw_file_position()).map_err(|_| cut_off())?;
        let kind = entry.header().entry_type();
        if kind == EntryType::GNUSparse {
            output.begin();
            output.read_all(&mut entry, Compression::Tar)?;
            files.push(output.take()?);
        } else {
            let length = usize::try_from(entry.size()).map_err(|_| cut_off())?;
            let file = start..start.checked_add(length).ok_or_else(cut_off)?;
            if data.len() < file.end {
                return Err(cut_off());
            }
            if is_file(kind) {
                files.push(data.slice(file.clone()));
            }
            end = file.end;
        }
        if files.len() > MAX_PARTS {
            return Err(Failure::TooManyParts);
        }
    }
    // After the last file tools write zeros, as many as they like.
    match data[end.min(data.len())..].iter().all(|&byte| byte == 0) {
        true => Ok(()),
        false => Err(Failure::damaged(Compression::Tar, "bytes follow its end")),
    }
}

/// What is neither a folder nor a link nor a device nor a remark is a file.
fn is_file(kind: EntryType) -> bool {
    const VOLUME_NAME: u8 = b'V';
    const FOLDER_LISTING: u8 = b'D';
    match kind {
        EntryType::Regular | EntryType::Continuous => true,
        EntryType::Link
        | EntryType::Symlink
        | EntryType::Char
        | EntryType::Block
        | EntryType::Directory
        | EntryType::Fifo
        | EntryType::GNULongName
        | EntryType::GNULongLink
        | EntryType::XGlobalHeader
        | EntryType::XHeader => false,
        other => !matches!(other.as_byte(), VOLUME_NAME | FOLDER_LISTING),
    }
}
