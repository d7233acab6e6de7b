//! Streams of lengths: runs of unsigned numbers, in either version of their encoding.

use super::proto::varint;

/// The lengths of a stream, all of them.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(super) struct Lengths {
    pub(super) sum: u64,
    pub(super) max: u64,
}

impl Lengths {
    /// Reads a stream to its end; `None` where it is broken or a length is negative.
    pub(super) fn of(mut stream: &[u8], version_2: bool) -> Option<Self> {
        let mut lengths = Lengths::default();
        while !stream.is_empty() {
            match version_2 {
                true => lengths.run_v2(&mut stream)?,
                false => lengths.run_v1(&mut stream)?,
            }
        }
        Some(lengths)
    }

    fn add(&mut self, length: u64) -> Option<()> {
        i64::try_from(length).ok()?;
        self.sum = self.sum.saturating_add(length);
        self.max = self.max.max(length);
        Some(())
    }

    fn run_v1(&mut self, rest: &mut &[u8]) -> Option<()> {
        let control = byte(rest)? as i8;
        if control < 0 {
            for _ in 0..control.unsigned_abs() {
                self.add(varint(rest)?)?;
            }
            return Some(());
        }
        let delta = i64::from(byte(rest)? as i8);
        let base = i64::try_from(varint(rest)?).ok()?;
        for at in 0..i64::from(control) + 3 {
            let value = base.checked_add(delta * at)?;
            self.add(u64::try_from(value).ok()?)?;
        }
        Some(())
    }

    fn run_v2(&mut self, rest: &mut &[u8]) -> Option<()> {
        let header = byte(rest)?;
        let code = header >> 1 & 0x1f;
        match header >> 6 {
            0 => {
                let width = usize::from(header >> 3 & 7) + 1;
                let value = big_endian(take(rest, width)?);
                for _ in 0..(header & 7) + 3 {
                    self.add(value)?;
                }
            }
            1 => {
                let len = run_length(header, rest)?;
                let width = width_of(code);
                let values = take(rest, (len * width).div_ceil(8))?;
                for at in 0..len {
                    self.add(bits(values, at * width, width))?;
                }
            }
            2 => self.patched(header, code, rest)?,
            _ => self.delta(header, code, rest)?,
        }
        Some(())
    }

    /// Small values over a base, and patches of the high bits for those that are not small.
    fn patched(&mut self, header: u8, code: u8, rest: &mut &[u8]) -> Option<()> {
        let len = run_length(header, rest)?;
        let width = width_of(code);
        let (third, fourth) = (byte(rest)?, byte(rest)?);
        let base_width = usize::from(third >> 5) + 1;
        let patch_width = width_of(third & 0x1f);
        let gap_width = usize::from(fourth >> 5) + 1;
        let patches = usize::from(fourth & 0x1f);
        let base = big_endian(take(rest, base_width)?);
        // The highest bit is the sign.
        let negative = base >> (base_width * 8 - 1) & 1 == 1;
        if negative {
            return None;
        }
        let values = take(rest, (len * width).div_ceil(8))?;
        let patch_bits = fixed_width(gap_width + patch_width);
        let list = take(rest, (patches * patch_bits).div_ceil(8))?;
        let mut patched: Vec<u64> = (0..len).map(|at| bits(values, at * width, width)).collect();
        let mut at = 0;
        for patch in 0..patches {
            let entry = bits(list, patch * patch_bits, patch_bits);
            let gap = entry.checked_shr(patch_width as u32).unwrap_or(0);
            at += usize::try_from(gap).ok()?;
            let high = entry & low_bits(patch_width);
            // A gap of 255 without a patch goes on in the next.
            if high != 0 {
                *patched.get_mut(at)? |= high.checked_shl(width as u32)?;
            }
        }
        for value in patched {
            self.add(base.checked_add(value)?)?;
        }
        Some(())
    }

    /// A first value, and how each differs from the one before it.
    fn delta(&mut self, header: u8, code: u8, rest: &mut &[u8]) -> Option<()> {
        let width = if code == 0 { 0 } else { width_of(code) };
        let len = run_length(header, rest)?;
        let first = varint(rest)?;
        let zigzag = varint(rest)?;
        let delta = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
        self.add(first)?;
        if len < 2 {
            return Some(());
        }
        let mut value = first.checked_add_signed(delta)?;
        self.add(value)?;
        let deltas = take(rest, ((len - 2) * width).div_ceil(8))?;
        for at in 0..len - 2 {
            value = match width {
                0 => value.checked_add_signed(delta)?,
                _ if delta < 0 => value.checked_sub(bits(deltas, at * width, width))?,
                _ => value.checked_add(bits(deltas, at * width, width))?,
            };
            self.add(value)?;
        }
        Some(())
    }
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    let (byte, after) = rest.split_first()?;
    *rest = after;
    Some(*byte)
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(taken)
}

/// The nine bits of a run's length that the header's first two bytes end with.
fn run_length(header: u8, rest: &mut &[u8]) -> Option<usize> {
    Some((usize::from(header & 1) << 8 | usize::from(byte(rest)?)) + 1)
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// The number of bits that a code of five bits stands for.
fn width_of(code: u8) -> usize {
    match code {
        0..=23 => usize::from(code) + 1,
        24 => 26,
        25 => 28,
        26 => 30,
        27 => 32,
        28 => 40,
        29 => 48,
        30 => 56,
        _ => 64,
    }
}

/// The next number of bits that there is a code for.
fn fixed_width(bits: usize) -> usize {
    (0..32)
        .map(width_of)
        .find(|width| *width >= bits)
        .unwrap_or(64)
}

fn low_bits(width: usize) -> u64 {
    1_u64
        .checked_shl(width as u32)
        .map_or(u64::MAX, |bit| bit - 1)
}

/// The number in `width` bits from `start` on, the highest first.
fn bits(bytes: &[u8], start: usize, width: usize) -> u64 {
    (start..start + width).fold(0, |value, at| {
        value << 1 | u64::from(bytes[at / 8] >> (7 - at % 8) & 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(stream: &[u8], version_2: bool) -> Option<(u64, u64)> {
        Lengths::of(stream, version_2).map(|lengths| (lengths.sum, lengths.max))
    }

    #[test]
    fn the_examples_of_the_specification_are_read() {
        // Version 1: 100 sevens; 100 to 1; five literals.
        assert_eq!(of(&[0x61, 0x00, 0x07], false), Some((700, 7)));
        assert_eq!(of(&[0x61, 0xff, 0x64], false), Some((5_050, 100)));
        assert_eq!(of(&[0xfb, 2, 3, 6, 7, 11], false), Some((29, 11)));
        // Version 2: short repeat, direct, patched base, delta.
        assert_eq!(of(&[0x0a, 0x27, 0x10], true), Some((50_000, 10_000)));
        let direct = [0x5e, 0x03, 0x5c, 0xa1, 0xab, 0x1e, 0xde, 0xad, 0xbe, 0xef];
        assert_eq!(
            of(&direct, true),
            Some((23_713 + 43_806 + 57_005 + 48_879, 57_005))
        );
        let patched = [
            0x8e, 0x13, 0x2b, 0x21, 0x07, 0xd0, 0x1e, 0x00, 0x14, 0x70, 0x28, 0x32, 0x3c, 0x46,
            0x50, 0x5a, 0x64, 0x6e, 0x78, 0x82, 0x8c, 0x96, 0xa0, 0xaa, 0xb4, 0xbe, 0xfc, 0xe8,
        ];
        let values: [u64; 20] = [
            2030, 2000, 2020, 1000000, 2040, 2050, 2060, 2070, 2080, 2090, 2100, 2110, 2120, 2130,
            2140, 2150, 2160, 2170, 2180, 2190,
        ];
        assert_eq!(of(&patched, true), Some((values.iter().sum(), 1_000_000)));
        let delta = [0xc6, 0x09, 0x02, 0x02, 0x22, 0x42, 0x42, 0x46];
        assert_eq!(of(&delta, true), Some((129, 29)));
    }

    #[test]
    fn broken_streams_are_told() {
        for stream in [&[0x61][..], &[0x61, 0x80, 0x07], &[0xfb, 2]] {
            assert_eq!(of(stream, false), None);
        }
        for stream in [
            &[0x0a][..],
            &[0x5e, 0x03, 0x5c],
            &[0xc6, 0x09, 0x02, 0x05, 0x22],
        ] {
            assert_eq!(of(stream, true), None);
        }
        assert_eq!(
            of(
                &[0x38, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
                true
            ),
            None
        );
    }
}
