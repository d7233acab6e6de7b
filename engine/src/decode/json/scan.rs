//! Strings and digits, found many bytes at a time.
//!
//! Lengths of strings and numbers are what a processor guesses worst. So both are looked at in blocks
//! that most of them fit in, without a branch for each byte.

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
    while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
        let [a, b, c, d] = [0, 16, 32, 48].map(|part| Found::in_part(block, part));
        let found = Found {
            stops: a.stops | b.stops << 16 | c.stops << 32 | d.stops << 48,
            beyond_ascii: a.beyond_ascii
                | b.beyond_ascii << 16
                | c.beyond_ascii << 32
                | d.beyond_ascii << 48,
        };
        if found.stops != 0 {
            let end = at + found.stops.trailing_zeros() as usize;
            beyond_ascii |= found.beyond_ascii_before_stop();
            return Some(Scanned { end, beyond_ascii });
        }
        beyond_ascii |= found.beyond_ascii != 0;
        at += BLOCK;
    }
    scan_tail(text, at, beyond_ascii)
}

/// The last bytes of the text, fewer than a block.
fn scan_tail(text: &[u8], start: usize, beyond_ascii: bool) -> Option<Scanned> {
    let tail = text.get(start..)?;
    let mut block = [0; BLOCK];
    block[..tail.len()].copy_from_slice(tail);
    // The zeros after the tail stop the search, as control characters do.
    let mut at = 0;
    let mut beyond_ascii = beyond_ascii;
    loop {
        let found = Found::in_part(&block, at);
        if found.stops != 0 {
            let end = at + found.stops.trailing_zeros() as usize;
            beyond_ascii |= found.beyond_ascii_before_stop();
            let end = (end < tail.len()).then_some(start + end)?;
            return Some(Scanned { end, beyond_ascii });
        }
        beyond_ascii |= found.beyond_ascii != 0;
        at += PART;
        if at == BLOCK {
            return None;
        }
    }
}

const BLOCK: usize = 64;
const PART: usize = 16;

/// A bit for each byte of a block, the lowest for the first.
struct Found {
    /// Quotes, backslashes and control characters.
    stops: u64,
    /// Bytes that are not ASCII.
    beyond_ascii: u64,
}

impl Found {
    fn beyond_ascii_before_stop(&self) -> bool {
        // The bits below the lowest one that is set.
        let before = (self.stops - 1) & !self.stops;
        self.beyond_ascii & before != 0
    }

    /// In the 16 bytes of the block from `part` on.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn in_part(block: &[u8; BLOCK], part: usize) -> Self {
        use std::arch::x86_64::{
            _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
            _mm_set1_epi8,
        };
        let part: &[u8; PART] = block[part..part + PART].try_into().unwrap_or(&[0; PART]);
        // SAFETY: SSE2 is part of x86_64, and the load reads the 16 bytes of `part`, aligned or not.
        unsafe {
            let bytes = _mm_loadu_si128(part.as_ptr().cast());
            let quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8));
            let backslashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\' as i8));
            let controls = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
            let stops = _mm_or_si128(_mm_or_si128(quotes, backslashes), controls);
            Self {
                stops: u64::from(_mm_movemask_epi8(stops) as u32),
                beyond_ascii: u64::from(_mm_movemask_epi8(bytes) as u32),
            }
        }
    }

    /// In the 16 bytes of the block from `part` on.
    #[cfg(not(target_arch = "x86_64"))]
    #[inline]
    fn in_part(block: &[u8; BLOCK], part: usize) -> Self {
        let mut found = Self {
            stops: 0,
            beyond_ascii: 0,
        };
        for (place, &byte) in block[part..part + PART].iter().enumerate() {
            let stops = byte < 0x20 || byte == b'"' || byte == b'\\';
            found.stops |= u64::from(stops) << place;
            found.beyond_ascii |= u64::from(!byte.is_ascii()) << place;
        }
        found
    }
}

/// Decimal digits that stand one after the other.
pub(super) struct Digits {
    /// What they mean, appended to what was before; wrong where they are more than fit.
    pub(super) value: u64,
    /// Where they end.
    pub(super) end: usize,
}

/// One or more digits at `start`, appended to the number `before`.
#[inline]
pub(super) fn digits(text: &[u8], start: usize, before: u64) -> Option<Digits> {
    let mut value = before;
    let mut end = start;
    while let Some(eight) = text.get(end..).and_then(|rest| rest.first_chunk()) {
        // Each byte is now the digit, or more than nine.
        let bytes = u64::from_le_bytes(*eight) ^ 0x3030_3030_3030_3030;
        let others = (bytes.wrapping_add(0x7676_7676_7676_7676) | bytes) & 0x8080_8080_8080_8080;
        let count = (others.trailing_zeros() / 8) as usize;
        if count == 0 {
            break;
        }
        // Zeros in front, the digits behind.
        value = value
            .wrapping_mul(POWERS_OF_TEN[count])
            .wrapping_add(eight_digits(bytes << (64 - 8 * count)));
        end += count;
        if count < 8 {
            return Some(Digits { value, end });
        }
    }
    while let Some(digit) = text.get(end).map(|byte| byte.wrapping_sub(b'0'))
        && digit < 10
    {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        end += 1;
    }
    (end > start).then_some(Digits { value, end })
}

const POWERS_OF_TEN: [u64; 9] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
];

/// The number of eight digits, the first one in the lowest byte: pairs are put together, then pairs
/// of pairs, then those, each time all at once.
#[inline]
fn eight_digits(bytes: u64) -> u64 {
    let twos = (bytes.wrapping_mul(10).wrapping_add(bytes >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (twos.wrapping_mul(100).wrapping_add(twos >> 16)) & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(10_000).wrapping_add(fours >> 32)) & 0xffff_ffff
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_looking_at_each_byte_finds(
            text in prop::collection::vec(
                prop_oneof![30 => 0x20u8..0x7f, 1 => 0x80u8..=0xff, 1 => Just(b'"'), 1 => 0u8..0x20],
                0..200,
            ),
            start in 0usize..20,
        ) {
            let start = start.min(text.len());
            let stops = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
            let expected = text[start..].iter().position(stops);
            let found = scan(&text, start);
            prop_assert_eq!(found.as_ref().map(|found| found.end - start), expected);
            if let Some(found) = found {
                prop_assert_eq!(found.beyond_ascii, !text[start..found.end].is_ascii());
            }
        }

        #[test]
        fn digits_mean_what_they_say(
            before in 0u64..1000,
            text in "[0-9]{0,15}",
            rest in "[ -~é]{0,12}",
        ) {
            let whole = format!("{text}{rest}");
            let count = whole.bytes().take_while(u8::is_ascii_digit).count();
            prop_assume!(count <= 16);
            match digits(whole.as_bytes(), 0, before) {
                None => prop_assert_eq!(count, 0),
                Some(found) => {
                    prop_assert_eq!(found.end, count);
                    let expected: u64 = format!("{before}{}", &whole[..count]).parse().unwrap();
                    prop_assert_eq!(found.value, expected);
                }
            }
        }
    }
}
