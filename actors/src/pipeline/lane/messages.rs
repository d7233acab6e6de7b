//! What a lane is told, and what each message sets off.

use actix::prelude::*;
use shardmill_engine::log::{Cleaned, Entered, LaneLog};
use shardmill_engine::types::{
    DecodedBatch, KinesisShardId, ShardCut, ShardEnd, Watermark, Window,
};
use tokio::sync::oneshot;

use super::Lane;
use super::stop::StopPhase;
use crate::error::Error;
use crate::pipeline::committer::{Expire, GiveBack, NoteCleaned, died};
use crate::pipeline::shard_reader::StopReading;

/// A decoded batch, in whatever order the decoders finish.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Arrived(pub DecodedBatch);

/// A control; it waits inside the lane's flow for what is before it.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) enum Control {
    Watermark(Watermark),
    End(ShardEnd),
    Cut(ShardCut),
}

/// A Kinesis shard enters this lane.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Enter(pub Entered);

/// An ended Kinesis shard that need not be remembered any more.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Forget(pub KinesisShardId);

/// Every lane with open Kinesis shards has closed this window.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct OthersClosed(pub Window);

/// How far all that earlier claims left behind is gone; the lane's next entry records it.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct LaneClean(pub Cleaned);

/// Finish what is in flight and commit it. Answered when that is done.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct StopLane;

/// The claim is over: drop everything and give the log back.
#[derive(Message)]
#[rtype(result = "Option<Box<LaneLog>>")]
pub(crate) struct EndClaim;

/// A reader of this process found no credit.
pub(super) struct Pressure;

impl StreamHandler<Pressure> for Lane {
    fn handle(&mut self, _: Pressure, ctx: &mut Self::Context) {
        self.encode_early(ctx);
    }

    fn finished(&mut self, _ctx: &mut Self::Context) {
        // The engine is going down; the source ends this lane in its own time.
    }
}

impl Handler<Arrived> for Lane {
    type Result = ();

    fn handle(&mut self, Arrived(batch): Arrived, ctx: &mut Self::Context) {
        self.arrived(batch, ctx);
    }
}

impl Handler<Control> for Lane {
    type Result = ();

    fn handle(&mut self, control: Control, ctx: &mut Self::Context) {
        let taken = match control {
            Control::Watermark(watermark) => self.flow.watermark(watermark),
            Control::End(end) => self.flow.end(end),
            Control::Cut(cut) => self.flow.cut(cut),
        };
        match taken {
            Ok(()) => self.advance(ctx),
            Err(fault) => self.fault(&fault, ctx),
        }
    }
}

impl Handler<Enter> for Lane {
    type Result = ();

    fn handle(&mut self, Enter(entered): Enter, ctx: &mut Self::Context) {
        if !matches!(self.stop, StopPhase::Running) {
            return;
        }
        match self.flow.enter(entered) {
            Ok(from) => {
                self.read(from, ctx);
                self.advance(ctx);
            }
            Err(fault) => self.fault(&fault, ctx),
        }
    }
}

impl Handler<Forget> for Lane {
    type Result = ();

    fn handle(&mut self, Forget(shard): Forget, _ctx: &mut Self::Context) {
        self.context.meter.shards.remove(&shard);
        self.flow.forget(shard);
    }
}

impl Handler<OthersClosed> for Lane {
    type Result = ();

    fn handle(&mut self, OthersClosed(window): OthersClosed, ctx: &mut Self::Context) {
        self.flow.close_idle_through(window);
        self.advance(ctx);
    }
}

impl Handler<LaneClean> for Lane {
    type Result = ();

    fn handle(&mut self, LaneClean(cleaned): LaneClean, ctx: &mut Self::Context) {
        let sent = self.committer.send(NoteCleaned(cleaned));
        self.deliver(sent, ctx);
    }
}

impl Handler<Expire> for Lane {
    type Result = ResponseFuture<Result<(), Error>>;

    fn handle(&mut self, expire: Expire, _ctx: &mut Self::Context) -> Self::Result {
        let sent = self.committer.send(expire);
        Box::pin(async move { sent.await.unwrap_or_else(|_| Err(died())) })
    }
}

impl Handler<StopLane> for Lane {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: StopLane, ctx: &mut Self::Context) -> Self::Result {
        let (stopped, wait) = oneshot::channel();
        self.stopped = Some(stopped);
        self.stop = StopPhase::Draining;
        let readers: Vec<_> = self
            .reader_slots
            .iter()
            .map(|reader| reader.addr.send(StopReading))
            .collect();
        let drained = futures::future::join_all(readers);
        ctx.spawn(drained.into_actor(self).map(|_, lane, ctx| {
            lane.stop = StopPhase::Closing;
            lane.advance(ctx);
        }));
        Box::pin(async move {
            // A lane that died has nothing left to finish.
            let _ = wait.await;
        })
    }
}

impl Handler<EndClaim> for Lane {
    type Result = ResponseFuture<Option<Box<LaneLog>>>;

    fn handle(&mut self, _: EndClaim, ctx: &mut Self::Context) -> Self::Result {
        let log = self.committer.send(GiveBack);
        self.end(ctx);
        Box::pin(async move { log.await.ok().flatten() })
    }
}
