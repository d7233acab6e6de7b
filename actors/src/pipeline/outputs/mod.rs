//! Outputs: one actor each, beside the source. What an output is and does is decided by
//! `shardmill_engine::output`; nothing here can end or slow the source.

mod holds;
mod output;
mod watched;

use std::sync::Arc;

use actix::prelude::*;
use futures::future::join_all;
use shardmill_engine::log::Identity;
use shardmill_engine::types::{Generation, Window};

pub(crate) use holds::Holds;
use output::{EndOutput, FinishOutput, MoreCommitted, Output};

use super::context::SourceContext;

/// The outputs of a source that runs.
#[derive(Default)]
pub(crate) struct Outputs {
    actors: Vec<Addr<Output>>,
}

impl Outputs {
    /// Starts them, once every lane is claimed.
    pub(crate) fn start(
        context: &Arc<SourceContext>,
        identity: &Identity,
        generation: Generation,
    ) -> Self {
        let settings = context.settings.outputs.iter();
        let actors = settings.map(|settings| {
            let context = Arc::clone(context);
            Output::new(context, settings.clone(), identity.clone(), generation).start()
        });
        Self {
            actors: actors.collect(),
        }
    }

    /// Tells them that the source has committed something, and how far all lanes are closed.
    pub(crate) fn committed(&self, complete: Option<Window>) {
        for output in &self.actors {
            let sent = output.send(MoreCommitted { complete });
            // One that is gone has ended.
            actix::spawn(async move {
                let _ = sent.await;
            });
        }
    }

    /// What has them take everything that is committed.
    pub(crate) fn finisher(&self) -> Finisher {
        Finisher(self.actors.clone())
    }

    /// Ends them at once.
    pub(crate) fn end(&mut self) {
        for output in self.actors.drain(..) {
            actix::spawn(async move {
                let _ = output.send(EndOutput).await;
            });
        }
    }
}

/// Has outputs take everything that is committed by then.
pub(crate) struct Finisher(Vec<Addr<Output>>);

impl Finisher {
    /// Resolves when all have, or cannot.
    pub(crate) async fn finish(self) {
        let finishes = self.0.iter().map(|output| output.send(FinishOutput));
        join_all(finishes).await;
    }
}
