//! What a shard-reader is told, and what each message sets off.

use actix::prelude::*;
use shardmill_engine::source::ShardCursor;
use shardmill_engine::types::ReadFrom;
use tokio::sync::oneshot;

use super::{Reading, ShardReader};

/// Read this Kinesis shard from here on.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Read(pub ReadFrom);

/// Fetch no more. Answered when everything that was fetched has arrived in the lane.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct StopReading;

/// The claim is over.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct EndReading;

impl Handler<Read> for ShardReader {
    type Result = ();

    fn handle(&mut self, Read(from): Read, ctx: &mut Self::Context) {
        let shard = from.shard.clone();
        let length = self.context.settings.window_length;
        let seed = self.context.host.random();
        tracing::info!(
            source = %self.context.settings.name,
            lane = %self.claim.lane,
            kinesis_shard = %shard,
            position = %from.position,
            "reading"
        );
        let cursor = ShardCursor::new(self.claim, from, self.start, length, seed)
            .with_end(self.context.settings.finish.end())
            .with_delivery(self.context.stream.delivery());
        self.cursors.insert(
            shard,
            Reading {
                cursor: Some(cursor),
                served: 0,
            },
        );
        self.turn(ctx);
    }
}

impl Handler<StopReading> for ShardReader {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: StopReading, ctx: &mut Self::Context) -> Self::Result {
        let (stopped, wait) = oneshot::channel();
        self.stopping = Some(stopped);
        self.stop.send_replace(true);
        // What a call under way would bring is read again after the restart.
        if let Some(turn) = self.turn.take() {
            ctx.cancel_future(turn);
        }
        self.calling = false;
        self.drained(ctx);
        Box::pin(async move {
            // A reader that died has nothing in flight any more.
            let _ = wait.await;
        })
    }
}

impl Handler<EndReading> for ShardReader {
    type Result = ();

    fn handle(&mut self, _: EndReading, ctx: &mut Self::Context) {
        self.end(ctx);
    }
}
