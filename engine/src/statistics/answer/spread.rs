//! How measures are spread: numbers themselves, lengths, sizes.

use serde::Serialize;

use super::Typed;
use crate::statistics::sketch::{Bucket, Histogram};
use crate::statistics::typed::{Measures, Sum, ValueType};

/// How the measures of some values are spread.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// How many there are. Floats that are not finite are none.
    pub count: u64,
    /// The lowest; of decimals the nearest float.
    pub min: f64,
    /// The highest; of decimals the nearest float.
    pub max: f64,
    /// The sum, within 2^-50 of the sum of magnitudes.
    pub sum: f64,
    /// The exact sum, where all are integers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sum_exact: Option<String>,
    /// The mean.
    pub mean: f64,
    /// The standard deviation of all of them (not of a sample).
    pub standard_deviation: f64,
    /// Quantiles; none where the sketches were given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantiles: Option<Quantiles>,
    /// How far a quantile may be off, as a share of it.
    pub quantile_error: f64,
    /// How many values quantiles and histogram are made of: less than `count` where sketches were
    /// given up.
    pub sketched: u64,
    /// How many there are in buckets, from the lowest to the highest; empty buckets are left out.
    pub histogram: Vec<BucketAnswer>,
}

/// The value at or below which a share of all values lies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantiles {
    /// 1%.
    pub p1: f64,
    /// 5%.
    pub p5: f64,
    /// 25%.
    pub p25: f64,
    /// 50%: the median.
    pub p50: f64,
    /// 75%.
    pub p75: f64,
    /// 90%.
    pub p90: f64,
    /// 95%.
    pub p95: f64,
    /// 99%.
    pub p99: f64,
    /// 99.9%.
    pub p99_9: f64,
}

impl Quantiles {
    /// How far a quantile may be off, as a share of it.
    pub const ERROR: f64 = 1.0 / 128.0;
    /// The names, in order.
    pub const NAMES: [&'static str; 9] = [
        "p1", "p5", "p25", "p50", "p75", "p90", "p95", "p99", "p99_9",
    ];

    /// The values, in the order of the names.
    pub fn values(&self) -> [f64; 9] {
        [
            self.p1, self.p5, self.p25, self.p50, self.p75, self.p90, self.p95, self.p99,
            self.p99_9,
        ]
    }
}

/// A bucket of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BucketAnswer {
    /// Its lower end.
    pub lower: f64,
    /// Its upper end. Of the two ends, the one nearer to zero is part of the bucket.
    pub upper: f64,
    /// How many are in it.
    pub count: u64,
}

impl From<Bucket> for BucketAnswer {
    fn from(bucket: Bucket) -> Self {
        let (lower, upper) = bucket.ends();
        Self {
            lower,
            upper,
            count: bucket.count,
        }
    }
}

/// The measures of values of some types together.
pub(super) struct Measured {
    measures: Measures,
    histogram: Histogram,
    /// Whether all are integers.
    integral: bool,
}

impl Measured {
    /// Numbers.
    pub(super) fn numbers(types: &[Typed<'_>]) -> Option<Self> {
        Self::of(types, ValueType::is_number)
    }

    /// Lengths of texts and bytes.
    pub(super) fn lengths(types: &[Typed<'_>]) -> Option<Self> {
        Self::of(types, |kind| {
            matches!(kind, ValueType::String | ValueType::Binary)
        })
    }

    /// Sizes of lists and maps.
    pub(super) fn sizes(types: &[Typed<'_>]) -> Option<Self> {
        Self::of(types, |kind| {
            matches!(kind, ValueType::List | ValueType::Map)
        })
    }

    fn of(types: &[Typed<'_>], wanted: impl Fn(ValueType) -> bool) -> Option<Self> {
        let mut all: Option<Self> = None;
        for (kind, typed) in types.iter().filter(|(kind, _)| wanted(*kind)) {
            let Some(measures) = &typed.measures else {
                continue;
            };
            let integral = !matches!(kind, ValueType::Float | ValueType::Decimal);
            let all = match &mut all {
                Some(all) => {
                    all.measures.merge(measures);
                    all.integral &= integral;
                    all
                }
                all => all.insert(Self {
                    measures: measures.clone(),
                    histogram: Histogram::default(),
                    integral,
                }),
            };
            if let Some(histogram) = &typed.sketches.histogram {
                all.histogram.merge(histogram);
            }
        }
        all
    }

    pub(super) fn sum(&self) -> f64 {
        self.measures.sum.to_float()
    }

    pub(super) fn mean(&self) -> f64 {
        // A sum has a bound; it is of more use unless it is past the range of floats.
        let sum = self.sum();
        match sum.is_finite() {
            true => sum / self.measures.moments.count as f64,
            false => self.measures.moments.mean,
        }
    }

    pub(super) fn standard_deviation(&self) -> f64 {
        self.measures.moments.deviation().unwrap_or(f64::NAN)
    }

    pub(super) fn quantiles(&self) -> Option<Quantiles> {
        let at = |share| {
            let value = self.histogram.quantile(share, self.integral)?;
            // The middle of a bucket may lie beyond what there was.
            Some(value.clamp(self.measures.lowest, self.measures.highest))
        };
        Some(Quantiles {
            p1: at(0.01)?,
            p5: at(0.05)?,
            p25: at(0.25)?,
            p50: at(0.5)?,
            p75: at(0.75)?,
            p90: at(0.9)?,
            p95: at(0.95)?,
            p99: at(0.99)?,
            p99_9: at(0.999)?,
        })
    }

    pub(super) fn spread(&self) -> Spread {
        let sum_exact = match self.measures.sum {
            Sum::Integer(sum) => Some(sum.to_string()),
            Sum::Float(_) => None,
        };
        Spread {
            count: self.measures.moments.count,
            min: self.measures.lowest,
            max: self.measures.highest,
            sum: self.sum(),
            sum_exact,
            mean: self.mean(),
            standard_deviation: self.standard_deviation(),
            quantiles: self.quantiles(),
            quantile_error: Quantiles::ERROR,
            sketched: self.histogram.count(),
            histogram: self.histogram.buckets().map(BucketAnswer::from).collect(),
        }
    }
}
