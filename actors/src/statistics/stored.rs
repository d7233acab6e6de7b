//! What is on the target: days, hours and committed windows.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use shardmill_engine::ports::{Host, Store};
use shardmill_engine::rollup::{Archive, Found, Reach, RolledUp, Roller, RollupError, Settings};
use shardmill_engine::statistics::PaneLimits;
use shardmill_engine::types::{TimestampMs, Window, WindowLength};
use tokio::runtime::{self, RuntimeFlavor};
use tokio::sync::watch;

use crate::error::Error;

/// Of so many windows, the newest, counts are kept window by window: a day of minutes.
pub(crate) const KEEP_WINDOWS: usize = 1_440;

/// The statistics of a source on its target, read on threads that may wait.
#[derive(Clone)]
pub(crate) struct Target {
    archive: Archive,
    window_length: WindowLength,
    runtime: runtime::Handle,
    /// Whether nothing may be asked any more. Whatever is at work listens to it.
    closed: Arc<watch::Sender<bool>>,
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
            closed: Arc::new(watch::Sender::new(false)),
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

    /// The runtime is about to end: what is at work gives up, and nothing is begun any more.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Whether anything is at work.
    pub(crate) fn is_at_work(&self) -> bool {
        self.closed.receiver_count() > 0
    }

    async fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, RollupError>> + Send + 'static,
    ) -> Result<T, Error> {
        let may_block = self.runtime.runtime_flavor() == RuntimeFlavor::MultiThread;
        let mut closed = self.closed.subscribe();
        let work = async move {
            tokio::select! {
                biased;
                _ = closed.wait_for(|closed| *closed) => None,
                done = work => Some(done),
            }
        };
        let work = Heavy {
            work: Box::pin(work),
            may_block,
        };
        let given_up = |why: &str| {
            let message = format!("reading statistics was given up: {why}");
            Error::new("statistics.given_up", message)
        };
        let done = self.runtime.spawn(work).await;
        let done = done.map_err(|error| given_up(&error.to_string()))?;
        let done = done.ok_or_else(|| given_up("the source has ended; open its target"))?;
        done.map_err(|error| Error::new(error.code(), error.to_string()))
    }
}

/// Work that merges between its calls, which takes a while: other tasks must not wait for it.
struct Heavy<F> {
    work: Pin<Box<F>>,
    /// A runtime of one thread has none to give its other tasks to.
    may_block: bool,
}

impl<F: Future> Future for Heavy<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match self.may_block {
            true => tokio::task::block_in_place(|| self.work.as_mut().poll(context)),
            false => self.work.as_mut().poll(context),
        }
    }
}
