//! How a lane stops: what has been fetched arrives, closed windows are committed, then a part of the
//! lowest open one.

use std::sync::Arc;

use actix::prelude::*;
use shardmill_engine::types::Window;

use super::Lane;

/// How far a lane's stop is.
pub(super) enum StopPhase {
    /// It has not been asked to stop.
    Running,
    /// Readers finish what they have fetched.
    Draining,
    /// Closed windows are committed; then a part of the lowest open one.
    Closing,
    /// The part of this window is being finished.
    Part(Window),
    /// The last commit is on its way.
    Last,
}

impl Lane {
    /// Takes the next step of the stop that is possible now.
    pub(super) fn stop_on(&mut self, ctx: &mut Context<Self>) {
        let telling = self.ends_told > 0 || self.commits_told > 0;
        if self.committing || telling || !self.closing.is_empty() {
            return;
        }
        match self.stop {
            StopPhase::Closing => match self.flow.stop() {
                Some(window) => {
                    self.stop = StopPhase::Part(window);
                    self.finish(window, ctx);
                    self.stop_on(ctx);
                }
                None => match self.flow.progress() {
                    Some(commit) => {
                        self.stop = StopPhase::Last;
                        self.append(Arc::new(commit), ctx);
                    }
                    None => self.stop_done(ctx),
                },
            },
            StopPhase::Part(window) => {
                if let Some((files, statistics)) = self.take_files(window) {
                    match self.flow.partial_commit(window, files) {
                        Ok(commit) => {
                            self.stop = StopPhase::Last;
                            self.append_window(window, commit, statistics, ctx);
                        }
                        Err(fault) => self.fault(&fault, ctx),
                    }
                }
            }
            StopPhase::Running | StopPhase::Draining | StopPhase::Last => {}
        }
    }

    /// All that can be committed is.
    pub(super) fn stop_done(&mut self, ctx: &mut Context<Self>) {
        if let Some(stopped) = self.stopped.take() {
            // A source that no longer waits stops at once.
            let _ = stopped.send(());
        }
        self.end(ctx);
    }
}
