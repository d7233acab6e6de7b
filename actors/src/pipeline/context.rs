//! What all actors of one source share.

#[cfg(test)]
mod quiet;

use std::sync::{Arc, OnceLock};

use shardmill_engine::budget::Budget;
use shardmill_engine::ports::{Host, Store, Stream};

use super::lifeline::FaultSender;
use super::outputs::Holds;
use super::schemas::Schemas;
use super::settings::Settings;
use super::workers::{DecodePlan, SourceKey, Workers};
use crate::progress::Meter;
use crate::statistics::LiveView;

/// The world of one source: its ports, its settings, and what it shares with other sources.
pub(crate) struct SourceContext {
    pub key: SourceKey,
    pub settings: Settings,
    pub stream: Arc<dyn Stream>,
    pub store: Arc<dyn Store>,
    pub host: Arc<dyn Host>,
    pub budget: Budget,
    pub workers: Arc<Workers>,
    /// The schemas of payloads, where a registry has them.
    pub schemas: Arc<Schemas>,
    pub meter: Arc<Meter>,
    /// What is known at the moment, for whoever asks.
    pub live: Arc<LiveView>,
    pub faults: FaultSender,
    /// Counts how often a reader found no credit; lanes answer by encoding early.
    pub pressure: tokio::sync::watch::Sender<u64>,
    /// What outputs have still to take.
    pub holds: Holds,
    /// The region of the stream, for buckets of outputs whose region nothing tells.
    pub region: Option<String>,
    /// Whether checksums of bodies are sent to S3 and checked.
    pub checksums: bool,
    /// What decoders go by, once the source is open and that is decided.
    pub decided: OnceLock<Arc<DecodePlan>>,
}

impl SourceContext {
    /// What decoders go by.
    pub(crate) fn decode_plan(&self) -> &Arc<DecodePlan> {
        self.decided.get().unwrap_or(&self.settings.decode)
    }
}
