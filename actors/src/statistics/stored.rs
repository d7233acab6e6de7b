//! What is on the target: days, hours and committed windows.

use std::ops::Range;
use std::sync::Arc;

use shardmill_engine::ports::{Host, Store};
use shardmill_engine::rollup::{Archive, Found, Reach, RolledUp, Roller, RollupError, Settings};
use shardmill_engine::statistics::PaneLimits;
use shardmill_engine::types::{TimestampMs, Window, WindowLength};
use tokio::runtime;

use crate::error::Error;

/// Of so many windows, the newest, counts are kept window by window: a day of minutes.
pub(crate) const KEEP_WINDOWS: usize = 1_440;

/// The statistics of a source on its target, read on threads that may wait.
#[derive(Clone)]
pub(crate) struct Target {
    archive: Archive,
    window_length: WindowLength,
    runtime: runtime::Handle,
}

impl Target {
    /// To be called inside the runtime that is to do the work.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        host: Arc<dyn Host>,
        limits: PaneLimits,
        window_length: WindowLength,
    ) -> Self {
        let settings = Settings {
            limits,
            keep_windows: KEEP_WINDOWS,
        };
        Self {
            archive: Archive::new(store, host, settings),
            window_length,
            runtime: runtime::Handle::current(),
        }
    }

    /// Everything that is not expired; `None` if the target holds no source.
    pub(crate) async fn load(&self, limit: Reach) -> Result<Option<Found>, Error> {
        let archive = self.archive.clone();
        self.wait(async move { archive.load(&limit).await }).await
    }

    /// Everything of a range of windows that is not expired.
    pub(crate) async fn range(
        &self,
        windows: Range<Window>,
        limit: Reach,
    ) -> Result<Option<Found>, Error> {
        let archive = self.archive.clone();
        self.wait(async move { archive.range(windows, &limit).await })
            .await
    }

    /// Whoever puts the roll-ups of the source.
    pub(crate) fn roller(&self) -> Roller {
        self.archive.roller()
    }

    /// Puts the roll-ups that are due.
    pub(crate) async fn roll_up(&self, mut roller: Roller) -> Result<(Roller, RolledUp), Error> {
        let work = async move {
            let done = roller.run().await?;
            Ok((roller, done))
        };
        self.wait(work).await
    }

    /// The windows that a span of time lies in.
    pub(crate) fn windows(&self, from: TimestampMs, to: TimestampMs) -> Range<Window> {
        let end = match to.checked_sub(1) {
            Some(last) if last >= from => self.window_length.window_of(last).next(),
            _ => self.window_length.window_of(from),
        };
        self.window_length.window_of(from)..end
    }

    /// Merging takes a while, so it is done beside the threads that drive calls.
    async fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, RollupError>> + Send + 'static,
    ) -> Result<T, Error> {
        let runtime = self.runtime.clone();
        let done = self
            .runtime
            .spawn_blocking(move || runtime.block_on(work))
            .await;
        let done = done.map_err(|error| {
            let message = format!("reading statistics was given up: {error}");
            Error::new("statistics.given_up", message)
        })?;
        done.map_err(|error| Error::new(error.code(), error.to_string()))
    }
}
