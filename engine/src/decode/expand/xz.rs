//! xz.

use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Error, Stream};

use super::Failure;
use super::output::Output;
use crate::decode::options::Compression;

/// Memory that the library may take, in bytes: enough for the dictionary of level 9, which is 64
/// MiB. How large it is stands in the data.
const MOST_MEMORY: u64 = 80 << 20;

/// All streams, and zeros between and after them in fours.
pub(super) fn streams(data: &[u8], output: &mut Output) -> Result<(), Failure> {
    let stream = Stream::new_stream_decoder(MOST_MEMORY, CONCATENATED)
        .map_err(|error| failure(error.into()))?;
    let mut decoder = XzDecoder::new_stream(data, stream);
    output.read_or(&mut decoder, failure)?;
    match decoder.into_inner() {
        [] => Ok(()),
        _ => Err(Failure::damaged(Compression::Xz, "bytes follow its end")),
    }
}

fn failure(error: std::io::Error) -> Failure {
    let own = error.get_ref().and_then(|inner| inner.downcast_ref());
    match own {
        Some(Error::MemLimit) => {
            Failure::unsupported(Compression::Xz, "its dictionary is larger than 64 MiB")
        }
        _ => Failure::damaged(Compression::Xz, error),
    }
}
