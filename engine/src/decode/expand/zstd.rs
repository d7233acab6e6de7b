//! Zstandard.

use zstd::zstd_safe::{DCtx, get_error_name};

use super::Failure;
use super::output::Output;
use crate::decode::options::Compression;

/// Undoes Zstandard. Keeps the library's state.
#[derive(Default)]
pub(super) struct Unzstd {
    state: Option<DCtx<'static>>,
}

/// What the library answers where the room is too small: minus 70.
const NO_ROOM: usize = 0usize.wrapping_sub(70);

impl Unzstd {
    /// All frames, in one go: so there is no window, whose size would be the data's to choose. Where
    /// the room is too small there is more of it the next time, up to the limit.
    pub(super) fn frames(&mut self, data: &[u8], output: &mut Output) -> Result<(), Failure> {
        let state = self.state.get_or_insert_with(DCtx::create);
        let mut wanted = data.len().saturating_mul(4);
        loop {
            let room = output.whole(wanted);
            let length = room.len();
            match state.decompress(room, data) {
                Ok(count) => {
                    output.fill(count);
                    return Ok(());
                }
                Err(NO_ROOM) if length > output.left() => return Err(output.too_much()),
                Err(NO_ROOM) => wanted = length.saturating_mul(4),
                Err(code) => return Err(failure(code)),
            }
        }
    }
}

fn failure(code: usize) -> Failure {
    /// `ZSTD_error_dictionary_wrong`, as above.
    const OTHER_DICTIONARY: usize = 0usize.wrapping_sub(32);
    match code {
        OTHER_DICTIONARY => Failure::unsupported(Compression::Zstd, "it needs a dictionary"),
        _ => Failure::damaged(Compression::Zstd, get_error_name(code)),
    }
}
