//! How a source ends by itself: once everything that it is to read is committed.

use actix::prelude::*;
use shardmill_engine::types::Window;

use super::{LaneSlot, Source, StopSource};
use crate::pipeline::lane::OthersClosed;
use crate::pipeline::settings::Finish;

impl LaneSlot {
    /// Whether nothing is left to read: every Kinesis shard of the lane has ended or is cut, and the
    /// commit that says so is on the target.
    fn is_read(&self) -> bool {
        self.open.is_subset(&self.cut)
    }
}

impl Source {
    /// Stops the source if nothing is left to do.
    pub(super) fn finish_if_read(&mut self, ctx: &mut Context<Self>) {
        let finish = self.context.settings.finish;
        // What a start knows is older than its claims: a listing has to follow them.
        let all_known = self.listed
            && !self.listing
            && !self.lineage.is_letting_in()
            && !self.lineage.wants_listing();
        let all_read = self.lanes.iter().all(LaneSlot::is_read);
        if finish == Finish::Never || self.stopping || !all_known || !all_read {
            return;
        }
        let end = finish.end();
        let last = end.map(|end| self.context.settings.window_length.last_before(end));
        if let Some(last) = last
            && self.close_through(last, ctx)
        {
            return;
        }
        tracing::info!(
            source = %self.context.settings.name,
            end_ms = end,
            "everything is read and committed; the source ends"
        );
        self.finished = true;
        let stop = ctx.address().send(StopSource);
        self.deliver(stop, ctx);
    }

    /// Has lanes close up to the end which have nothing that would; whether there are any.
    fn close_through(&mut self, last: Window, ctx: &mut Context<Self>) -> bool {
        let behind = |slot: &&LaneSlot| slot.closed_through < Some(last);
        for slot in self.lanes.iter().filter(behind) {
            if let Some(addr) = &slot.addr {
                self.deliver(addr.send(OthersClosed(last)), ctx);
            }
        }
        self.lanes.iter().any(|slot| behind(&slot))
    }
}
