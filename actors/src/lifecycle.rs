//! Expiring windows of a source, and deleting it, by hand: for the commands, and for programs that
//! embed sources.
//!
//! What writes takes the source over, as a process that starts does: one that runs it stops with
//! `log.fenced`.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use shardmill_engine::log::{
    self, Deletion, Forgotten, LaneLog, Survey, expire_now, expires_through, read_state, take_over,
};
use shardmill_engine::ports::{Host, Store};
use shardmill_engine::types::{TimestampMs, Window};

use crate::adapters::{SystemHost, open_target};
use crate::config::{DataSource, RetentionMode};
use crate::error::Error;
use crate::pipeline::identity;

pub use shardmill_engine::log::Remains;

/// Which windows expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Those that ended so long ago, by this machine's clock.
    Ago(Duration),
    /// Those that ended before this time, in milliseconds since the Unix epoch.
    Time(TimestampMs),
}

/// What would expire of a source. Only windows that every lane has closed do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Expiry {
    /// What arrived before this time would be expired, in milliseconds since the Unix epoch; `None`
    /// where nothing is complete.
    pub expires_before_ms: Option<TimestampMs>,
    /// What is expired already.
    pub expired_before_ms: Option<TimestampMs>,
    /// Whether the files stay (`target.retention_mode`).
    pub soft: bool,
    /// What lies in the windows that would expire.
    #[serde(flatten)]
    pub survey: Survey,
    #[serde(skip)]
    through: Option<Window>,
}

impl Expiry {
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.through.is_none()
            || (self.survey == Survey::default()
                && self.expires_before_ms <= self.expired_before_ms)
    }
}

/// How a source is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// The files of rows, rejects and raw copies go, too.
    pub data: bool,
    /// What stops a process that wakes up late goes at once, and not a day later.
    pub now: bool,
}

/// What was deleted of a source, and what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// What was deleted by this call.
    pub forgotten: Forgotten,
    /// What is left.
    pub remains: Remains,
}

/// Lists what of a source would expire. Changes nothing.
///
/// # Errors
/// `lifecycle.no_source`; what reading can bring.
pub async fn would_expire(source: &DataSource, before: Before) -> Result<Expiry, Error> {
    let (store, host) = open(source).await?;
    let view = read_state(Arc::clone(&store), Arc::clone(&host)).await?;
    let view = view.ok_or_else(|| no_source(source))?;
    let length = view.source.window_length_ms;
    let time = match before {
        Before::Time(time) => time,
        Before::Ago(age) => {
            let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
            host.now().saturating_sub(age)
        }
    };
    let states = view.lanes.iter().map(|lane| &lane.fold.folded.state);
    let marks = log::ExpiredMarks::of(states);
    let complete = view.complete_through;
    // What is expired stays so.
    let through = complete.map(|complete| expires_through(length, time, complete, None));
    let through = through.max(marks.through);
    let survey = match through {
        Some(through) => log::survey(&store, &host, &view, through).await?,
        None => Survey::default(),
    };
    let end = |window: Window| length.start_of(window.next());
    Ok(Expiry {
        expires_before_ms: through.map(end),
        expired_before_ms: marks.through.map(end),
        soft: source.target().retention_mode == RetentionMode::Soft,
        survey,
        through,
    })
}

/// Expires what `expiry` says, and deletes it, or forgets it where that is soft. Takes the source
/// over.
///
/// # Errors
/// `log.fenced`; what reading, listing and deleting can bring. What was begun is finished by the
/// next call, or by the next run of the source.
pub async fn expire(source: &DataSource, expiry: &Expiry) -> Result<Forgotten, Error> {
    let (store, host) = open(source).await?;
    let Some(through) = expiry.through else {
        return Ok(Forgotten::default());
    };
    let mut lanes = take_over(&store, &host, &identity()).await?;
    let closed = lanes
        .iter()
        .map(|lane: &LaneLog| lane.state().closed_through);
    let Some(complete) = closed.min().flatten() else {
        return Ok(Forgotten::default());
    };
    Ok(expire_now(&mut lanes, through.min(complete), expiry.soft).await?)
}

/// Deletes a source: its state, and with [`DeleteOptions::data`] its files. Takes it over first, and
/// expires everything. A call that was cut short is made again; so is one that has left what stops
/// processes that wake up late, once a day is over.
///
/// # Errors
/// `lifecycle.no_source`; `log.fenced`; what reading, listing and deleting can bring.
pub async fn delete(source: &DataSource, options: DeleteOptions) -> Result<Deleted, Error> {
    let (store, host) = open(source).await?;
    let deletion = Deletion::begin(store, host, identity()).await?;
    let deletion = deletion.ok_or_else(|| no_source(source))?;
    let forgotten = deletion.empty(options.data).await?;
    let remains = deletion.finish(options.now).await?;
    Ok(Deleted { forgotten, remains })
}

async fn open(source: &DataSource) -> Result<(Arc<dyn Store>, Arc<dyn Host>), Error> {
    let store = open_target(source).await;
    let store = store.map_err(|error| Error::new(error.code(), error.to_string()))?;
    Ok((store, Arc::new(SystemHost)))
}

fn no_source(source: &DataSource) -> Error {
    let target = &source.target().url;
    let message = format!(
        "the target {target} holds no data source \"{}\"; see whether `name` and `target.url` are \
         right",
        source.name()
    );
    Error::new("lifecycle.no_source", message)
}
