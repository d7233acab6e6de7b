//! How many different values there were.

use serde::Serialize;

use super::Typed;
use super::field::Booleans;
use crate::statistics::sketch::Estimate;
use crate::statistics::typed::ValueType;

/// How many different values a field has: of each type for itself, summed up. Lists, maps and
/// objects are not told apart and are not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DistinctAnswer {
    /// The most likely number. Its relative standard error is 1.6%; up to a few hundred it is exact.
    pub estimate: u64,
    /// In 95 of 100 cases the number is not below this; of several types it is the sum of theirs.
    pub lower: u64,
    /// In 95 of 100 cases the number is not above this; of several types it is the sum of theirs.
    pub upper: u64,
    /// How many values the sketches have seen. If that is less than `values`, some were given up for
    /// lack of memory, and there may be more different ones.
    pub sketched: u64,
    /// How many values there are to tell apart.
    pub values: u64,
}

impl DistinctAnswer {
    /// `None` if there is no value to tell apart.
    pub(super) fn of(types: &[Typed<'_>]) -> Option<Self> {
        let mut sum = Estimate {
            estimate: 0.0,
            lower: 0.0,
            upper: 0.0,
        };
        let (mut sketched, mut values) = (0, 0);
        for (kind, typed) in types {
            let (own, seen) = match kind {
                ValueType::List | ValueType::Map | ValueType::Object => continue,
                ValueType::Boolean => {
                    let booleans = Booleans::of(&[(*kind, *typed)]);
                    (booleans.map(distinct_booleans), typed.values)
                }
                _ => {
                    let distinct = typed.sketches.distinct.as_ref();
                    (distinct.map(|own| own.estimate()), typed.sketched)
                }
            };
            sketched += seen;
            values += typed.values;
            if let Some(own) = own {
                // No more than there are values.
                let most = seen as f64;
                sum.estimate += own.estimate.min(most);
                sum.lower += own.lower.min(most);
                sum.upper += own.upper.min(most);
            }
        }
        // Estimates of few values are whole numbers but for what rounding and interpolation leave.
        (values > 0).then_some(Self {
            estimate: sum.estimate.round() as u64,
            lower: sum.lower.round() as u64,
            upper: sum.upper.round() as u64,
            sketched,
            values,
        })
    }
}

fn distinct_booleans(booleans: Booleans) -> Estimate {
    let distinct = f64::from(u8::from(booleans.yes > 0) + u8::from(booleans.no > 0));
    Estimate {
        estimate: distinct,
        lower: distinct,
        upper: distinct,
    }
}
