//! bzip2.

use ::bzip2::bufread::BzDecoder;

use super::output::Output;
use super::{Failure, MAX_PARTS};
use crate::decode::options::Compression;

/// All streams.
pub(super) fn streams(data: &[u8], output: &mut Output) -> Result<(), Failure> {
    let mut rest = data;
    let mut streams = 0;
    while !rest.is_empty() {
        streams += 1;
        if streams > MAX_PARTS {
            return Err(Failure::TooManyParts);
        }
        let mut decoder = BzDecoder::new(rest);
        output.read_all(&mut decoder, Compression::Bzip2)?;
        rest = decoder.into_inner();
    }
    Ok(())
}
