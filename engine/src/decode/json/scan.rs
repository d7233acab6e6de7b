//! Strings, found sixteen bytes at a time.

/// What stands between the quotes of a string.
pub(super) struct Scanned {
    /// The closing quote, or the first backslash or control character.
    pub(super) end: usize,
    /// Whether bytes beyond ASCII may be among those before `end`.
    pub(super) beyond_ascii: bool,
}

/// Looks from `start` on for the first quote, backslash or control character; `None` where the text
/// ends before there is one.
#[inline]
pub(super) fn scan(text: &[u8], start: usize) -> Option<Scanned> {
    let mut at = start;
    let mut beyond_ascii = false;
    while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk()) {
        let found = Found::in_block(block);
        if found.stops != 0 {
            let before = found.stops.trailing_zeros();
            beyond_ascii |= found.beyond_ascii & ((1 << before) - 1) != 0;
            return Some(Scanned {
                end: at + before as usize,
                beyond_ascii,
            });
        }
        beyond_ascii |= found.beyond_ascii != 0;
        at += BLOCK;
    }
    for (place, &byte) in text.get(at..)?.iter().enumerate() {
        if stops(byte) {
            let end = at + place;
            return Some(Scanned { end, beyond_ascii });
        }
        beyond_ascii |= !byte.is_ascii();
    }
    None
}

const BLOCK: usize = 16;

/// A bit for each byte of a block, the lowest for the first.
struct Found {
    /// Quotes, backslashes and control characters.
    stops: u32,
    /// Bytes that are not ASCII.
    beyond_ascii: u32,
}

fn stops(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

impl Found {
    #[cfg(target_arch = "x86_64")]
    #[inline]
    fn in_block(block: &[u8; BLOCK]) -> Self {
        use std::arch::x86_64::{
            _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
            _mm_set1_epi8,
        };
        // SAFETY: SSE2 is part of x86_64, and the load reads the 16 bytes of `block`, aligned or not.
        unsafe {
            let bytes = _mm_loadu_si128(block.as_ptr().cast());
            let quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8));
            let backslashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\' as i8));
            let controls = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
            let stops = _mm_or_si128(_mm_or_si128(quotes, backslashes), controls);
            Self {
                stops: _mm_movemask_epi8(stops) as u32,
                beyond_ascii: _mm_movemask_epi8(bytes) as u32,
            }
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    #[inline]
    fn in_block(block: &[u8; BLOCK]) -> Self {
        let mut found = Self {
            stops: 0,
            beyond_ascii: 0,
        };
        for (place, &byte) in block.iter().enumerate() {
            found.stops |= u32::from(stops(byte)) << place;
            found.beyond_ascii |= u32::from(!byte.is_ascii()) << place;
        }
        found
    }
}

/// Asks for the first bytes of a text that is read next: payloads lie scattered in memory, and the
/// processor foresees only what follows in the same place.
#[inline]
pub(super) fn fetch(text: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in text.chunks(64).take(FETCHED_LINES) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: SSE is part of x86_64; a prefetch reads nothing into the program.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = text;
}

/// Lines of 64 bytes to ask for.
#[cfg(target_arch = "x86_64")]
const FETCHED_LINES: usize = 24;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_looking_at_each_byte_finds(
            text in prop::collection::vec(
                prop_oneof![30 => 0x20u8..0x7f, 1 => 0x80u8..=0xff, 1 => Just(b'"'), 1 => 0u8..0x20],
                0..80,
            ),
            start in 0usize..20,
        ) {
            let start = start.min(text.len());
            let expected = text[start..].iter().position(|byte| stops(*byte));
            let found = scan(&text, start);
            prop_assert_eq!(found.as_ref().map(|found| found.end - start), expected);
            if let Some(found) = found {
                prop_assert_eq!(found.beyond_ascii, !text[start..found.end].is_ascii());
            }
        }
    }
}
