//! What a source is told, and what each message sets off.

use std::sync::Arc;

use actix::prelude::*;
use futures::future::{Either, join_all, select};
use shardmill_engine::log::Commit;
use shardmill_engine::types::{ClaimRef, ShardEnd, Window};

use super::Source;
use crate::error::Error;
use crate::pipeline::clean_up::AllClean;
use crate::pipeline::committer::{Expire, died};
use crate::pipeline::lane::{LaneClean, StopLane};
use crate::pipeline::lifeline::Fault;

/// A Kinesis shard of a lane has been read to its end, and all of it has arrived.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct EndReached {
    pub end: ShardEnd,
}

/// A lane's commit is on the target.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Committed {
    pub claim: ClaimRef,
    pub commit: Arc<Commit>,
}

/// Asks for the last window that every lane has closed.
#[derive(Message)]
#[rtype(result = "Option<Window>")]
pub(crate) struct HowFar;

/// Have every lane record that windows are expired. Answered when all have.
#[derive(Message)]
#[rtype(result = "Result<(), Error>")]
pub(crate) struct ExpireAll {
    /// The last of them.
    pub through: Window,
    /// Their files stay.
    pub soft: bool,
}

/// Finish what is in flight and commit it, then end.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct StopSource;

/// End at once.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct StopSourceNow;

impl StreamHandler<Fault> for Source {
    fn handle(&mut self, fault: Fault, ctx: &mut Self::Context) {
        self.fault(fault, ctx);
    }

    fn finished(&mut self, _ctx: &mut Self::Context) {
        // The context holds a sender for as long as the source lives.
    }
}

impl Handler<EndReached> for Source {
    type Result = ();

    fn handle(&mut self, EndReached { end }: EndReached, ctx: &mut Self::Context) {
        let lane = end.claim.lane;
        if self
            .lanes
            .get(lane.0 as usize)
            .is_some_and(|slot| slot.claim == end.claim)
        {
            tracing::info!(
                source = %self.context.settings.name,
                lane = lane.0,
                kinesis_shard = %end.shard,
                position = %end.position,
                children = end.children.len(),
                "a Kinesis shard has been read to its end"
            );
            self.lineage.read_to_end(lane, &end);
            self.hand_out(ctx);
            self.list_shards(ctx);
        }
    }
}

impl Handler<Committed> for Source {
    type Result = ();

    fn handle(&mut self, committed: Committed, ctx: &mut Self::Context) {
        self.tell_subscribers(&committed);
        let Committed { claim, commit } = committed;
        self.note_commit(&commit);
        if let Some(slot) = self.lanes.get_mut(claim.lane.0 as usize) {
            slot.faults_in_a_row = 0;
            slot.closed_through = slot.closed_through.max(commit.closed_through);
            slot.open
                .extend(commit.entered.iter().map(|entered| entered.shard.clone()));
            for ended in &commit.ended {
                slot.open.remove(ended);
            }
            slot.cut
                .extend(commit.cuts.iter().map(|cut| cut.shard.clone()));
        }
        self.lineage.committed(claim.lane, &commit);
        self.tell_statistics(ctx);
        self.outputs.committed(self.complete_through());
        self.hand_out(ctx);
        self.close_idle_lanes(ctx);
        self.finish_if_read(ctx);
    }
}

impl Handler<AllClean> for Source {
    type Result = ();

    fn handle(&mut self, AllClean(clean): AllClean, ctx: &mut Self::Context) {
        for (lane, cleaned) in clean {
            if let Some(addr) = self.lane_addr(lane) {
                self.deliver(addr.send(LaneClean(cleaned)), ctx);
            }
        }
    }
}

impl Handler<HowFar> for Source {
    type Result = Option<Window>;

    fn handle(&mut self, _: HowFar, _ctx: &mut Self::Context) -> Self::Result {
        self.complete_through()
    }
}

impl Handler<ExpireAll> for Source {
    type Result = ResponseFuture<Result<(), Error>>;

    fn handle(&mut self, order: ExpireAll, _ctx: &mut Self::Context) -> Self::Result {
        let ExpireAll { through, soft } = order;
        let lanes = self.lanes.iter().map(|slot| slot.addr.clone());
        let lanes: Option<Vec<_>> = lanes.collect();
        let Some(lanes) = lanes.filter(|_| !self.stopping) else {
            let why = "a lane starts again, or the source stops; windows expire at the next run";
            return Box::pin(async move { Err(Error::new("engine.actor_died", why)) });
        };
        let sent: Vec<_> = lanes
            .iter()
            .map(|lane| lane.send(Expire { through, soft }))
            .collect();
        Box::pin(async move {
            for put in join_all(sent).await {
                put.unwrap_or_else(|_| Err(died()))?;
            }
            Ok(())
        })
    }
}

impl Handler<StopSource> for Source {
    type Result = ();

    fn handle(&mut self, _: StopSource, ctx: &mut Self::Context) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        self.context.meter.set_state("stopping");
        let lanes = self.lanes.iter().filter_map(|slot| slot.addr.clone());
        let stops: Vec<_> = lanes.map(|addr| addr.send(StopLane)).collect();
        let deadline = self
            .context
            .host
            .sleep(self.context.settings.stop_deadline.as_millis() as u64);
        let name = self.context.settings.name.clone();
        let outputs = self.outputs.finisher();
        let stopped = async move {
            // Outputs take what the lanes commit last.
            let all = Box::pin(async move {
                join_all(stops).await;
                outputs.finish().await;
            });
            if let Either::Right(_) = select(all, deadline).await {
                tracing::warn!(
                    source = %name,
                    "the stop took too long; what is not committed is read again at the next start"
                );
            }
        };
        ctx.spawn(
            stopped
                .into_actor(self)
                .map(|(), source, ctx| source.finish(Ok(()), ctx)),
        );
    }
}

impl Handler<StopSourceNow> for Source {
    type Result = ();

    fn handle(&mut self, _: StopSourceNow, ctx: &mut Self::Context) {
        self.finish(Ok(()), ctx);
    }
}
