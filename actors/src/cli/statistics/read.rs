//! Where the statistics are from.

use serde::Serialize;
use shardmill_engine::statistics::View;
use shardmill_engine::types::{TimestampMs, WindowLength};

use crate::cli::Failure;
use crate::config::DataSource;
use crate::error::Error;
use crate::statistics::Statistics;

/// The time that is asked for: from the first to, but not including, the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// `null`: from the beginning.
    pub from_ms: Option<TimestampMs>,
    /// `null`: to the end.
    pub to_ms: Option<TimestampMs>,
}

impl Span {
    /// The whole windows that lie in a span of time, or some of which does.
    pub fn of_windows(
        from: Option<TimestampMs>,
        to: Option<TimestampMs>,
        length: WindowLength,
    ) -> Self {
        let start = |time| length.start_of(length.window_of(time));
        Self {
            from_ms: from.map(start),
            // The last moment that is asked for is the one before `to`.
            to_ms: to.map(|to| start(to - 1) + length.millis()),
        }
    }

    /// Reads what is on the target now.
    pub async fn view(self, source: &DataSource) -> Result<View, Failure> {
        let view = self.read(source).await;
        let view = view.map_err(|error| Failure::new(error.code(), error.message()))?;
        Ok(view.with_window_length(source.window_length()))
    }

    async fn read(self, source: &DataSource) -> Result<View, Error> {
        let statistics = Statistics::open(source).await?;
        if self.from_ms.is_none() && self.to_ms.is_none() {
            return statistics.now();
        }
        let from = self.from_ms.unwrap_or(TimestampMs::MIN);
        let to = self.to_ms.unwrap_or(TimestampMs::MAX);
        statistics.range(from, to).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_of_whole_windows() {
        let span = |from, to| Span::of_windows(from, to, WindowLength::MINUTE);
        let cut = span(Some(60_001), Some(179_999));
        assert_eq!((cut.from_ms, cut.to_ms), (Some(60_000), Some(180_000)));
        assert_eq!(cut, span(cut.from_ms, cut.to_ms));
        let all = span(None, None);
        assert_eq!((all.from_ms, all.to_ms), (None, None));
    }
}
