//! How numbers are spread.

/// Buckets of an octave (from a power of two to the next).
const IN_OCTAVE: usize = 64;
/// Bits of a float64 below those that name a bucket: what is left are exponent and six bits.
const SHIFT: u32 = 46;

/// Counts of numbers in buckets whose width is 1/64 of the power of two below them: a number read
/// from its bucket is wrong by at most 1/128, and so is every quantile. What is smaller than 2^-1028
/// counts as zero.
///
/// A bucket is the first bits of a float64, so a number finds its bucket without a logarithm, and
/// merging adds counts: in any order, the same events give the same histogram. (DataSketches' KLL and
/// t-digest depend on the order, so what is stored could not be held against a scan.)
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    negative: Octaves,
    positive: Octaves,
}

/// A bucket that holds something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Whether its numbers are below zero.
    pub negative: bool,
    /// The first bits of the magnitudes in it: exponent and six bits.
    pub key: u32,
    /// How many numbers it holds.
    pub count: u64,
}

impl Bucket {
    /// The bucket between two ends, as [`Bucket::ends`] gives them.
    pub fn between((low, high): (f64, f64), count: u64) -> Self {
        let negative = high <= 0.0;
        let magnitude = if negative { -high } else { low };
        Self {
            negative,
            key: (magnitude.abs().to_bits() >> SHIFT) as u32,
            count,
        }
    }

    /// The magnitudes that it holds: from the first, up to and without the second. The last one ends
    /// with the greatest number that there is.
    pub fn magnitudes(&self) -> (f64, f64) {
        let edge = |key: u32| f64::from_bits(u64::from(key) << SHIFT).min(f64::MAX);
        let low = if self.key == 0 { 0.0 } else { edge(self.key) };
        (low, edge(self.key + 1))
    }

    /// The numbers that it holds, lower end first.
    pub fn ends(&self) -> (f64, f64) {
        let (low, high) = self.magnitudes();
        if self.negative {
            (-high, -low)
        } else {
            (low, high)
        }
    }

    /// What stands for its numbers: its middle, of integers the middle of those in it.
    fn middle(&self, integral: bool) -> f64 {
        if self.key == 0 {
            return 0.0;
        }
        let (low, high) = self.magnitudes();
        let middle = if integral {
            let (first, last) = (low.ceil(), high.ceil() - 1.0);
            first + ((last - first) / 2.0).floor()
        } else {
            low + (high - low) / 2.0
        };
        if self.negative { -middle } else { middle }
    }
}

impl Histogram {
    /// Counts a number so many times. One that is not finite is not counted.
    pub fn add(&mut self, value: f64, times: u64) {
        if !value.is_finite() || times == 0 {
            return;
        }
        let key = (value.abs().to_bits() >> SHIFT) as u32;
        let side = if value < 0.0 && key > 0 {
            &mut self.negative
        } else {
            &mut self.positive
        };
        *side.at(key) += times;
    }

    /// Counts again what a bucket of another holds.
    pub fn add_bucket(&mut self, bucket: Bucket) {
        if bucket.count > 0 && u64::from(bucket.key) < f64::INFINITY.to_bits() >> SHIFT {
            let side = if bucket.negative {
                &mut self.negative
            } else {
                &mut self.positive
            };
            *side.at(bucket.key) += bucket.count;
        }
    }

    /// Takes in what another has counted.
    pub fn merge(&mut self, other: &Self) {
        self.negative.merge(&other.negative);
        self.positive.merge(&other.positive);
    }

    /// How many numbers it holds.
    pub fn count(&self) -> u64 {
        self.buckets().map(|bucket| bucket.count).sum()
    }

    /// Its buckets from the lowest number to the highest, empty ones left out.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> {
        let bucket = |negative| {
            move |(key, count)| Bucket {
                negative,
                key,
                count,
            }
        };
        let negative = self.negative.counts().rev().map(bucket(true));
        negative.chain(self.positive.counts().map(bucket(false)))
    }

    /// The number below or at which the share `quantile` of all lies (0 to 1), wrong by at most
    /// 1/128; of integers, if all are. `None` of no number.
    pub fn quantile(&self, quantile: f64, integral: bool) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = (quantile.clamp(0.0, 1.0) * count as f64).ceil().max(1.0) as u64;
        let mut below = 0;
        let found = self.buckets().find(|bucket| {
            below += bucket.count;
            below >= rank
        });
        found.map(|bucket| bucket.middle(integral))
    }

    /// Bytes of memory.
    pub fn memory_size(&self) -> usize {
        self.negative.memory_size() + self.positive.memory_size()
    }
}

/// Counts by key, a page for each octave in which there is something.
#[derive(Clone, Debug, Default)]
struct Octaves {
    /// The octave of the first page.
    first: usize,
    pages: Vec<Option<Box<[u64; IN_OCTAVE]>>>,
}

impl Octaves {
    fn at(&mut self, key: u32) -> &mut u64 {
        let (octave, place) = (key as usize / IN_OCTAVE, key as usize % IN_OCTAVE);
        &mut self.page(octave)[place]
    }

    fn page(&mut self, octave: usize) -> &mut [u64; IN_OCTAVE] {
        if self.pages.is_empty() {
            self.first = octave;
        }
        if octave < self.first {
            let missing = self.first - octave;
            self.pages.splice(0..0, std::iter::repeat_n(None, missing));
            self.first = octave;
        }
        let place = octave - self.first;
        if place >= self.pages.len() {
            self.pages.resize(place + 1, None);
        }
        self.pages[place].get_or_insert_with(|| Box::new([0; IN_OCTAVE]))
    }

    fn merge(&mut self, other: &Self) {
        for (place, page) in other.pages.iter().enumerate() {
            if let Some(page) = page {
                let own = self.page(other.first + place);
                for (own, other) in own.iter_mut().zip(page.iter()) {
                    *own += other;
                }
            }
        }
    }

    /// Keys with their counts, zeros left out.
    fn counts(&self) -> impl DoubleEndedIterator<Item = (u32, u64)> {
        let pages = self.pages.iter().enumerate();
        pages.flat_map(move |(place, page)| {
            let base = (self.first + place) * IN_OCTAVE;
            let counts = page.iter().flat_map(|page| page.iter().enumerate());
            counts
                .filter(|(_, count)| **count > 0)
                .map(move |(at, count)| ((base + at) as u32, *count))
        })
    }

    fn memory_size(&self) -> usize {
        let pages = self.pages.iter().flatten().count();
        self.pages.capacity() * size_of::<usize>() + pages * size_of::<[u64; IN_OCTAVE]>()
    }
}

impl PartialEq for Octaves {
    fn eq(&self, other: &Self) -> bool {
        self.counts().eq(other.counts())
    }
}

impl Eq for Octaves {}
