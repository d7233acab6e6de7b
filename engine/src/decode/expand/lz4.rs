//! LZ4 frames.

use lz4_flex::frame::FrameDecoder;

use super::detect::skippable;
use super::output::Output;
use super::{Failure, MAX_PARTS};
use crate::decode::options::Compression;
use crate::lz4_frame::{self, NoFrame};

/// All frames, and parts to be skipped between them.
///
/// The library takes the end of the data within a frame for the end of the frame, and an empty block
/// for the end of the data. So where frames end is found here, and each must be read to its end.
pub(super) fn frames(data: &[u8], output: &mut Output) -> Result<(), Failure> {
    let cut_off = || Failure::damaged(Compression::Lz4, "it is cut off");
    let mut rest = data;
    let mut parts = 0;
    while !rest.is_empty() {
        parts += 1;
        if parts > MAX_PARTS {
            return Err(Failure::TooManyParts);
        }
        if let Some(length) = skippable(rest) {
            rest = rest.get(length..).ok_or_else(cut_off)?;
            continue;
        }
        let frame = frame(rest)?.ok_or_else(cut_off)?;
        let (frame, after) = rest.split_at_checked(frame).ok_or_else(cut_off)?;
        let mut decoder = FrameDecoder::new(frame);
        let mut unread = frame.len() + 1;
        while decoder.get_ref().len() < unread {
            unread = decoder.get_ref().len();
            output.read_all(&mut decoder, Compression::Lz4)?;
        }
        if unread > 0 {
            return Err(cut_off());
        }
        rest = after;
    }
    Ok(())
}

/// The length of the frame that `data` begins with; `None` where it does not end.
fn frame(data: &[u8]) -> Result<Option<usize>, Failure> {
    lz4_frame::length(data).map_err(|why| match why {
        NoFrame::Foreign => Failure::damaged(Compression::Lz4, "bytes that are no frame follow"),
        NoFrame::Version => Failure::unsupported(Compression::Lz4, "its version is not known"),
        NoFrame::Dictionary => Failure::unsupported(Compression::Lz4, "it needs a dictionary"),
    })
}
