//! What all actors of one source share.

use std::sync::Arc;

use shardmill_engine::budget::Budget;
use shardmill_engine::ports::{Host, Store, Stream};

use super::lifeline::FaultSender;
use super::settings::Settings;
use super::workers::{SourceKey, Workers};
use crate::progress::Meter;

/// The world of one source: its ports, its settings, and what it shares with other sources.
pub(crate) struct SourceContext {
    pub key: SourceKey,
    pub settings: Settings,
    pub stream: Arc<dyn Stream>,
    pub store: Arc<dyn Store>,
    pub host: Arc<dyn Host>,
    pub budget: Budget,
    pub workers: Arc<Workers>,
    pub meter: Arc<Meter>,
    pub faults: FaultSender,
    /// Counts how often a reader found no credit; lanes answer by encoding early.
    pub pressure: tokio::sync::watch::Sender<u64>,
}
