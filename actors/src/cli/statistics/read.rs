//! Where the statistics are from.

use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;
use shardmill_engine::ports::Host;
use shardmill_engine::rollup::{Archive, Reach, Settings};
use shardmill_engine::statistics::{Origin, PaneLimits, View};
use shardmill_engine::types::{TimestampMs, Window, WindowLength};

use crate::adapters::SystemHost;
use crate::cli::{Failure, open_target};
use crate::config::DataSource;

/// Of so many windows, the newest, counts are shown window by window.
const WINDOWS: usize = 1_440;

/// The time that is asked for: from the first to, but not including, the second; whole windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Span {
    /// `null`: from the beginning.
    pub from_ms: Option<TimestampMs>,
    /// `null`: to the end.
    pub to_ms: Option<TimestampMs>,
}

/// Reads the statistics of a source from its target.
pub struct Reader {
    archive: Archive,
    host: Arc<dyn Host>,
    length: WindowLength,
    windows: Range<Window>,
    target: String,
}

impl Reader {
    /// Of the windows that lie in a span of time, or some of which does.
    pub async fn open(
        source: &DataSource,
        from: Option<TimestampMs>,
        to: Option<TimestampMs>,
    ) -> Result<Self, Failure> {
        let host: Arc<dyn Host> = Arc::new(SystemHost);
        let statistics = source.statistics();
        let settings = Settings {
            limits: PaneLimits {
                fields: statistics.real_time,
                max_fields: statistics.max_fields,
                max_bytes: statistics.max_bytes_per_window,
                top_values: statistics.top_values,
            },
            keep_windows: WINDOWS,
        };
        let length = source.window_length();
        let first = from.map_or(Window(i64::MIN), |from| length.window_of(from));
        // The last moment that is asked for is the one before `to`.
        let end = to.map_or(Window(i64::MAX), |to| length.window_of(to - 1).next());
        Ok(Self {
            archive: Archive::new(open_target(source).await?, Arc::clone(&host), settings),
            host,
            length,
            windows: first..end,
            target: format!("{}/{}", source.target().url, source.name()),
        })
    }

    /// The time that is read.
    pub fn span(&self) -> Span {
        let start = |window: Window| self.length.start_of(window);
        Span {
            from_ms: (self.windows.start > Window(i64::MIN)).then(|| start(self.windows.start)),
            to_ms: (self.windows.end < Window(i64::MAX)).then(|| start(self.windows.end)),
        }
    }

    /// What is there now.
    pub async fn view(&self) -> Result<View, Failure> {
        let all = Reach::default();
        let found = self.archive.range(self.windows.clone(), &all).await;
        let found = found.map_err(|error| Failure::new(error.code(), error.to_string()))?;
        let Some(found) = found else {
            let target = &self.target;
            let message = format!("nothing is at {target}: `shardmill run` makes the source");
            return Err(Failure::new("statistics.no_source", message));
        };
        let panes = vec![(Arc::new(found.pane), Origin::Committed)];
        Ok(View::new(panes, self.host.now()).with_window_length(self.length))
    }
}
