//! An output's target, watched: its progress says whether it answers.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use shardmill_engine::ports::{ListPage, PendingUpload, Store, StoreError, Upload};

use crate::progress::Meter;

/// Passes calls on, and notes those that have to be made again.
pub(super) struct Watched {
    inner: Arc<dyn Store>,
    meter: Arc<Meter>,
    output: String,
}

impl Watched {
    pub(super) fn new(inner: Arc<dyn Store>, meter: Arc<Meter>, output: &str) -> Self {
        let output = output.to_owned();
        Self {
            inner,
            meter,
            output,
        }
    }

    fn watch<'a, T: Send + 'a>(
        &'a self,
        call: BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        async move {
            let answer = call.await;
            let failed = answer.as_ref().err().filter(|error| error.retryable());
            self.meter.output(&self.output, |progress| {
                progress.retries += u64::from(failed.is_some());
                progress.stalled = failed.map(StoreError::to_string);
            });
            answer
        }
        .boxed()
    }
}

impl Store for Watched {
    fn put_if_absent<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.watch(self.inner.put_if_absent(name, body))
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        self.watch(self.inner.get(name))
    }

    fn get_range<'a>(
        &'a self,
        name: &'a str,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Bytes, StoreError>> {
        self.watch(self.inner.get_range(name, range))
    }

    fn head<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<u64>, StoreError>> {
        self.watch(self.inner.head(name))
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<ListPage, StoreError>> {
        self.watch(self.inner.list(prefix, after, limit))
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        self.watch(self.inner.delete(name))
    }

    fn begin_upload<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Upload>, StoreError>> {
        self.watch(self.inner.begin_upload(name))
    }

    fn pending_uploads<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<PendingUpload>, StoreError>> {
        self.watch(self.inner.pending_uploads(prefix))
    }

    fn abort_upload<'a>(
        &'a self,
        upload: &'a PendingUpload,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.watch(self.inner.abort_upload(upload))
    }

    fn part_size(&self) -> usize {
        self.inner.part_size()
    }
}
