//! A few bytes, found many bytes at a time.

/// Finds the places of up to four bytes in a text. It keeps what it knows of a block of 64 bytes, so
/// that bytes which stand close together (the delimiters of short fields) cost a few steps each.
pub(super) struct Marks<'a> {
    text: &'a [u8],
    wanted: [u8; 4],
    /// Where the block begins.
    block: usize,
    /// A bit for each byte of the block that is wanted, the lowest for the first.
    found: u64,
}

const BLOCK: usize = 64;
#[cfg(target_arch = "x86_64")]
const PART: usize = 16;

impl<'a> Marks<'a> {
    pub(super) fn new(text: &'a [u8], wanted: [u8; 4]) -> Self {
        let mut marks = Self {
            text,
            wanted,
            block: 0,
            found: 0,
        };
        marks.look(0);
        marks
    }

    /// The first place from `at` on where one of the bytes stands; the end where there is none.
    #[inline]
    pub(super) fn next(&mut self, at: usize) -> usize {
        let mut at = at;
        loop {
            let passed = at.wrapping_sub(self.block);
            if passed >= BLOCK {
                if at >= self.text.len() {
                    return self.text.len();
                }
                self.look(at);
                continue;
            }
            let found = self.found & (u64::MAX << passed);
            if found != 0 {
                return self.block + found.trailing_zeros() as usize;
            }
            at = self.block + BLOCK;
        }
    }

    /// Makes the bytes from `at` on the block.
    #[inline]
    fn look(&mut self, at: usize) {
        self.block = at;
        let rest = &self.text[at..];
        self.found = match rest.first_chunk::<BLOCK>() {
            Some(block) => found(block, self.wanted),
            None => {
                let mut block = [0; BLOCK];
                block[..rest.len()].copy_from_slice(rest);
                // What was filled up does not count.
                found(&block, self.wanted) & !(u64::MAX << rest.len())
            }
        };
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn found(block: &[u8; BLOCK], wanted: [u8; 4]) -> u64 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
    };
    let mut found = 0;
    for (place, part) in block.chunks_exact(PART).enumerate() {
        // SAFETY: SSE2 is part of x86_64, and the load reads the 16 bytes of `part`, aligned or not.
        let bits = unsafe {
            let bytes = _mm_loadu_si128(part.as_ptr().cast());
            let [a, b, c, d] = wanted.map(|byte| _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte as i8)));
            _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d))) as u32
        };
        found |= u64::from(bits) << (place * PART);
    }
    found
}

#[cfg(not(target_arch = "x86_64"))]
fn found(block: &[u8; BLOCK], wanted: [u8; 4]) -> u64 {
    let bits = block.iter().enumerate();
    bits.fold(0, |found, (place, byte)| {
        found | u64::from(wanted.contains(byte)) << place
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_are_those_of_a_plain_search(
            text in prop::collection::vec(prop_oneof![3 => Just(b'x'), 1 => any::<u8>(), 1 => Just(b',')], 0..300),
            starts in prop::collection::vec(0usize..310, 1..20),
        ) {
            let wanted = [b',', b'\n', b'\r', 0];
            let mut marks = Marks::new(&text, wanted);
            // Going on from what was found, and jumping forth and back.
            for start in starts {
                let mut at = start;
                for _ in 0..3 {
                    let rest = text.get(at..).unwrap_or_default();
                    let plain = rest.iter().position(|byte| wanted.contains(byte));
                    let expected = plain.map_or(text.len(), |found| at + found);
                    prop_assert_eq!(marks.next(at), expected);
                    at = expected + 1;
                }
            }
        }
    }
}
