//! A context for tests of parts that ask no stream.

use std::sync::{Arc, OnceLock};

use futures::future::BoxFuture;
use shardmill_engine::budget::Budget;
use shardmill_engine::ports::{
    Host, IteratorFrom, Records, ShardFilter, ShardList, Store, Stream, StreamError,
};
use shardmill_engine::statistics::PaneLimits;
use shardmill_engine::types::{KinesisShardId, WindowLength};
use tokio::sync::{mpsc, watch};

use super::SourceContext;
use crate::config::DataSource;
use crate::pipeline::{Holds, Schemas, Settings, SourceKey, Workers};
use crate::progress::Meter;
use crate::statistics::LiveView;

struct NoStream;

impl Stream for NoStream {
    fn list_shards(&self, _: ShardFilter) -> BoxFuture<'_, Result<ShardList, StreamError>> {
        unreachable!("nobody asks the stream")
    }

    fn shard_iterator<'a>(
        &'a self,
        _: &'a KinesisShardId,
        _: IteratorFrom,
    ) -> BoxFuture<'a, Result<String, StreamError>> {
        unreachable!("nobody asks the stream")
    }

    fn get_records<'a>(
        &'a self,
        _: &'a str,
        _: u32,
    ) -> BoxFuture<'a, Result<Records, StreamError>> {
        unreachable!("nobody asks the stream")
    }
}

impl SourceContext {
    /// A context with one worker thread.
    pub(crate) fn quiet(store: Arc<dyn Store>, host: Arc<dyn Host>, budget: &Budget) -> Self {
        let source = DataSource::builder("clicks")
            .stream("clicks")
            .target("./lake")
            .build();
        let meter = Arc::new(Meter::new("clicks", 0));
        let schemas = Schemas::new("clicks", None, Arc::clone(&host), Arc::clone(&meter));
        let live = LiveView::new(PaneLimits::default(), WindowLength::MINUTE, 0);
        Self {
            key: SourceKey(1),
            settings: Settings::of(&source.unwrap()),
            stream: Arc::new(NoStream),
            store,
            host,
            budget: budget.clone(),
            workers: Arc::new(Workers::start(1, budget).unwrap()),
            schemas: Arc::new(schemas),
            meter,
            live: Arc::new(live),
            faults: mpsc::unbounded_channel().0,
            pressure: watch::Sender::new(0),
            holds: Holds::default(),
            region: None,
            checksums: true,
            decided: OnceLock::new(),
        }
    }
}
