//! How a running source is shown: lines that redraw themselves in a terminal, a line now and then
//! elsewhere, one JSON object a second for programs.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Serialize;
use shardmill_engine::ports::Extent;

use super::output::{count, duration, json_line};
use crate::config::format_size;
use crate::progress::Progress;

/// Between two looks at a source.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Between two lines where nothing can be redrawn.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Rates since the look before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Rates {
    /// Rows decoded a second.
    pub rows_per_s: f64,
    /// Bytes of payload decoded a second.
    pub bytes_per_s: f64,
}

/// A look at a source as `--json` prints it: what [`Progress`] has, and the rates.
#[derive(Serialize)]
struct Look<'l> {
    event: &'l str,
    rates: Rates,
    #[serde(flatten)]
    progress: &'l Progress,
}

/// Shows sources while they run.
pub enum Live {
    Json(Meters),
    Terminal {
        meters: Meters,
        all: MultiProgress,
        bars: HashMap<String, ProgressBar>,
    },
    Lines {
        meters: Meters,
        told: Option<Instant>,
    },
}

impl Live {
    /// `json` for programs; else as standard error permits.
    pub fn new(json: bool) -> Self {
        let meters = Meters::default();
        if json {
            Live::Json(meters)
        } else if std::io::stderr().is_terminal() {
            Live::Terminal {
                meters,
                all: MultiProgress::new(),
                bars: HashMap::new(),
            }
        } else {
            Live::Lines { meters, told: None }
        }
    }

    /// Shows all sources as they are now; `note` is said of each, where there is something to say.
    pub fn show(&mut self, looks: &[Progress], note: &str) {
        match self {
            Live::Json(meters) => {
                for progress in looks {
                    let rates = meters.rates(progress, Instant::now());
                    json_line(&Look {
                        event: "progress",
                        rates,
                        progress,
                    });
                }
            }
            Live::Terminal { meters, all, bars } => {
                for progress in looks {
                    let rates = meters.rates(progress, Instant::now());
                    let bar = bars.entry(progress.source.clone()).or_insert_with(|| {
                        let bar = all.add(ProgressBar::new_spinner());
                        // The template is ours; were it wrong, the default would do.
                        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                            bar.set_style(style);
                        }
                        bar
                    });
                    bar.set_message(lines(progress, rates, note).join("\n  "));
                    bar.tick();
                }
            }
            Live::Lines { meters, told } => {
                if told.is_some_and(|told| told.elapsed() < LINE_EVERY) {
                    return;
                }
                *told = Some(Instant::now());
                for progress in looks {
                    let rates = meters.rates(progress, Instant::now());
                    eprintln!("{}", lines(progress, rates, note).join("; "));
                }
            }
        }
    }

    /// Says something to people.
    pub fn say(&self, text: &str) {
        match self {
            Live::Json(_) => {}
            Live::Terminal { all, .. } => {
                // A terminal that is gone shows nothing anyway.
                let _ = all.println(text);
            }
            Live::Lines { .. } => eprintln!("{text}"),
        }
    }

    /// Takes away what was drawn.
    pub fn clear(&self) {
        if let Live::Terminal { all, .. } = self {
            // A terminal that is gone shows nothing anyway.
            let _ = all.clear();
        }
    }

    /// Prints the totals of a source that has ended, for programs.
    pub fn totals(&self, progress: &Progress) {
        if let Live::Json(meters) = self {
            let rates = meters.overall(progress);
            json_line(&Look {
                event: "totals",
                rates,
                progress,
            });
        }
    }
}

/// The last look at each source.
#[derive(Default)]
pub struct Meters {
    last: HashMap<String, (Instant, u64, u64)>,
}

impl Meters {
    fn rates(&mut self, progress: &Progress, now: Instant) -> Rates {
        let (rows, bytes) = (progress.decoded.rows, progress.decoded.bytes);
        let last = self
            .last
            .insert(progress.source.clone(), (now, rows, bytes));
        let Some((then, rows_then, bytes_then)) = last else {
            return Rates::default();
        };
        let seconds = now.duration_since(then).as_secs_f64().max(1e-3);
        Rates {
            rows_per_s: rows.saturating_sub(rows_then) as f64 / seconds,
            bytes_per_s: bytes.saturating_sub(bytes_then) as f64 / seconds,
        }
    }

    /// Rates over the whole time of a source.
    fn overall(&self, progress: &Progress) -> Rates {
        let seconds = (progress.uptime_ms as f64 / 1e3).max(1e-3);
        Rates {
            rows_per_s: progress.decoded.rows as f64 / seconds,
            bytes_per_s: progress.decoded.bytes as f64 / seconds,
        }
    }
}

/// How far files have been read, as a bar.
fn bar(extent: Extent) -> String {
    const WIDTH: u64 = 30;
    let Extent { read, total } = extent;
    let part = |whole: u64| match total {
        0 => whole,
        _ => u64::try_from(u128::from(read) * u128::from(whole) / u128::from(total)).unwrap_or(0),
    };
    let done = part(WIDTH) as usize;
    format!(
        "[{}{}] {}%, {} of {} read",
        "#".repeat(done),
        "-".repeat(WIDTH as usize - done),
        part(100),
        format_size(read),
        format_size(total)
    )
}

fn lines(progress: &Progress, rates: Rates, note: &str) -> Vec<String> {
    let lag = progress.lag_ms.map_or("unknown".to_owned(), duration);
    let by = match progress.read.mode {
        "fan_out" => " by fan-out",
        _ => "",
    };
    let committed = &progress.committed;
    let mut lines = vec![
        format!(
            "{} {}{by}: {} events/s, {:.1} MB/s, lag {lag}",
            progress.source,
            progress.state,
            count(rates.rows_per_s.round() as u64),
            rates.bytes_per_s / 1e6
        ),
        format!(
            "committed {} rows, {} rejects, {} windows in {} files of {}",
            count(committed.counts.rows),
            count(committed.counts.rejects),
            count(committed.windows),
            count(committed.files),
            format_size(committed.file_bytes)
        ),
        format!(
            "{} windows open, {} of {} in flight",
            progress.windows_open,
            format_size(progress.memory.used),
            format_size(progress.memory.budget)
        ),
    ];
    lines.extend(progress.files.map(bar));
    lines.extend(progress.stalled.clone());
    if progress.lane_restarts > 0 {
        lines.push(format!("{} restarts of lanes", progress.lane_restarts));
    }
    if !note.is_empty() {
        lines.push(note.to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(rows: u64, bytes: u64) -> Progress {
        let mut progress = Progress {
            source: "clicks".to_owned(),
            ..Progress::default()
        };
        (progress.decoded.rows, progress.decoded.bytes) = (rows, bytes);
        progress
    }

    #[test]
    fn rates_are_those_since_the_last_look() {
        let mut meters = Meters::default();
        let begun = Instant::now();
        assert_eq!(meters.rates(&progress(100, 1_000), begun), Rates::default());
        let later = begun + Duration::from_secs(2);
        let rates = meters.rates(&progress(300, 5_000), later);
        assert_eq!(
            rates,
            Rates {
                rows_per_s: 100.0,
                bytes_per_s: 2_000.0
            }
        );
        // Counters that begin anew are no negative rate.
        let rates = meters.rates(&progress(0, 0), later + Duration::from_secs(1));
        assert_eq!(rates, Rates::default());
    }

    #[test]
    fn a_bar_fills_with_what_is_read() {
        let shown = |read, total| bar(Extent { read, total });
        assert!(shown(0, 10).starts_with("[------------------------------] 0%"));
        assert!(shown(5, 10).starts_with("[###############---------------] 50%"));
        assert!(shown(0, 0).starts_with("[##############################] 100%"));
        assert!(shown(u64::MAX, u64::MAX).starts_with("[##############################] 100%"));
    }

    #[test]
    fn a_look_has_the_keys_of_the_progress_beside_its_own() {
        let progress = progress(3, 9);
        let look = Look {
            event: "progress",
            rates: Rates::default(),
            progress: &progress,
        };
        let json = serde_json::to_value(&look).unwrap();
        assert_eq!(json["event"], "progress");
        assert_eq!(json["source"], "clicks");
        assert_eq!(json["decoded"]["rows"], 3);
        assert_eq!(json["rates"]["rows_per_s"], 0.0);
    }
}
