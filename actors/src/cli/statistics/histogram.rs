//! A histogram as few bars.

use shardmill_engine::statistics::answer::{BucketAnswer, Spread};

use crate::cli::output::number;

/// A bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Bin {
    /// From where to where.
    pub label: String,
    /// How many values.
    pub count: u64,
}

/// The values in at most so many bars of equal width. Where most of them would be in the first one,
/// and all are above zero, each bar is so many times as wide as the one before.
pub fn bins(spread: &Spread, most: usize) -> Vec<Bin> {
    let integral = spread.sum_exact.is_some();
    let (min, max) = (spread.min, spread.max);
    if spread.histogram.len() <= most {
        let within = |value: f64| value.clamp(min, max);
        let bins = spread.histogram.iter().map(|bucket| Bin {
            label: label(
                bucket,
                (within(bucket.lower), within(bucket.upper)),
                integral,
            ),
            count: bucket.count,
        });
        return bins.collect();
    }
    let width = (max - min) / most as f64;
    let even = match integral && width >= 1.0 {
        true => whole(spread, ((max - min + 1.0) / most as f64).ceil()),
        false => cut(spread, most, |place| min + width * place),
    };
    let first = even.first().map_or(0, |bin| bin.count);
    if min > 0.0 && first > spread.sketched / 2 {
        return cut(spread, most, |place| {
            min * (max / min).powf(place / most as f64)
        });
    }
    even
}

/// Bars of so many integers each.
fn whole(spread: &Spread, width: f64) -> Vec<Bin> {
    let all = ((spread.max - spread.min + 1.0) / width).ceil();
    let mut bins = cut(spread, all as usize, |place| spread.min + width * place);
    for (place, bin) in bins.iter_mut().enumerate() {
        let first = spread.min + width * place as f64;
        let last = (first + width - 1.0).min(spread.max);
        bin.label = match first == last {
            true => number(first),
            false => format!("{} to {}", number(first), number(last)),
        };
    }
    bins
}

/// So many bars, with the edge of each by its place.
fn cut(spread: &Spread, most: usize, edge: impl Fn(f64) -> f64) -> Vec<Bin> {
    let edges: Vec<f64> = (0..=most).map(|place| edge(place as f64)).collect();
    let mut counts = vec![0u64; most];
    for bucket in &spread.histogram {
        let middle = (bucket.lower + bucket.upper) / 2.0;
        let middle = middle.clamp(spread.min, spread.max);
        let above = edges.partition_point(|edge| *edge <= middle);
        counts[above.saturating_sub(1).min(most - 1)] += bucket.count;
    }
    let bins = counts.into_iter().zip(edges.windows(2));
    let bins = bins.map(|(count, edges)| Bin {
        label: format!("{} to {}", number(edges[0]), number(edges[1])),
        count,
    });
    bins.collect()
}

/// A bucket; one that holds a single integer is called by it.
fn label(bucket: &BucketAnswer, (lower, upper): (f64, f64), integral: bool) -> String {
    if integral {
        // The end that is nearer to zero is part of the bucket.
        let (first, last) = match bucket.upper <= 0.0 {
            true => (bucket.lower.floor() + 1.0, bucket.upper.floor()),
            false => (bucket.lower.ceil(), bucket.upper.ceil() - 1.0),
        };
        if first == last {
            return number(first);
        }
    }
    format!("{} to {}", number(lower), number(upper))
}

#[cfg(test)]
mod tests {
    use shardmill_engine::statistics::Histogram;

    use super::*;

    fn spread(values: &[f64], integral: bool) -> Spread {
        let mut histogram = Histogram::default();
        values.iter().for_each(|value| histogram.add(*value, 1));
        let fold = |pick: fn(f64, f64) -> f64| values.iter().copied().reduce(pick).unwrap();
        Spread {
            count: values.len() as u64,
            min: fold(f64::min),
            max: fold(f64::max),
            sum: values.iter().sum(),
            sum_exact: integral.then(String::new),
            mean: 0.0,
            standard_deviation: 0.0,
            quantiles: None,
            quantile_error: 0.0,
            sketched: values.len() as u64,
            histogram: histogram.buckets().map(BucketAnswer::from).collect(),
        }
    }

    fn labels(bins: &[Bin]) -> Vec<(&str, u64)> {
        let bins = bins.iter();
        bins.map(|bin| (bin.label.as_str(), bin.count)).collect()
    }

    #[test]
    fn few_integers_are_called_by_their_names() {
        let few = bins(&spread(&[3.0, -2.0, 0.0, 3.0, 100.0], true), 10);
        let expected = [("-2", 1), ("0", 1), ("3", 2), ("100", 1)];
        assert_eq!(labels(&few), expected);
    }

    #[test]
    fn many_values_have_bars_of_equal_width() {
        let values: Vec<f64> = (0..1_000).map(f64::from).collect();
        let bins = bins(&spread(&values, true), 10);
        assert_eq!(bins.len(), 10);
        assert_eq!(bins[0].label, "0 to 99");
        assert_eq!(bins[9].label, "900 to 999");
        assert_eq!(bins.iter().map(|bin| bin.count).sum::<u64>(), 1_000);
        assert!(
            bins.iter().all(|bin| (80..=120).contains(&bin.count)),
            "{bins:?}"
        );
    }

    #[test]
    fn floats_have_bars_of_equal_width() {
        let values: Vec<f64> = (0..100)
            .map(|value| f64::from(value) / 64.0 - 1.0)
            .collect();
        let bins = bins(&spread(&values, false), 10);
        assert_eq!(bins[0].label, "-1 to -0.845313");
        assert!(
            bins.iter().all(|bin| (8..=12).contains(&bin.count)),
            "{bins:?}"
        );
    }

    #[test]
    fn values_far_apart_are_shown_by_magnitude() {
        let values: Vec<f64> = (0..40).map(|power| 1.5f64.powi(power)).collect();
        let bins = bins(&spread(&values, false), 10);
        assert!(
            bins.iter().all(|bin| (3..=5).contains(&bin.count)),
            "{bins:?}"
        );
    }

    #[test]
    fn a_single_value_is_one_bar() {
        let bins = bins(&spread(&[0.25, 0.25], false), 10);
        assert_eq!(labels(&bins), [("0.25 to 0.25", 2)]);
    }
}
