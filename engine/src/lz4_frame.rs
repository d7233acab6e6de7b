//! Where LZ4 frames end.
//!
//! The library takes the end of the data within a frame for the end of the frame, so whoever reads
//! frames one after the other finds their ends here.

/// Why bytes are no frame that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoFrame {
    /// They do not begin like one.
    Foreign,
    /// A version of the format that is not known.
    Version,
    /// It needs a dictionary.
    Dictionary,
}

/// The length of the frame that `data` begins with; `None` where `data` ends before it does.
pub(crate) fn length(data: &[u8]) -> Result<Option<usize>, NoFrame> {
    const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
    const VERSION: u8 = 0xc0;
    const BLOCK_CHECKSUMS: u8 = 1 << 4;
    const CONTENT_SIZE: u8 = 1 << 3;
    const CONTENT_CHECKSUM: u8 = 1 << 2;
    const DICTIONARY: u8 = 1;
    let begun = data.len().min(MAGIC.len());
    if data[..begun] != MAGIC[..begun] {
        return Err(NoFrame::Foreign);
    }
    let Some(flags) = data.get(MAGIC.len()).copied() else {
        return Ok(None);
    };
    if flags & VERSION != 0x40 {
        return Err(NoFrame::Version);
    }
    if flags & DICTIONARY != 0 {
        return Err(NoFrame::Dictionary);
    }
    let when = |flag: u8, bytes: usize| if flags & flag != 0 { bytes } else { 0 };
    // Magic bytes, flags, size of blocks, checksum of the header.
    let mut at = MAGIC.len() + 1 + 1 + when(CONTENT_SIZE, 8) + 1;
    loop {
        const STORED: u32 = 1 << 31;
        let Some(length) = data.get(at..).and_then(<[u8]>::first_chunk) else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*length);
        at += 4;
        if length == 0 {
            return Ok(Some(at + when(CONTENT_CHECKSUM, 4)));
        }
        at += (length & !STORED) as usize + when(BLOCK_CHECKSUMS, 4);
    }
}
