//! Bytes as options and payloads.
//!
//! The first byte chooses among the options of a family, the second one says how payloads are
//! batched and how tight limits are; payloads follow, with [`SEPARATOR`] between them. So any bytes
//! are an input, and one that is changed a little is a similar input.

use bytes::Bytes;
use shardmill_engine::decode::{DecodeLimits, ExpansionLimits};

/// What stands between two payloads.
pub const SEPARATOR: &[u8] = b"\xff\x00\xff\x00";
/// Payloads of one input; the last one has the rest of it.
const MAX_PAYLOADS: usize = 8;
const CUT: u8 = 0b0000_0111;
const TIGHT: u8 = 0b0000_1000;
const HINTS: u8 = 4;

/// An input, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Which options.
    pub choice: u8,
    batching: u8,
    /// The payloads, at least one.
    pub payloads: Vec<Bytes>,
}

impl Input {
    /// Takes bytes apart.
    pub fn read(bytes: &[u8]) -> Self {
        let (head, rest) = bytes.split_at(bytes.len().min(2));
        let mut payloads = Vec::new();
        let mut start = 0;
        for end in memchr::memmem::find_iter(rest, SEPARATOR).take(MAX_PAYLOADS - 1) {
            payloads.push(Bytes::copy_from_slice(&rest[start..end]));
            start = end + SEPARATOR.len();
        }
        payloads.push(Bytes::copy_from_slice(&rest[start..]));
        Self {
            choice: head.first().copied().unwrap_or(0),
            batching: head.get(1).copied().unwrap_or(0),
            payloads,
        }
    }

    /// The bytes of an input: payloads under a choice, the first `cut` of them in a batch.
    pub fn write(choice: usize, cut: u8, payloads: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![choice as u8, cut & CUT];
        bytes.extend(payloads.join(SEPARATOR));
        bytes
    }

    /// The same with tight limits.
    pub fn tightened(mut bytes: Vec<u8>) -> Vec<u8> {
        bytes[1] |= TIGHT;
        bytes
    }

    /// How many payloads the first of two batches has.
    pub fn cut(&self) -> usize {
        usize::from(self.batching & CUT).min(self.payloads.len())
    }

    /// Four bits that mean nothing to payloads.
    pub fn hints(&self) -> u8 {
        self.batching >> HINTS
    }

    fn is_tight(&self) -> bool {
        self.batching & TIGHT != 0
    }

    /// Limits that are small enough to be reached, so that memory that goes beyond them shows.
    pub fn limits(&self) -> DecodeLimits {
        match self.is_tight() {
            false => DecodeLimits {
                max_depth: 64,
                max_event_bytes: 4 << 20,
                max_event_cells: 512 << 10,
                max_table_cells: 64 << 10,
                max_table_bytes: 1 << 20,
            },
            true => DecodeLimits {
                max_depth: 4,
                max_event_bytes: 256,
                max_event_cells: 512,
                max_table_cells: 128,
                max_table_bytes: 1 << 10,
            },
        }
    }

    /// Limits of what comes out of a payload.
    pub fn expansion(&self) -> ExpansionLimits {
        match self.is_tight() {
            false => ExpansionLimits {
                max_bytes: 4 << 20,
                max_ratio: 200,
            },
            true => ExpansionLimits {
                max_bytes: 64 << 10,
                max_ratio: 20,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let bytes = Input::tightened(Input::write(3, 1, &[b"a", b"", b"\xff\x00"]));
        let input = Input::read(&bytes);
        assert_eq!((input.choice, input.cut()), (3, 1));
        assert_eq!(input.payloads, [&b"a"[..], b"", b"\xff\x00"]);
        assert_eq!(input.limits().max_depth, 4);
    }

    #[test]
    fn any_bytes_are_an_input() {
        for bytes in [&b""[..], b"\x01", b"\x01\xff", &[0xff; 40]] {
            let input = Input::read(bytes);
            assert_eq!(input.payloads.len(), 1);
            assert!(input.cut() <= 1);
        }
    }
}
