//! Statistics of events: what a scan of them would say, kept while they pass.
//!
//! A [`Pane`] holds the statistics of one or more windows. It takes in decoded batches, a column at a
//! time, and merges with other panes; so the live tip, a committed minute, an hour, a day and any
//! range of them are one thing. It does not know who asks, where panes are stored, or which commits
//! they belong to.
//!
//! Values are told apart by what they are, not by the column that holds them ([`ValueType`]): a
//! column that widened to JSON text is read value by value, so its numbers stay numbers.

pub mod answer;
mod compare;
mod field;
mod limits;
mod object;
mod observe;
mod pane;
mod path;
mod sketch;
mod tree;
mod typed;
mod view;

pub use field::FieldStatistics;
pub use object::DamagedPane;
pub use pane::{GivenUp, Pane, PaneLimits};
pub use sketch::{
    Bucket, Distinct, Estimate, FloatSum, Histogram, Latest, LatestValue, Moments, Place, TopValue,
    TopValues,
};
pub use typed::{Bound, Decimal, Measures, Sketches, Sum, TypeStatistics, ValueType};
pub use view::{Origin, View};
