//! How far a Kinesis shard is read.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest sequence number that Kinesis's API admits, in decimal digits.
const MAX_DIGITS: usize = 129;

/// A Kinesis sequence number: a decimal string of up to 129 digits that compares as a number.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SequenceNumber(Arc<str>);

/// Why a text is no sequence number.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a sequence number: it must have 1 to 129 decimal digits and no leading zero")]
pub struct SequenceNumberError(String);

impl SequenceNumber {
    /// Parses the decimal text that Kinesis gives.
    pub fn new(text: &str) -> Result<Self, SequenceNumberError> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let canonical = text == "0" || !text.starts_with('0');
        if digits && canonical && text.len() <= MAX_DIGITS {
            Ok(Self(text.into()))
        } else {
            Err(SequenceNumberError(text.chars().take(160).collect()))
        }
    }

    /// The decimal text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<u64> for SequenceNumber {
    fn from(number: u64) -> Self {
        Self(number.to_string().into())
    }
}

impl FromStr for SequenceNumber {
    type Err = SequenceNumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl Ord for SequenceNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        // No leading zeros, so the longer one is the greater.
        (self.0.len(), &*self.0).cmp(&(other.0.len(), &*other.0))
    }
}

impl PartialOrd for SequenceNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far a Kinesis shard is read: everything up to and including the sequence number, or nothing
/// yet. The derived order puts `Start` and `Horizon` below every sequence number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Position {
    /// Nothing is read; reading begins at the source's resolved start.
    Start,
    /// Nothing is read; reading begins at TRIM_HORIZON, as for every child.
    Horizon,
    /// Everything up to and including this record is read.
    At(SequenceNumber),
}

impl Position {
    /// The sequence number, where a record has been read.
    pub fn sequence(&self) -> Option<&SequenceNumber> {
        match self {
            Position::At(sequence) => Some(sequence),
            Position::Start | Position::Horizon => None,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Position::Start => f.write_str("start"),
            Position::Horizon => f.write_str("horizon"),
            Position::At(sequence) => sequence.fmt(f),
        }
    }
}

impl FromStr for Position {
    type Err = SequenceNumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "start" => Ok(Position::Start),
            "horizon" => Ok(Position::Horizon),
            digits => SequenceNumber::new(digits).map(Position::At),
        }
    }
}

macro_rules! serde_as_text {
    ($name:ty) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

serde_as_text!(SequenceNumber);
serde_as_text!(Position);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_compare_as_numbers() {
        let nine = SequenceNumber::new("9").unwrap();
        let ten = SequenceNumber::new("10").unwrap();
        let longest = SequenceNumber::new(&"9".repeat(129)).unwrap();
        assert!(nine < ten && ten < longest);
        assert!(Position::Horizon < Position::At(nine));
    }

    #[test]
    fn what_is_no_sequence_number_is_refused() {
        for text in ["", "01", "-1", "1.0", "x", &"1".repeat(130)] {
            assert!(SequenceNumber::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn positions_keep_their_text_in_json() {
        for text in [
            "start",
            "horizon",
            "49590338271490256608559692538361571095921575989136588898",
        ] {
            let position: Position = text.parse().unwrap();
            let json = serde_json::to_string(&position).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Position>(&json).unwrap(), position);
        }
    }
}
