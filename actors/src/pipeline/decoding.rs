//! One batch on its way through the decoders: again, once the schemas that it needs are there.

use futures::future::{Either, select};
use futures::pin_mut;
use shardmill_engine::types::PayloadBatch;
use tokio::sync::watch;

use super::context::SourceContext;
use super::workers::Decoded;

/// Why there is no decoded batch.
pub(super) enum NotDecoded {
    /// It was lost on the way.
    Lost,
    /// Nobody waits for it any more: it is read again at the next start.
    GivenUp,
}

/// Decodes a batch. Waits for schemas as long as it takes, or until `stop`.
pub(super) async fn decode(
    context: &SourceContext,
    mut batch: PayloadBatch,
    stop: watch::Receiver<bool>,
) -> Result<Decoded, NotDecoded> {
    let (plan, schemas) = (context.decode_plan(), &context.schemas);
    // What was looked up for this batch stays until it is decoded.
    let mut held = Vec::new();
    loop {
        let decoded = context.workers.decode(context.key, plan, schemas, batch);
        let undecoded = match decoded.await.ok_or(NotDecoded::Lost)? {
            Ok(decoded) => return Ok(decoded),
            Err(undecoded) => *undecoded,
        };
        batch = undecoded.batch;
        let look_up = schemas.look_up(undecoded.schemas);
        let hopeless = schemas.hopeless(stop.clone());
        pin_mut!(look_up, hopeless);
        match select(look_up, hopeless).await {
            Either::Left((found, _)) => held.extend(found),
            Either::Right(_) => return Err(NotDecoded::GivenUp),
        }
    }
}
