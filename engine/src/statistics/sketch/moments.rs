//! Mean and spread.

/// Number, mean and spread of values, for the mean and the standard deviation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    /// How many values.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// The sum of the squares of their distances from the mean.
    pub squares: f64,
}

impl Moments {
    /// Of values that are each there so many times.
    pub fn of(values: impl Iterator<Item = (f64, u64)> + Clone) -> Self {
        let count: u64 = values.clone().map(|(_, times)| times).sum();
        if count == 0 {
            return Self::default();
        }
        // Weights first: a sum of values that a float64 holds need not be one.
        let weighted = values
            .clone()
            .map(|(value, times)| value * (times as f64 / count as f64));
        let mean: f64 = weighted.sum();
        let squares = values.map(|(value, times)| (value - mean).powi(2) * times as f64);
        Self {
            count,
            mean,
            squares: squares.sum(),
        }
    }

    /// Takes in the moments of other values (Chan, Golub and LeVeque).
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        let (own, others) = (self.count as f64, other.count as f64);
        let all = own + others;
        let apart = other.mean - self.mean;
        self.mean = self.mean * (own / all) + other.mean * (others / all);
        self.squares += other.squares + apart * apart * (own / all) * others;
        self.count += other.count;
    }

    /// The standard deviation of all values there were; `None` of none.
    pub fn deviation(&self) -> Option<f64> {
        (self.count > 0).then(|| (self.squares / self.count as f64).sqrt())
    }
}
