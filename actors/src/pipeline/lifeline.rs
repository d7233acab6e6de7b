//! What tells the source that an actor has died.
//!
//! actix drops an actor whose handler panics and tells nobody; its address just stays closed. So
//! every actor holds a [`Lifeline`]: dropped without being cut first, it reports the death.

use tokio::sync::mpsc::UnboundedSender;

use shardmill_engine::types::ClaimRef;

use crate::error::Error;

/// A fault that ends a lane's claim, or the whole source.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The claim that it ends; `None` for one of the source itself.
    pub claim: Option<ClaimRef>,
    /// What happened.
    pub error: Error,
}

/// Where faults are reported. The queue holds at most a few reports an actor, so it needs no bound.
pub(crate) type FaultSender = UnboundedSender<Fault>;

/// Reports the death of the actor that holds it.
pub(crate) struct Lifeline {
    actor: String,
    claim: Option<ClaimRef>,
    faults: Option<FaultSender>,
}

impl Lifeline {
    /// A lifeline for the actor of this name, under this claim.
    pub(crate) fn new(actor: String, claim: Option<ClaimRef>, faults: FaultSender) -> Self {
        Self {
            actor,
            claim,
            faults: Some(faults),
        }
    }

    /// The actor's end is in order from here on.
    pub(crate) fn cut(&mut self) {
        self.faults = None;
    }

    /// Reports a fault, once; the death that follows is no news.
    pub(crate) fn report(&mut self, error: Error) {
        if let Some(faults) = self.faults.take() {
            // A source that is gone needs no report.
            let _ = faults.send(Fault {
                claim: self.claim,
                error,
            });
        }
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        let message = format!("the actor {} has died; its lane starts again", self.actor);
        self.report(Error::new("engine.actor_died", message));
    }
}
