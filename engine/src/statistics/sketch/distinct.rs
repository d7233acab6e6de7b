//! How many different values there were.

use std::fmt;

use datasketches::common::NumStdDev;
use datasketches::hash::value::raw_bytes;
use datasketches::hll::{HllSketch, HllType, HllUnion};

/// 4,096 registers of a byte.
const LG_REGISTERS: u8 = 12;

/// A HyperLogLog sketch of Apache DataSketches with 4,096 registers. Its relative standard error is
/// 1.6%; up to a few hundred values it is exact but for colliding hashes.
///
/// Text and bytes go in as their bytes, integers and floats as 8 bytes, so that sketches of the same
/// values made by the libraries for Java, C++ and Python can be merged with it.
#[derive(Clone)]
pub struct Distinct(HllUnion);

/// An estimate with its bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The most likely number.
    pub estimate: f64,
    /// In 95 of 100 cases the number is not below this.
    pub lower: f64,
    /// In 95 of 100 cases the number is not above this.
    pub upper: f64,
}

impl Distinct {
    /// Of no value.
    pub fn new() -> Self {
        Self(HllUnion::new(LG_REGISTERS).expect("a size that the library knows"))
    }

    /// Takes a text in.
    pub fn add_text(&mut self, value: &str) {
        self.0.update_value(raw_bytes::from_str(value));
    }

    /// Takes bytes in.
    pub fn add_bytes(&mut self, value: &[u8]) {
        self.0.update_value(raw_bytes::from_slice(value));
    }

    /// Takes an integer in.
    pub fn add_integer(&mut self, value: i64) {
        self.add_bytes(&value.to_le_bytes());
    }

    /// Takes a float in.
    pub fn add_float(&mut self, value: f64) {
        self.add_bytes(&value.to_le_bytes());
    }

    /// Takes in what another has seen.
    pub fn merge(&mut self, other: &Self) {
        self.0.update(&other.0.to_sketch(HllType::Hll8));
    }

    /// How many values there were, whatever their order.
    pub fn estimate(&self) -> Estimate {
        // Bounds of the order-free estimate; those of the library are of the one that depends on it.
        let sketch = self.0.to_sketch(HllType::Hll8);
        let estimate = sketch.composite_estimate();
        let scale = if sketch.estimate() > 0.0 {
            estimate / sketch.estimate()
        } else {
            1.0
        };
        Estimate {
            estimate,
            lower: (sketch.lower_bound(NumStdDev::Two) * scale).min(estimate),
            upper: (sketch.upper_bound(NumStdDev::Two) * scale).max(estimate),
        }
    }

    /// The bytes of the sketch in DataSketches' own format.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_sketch(HllType::Hll8).serialize()
    }

    /// Reads what [`Distinct::to_bytes`] wrote, or another library of DataSketches; `None` for
    /// anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let sketch = HllSketch::deserialize(bytes).ok()?;
        let mut distinct = Self::new();
        distinct.0.update(&sketch);
        Some(distinct)
    }

    /// Bytes of memory.
    pub fn memory_size(&self) -> usize {
        self.0.estimated_size()
    }
}

impl Default for Distinct {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Distinct {
    /// Whether both say the same.
    fn eq(&self, other: &Self) -> bool {
        self.0.composite_estimate() == other.0.composite_estimate()
    }
}

impl fmt::Debug for Distinct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Distinct({:.0})", self.0.composite_estimate())
    }
}
