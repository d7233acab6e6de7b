//! Sums of floats.

/// A sum of floats as an unevaluated pair: the sum and what rounding left out of it.
///
/// It differs from the exact sum by at most 2^-50 of the sum of magnitudes, however many values there
/// were and in whatever order they came or were merged. Past the range of float64 it is infinite.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FloatSum {
    /// The sum, rounded.
    pub high: f64,
    /// What is missing in `high`.
    pub low: f64,
}

impl FloatSum {
    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        let (sum, error) = two_sum(self.high, value);
        self.high = sum;
        self.low += error;
    }

    /// Adds what another has summed up.
    pub fn merge(&mut self, other: &Self) {
        self.add(other.high);
        self.low += other.low;
    }

    /// The sum, rounded once.
    pub fn value(&self) -> f64 {
        if self.high.is_finite() {
            self.high + self.low
        } else {
            self.high
        }
    }
}

/// A sum and its rounding error (Knuth).
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}
