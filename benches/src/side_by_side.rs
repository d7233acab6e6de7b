//! Two ways to do the same work, in turns.

use crate::measure::Spread;

/// What each way has reached, in MB of payload per CPU second, and their ratio in each round.
pub struct SideBySide {
    bytes_an_event: usize,
    ours: Vec<f64>,
    theirs: Vec<f64>,
    ratios: Vec<f64>,
}

impl SideBySide {
    /// Runs both ways so many times. Each gives the rows that it made and the CPU seconds that it
    /// took; `work` is the bytes of all payloads and the rows that have to come out.
    ///
    /// # Panics
    /// When one of them loses or makes rows.
    pub fn run(
        rounds: usize,
        work: (usize, usize),
        mut ours: impl FnMut() -> (usize, f64),
        mut theirs: impl FnMut() -> (usize, f64),
    ) -> Self {
        let (bytes, rows) = work;
        let mut figures = Self {
            bytes_an_event: bytes / rows,
            ours: Vec::new(),
            theirs: Vec::new(),
            ratios: Vec::new(),
        };
        for round in 0..=rounds {
            let (our_rows, our_seconds) = ours();
            let (their_rows, their_seconds) = theirs();
            assert_eq!(our_rows, rows, "shardmill lost or made events");
            assert_eq!(their_rows, rows, "the other lost or made events");
            // The first round warms caches and allocators.
            if round > 0 {
                figures.ours.push(bytes as f64 / 1e6 / our_seconds);
                figures.theirs.push(bytes as f64 / 1e6 / their_seconds);
                figures.ratios.push(their_seconds / our_seconds);
            }
        }
        figures
    }

    /// Prints the head of the table.
    pub fn print_head() {
        println!("MB of payload per CPU second, one thread: median (lowest to highest)");
        println!(
            "{:<18} {:>14} {:>24} {:>24} {:>20}  beside",
            "events", "bytes an event", "shardmill", "the other", "ratio"
        );
    }

    /// Prints a line of the table.
    pub fn print(&self, events: &str, beside: &str) {
        let show = |figures: &[f64], digits: usize| {
            let Spread { min, median, max } = Spread::of(figures);
            format!("{median:.digits$} ({min:.digits$} to {max:.digits$})")
        };
        println!(
            "{events:<18} {:>14} {:>24} {:>24} {:>20}  {beside}",
            self.bytes_an_event,
            show(&self.ours, 0),
            show(&self.theirs, 0),
            show(&self.ratios, 2)
        );
    }
}
