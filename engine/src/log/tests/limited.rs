//! A target that refuses everything after so many calls, as if the process had died there.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use crate::log::memory::Memory;
use crate::ports::{ListPage, PendingUpload, Store, StoreError, Upload};

pub struct Limited {
    inner: Arc<Memory>,
    left: AtomicU64,
}

impl Limited {
    pub fn store(inner: &Arc<Memory>, calls: u64) -> Arc<dyn Store> {
        Arc::new(Self {
            inner: Arc::clone(inner),
            left: AtomicU64::new(calls),
        })
    }

    fn refused(&self, name: &str) -> Option<StoreError> {
        let order = Ordering::Relaxed;
        let left = self
            .left
            .fetch_update(order, order, |left| left.checked_sub(1));
        left.is_err().then(|| StoreError::Refused {
            name: name.into(),
            detail: "the process is dead".into(),
        })
    }

    fn call<'a, T: Send + 'a>(
        &'a self,
        name: &'a str,
        call: impl FnOnce() -> BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        match self.refused(name) {
            Some(error) => ready(Err(error)).boxed(),
            None => call(),
        }
    }
}

impl Store for Limited {
    fn put_if_absent<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.call(name, || self.inner.put_if_absent(name, body))
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        self.call(name, || self.inner.get(name))
    }

    fn get_range<'a>(
        &'a self,
        name: &'a str,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Bytes, StoreError>> {
        self.call(name, || self.inner.get_range(name, range))
    }

    fn head<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<u64>, StoreError>> {
        self.call(name, || self.inner.head(name))
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<ListPage, StoreError>> {
        self.call(prefix, || self.inner.list(prefix, after, limit))
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        self.call(name, || self.inner.delete(name))
    }

    fn begin_upload<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Upload>, StoreError>> {
        self.call(name, || self.inner.begin_upload(name))
    }

    fn pending_uploads<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<PendingUpload>, StoreError>> {
        self.call(prefix, || self.inner.pending_uploads(prefix))
    }

    fn abort_upload<'a>(
        &'a self,
        upload: &'a PendingUpload,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.call(&upload.name, || self.inner.abort_upload(upload))
    }

    fn part_size(&self) -> usize {
        self.inner.part_size()
    }
}
