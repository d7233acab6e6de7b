//! A lane's open windows: batches go to the window's writer and to the statistics; a window that
//! closes waits for both.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix::prelude::*;
use shardmill_engine::log::StatisticsObject;
use shardmill_engine::types::{DecodedBatch, Window};
use shardmill_engine::window::CommitFiles;

use super::Lane;
use crate::error::Error;
use crate::pipeline::statistics::{Close, LaneStatistics, Observe};
use crate::pipeline::window_writer::{Add, Finish, WindowFiles, WindowWriter};

/// A window that has rows or rejects, or payloads for the raw copy.
pub(super) struct WriterSlot {
    pub(super) writer: Addr<WindowWriter>,
    outbox: Add,
    sending: bool,
    /// Bytes that the writer held unencoded when it answered last.
    pub(super) held: usize,
    finish: FinishState<WindowFiles>,
}

/// What a window that closes has of one of the two that it waits for.
enum FinishState<T> {
    Open,
    Wanted,
    Asked,
    Done(T),
}

/// The lane's statistics, and what waits for them.
pub(super) struct StatisticsSlot {
    pub(super) actor: Addr<LaneStatistics>,
    outbox: Vec<Arc<DecodedBatch>>,
    sending: bool,
    windows: BTreeMap<Window, FinishState<Option<StatisticsObject>>>,
}

impl StatisticsSlot {
    pub(super) fn new(actor: Addr<LaneStatistics>) -> Self {
        Self {
            actor,
            outbox: Vec::new(),
            sending: false,
            windows: BTreeMap::new(),
        }
    }

    fn is_done(&self, window: Window) -> bool {
        let state = self.windows.get(&window);
        state.is_none_or(|state| matches!(state, FinishState::Done(_)))
    }
}

impl Lane {
    pub(super) fn arrived(&mut self, batch: DecodedBatch, ctx: &mut Context<Self>) {
        match self.flow.batch(batch) {
            Ok(batches) => {
                for batch in batches {
                    self.route(batch, ctx);
                }
                self.advance(ctx);
            }
            Err(fault) => self.fault(&fault, ctx),
        }
    }

    fn route(&mut self, mut batch: DecodedBatch, ctx: &mut Context<Self>) {
        let window = batch.head.window;
        // It goes to the writer alone, and its credit with it.
        let raw = batch.raw.take();
        let batch = Arc::new(batch);
        let statistics = &mut self.statistics;
        statistics.outbox.push(Arc::clone(&batch));
        statistics
            .windows
            .entry(window)
            .or_insert(FinishState::Open);
        self.feed_statistics(ctx);
        if batch.rows.is_empty() && batch.rejects.is_empty() && raw.is_none() {
            return;
        }
        if !self.writers.contains_key(&window) {
            let writer = WindowWriter::new(
                Arc::clone(&self.context),
                self.claim,
                window,
                Arc::clone(&self.schema),
                self.guard.clone(),
            );
            let slot = WriterSlot {
                writer: writer.start(),
                outbox: Add::default(),
                sending: false,
                held: 0,
                finish: FinishState::Open,
            };
            self.context
                .meter
                .windows_open
                .fetch_add(1, Ordering::Relaxed);
            self.writers.insert(window, slot);
        }
        if let Some(slot) = self.writers.get_mut(&window) {
            slot.outbox.batches.push(batch);
            slot.outbox.raw.extend(raw);
        }
        self.feed(window, ctx);
    }

    /// Sends a writer what waits for it, one message at a time; then the order to finish.
    fn feed(&mut self, window: Window, ctx: &mut Context<Self>) {
        let Some(slot) = self.writers.get_mut(&window) else {
            return;
        };
        if slot.sending {
            return;
        }
        if !slot.outbox.batches.is_empty() {
            slot.sending = true;
            let sent = slot.writer.send(std::mem::take(&mut slot.outbox));
            ctx.spawn(sent.into_actor(self).map(move |held, lane, ctx| {
                if let Some(slot) = lane.writers.get_mut(&window) {
                    slot.sending = false;
                    slot.held = held.unwrap_or(0);
                }
                lane.feed(window, ctx);
            }));
        } else if matches!(slot.finish, FinishState::Wanted) {
            slot.finish = FinishState::Asked;
            let sent = slot.writer.send(Finish);
            ctx.spawn(sent.into_actor(self).map(move |files, lane, ctx| {
                let files = files.unwrap_or_else(|_| Err(died("writer", window)));
                match files {
                    Ok(files) => {
                        if let Some(slot) = lane.writers.get_mut(&window) {
                            slot.finish = FinishState::Done(files);
                        }
                        lane.advance(ctx);
                    }
                    Err(error) => lane.fail(error, ctx),
                }
            }));
        }
    }

    /// Sends the statistics what waits for them, one message at a time; then the windows to close.
    fn feed_statistics(&mut self, ctx: &mut Context<Self>) {
        let statistics = &mut self.statistics;
        if statistics.sending {
            return;
        }
        if !statistics.outbox.is_empty() {
            statistics.sending = true;
            let batches = std::mem::take(&mut statistics.outbox);
            let sent = statistics.actor.send(Observe(batches));
            ctx.spawn(sent.into_actor(self).map(|_, lane, ctx| {
                lane.statistics.sending = false;
                lane.feed_statistics(ctx);
            }));
            return;
        }
        let mut closing = Vec::new();
        for (window, state) in &mut statistics.windows {
            if matches!(state, FinishState::Wanted) {
                *state = FinishState::Asked;
                closing.push(*window);
            }
        }
        for window in closing {
            let sent = self.statistics.actor.send(Close(window));
            ctx.spawn(sent.into_actor(self).map(move |object, lane, ctx| {
                let object = object.unwrap_or_else(|_| Err(died("statistics", window)));
                match object {
                    Ok(object) => {
                        let done = FinishState::Done(object);
                        lane.statistics.windows.insert(window, done);
                        lane.advance(ctx);
                    }
                    Err(error) => lane.fail(error, ctx),
                }
            }));
        }
    }

    pub(super) fn finish(&mut self, window: Window, ctx: &mut Context<Self>) {
        if let Some(slot) = self.writers.get_mut(&window) {
            slot.finish = FinishState::Wanted;
        }
        if let Some(state) = self.statistics.windows.get_mut(&window) {
            *state = FinishState::Wanted;
        }
        self.feed(window, ctx);
        self.feed_statistics(ctx);
    }

    /// The files and statistics of a window that is finished, or of one that never had any.
    pub(super) fn take_files(
        &mut self,
        window: Window,
    ) -> Option<(CommitFiles, Option<StatisticsObject>)> {
        if !self.statistics.is_done(window) {
            return None;
        }
        let files = match self.writers.get(&window) {
            None => WindowFiles {
                schema: Arc::clone(&self.schema),
                ..WindowFiles::default()
            },
            Some(WriterSlot {
                finish: FinishState::Done(_),
                ..
            }) => {
                let slot = self.writers.remove(&window)?;
                self.context
                    .meter
                    .windows_open
                    .fetch_sub(1, Ordering::Relaxed);
                match slot.finish {
                    FinishState::Done(files) => files,
                    _ => return None,
                }
            }
            Some(_) => return None,
        };
        let statistics = match self.statistics.windows.remove(&window) {
            Some(FinishState::Done(object)) => object,
            _ => None,
        };
        let schema = self.schema.merge(&files.schema);
        let changed = schema != *self.schema;
        if changed {
            self.schema = Arc::new(schema);
        }
        let files = CommitFiles {
            files: files.files,
            rejects: files.rejects,
            raw: files.raw,
            schema: changed.then(|| Arc::clone(&self.schema)),
            format: self.plan.format,
        };
        Some((files, statistics))
    }
}

fn died(who: &str, window: Window) -> Error {
    let message = format!("the {who} of window {window} has died");
    Error::new("engine.actor_died", message)
}
