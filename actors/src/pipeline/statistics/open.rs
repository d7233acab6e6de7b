//! The panes of a lane's open windows: the work that the worker threads do for its statistics.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use shardmill_engine::budget::Credit;
use shardmill_engine::statistics::Pane;
use shardmill_engine::types::{ClaimRef, DecodedBatch, TimestampMs, Window};

use crate::pipeline::context::SourceContext;
use crate::statistics::{Held, PaneMemory};

/// What is observed becomes visible at most this often, and less often by [`PUBLISH_PER_MIB`] for
/// each MiB of open panes: what changes after that is copied.
const PUBLISH_EVERY: Duration = Duration::from_millis(10);
/// See [`PUBLISH_EVERY`]. So what is copied stays below 35 MB a second and lane.
const PUBLISH_PER_MIB: Duration = Duration::from_millis(30);

/// The statistics of a lane's open windows.
pub(super) struct OpenPanes {
    context: Arc<SourceContext>,
    claim: ClaimRef,
    windows: BTreeMap<Window, OpenWindow>,
    memory: PaneMemory,
    /// Observed and not visible yet: when it was received, and when it had arrived at Kinesis.
    unseen: Vec<(TimestampMs, TimestampMs)>,
    next_publish: Instant,
}

struct OpenWindow {
    pane: Pane,
    changed: bool,
}

/// The encoded statistics of a window; `None` where there is nothing to say.
pub(super) struct Closed {
    pub window: Window,
    pub object: Option<(Bytes, Credit)>,
}

impl OpenPanes {
    pub(super) fn new(context: Arc<SourceContext>, claim: ClaimRef) -> Self {
        Self {
            memory: PaneMemory::charge(&context.budget, &context.meter, 0),
            context,
            claim,
            windows: BTreeMap::new(),
            unseen: Vec::new(),
            next_publish: Instant::now(),
        }
    }

    /// When what was observed is to become visible; `None` where all of it is.
    pub(super) fn publish_at(&self) -> Option<Instant> {
        (!self.unseen.is_empty()).then_some(self.next_publish)
    }

    /// Takes batches in, makes them visible if it is time, and closes windows. Heavy.
    pub(super) fn work(
        &mut self,
        batches: Vec<Arc<DecodedBatch>>,
        closing: Vec<Window>,
    ) -> Vec<Closed> {
        for batch in batches {
            self.observe(&batch);
        }
        let panes = self.windows.values();
        self.memory
            .resize(panes.map(|open| open.pane.memory_size()).sum());
        if self
            .publish_at()
            .is_some_and(|at| at <= Instant::now() || !closing.is_empty())
        {
            self.publish();
        }
        let closed = closing.into_iter();
        closed.map(|window| self.close(window)).collect()
    }

    fn observe(&mut self, batch: &DecodedBatch) {
        let window = batch.head.window;
        let limits = &self.context.settings.statistics;
        let open = self.windows.entry(window).or_insert_with(|| OpenWindow {
            pane: Pane::new(limits.clone()),
            changed: false,
        });
        let pane = &mut open.pane;
        if catch_unwind(AssertUnwindSafe(|| pane.observe(batch))).is_err() {
            open.damaged(&self.context, window);
        }
        open.changed = true;
        self.unseen
            .push((batch.head.received, batch.head.arrival_at_to));
    }

    fn publish(&mut self) {
        let mut panes = Vec::new();
        for (window, open) in &mut self.windows {
            if std::mem::take(&mut open.changed) {
                let pane = Arc::new(open.pane.clone());
                let held = Held {
                    pane,
                    _memory: None,
                };
                panes.push((*window, held));
            }
        }
        let context = &self.context;
        let now = context.host.now();
        context.live.observed(self.claim, &panes, now);
        let micros = |since: TimestampMs| u64::try_from(now - since).unwrap_or(0) * 1_000;
        for (received, arrival) in self.unseen.drain(..) {
            context.meter.arrival_to_statistics.record(micros(received));
            context.meter.ingest_delay.record(micros(arrival));
        }
        let mebibytes = self.memory.bytes() as f64 / f64::from(1 << 20);
        let wait = PUBLISH_EVERY + PUBLISH_PER_MIB.mul_f64(mebibytes);
        self.next_publish = Instant::now() + wait;
    }

    fn close(&mut self, window: Window) -> Closed {
        let nothing = Closed {
            window,
            object: None,
        };
        let Some(mut open) = self.windows.remove(&window) else {
            return nothing;
        };
        if open.pane.is_empty() {
            return nothing;
        }
        let context = Arc::clone(&self.context);
        let encode = |pane: &Pane| {
            let encoded = catch_unwind(AssertUnwindSafe(|| pane.encode(&[])));
            encoded
                .map_err(|_| "it panicked".to_owned())?
                .map_err(|error| error.to_string())
        };
        let encoded = encode(&open.pane).or_else(|_| {
            open.damaged(&context, window);
            encode(&open.pane)
        });
        let given_up = open.pane.given_up();
        let counters = &context.meter.statistics;
        counters
            .given_up_sketches
            .fetch_add(given_up.sketches, Ordering::Relaxed);
        counters
            .dropped_fields
            .fetch_add(given_up.fields, Ordering::Relaxed);
        // From now on the snapshot holds the memory, until the window is merged into the rest.
        let bytes = open.pane.memory_size();
        self.memory
            .resize(self.memory.bytes().saturating_sub(bytes));
        let memory = PaneMemory::charge(&context.budget, &context.meter, bytes);
        let held = Held {
            pane: Arc::new(open.pane),
            _memory: Some(Arc::new(memory)),
        };
        let now = context.host.now();
        context.live.observed(self.claim, &[(window, held)], now);
        let object = encoded.map(|bytes| {
            let credit = context.budget.charge(bytes.len());
            Some((Bytes::from(bytes), credit))
        });
        let object = object.unwrap_or_else(|why| {
            tracing::error!(
                source = %context.settings.name,
                lane = self.claim.lane.0,
                window = window.0,
                why,
                "the statistics of a window cannot be encoded; its commit is counted by its ranges"
            );
            None
        });
        Closed { window, object }
    }
}

impl OpenWindow {
    /// What a panic has left of the fields may be anything. Counts are taken in before them.
    fn damaged(&mut self, context: &SourceContext, window: Window) {
        self.pane = self.pane.counts_only();
        let counters = &context.meter.statistics;
        counters.damaged_windows.fetch_add(1, Ordering::Relaxed);
        tracing::error!(
            source = %context.settings.name,
            window = window.0,
            "the statistics of a window panicked; of this window there are counts only"
        );
    }
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
