//! The schemas of one source's payloads, where a registry has them.
//!
//! Does: asks the registry for what decoders miss, one call at a time for each schema, and keeps
//! what it says. A registry that does not answer, throttles or refuses is asked again, with growing
//! waits, for as long as it takes: that says nothing of the schema, so it is never a reject. Does
//! not own: what an answer means (the adapter does), or batches. Bound: [`AT_ONCE`] calls, and what
//! `kept` allows. While it stalls, readers fetch nothing more, so other sources keep their memory.

mod kept;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};

use futures::stream::{self, StreamExt as _};
use shardmill_engine::decode::avro::SchemaLookup;
use shardmill_engine::ports::{Host, RegistryError, SchemaRegistry};
use shardmill_engine::types::{Registered, SchemaId};
use tokio::sync::{Semaphore, watch};

use self::kept::Kept;
use crate::progress::Meter;

/// Calls to the registry at once.
const AT_ONCE: usize = 4;
/// The first wait before a call is made again, milliseconds; it doubles up to [`LONGEST_WAIT_MS`].
const FIRST_WAIT_MS: u64 = 500;
const LONGEST_WAIT_MS: u64 = 30_000;

/// The schemas of one source.
pub(crate) struct Schemas {
    source: String,
    registry: Option<Arc<dyn SchemaRegistry>>,
    host: Arc<dyn Host>,
    meter: Arc<Meter>,
    kept: Mutex<Kept>,
    calls: Semaphore,
    /// Told whenever a schema is no longer being asked for.
    asked: watch::Sender<()>,
    stalled: watch::Sender<bool>,
}

impl SchemaLookup for Schemas {
    fn schema(&self, id: SchemaId) -> Option<Arc<Registered>> {
        match &self.registry {
            Some(_) => self.lock().get(id, self.host.now()),
            None => Some(Arc::new(Registered::Unknown)),
        }
    }
}

impl Schemas {
    pub(crate) fn new(
        source: &str,
        registry: Option<Arc<dyn SchemaRegistry>>,
        host: Arc<dyn Host>,
        meter: Arc<Meter>,
    ) -> Self {
        Self {
            source: source.to_owned(),
            registry,
            host,
            meter,
            kept: Mutex::default(),
            calls: Semaphore::new(AT_ONCE),
            asked: watch::Sender::new(()),
            stalled: watch::Sender::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Looks schemas up, however long that takes. While the caller holds the answers, decoders find
    /// them.
    pub(crate) async fn look_up(&self, ids: BTreeSet<SchemaId>) -> Vec<Arc<Registered>> {
        let Some(registry) = &self.registry else {
            return Vec::new();
        };
        stream::iter(ids)
            .map(|id| self.look_up_one(&**registry, id))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await
    }

    async fn look_up_one(&self, registry: &dyn SchemaRegistry, id: SchemaId) -> Arc<Registered> {
        let mut asked = self.asked.subscribe();
        loop {
            if let Some(found) = self.schema(id) {
                return found;
            }
            if self.lock().begin(id) {
                let _turn = Turn { schemas: self, id };
                return self.ask(registry, id).await;
            }
            // The sender lives as long as this does.
            let _ = asked.changed().await;
        }
    }

    /// Asks until there is an answer.
    async fn ask(&self, registry: &dyn SchemaRegistry, id: SchemaId) -> Arc<Registered> {
        // It is kept while waiting, so a registry in trouble is left alone. Nobody closes it.
        let _permit = self.calls.acquire().await;
        let mut wait = FIRST_WAIT_MS;
        loop {
            match registry.schema(id).await {
                Ok(found) => {
                    self.goes_on();
                    if let Registered::Unusable(why) = &found {
                        tracing::warn!(source = %self.source, schema = %id, %why, "a schema cannot be used; its messages are rejects");
                    }
                    return self.lock().put(id, found, self.host.now());
                }
                Err(error) => self.stalls(id, &error),
            }
            let jittered = wait / 2 + self.host.random() % (wait / 2 + 1);
            self.host.sleep(jittered).await;
            wait = LONGEST_WAIT_MS.min(wait * 2);
        }
    }

    fn stalls(&self, id: SchemaId, error: &RegistryError) {
        self.meter.registry_retries.fetch_add(1, Ordering::Relaxed);
        let what_to_do = match error {
            RegistryError::Refused(_) => {
                "; give it the right credentials: `shardmill check` tries them"
            }
            RegistryError::Throttled(_) | RegistryError::Unavailable(_) => "",
        };
        let why = format!("the schema registry does not give schema {id}: {error}{what_to_do}");
        tracing::warn!(source = %self.source, "{why}; reading waits, and it is asked again");
        self.meter.set_stalled(Some(why));
        self.stalled.send_replace(true);
    }

    fn goes_on(&self) {
        if self.stalled.send_replace(false) {
            self.meter.set_stalled(None);
            tracing::info!(source = %self.source, "the schema registry answers again");
        }
    }

    /// Whether schemas are waited for and the last call for one has failed.
    pub(crate) fn is_stalled(&self) -> bool {
        *self.stalled.borrow()
    }

    /// Resolves when that is over.
    pub(crate) fn not_stalled(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stalled = self.stalled.subscribe();
        async move {
            // The source is gone where the sender is.
            let _ = stalled.wait_for(|stalled| !stalled).await;
        }
    }

    /// Resolves when a batch is no longer to be waited for: its reader is gone, or it is to stop and
    /// the registry does not answer.
    pub(crate) async fn hopeless(&self, mut stop: watch::Receiver<bool>) {
        if stop.wait_for(|stop| *stop).await.is_ok() {
            let mut stalled = self.stalled.subscribe();
            let hopeless = stalled.wait_for(|stalled| *stalled);
            // A reader that goes away meanwhile waits no longer either.
            let gone = async { while stop.changed().await.is_ok() {} };
            futures::pin_mut!(hopeless, gone);
            futures::future::select(hopeless, gone).await;
        }
    }
}

/// The right to ask for a schema; others wait for it. Ends with this value, whatever came of it.
struct Turn<'s> {
    schemas: &'s Schemas,
    id: SchemaId,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let last = self.schemas.lock().end(self.id);
        if last {
            // Nobody asks any more: readers may bring what is to be asked next.
            self.schemas.meter.set_stalled(None);
            self.schemas.stalled.send_replace(false);
        }
        self.schemas.asked.send_replace(());
    }
}

#[cfg(test)]
#[path = "schemas_tests.rs"]
mod tests;
