//! The handle of a running data source.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use shardmill_engine::budget::Budget;
use shardmill_engine::ports::Host;
use shardmill_engine::preview::Preview;
use shardmill_engine::types::TimestampMs;
use tokio::sync::{broadcast, mpsc, watch};

use crate::engine::Command;
use crate::error::Error;
use crate::progress::{Meter, Progress};
use crate::statistics::{LiveView, Statistics};

/// How a source ended.
pub(crate) type Outcome = Result<(), Error>;

/// A commit, as subscribers see it. The log on the target is the truth; this is news of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CommittedWindow {
    /// The name of the source.
    pub source: String,
    /// The lane.
    pub lane: u32,
    /// The lane's epoch.
    pub epoch: u64,
    /// Every window of this lane that ends at or before this time (ms) is closed; `None` while none
    /// is.
    pub closed_through_ms: Option<TimestampMs>,
    /// Rows of `files`.
    pub rows: u64,
    /// Names of the data files, below the source's place on the target. Empty for a commit that
    /// only moves on.
    pub files: Vec<String>,
    /// Names of the reject files.
    pub rejects: Vec<String>,
    /// Names of the files of the raw copy.
    pub raw: Vec<String>,
}

/// News of commits. It holds the last [`Subscription::CAPACITY`]; who falls further behind is told
/// how many were missed and can read them from the log.
pub struct Subscription {
    commits: broadcast::Receiver<CommittedWindow>,
}

/// The next news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A commit.
    Committed(CommittedWindow),
    /// So many commits were missed.
    Missed(u64),
}

impl Subscription {
    /// Commits that wait for a subscriber.
    pub const CAPACITY: usize = 1_024;

    /// Waits for the next news; `None` once the source has ended.
    pub async fn next(&mut self) -> Option<News> {
        match self.commits.recv().await {
            Ok(commit) => Some(News::Committed(commit)),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(News::Missed(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// Blocks until the next news; not for async code.
    pub fn next_blocking(&mut self) -> Option<News> {
        futures::executor::block_on(self.next())
    }
}

/// A running data source. `Send`, `Sync` and cheap to clone; dropping the last clone stops the
/// source as [`Handle::stop`] does, without waiting for it.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

/// What a handle shows of its source.
pub(crate) struct Shown {
    pub meter: Arc<Meter>,
    pub live: Arc<LiveView>,
    pub budget: Budget,
    pub host: Arc<dyn Host>,
}

struct Shared {
    key: u64,
    shown: Shown,
    commands: mpsc::UnboundedSender<Command>,
    outcome: watch::Receiver<Option<Outcome>>,
    commits: broadcast::WeakSender<CommittedWindow>,
    stopped: AtomicBool,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn stop(&self) {
        if !self.stopped.swap(true, Ordering::Relaxed) {
            // An engine that is gone has stopped already.
            let _ = self.commands.send(Command::Stop(self.key));
        }
    }
}

impl Handle {
    pub(crate) fn new(
        key: u64,
        shown: Shown,
        commands: mpsc::UnboundedSender<Command>,
        outcome: watch::Receiver<Option<Outcome>>,
        commits: &broadcast::Sender<CommittedWindow>,
    ) -> Self {
        let commits = commits.downgrade();
        let stopped = AtomicBool::new(false);
        let shared = Shared {
            key,
            shown,
            commands,
            outcome,
            commits,
            stopped,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// What the source has done so far and what each of its actors is doing.
    pub fn progress(&self) -> Progress {
        let Shown {
            meter,
            budget,
            host,
            ..
        } = &self.shared.shown;
        meter.snapshot(budget, host.now())
    }

    /// The statistics of the source: what is committed and what is live, as one. They can be asked
    /// after the handle is gone, and do not keep the source running.
    pub fn statistics(&self) -> Statistics {
        Statistics::of(Arc::clone(&self.shared.shown.live))
    }

    /// The sample of a new source that its format was decided by: a preview, and no committed data.
    /// `None` before that, after the first commit, and where no format had to be found out.
    pub fn preview(&self) -> Option<Arc<Preview>> {
        self.shared.shown.meter.preview()
    }

    /// Asks the source to finish what is in flight, commit it and end. Returns at once.
    pub fn stop(&self) {
        self.shared.stop();
    }

    /// Asks the source to end at once. What is not committed is read again at the next start.
    pub fn stop_now(&self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // An engine that is gone has stopped already.
        let _ = self.shared.commands.send(Command::StopNow(self.shared.key));
    }

    /// Whether the source has ended.
    pub fn is_finished(&self) -> bool {
        self.shared.outcome.borrow().is_some()
    }

    /// Waits for the end and gives the totals, or why the source failed. For async code, on any
    /// runtime or none.
    ///
    /// # Errors
    /// What ended the source: among others `log.fenced` when another process has taken it over.
    pub async fn finished(&self) -> Result<Progress, Error> {
        let mut outcome = self.shared.outcome.clone();
        let ended = match outcome.wait_for(Option::is_some).await {
            Ok(outcome) => (*outcome).clone(),
            Err(_) => None,
        };
        match ended {
            Some(Ok(())) => Ok(self.progress()),
            Some(Err(error)) => Err(error),
            None => Err(Error::new(
                "engine.died",
                "the engine's thread has died; start it again",
            )),
        }
    }

    /// Blocks until the end; see [`Handle::finished`]. Not for async code.
    ///
    /// # Errors
    /// What ended the source.
    pub fn wait(&self) -> Result<Progress, Error> {
        futures::executor::block_on(self.finished())
    }

    /// News of every commit from now on.
    pub fn subscribe(&self) -> Subscription {
        let commits = match self.shared.commits.upgrade() {
            Some(commits) => commits.subscribe(),
            // The source has ended: a channel that is closed already.
            None => broadcast::channel(1).1,
        };
        Subscription { commits }
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle")
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}
