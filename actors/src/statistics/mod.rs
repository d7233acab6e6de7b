//! Statistics of a source, live and of the past, for whoever asks.
//!
//! [`Statistics`] comes from [`Handle::statistics`](crate::Handle::statistics) for a source that runs
//! in this process, or from [`Statistics::open`] for one that does not. It gives [`View`]s: what is
//! known at a moment, committed and live, each event once.

mod live;
mod memory;
mod open;
mod stored;

use std::sync::Arc;

use shardmill_engine::types::TimestampMs;
use tokio::sync::watch;

pub use shardmill_engine::statistics::*;

pub(crate) use live::{Committed, Held, LiveView};
pub(crate) use memory::PaneMemory;
pub(crate) use stored::{KEEP_WINDOWS, Target};

use crate::error::Error;
use open::OwnRuntime;

/// The statistics of a source. `Send`, `Sync` and cheap to clone; it does not keep the source
/// running, and asking never holds the stream up.
///
/// ```no_run
/// use shardmill::Shardmill;
/// use shardmill::config::DataSource;
///
/// # async fn ask() -> Result<(), Box<dyn std::error::Error>> {
/// let handle = Shardmill::start(DataSource::from_file("source.toml")?)?;
/// let statistics = handle.statistics();
/// statistics.ready().await?;
///
/// let view = statistics.now()?;
/// println!("{} events as of {}", view.counts().rows, view.as_of_ms());
/// if let Some(field) = view.field("user.name") {
///     println!("in {} of them", field.events);
/// }
///
/// // The hour before.
/// let to = view.as_of_ms();
/// let hour = statistics.range(to - 3_600_000, to).await?;
/// println!("{} events in it", hour.counts().rows);
///
/// let mut changes = statistics.subscribe();
/// while let Some(view) = changes.next().await {
///     println!("{} events", view.counts().rows);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Statistics {
    live: Arc<LiveView>,
    /// Where ranges are read, if that is nobody else's.
    _runtime: Option<Arc<OwnRuntime>>,
}

impl Statistics {
    pub(crate) fn of(live: Arc<LiveView>) -> Self {
        Self {
            live,
            _runtime: None,
        }
    }

    /// What is known now: everything committed that is not expired, and the live tip. Costs a few
    /// pointers, whatever is known; what is asked of the view is merged then.
    ///
    /// # Errors
    /// `statistics.loading` while what is on the target is still being read: see
    /// [`Statistics::ready`]. What ended the source, if it ended before that.
    pub fn now(&self) -> Result<View, Error> {
        self.live.snapshot().view()
    }

    /// Waits until what is on the target has been read. For async code, on any runtime or none.
    ///
    /// # Errors
    /// What ended the source before that.
    pub async fn ready(&self) -> Result<(), Error> {
        let mut changes = self.live.changes();
        loop {
            changes.mark_unchanged();
            let snapshot = self.live.snapshot();
            if snapshot.is_settled() {
                return snapshot.check();
            }
            // The view holds the other end.
            let _ = changes.changed().await;
        }
    }

    /// What is known of a span of time, [from, to) in milliseconds since the Unix epoch: of all
    /// windows that it touches, the live tip included. Reads days, hours and windows from the
    /// target. For async code, on any runtime or none.
    ///
    /// # Errors
    /// As [`Statistics::now`], and what reading the target can bring. `statistics.given_up` once the
    /// source that was asked has ended: [`Statistics::open`] reads on.
    pub async fn range(&self, from_ms: TimestampMs, to_ms: TimestampMs) -> Result<View, Error> {
        let snapshot = self.live.snapshot();
        snapshot.check()?;
        let Some(target) = self.live.target.get() else {
            // Whatever has been read has been read from there.
            return Err(live::loading(None));
        };
        let windows = target.windows(from_ms, to_ms);
        let found = target.range(windows.clone(), snapshot.reach()).await?;
        let committed = found.map(|found| (Arc::new(found.pane), Origin::Committed));
        let open = snapshot
            .open()
            .filter(|(window, _)| windows.contains(window));
        let live = open.map(|(_, pane)| (Arc::clone(pane), Origin::Live));
        let panes = committed.into_iter().chain(live).collect();
        let view = View::new(panes, snapshot.as_of_ms());
        Ok(view.with_window_length(snapshot.window_length()))
    }

    /// News: the view of now first, then newer ones as they come.
    pub fn subscribe(&self) -> Changes {
        let mut changed = self.live.changes();
        changed.mark_changed();
        Changes {
            live: Arc::clone(&self.live),
            changed,
            over: false,
        }
    }
}

impl std::fmt::Debug for Statistics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Statistics")
            .field("as_of_ms", &self.live.snapshot().as_of_ms())
            .finish_non_exhaustive()
    }
}

/// Newer views, as they come. Who is slow misses those between, and gets the newest.
pub struct Changes {
    live: Arc<LiveView>,
    changed: watch::Receiver<()>,
    over: bool,
}

impl Changes {
    /// Waits for a view that is newer than the last one; `None` once there will be none. For async
    /// code, on any runtime or none.
    pub async fn next(&mut self) -> Option<View> {
        while !self.over {
            // The view holds the other end.
            let _ = self.changed.changed().await;
            let snapshot = self.live.snapshot();
            self.over = snapshot.is_over();
            if let Ok(view) = snapshot.view() {
                return Some(view);
            }
        }
        None
    }

    /// Blocks until there is a newer view; see [`Changes::next`]. Not for async code.
    pub fn next_blocking(&mut self) -> Option<View> {
        futures::executor::block_on(self.next())
    }
}

/// The examples of the page about statistics, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/STATISTICS.md")]
pub struct PageOfStatistics;
