//! Reading and putting objects of the log with retries, and their JSON with its version.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{FORMAT_VERSION, LogError};
use crate::ports::{Host, ListPage, PendingUpload, Store, StoreError};
use crate::types::TimestampMs;

/// The first wait before a call is made again, in milliseconds; each next one is up to double.
const FIRST_BACKOFF_MS: u64 = 50;
/// The longest wait before a call is made again, in milliseconds.
const LONGEST_BACKOFF_MS: u64 = 20_000;

/// What a conditional put came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// The object is there now and it is this one.
    Done,
    /// The name was taken: perhaps by an earlier try of this very put.
    Exists,
}

/// A target and a host, and how often the target is asked again.
#[derive(Clone)]
pub(crate) struct Objects {
    store: Arc<dyn Store>,
    host: Arc<dyn Host>,
    /// Whether a refusal ends the work: at a start, when somebody waits for an answer. A running
    /// lane asks again until the permission is back.
    refusal_is_final: bool,
}

impl Objects {
    /// For work whose refusal somebody waits for.
    pub(crate) fn starting(store: Arc<dyn Store>, host: Arc<dyn Host>) -> Self {
        Self {
            store,
            host,
            refusal_is_final: true,
        }
    }

    /// The same target for a lane that runs.
    pub(crate) fn running(&self) -> Self {
        Self {
            refusal_is_final: false,
            ..self.clone()
        }
    }

    /// The same target for work whose refusal somebody waits for.
    pub(crate) fn starting_again(&self) -> Self {
        Self {
            refusal_is_final: true,
            ..self.clone()
        }
    }

    pub(crate) fn now(&self) -> TimestampMs {
        self.host.now()
    }

    pub(crate) fn random(&self) -> u64 {
        self.host.random()
    }

    /// Puts an object; asks again, with the same name and bytes, until the answer means something.
    pub(crate) async fn put(&self, name: &str, body: Bytes) -> Result<Put, LogError> {
        let put = self.retry(name, |store| store.put_if_absent(name, body.clone()));
        match put.await {
            Ok(()) => Ok(Put::Done),
            Err(StoreError::Exists { .. }) => Ok(Put::Exists),
            Err(error) => Err(LogError::Target(error)),
        }
    }

    /// One try to put what need not be there.
    pub(crate) async fn try_put(&self, name: &str, body: Bytes) -> Result<(), StoreError> {
        self.store.put_if_absent(name, body).await
    }

    /// Reads and parses an object; `None` where there is none.
    pub(crate) async fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, LogError> {
        let body = self.get_bytes(name).await?;
        body.map(|body| parse(name, &body)).transpose()
    }

    /// Reads an object; `None` where there is none.
    pub(crate) async fn get_bytes(&self, name: &str) -> Result<Option<Bytes>, LogError> {
        self.retry(name, |store| store.get(name))
            .await
            .map_err(LogError::Target)
    }

    /// Reads a range of bytes of an object; `None` where there is no such object (any more).
    pub(crate) async fn get_range(
        &self,
        name: &str,
        range: Range<u64>,
    ) -> Result<Option<Bytes>, LogError> {
        loop {
            // A target refuses what is not there as it refuses what is forbidden.
            let read = self.starting_again();
            let read = read.retry(name, |store| store.get_range(name, range.clone()));
            let error = match read.await {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(error) => error,
            };
            if !self.exists(name).await? {
                return Ok(None);
            }
            if self.refusal_is_final {
                return Err(LogError::Target(error));
            }
            tracing::warn!(object = name, %error, "the target is asked again");
            self.host.sleep(LONGEST_BACKOFF_MS).await;
        }
    }

    /// Whether an object is there.
    pub(crate) async fn exists(&self, name: &str) -> Result<bool, LogError> {
        Ok(self.length(name).await?.is_some())
    }

    /// The length of an object; `None` where there is none.
    pub(crate) async fn length(&self, name: &str) -> Result<Option<u64>, LogError> {
        let length = self.retry(name, |store| store.head(name)).await;
        length.map_err(LogError::Target)
    }

    /// A page of a listing.
    pub(crate) async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<ListPage, LogError> {
        self.list_few(prefix, after, 1_000).await
    }

    /// A page of a listing with so many objects at most.
    pub(crate) async fn list_few(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ListPage, LogError> {
        self.retry(prefix, |store| store.list(prefix, after, limit))
            .await
            .map_err(LogError::Target)
    }

    pub(crate) async fn delete(&self, name: &str) -> Result<(), LogError> {
        self.retry(name, |store| store.delete(name))
            .await
            .map_err(LogError::Target)
    }

    pub(crate) async fn pending_uploads(
        &self,
        prefix: &str,
    ) -> Result<Vec<PendingUpload>, LogError> {
        self.retry(prefix, |store| store.pending_uploads(prefix))
            .await
            .map_err(LogError::Target)
    }

    pub(crate) async fn abort_upload(&self, upload: &PendingUpload) -> Result<(), LogError> {
        self.retry(&upload.name, |store| store.abort_upload(upload))
            .await
            .map_err(LogError::Target)
    }

    /// The highest number in use of objects that are numbered 1, 2, 3, ... without holes and never
    /// deleted; 0 for none. Asks for about twice the logarithm of that number, however long the
    /// history is. `at_least` is known to exist.
    pub(crate) async fn highest(
        &self,
        at_least: u64,
        name: impl Fn(u64) -> String,
    ) -> Result<u64, LogError> {
        let mut known = at_least;
        let mut step = 1;
        let mut free = loop {
            let probe = known.saturating_add(step);
            if !self.exists(&name(probe)).await? {
                break probe;
            }
            known = probe;
            step = step.saturating_mul(2);
        };
        while free - known > 1 {
            let middle = known + (free - known) / 2;
            if self.exists(&name(middle)).await? {
                known = middle;
            } else {
                free = middle;
            }
        }
        Ok(known)
    }

    async fn retry<'a, T>(
        &'a self,
        name: &str,
        call: impl Fn(&'a dyn Store) -> BoxFuture<'a, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut backoff = FIRST_BACKOFF_MS;
        loop {
            let error = match call(&*self.store).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let refused = matches!(error, StoreError::Refused { .. });
            if !error.retryable() || (refused && self.refusal_is_final) {
                return Err(error);
            }
            // Half of the wait is random, so that many lanes do not ask at once.
            let wait = backoff / 2 + self.random() % (backoff / 2 + 1);
            tracing::warn!(object = name, %error, wait_ms = wait, "the target is asked again");
            self.host.sleep(wait).await;
            backoff = (backoff * 2).min(LONGEST_BACKOFF_MS);
        }
    }
}

/// An object as it goes to the target.
pub(crate) fn to_json<T: Serialize>(object: &T) -> Bytes {
    // Maps of the records have string keys and no part of them fails to serialize.
    serde_json::to_vec(object)
        .expect("records of the log are plain JSON")
        .into()
}

/// Reads an object, whatever version up to ours wrote it.
pub fn parse<T: DeserializeOwned>(name: &str, body: &[u8]) -> Result<T, LogError> {
    #[derive(serde::Deserialize)]
    struct Version {
        format_version: u32,
    }
    let damaged = |error: serde_json::Error| LogError::Damaged {
        name: name.into(),
        detail: error.to_string(),
    };
    let Version { format_version } = serde_json::from_slice(body).map_err(damaged)?;
    if format_version > FORMAT_VERSION {
        return Err(LogError::NewerFormat {
            name: name.into(),
            found: format_version,
            known: FORMAT_VERSION,
        });
    }
    serde_json::from_slice(body).map_err(damaged)
}
