//! The values of a field that are of one type.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::sketch::{Distinct, FloatSum, Histogram, Moments, TopValues};

/// The type of a value, whatever column holds it. A number is an integer if it has no fraction and
/// fits in 64 bits (of floats: up to 2^53): 3, 3.0 and the decimal 3.00 are one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// True or false.
    Boolean,
    /// A number without a fraction, of 64 bits.
    Integer,
    /// Any other number; not-a-number and the infinities too.
    Float,
    /// A decimal number with a fraction, or of more than 64 bits.
    Decimal,
    /// Text.
    String,
    /// Bytes.
    Binary,
    /// A point in time.
    Timestamp,
    /// A date with a time of day of no known zone.
    LocalTimestamp,
    /// A day.
    Date,
    /// A time of day.
    Time,
    /// A list.
    List,
    /// Values by keys.
    Map,
    /// An object with members.
    Object,
}

impl ValueType {
    /// Every type, in order.
    pub const ALL: [ValueType; 13] = [
        ValueType::Boolean,
        ValueType::Integer,
        ValueType::Float,
        ValueType::Decimal,
        ValueType::String,
        ValueType::Binary,
        ValueType::Timestamp,
        ValueType::LocalTimestamp,
        ValueType::Date,
        ValueType::Time,
        ValueType::List,
        ValueType::Map,
        ValueType::Object,
    ];

    /// Its name in answers and objects.
    pub fn as_str(self) -> &'static str {
        match self {
            ValueType::Boolean => "boolean",
            ValueType::Integer => "integer",
            ValueType::Float => "float",
            ValueType::Decimal => "decimal",
            ValueType::String => "string",
            ValueType::Binary => "binary",
            ValueType::Timestamp => "timestamp",
            ValueType::LocalTimestamp => "local_timestamp",
            ValueType::Date => "date",
            ValueType::Time => "time",
            ValueType::List => "list",
            ValueType::Map => "map",
            ValueType::Object => "object",
        }
    }

    /// The type of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }

    /// Whether its measure is the value itself.
    pub fn is_number(self) -> bool {
        matches!(
            self,
            ValueType::Integer | ValueType::Float | ValueType::Decimal
        )
    }
}

/// A lowest or highest value.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// Integers; times in microseconds since 1970-01-01T00:00:00 or midnight; dates in days.
    Integer(i64),
    /// Floats.
    Float(f64),
    /// Decimals.
    Decimal(Decimal),
    /// Texts, cut after 256 bytes.
    Text(Box<str>),
}

impl Bound {
    /// How two bounds of one type compare.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Bound::Integer(a), Bound::Integer(b)) => a.cmp(b),
            (Bound::Float(a), Bound::Float(b)) => a.total_cmp(b),
            (Bound::Decimal(a), Bound::Decimal(b)) => a.cmp(b),
            (Bound::Text(a), Bound::Text(b)) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }
}

/// A decimal number: `digits` divided by ten to the power of `scale`, without zeros at the end of the
/// fraction, so that equal numbers are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    digits: i128,
    scale: u8,
}

impl Decimal {
    /// Of an unscaled number of at most 38 digits.
    pub fn new(mut digits: i128, mut scale: u8) -> Self {
        while scale > 0 && digits % 10 == 0 {
            digits /= 10;
            scale -= 1;
        }
        Self { digits, scale }
    }

    /// The unscaled number.
    pub fn digits(self) -> i128 {
        self.digits
    }

    /// Digits after the point.
    pub fn scale(self) -> u8 {
        self.scale
    }

    /// The integer that it is, where it is one of 64 bits.
    pub fn as_integer(self) -> Option<i64> {
        (self.scale == 0)
            .then(|| i64::try_from(self.digits).ok())
            .flatten()
    }

    /// The nearest float, but for the last bit.
    pub fn to_float(self) -> f64 {
        self.digits as f64 / 10f64.powi(i32::from(self.scale))
    }

    /// What is before the point, and what is after it in units of 10^-38.
    fn parts(self) -> (i128, i128) {
        let unit = 10i128.pow(u32::from(self.scale.min(38)));
        let rest = 10i128.pow(38 - u32::from(self.scale.min(38)));
        (
            self.digits.div_euclid(unit),
            self.digits.rem_euclid(unit) * rest,
        )
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A sum of measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sum {
    /// Exact.
    Integer(i128),
    /// Within the bound of [`FloatSum`].
    Float(FloatSum),
}

impl Sum {
    /// Adds what another has summed up of the same type.
    pub fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Sum::Integer(own), Sum::Integer(other)) => *own = own.saturating_add(*other),
            (Sum::Float(own), Sum::Float(other)) => own.merge(other),
            (Sum::Float(own), Sum::Integer(other)) => own.add(*other as f64),
            (own @ Sum::Integer(_), Sum::Float(other)) => {
                let mut sum = *other;
                if let Sum::Integer(own) = own {
                    sum.add(*own as f64);
                }
                *own = Sum::Float(sum);
            }
        }
    }

    /// The sum as a float.
    pub fn to_float(self) -> f64 {
        match self {
            Sum::Integer(sum) => sum as f64,
            Sum::Float(sum) => sum.value(),
        }
    }
}

/// What is measured of each value: of numbers the value itself, of text and bytes the length in
/// bytes, of lists and maps the number of items, of booleans 1 for true.
#[derive(Clone, Debug, PartialEq)]
pub struct Measures {
    /// The lowest; of decimals the nearest float.
    pub lowest: f64,
    /// The highest.
    pub highest: f64,
    /// The sum.
    pub sum: Sum,
    /// Mean and spread.
    pub moments: Moments,
}

impl Measures {
    /// Takes in other measures.
    pub fn merge(&mut self, other: &Self) {
        self.lowest = self.lowest.min(other.lowest);
        self.highest = self.highest.max(other.highest);
        self.sum.merge(&other.sum);
        self.moments.merge(&other.moments);
    }
}

/// What costs more than a few bytes, and is given up first where memory is short.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sketches {
    /// How the measures are spread; of types that have some.
    pub histogram: Option<Histogram>,
    /// How many different values; of types whose values can be told apart.
    pub distinct: Option<Distinct>,
    /// Which were most frequent; of integers and text.
    pub top: Option<TopValues>,
}

/// The values of a field that are of one type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TypeStatistics {
    /// How many values.
    pub values: u64,
    /// Floats that are not finite. They are in no bound, measure or histogram.
    pub not_finite: u64,
    /// The lowest and the highest value, of types that have an order.
    pub bounds: Option<(Bound, Bound)>,
    /// What is measured.
    pub measures: Option<Measures>,
    /// The sketches.
    pub sketches: Sketches,
    /// How many values the sketches have seen: less than all where some were given up.
    pub sketched: u64,
}

impl TypeStatistics {
    /// Takes in the values of others of the same type.
    pub fn merge(&mut self, other: &Self) {
        self.values += other.values;
        self.not_finite += other.not_finite;
        self.sketched += other.sketched;
        if let Some(bounds) = &other.bounds {
            self.add_bounds(bounds.clone());
        }
        match (&mut self.measures, &other.measures) {
            (Some(own), Some(other)) => own.merge(other),
            (own @ None, Some(other)) => *own = Some(other.clone()),
            (_, None) => {}
        }
        self.sketches.merge(&other.sketches);
    }

    /// Widens the bounds.
    pub fn add_bounds(&mut self, (low, high): (Bound, Bound)) {
        match &mut self.bounds {
            Some(own) => {
                if low.compare(&own.0).is_lt() {
                    own.0 = low;
                }
                if high.compare(&own.1).is_gt() {
                    own.1 = high;
                }
            }
            None => self.bounds = Some((low, high)),
        }
    }

    /// Gives up the sketches.
    pub fn give_up(&mut self) {
        self.sketches = Sketches::default();
        self.sketched = 0;
    }

    /// Bytes of memory beside its own size.
    pub fn memory_size(&self) -> usize {
        let text = |bound: &Bound| match bound {
            Bound::Text(text) => text.len(),
            _ => 0,
        };
        let bounds = self.bounds.as_ref();
        bounds.map_or(0, |(low, high)| text(low) + text(high)) + self.sketches.memory_size()
    }
}

impl Sketches {
    fn merge(&mut self, other: &Self) {
        fn merge<T: Clone>(own: &mut Option<T>, other: &Option<T>, merge: impl FnOnce(&mut T, &T)) {
            match (own, other) {
                (Some(own), Some(other)) => merge(own, other),
                (own @ None, Some(other)) => *own = Some(other.clone()),
                (_, None) => {}
            }
        }
        merge(&mut self.histogram, &other.histogram, Histogram::merge);
        merge(&mut self.distinct, &other.distinct, Distinct::merge);
        merge(&mut self.top, &other.top, TopValues::merge);
    }

    /// Bytes of memory beside its own size.
    pub fn memory_size(&self) -> usize {
        let histogram = self.histogram.as_ref().map_or(0, Histogram::memory_size);
        let distinct = self.distinct.as_ref().map_or(0, Distinct::memory_size);
        let top = self.top.as_ref().map_or(0, TopValues::memory_size);
        histogram + distinct + top
    }
}
