//! zip archives.

use std::io::Cursor;

use ::zip::result::ZipError;
use ::zip::{CompressionMethod, ZipArchive};
use bytes::Bytes;

use super::output::Output;
use super::{Failure, MAX_PARTS};
use crate::decode::options::Compression;

/// The files of an archive, in the order of its directory. Folders and links are left out.
pub(super) fn files(
    data: &Bytes,
    output: &mut Output,
    files: &mut Vec<Bytes>,
) -> Result<(), Failure> {
    // Before the library makes something of each: so many files at the most have a header.
    let headers = memchr::memmem::find_iter(data, b"PK\x01\x02").take(MAX_PARTS + 1);
    if headers.count() > MAX_PARTS {
        return Err(Failure::TooManyParts);
    }
    let mut archive = ZipArchive::new(Cursor::new(&data[..])).map_err(failure)?;
    if !ends_with_directory(data, archive.comment()) {
        return Err(Failure::damaged(Compression::Zip, "bytes follow its end"));
    }
    // The library keeps one of them only.
    if archive.has_duplicate_names() {
        let why = "two of its files have the same name";
        return Err(Failure::unsupported(Compression::Zip, why));
    }
    for place in 0..archive.len() {
        let mut file = archive.by_index(place).map_err(failure)?;
        if file.is_file() {
            let method = file.compression();
            if method != CompressionMethod::STORE && method != CompressionMethod::DEFLATE {
                let why = format!("files compressed by {method} are not read");
                return Err(Failure::unsupported(Compression::Zip, why));
            }
            output.begin();
            output.read_all(&mut file, Compression::Zip)?;
            files.push(output.take()?);
        }
    }
    Ok(())
}

/// Whether the end of the directory, with its comment, is the end of the data.
fn ends_with_directory(data: &[u8], comment: &[u8]) -> bool {
    const END: &[u8] = b"PK\x05\x06";
    const END_BYTES: usize = 22;
    data.len()
        .checked_sub(END_BYTES + comment.len())
        .is_some_and(|at| data[at..].starts_with(END))
}

fn failure(error: ZipError) -> Failure {
    match error {
        ZipError::UnsupportedArchive(why) => Failure::unsupported(Compression::Zip, why),
        ZipError::CompressionMethodNotSupported(_) => Failure::unsupported(Compression::Zip, error),
        error => Failure::damaged(Compression::Zip, error),
    }
}
