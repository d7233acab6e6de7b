//! What was put on a stream, by identity.

use std::collections::BTreeMap;
use std::fmt;

use crate::events::{Holds, Record};

/// Who a payload is: Kinesis shard, sequence number, place in the aggregate.
pub type PayloadId = (String, Sequence, u64);

/// Everything that a stream has taken.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    payloads: BTreeMap<PayloadId, Holds>,
    bytes: u64,
}

impl Ledger {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a record down that the server has taken.
    ///
    /// # Panics
    /// When the server gave a sequence number twice.
    pub fn write(&mut self, shard: &str, sequence: &str, record: &Record) {
        let sequence = Sequence::new(sequence);
        self.bytes += record.data.len() as u64;
        for (subsequence, holds) in (0..).zip(&record.payloads) {
            let id = (shard.to_owned(), sequence.clone(), subsequence);
            let before = self.payloads.insert(id, holds.clone());
            assert!(before.is_none(), "{shard}: {sequence} was given twice");
        }
    }

    /// Adds what another one has.
    pub fn append(&mut self, other: Ledger) {
        self.payloads.extend(other.payloads);
        self.bytes += other.bytes;
    }

    /// Each payload and what it holds.
    pub fn payloads(&self) -> &BTreeMap<PayloadId, Holds> {
        &self.payloads
    }

    /// Number of payloads.
    pub fn len(&self) -> usize {
        self.payloads.len()
    }

    /// Whether nothing was put.
    pub fn is_empty(&self) -> bool {
        self.payloads.is_empty()
    }

    /// Number of events in all payloads.
    pub fn events(&self) -> usize {
        self.payloads.values().map(|holds| holds.events.len()).sum()
    }

    /// Bytes of all Kinesis records.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// A sequence number. Decimal digits without leading zeros, so the longer one is the greater.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence {
    len: usize,
    digits: String,
}

impl Sequence {
    /// Takes the text that a server gave or a file holds.
    pub fn new(digits: &str) -> Self {
        Self {
            len: digits.len(),
            digits: digits.to_owned(),
        }
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.digits)
    }
}
