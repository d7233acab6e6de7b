//! The statistics of a source that nobody here runs.

use std::sync::Arc;

use shardmill_engine::log;
use shardmill_engine::ports::{Host, Store};
use shardmill_engine::rollup::Reach;
use tokio::runtime::Runtime;

use super::live::LiveView;
use super::{Held, Statistics, Target};
use crate::adapters::{self, SystemHost};
use crate::config::DataSource;
use crate::error::Error;
use crate::pipeline::pane_limits;

/// A runtime of statistics that were opened without one.
pub(super) struct OwnRuntime(Option<Runtime>);

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Dropped as it is it would wait, which async code must not.
            runtime.shutdown_background();
        }
    }
}

impl Statistics {
    /// Opens the statistics of a source from its target, whoever runs it, if anybody does. Reads what
    /// days, hours and the last windows say, never data files. What is opened stays as it is; open
    /// again to see more. Needs a tokio runtime; see [`Statistics::open_blocking`].
    ///
    /// ```no_run
    /// use shardmill::config::DataSource;
    /// use shardmill::statistics::Statistics;
    ///
    /// # fn ask() -> Result<(), Box<dyn std::error::Error>> {
    /// let source = DataSource::from_file("source.toml")?;
    /// let view = Statistics::open_blocking(&source)?.now()?;
    /// println!("{} events", view.counts().rows);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `statistics.no_source` if the target does not hold the source; `target.*`, `connection.*` and
    /// `log.*` if it cannot be read.
    pub async fn open(source: &DataSource) -> Result<Self, Error> {
        let store = adapters::open_target(source).await?;
        Self::open_with_store(source, store).await
    }

    /// As [`Statistics::open`], of a target that the embedder gives; the one that `source` names is
    /// not used.
    ///
    /// # Errors
    /// As [`Statistics::open`].
    pub async fn open_with_store(
        source: &DataSource,
        store: Arc<dyn Store>,
    ) -> Result<Self, Error> {
        let host: Arc<dyn Host> = Arc::new(SystemHost);
        let limits = pane_limits(source.statistics());
        let record = log::read_source(&store, &host).await?;
        let Some(record) = record else {
            return Err(no_source(source));
        };
        let length = record.window_length_ms;
        let target = Target::new(store, Arc::clone(&host), limits.clone(), length);
        let live = LiveView::new(limits, length, host.now());
        let found = target.load(Reach::default()).await?;
        let found = found.ok_or_else(|| no_source(source))?;
        let lifetime = Held {
            pane: Arc::new(found.pane),
            _memory: None,
        };
        live.opened(&lifetime, found.reach);
        // Nobody else has seen it.
        let _ = live.target.set(target);
        Ok(Self::of(Arc::new(live)))
    }

    /// As [`Statistics::open`], for programs without a runtime.
    ///
    /// # Errors
    /// As [`Statistics::open`], and `engine.threads` where no thread can be started.
    pub fn open_blocking(source: &DataSource) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(Error::no_thread)?;
        let opened = runtime.block_on(Self::open(source))?;
        Ok(Self {
            _runtime: Some(Arc::new(OwnRuntime(Some(runtime)))),
            ..opened
        })
    }
}

fn no_source(source: &DataSource) -> Error {
    let message = format!(
        "{} holds no data source named {}: run it first, or check `name` and `target.url`",
        source.target().url,
        source.name()
    );
    Error::new("statistics.no_source", message)
}
