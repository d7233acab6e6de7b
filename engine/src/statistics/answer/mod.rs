//! Answers: what a [`View`](super::View) says, as plain structs whose keys are stable in JSON.
//!
//! Times are milliseconds since 1970-01-01T00:00:00Z where a key ends in `_ms`, lengths are bytes,
//! densities and shares are from 0 to 1. A float that is not finite is `null` in JSON. What does not
//! apply to a field is left out. docs/STATISTICS.md says what each number means and how far it may
//! be off.

mod distinct;
mod field;
mod place;
mod shown;
mod source;
mod spread;
mod summary;
mod table;
mod top;

pub use distinct::DistinctAnswer;
pub use field::{Booleans, FieldAnswer, LatestAnswer, Times, TypeAnswer};
pub use shown::Shown;
pub use source::{CountsAnswer, GivenUpAnswer, LiveAnswer, SourceAnswer, WindowAnswer};
pub use spread::{BucketAnswer, Quantiles, Spread};
pub use summary::{FieldSummary, TypeValues};
pub use top::{TopAnswer, TopValueAnswer};

use super::typed::{TypeStatistics, ValueType};

/// Values of a field by type: all of them, or of one type alone.
type Typed<'f> = (ValueType, &'f TypeStatistics);

/// A share of a whole; of nothing it is 0.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 / whole as f64
}
