//! The live view: what is known at a moment, for whoever asks.
//!
//! A [`Snapshot`] never changes; each change puts another in its place, in one swap. So a reader
//! takes no lock that the stream could wait for, and a commit moves its window from the live tip to
//! what is committed at once: no answer has it twice or not at all.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use shardmill_engine::log::{Commit, LaneState};
use shardmill_engine::rollup::Reach;
use shardmill_engine::statistics::{Origin, Pane, PaneLimits, View};
use shardmill_engine::types::{ClaimRef, LaneId, TimestampMs, Window, WindowLength};
use tokio::sync::watch;

use super::memory::PaneMemory;
use super::stored::Target;
use crate::error::Error;

/// A pane of a snapshot, with the memory that it holds in the budget; `None` where that is somebody
/// else's, as that of an open window is.
#[derive(Clone)]
pub(crate) struct Held {
    pub pane: Arc<Pane>,
    pub _memory: Option<Arc<PaneMemory>>,
}

/// What is known at a moment.
#[derive(Clone)]
pub(crate) struct Snapshot {
    base: Base,
    committed: Arc<Committed>,
    lanes: BTreeMap<LaneId, Arc<LaneTip>>,
    /// How far the logs had been read by whoever opened them without running the source.
    reach: Reach,
    as_of_ms: TimestampMs,
    window_length: WindowLength,
    over: bool,
}

/// What was committed before this process began.
#[derive(Clone)]
enum Base {
    /// Not known yet; what kept it from being read last.
    Loading(Option<Error>),
    Loaded,
    /// It will not be known: the source has ended.
    Ended(Error),
}

/// Everything committed.
#[derive(Clone)]
pub(crate) struct Committed {
    /// All but what follows.
    pub lifetime: Held,
    /// Windows that are not merged in yet, in the order of their commits.
    pub recent: Vec<Held>,
}

/// A lane's windows that no commit has yet.
#[derive(Clone)]
struct LaneTip {
    claim: ClaimRef,
    /// The last entry of its log that is counted as committed.
    through: u64,
    /// The commit that is being put, and its window: whether it takes effect may become known to the
    /// log only.
    under_way: Option<(Window, Arc<Commit>)>,
    open: BTreeMap<Window, Held>,
}

/// The newest snapshot, and news of it.
pub(crate) struct LiveView {
    snapshot: ArcSwap<Snapshot>,
    changed: watch::Sender<()>,
    /// Where ranges are read from, once that is known.
    pub target: OnceLock<Target>,
}

impl LiveView {
    /// Nothing is known yet.
    pub(crate) fn new(limits: PaneLimits, window_length: WindowLength, now: TimestampMs) -> Self {
        let lifetime = Held {
            pane: Arc::new(Pane::new(limits)),
            _memory: None,
        };
        let recent = Vec::new();
        Self {
            snapshot: ArcSwap::from_pointee(Snapshot {
                base: Base::Loading(None),
                committed: Arc::new(Committed { lifetime, recent }),
                lanes: BTreeMap::new(),
                reach: Reach::default(),
                as_of_ms: now,
                window_length,
                over: false,
            }),
            changed: watch::Sender::new(()),
            target: OnceLock::new(),
        }
    }

    /// What is known now.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Resolves with each change.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn change(&self, change: impl Fn(&mut Snapshot)) {
        self.snapshot.rcu(|old| {
            let mut new = Snapshot::clone(old);
            change(&mut new);
            new
        });
        self.changed.send_replace(());
    }

    fn change_lane(&self, claim: ClaimRef, change: impl Fn(&mut Snapshot, &mut LaneTip)) {
        self.change(|snapshot| {
            let Some(tip) = snapshot.lanes.get(&claim.lane) else {
                return;
            };
            // What a claim that is over still has to say is of data that is read again.
            if tip.claim == claim {
                let mut tip = LaneTip::clone(tip);
                change(snapshot, &mut tip);
                snapshot.lanes.insert(claim.lane, Arc::new(tip));
            }
        });
    }

    /// A lane is claimed; what it goes on from is `state`, after entry `through`. What its last claim
    /// had open is read again, but for a commit of it that took effect.
    pub(crate) fn claimed(&self, claim: ClaimRef, through: u64, state: &LaneState) {
        self.change(|snapshot| {
            if let Some(mut last) = snapshot.lanes.get(&claim.lane).map(|tip| (**tip).clone())
                && let Some((window, commit)) = last.under_way.take()
                && state.has_taken(&commit)
            {
                last.commit(snapshot, window);
            }
            let tip = LaneTip {
                claim,
                through,
                under_way: None,
                open: BTreeMap::new(),
            };
            snapshot.lanes.insert(claim.lane, Arc::new(tip));
        });
    }

    /// Open windows of a claim are now as these.
    pub(crate) fn observed(&self, claim: ClaimRef, panes: &[(Window, Held)], now: TimestampMs) {
        self.change_lane(claim, |snapshot, tip| {
            tip.open.extend(panes.iter().cloned());
            snapshot.as_of_ms = snapshot.as_of_ms.max(now);
        });
    }

    /// The commit of a window is about to be put.
    pub(crate) fn committing(&self, claim: ClaimRef, window: Window, commit: &Arc<Commit>) {
        self.change_lane(claim, |_, tip| {
            tip.under_way = Some((window, Arc::clone(commit)));
        });
    }

    /// A commit is on the target, as this entry. Its window, if it has one, is committed now and
    /// live no more.
    pub(crate) fn committed(&self, claim: ClaimRef, entry: u64) {
        self.change_lane(claim, |snapshot, tip| {
            tip.through = entry;
            if let Some((window, _)) = tip.under_way.take() {
                tip.commit(snapshot, window);
            }
        });
    }

    /// The first `merged` of the recent windows are part of `lifetime` now; and, with `loaded`, what
    /// was committed before this process began.
    pub(crate) fn merged(&self, merged: usize, lifetime: &Held, loaded: bool) {
        self.change(|snapshot| {
            if loaded {
                snapshot.base = Base::Loaded;
            }
            let recent = snapshot.committed.recent.iter().skip(merged);
            snapshot.committed = Arc::new(Committed {
                lifetime: lifetime.clone(),
                recent: recent.cloned().collect(),
            });
        });
    }

    /// This is all: nobody runs the source here.
    pub(crate) fn opened(&self, lifetime: &Held, reach: Reach) {
        self.merged(0, lifetime, true);
        self.change(|snapshot| {
            snapshot.reach = reach.clone();
            snapshot.over = true;
        });
    }

    /// What was committed before could not be read; it is tried again.
    pub(crate) fn not_loaded(&self, error: &Error) {
        self.change(|snapshot| snapshot.base = Base::Loading(Some(error.clone())));
    }

    /// The source has ended: what no commit has is read again by whoever reads next. Where a commit
    /// was under way its window stays: it may be committed.
    pub(crate) fn ended(&self, error: Option<&Error>) {
        if let Some(target) = self.target.get() {
            target.close();
        }
        self.change(|snapshot| {
            for tip in snapshot.lanes.values_mut() {
                let mut closed = LaneTip::clone(tip);
                let under_way = closed.under_way.as_ref().map(|(window, _)| *window);
                closed.open.retain(|window, _| Some(*window) == under_way);
                *tip = Arc::new(closed);
            }
            if matches!(snapshot.base, Base::Loading(_)) {
                let message = "the source ended before its statistics were read";
                let unread = || Error::new("statistics.unread", message);
                snapshot.base = Base::Ended(error.cloned().unwrap_or_else(unread));
            }
            snapshot.over = true;
        });
    }
}

impl LaneTip {
    fn commit(&mut self, snapshot: &mut Snapshot, window: Window) {
        if let Some(held) = self.open.remove(&window) {
            let mut committed = Committed::clone(&snapshot.committed);
            committed.recent.push(held);
            snapshot.committed = Arc::new(committed);
        }
    }
}

impl Snapshot {
    /// Whether what was committed before this process began is known, or never will be.
    pub(crate) fn is_settled(&self) -> bool {
        !matches!(self.base, Base::Loading(_))
    }

    /// Whether nothing will change any more.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    pub(crate) fn committed(&self) -> &Arc<Committed> {
        &self.committed
    }

    pub(crate) fn as_of_ms(&self) -> TimestampMs {
        self.as_of_ms
    }

    pub(crate) fn window_length(&self) -> WindowLength {
        self.window_length
    }

    /// How far the logs are counted as committed.
    pub(crate) fn reach(&self) -> Reach {
        let claimed = self.lanes.values();
        let claimed = claimed.map(|tip| (tip.claim.epoch, tip.claim.lane, tip.through));
        Reach::new(claimed.chain(self.reach.lanes()))
    }

    /// The open windows.
    pub(crate) fn open(&self) -> impl Iterator<Item = (Window, &Arc<Pane>)> {
        let lanes = self.lanes.values();
        lanes.flat_map(|tip| tip.open.iter().map(|(window, held)| (*window, &held.pane)))
    }

    /// All that is known, as an answer.
    pub(crate) fn view(&self) -> Result<View, Error> {
        self.check()?;
        let Committed { lifetime, recent } = &*self.committed;
        let committed = std::iter::once(lifetime).chain(recent);
        let committed = committed.map(|held| (Arc::clone(&held.pane), Origin::Committed));
        let live = self
            .open()
            .map(|(_, pane)| (Arc::clone(pane), Origin::Live));
        let panes = committed.chain(live).collect();
        Ok(View::new(panes, self.as_of_ms).with_window_length(self.window_length))
    }

    /// # Errors
    /// That no answer can be given, and why.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match &self.base {
            Base::Loaded => Ok(()),
            Base::Ended(error) => Err(error.clone()),
            Base::Loading(why) => Err(loading(why.as_ref())),
        }
    }
}

/// The error while what is on the target is not known yet.
pub(super) fn loading(why: Option<&Error>) -> Error {
    let why = why.map_or(String::new(), |why| format!(" ({why})"));
    let message = format!(
        "the statistics of what is on the target are still being read{why}; wait for `ready`"
    );
    Error::new("statistics.loading", message)
}

#[cfg(test)]
#[path = "live_tests.rs"]
mod tests;
