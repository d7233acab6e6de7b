//! A target and a host in memory for tests: every call is ready at once.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use crate::ports::{Host, ListPage, Listed, PendingUpload, Store, StoreError, Upload};
use crate::types::TimestampMs;

/// What a test looks at and changes.
#[derive(Default)]
pub(crate) struct Memory {
    objects: Mutex<BTreeMap<String, Bytes>>,
    clock: AtomicI64,
    /// Calls of any kind.
    pub(crate) calls: AtomicU64,
}

impl Memory {
    pub(crate) fn new(now: TimestampMs) -> Arc<Self> {
        let memory = Self::default();
        memory.clock.store(now, Ordering::Relaxed);
        Arc::new(memory)
    }

    pub(crate) fn store(self: &Arc<Self>) -> Arc<dyn Store> {
        self.clone()
    }

    pub(crate) fn host(self: &Arc<Self>) -> Arc<dyn Host> {
        self.clone()
    }

    pub(crate) fn advance(&self, millis: i64) {
        self.clock.fetch_add(millis, Ordering::Relaxed);
    }

    pub(crate) fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.objects.lock().expect("no test panics in here")
    }

    fn called(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.objects()
    }
}

impl Host for Memory {
    fn now(&self) -> TimestampMs {
        self.clock.load(Ordering::Relaxed)
    }

    fn sleep(&self, millis: u64) -> BoxFuture<'static, ()> {
        self.advance(i64::try_from(millis).expect("a short sleep"));
        ready(()).boxed()
    }

    fn random(&self) -> u64 {
        7
    }
}

impl Store for Memory {
    fn put_if_absent<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let mut objects = self.called();
        let answer = match objects.contains_key(name) {
            true => Err(StoreError::Exists { name: name.into() }),
            false => {
                objects.insert(name.into(), body);
                Ok(())
            }
        };
        ready(answer).boxed()
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        ready(Ok(self.called().get(name).cloned())).boxed()
    }

    fn get_range<'a>(
        &'a self,
        name: &'a str,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Bytes, StoreError>> {
        let place = |at: u64| usize::try_from(at).expect("objects of tests are small");
        let range = place(range.start)..place(range.end);
        match self.called().get(name) {
            Some(object) if range.end <= object.len() => ready(Ok(object.slice(range))).boxed(),
            _ => refuse(name),
        }
    }

    fn head<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<u64>, StoreError>> {
        let length = self.called().get(name).map(|body| body.len() as u64);
        ready(Ok(length)).boxed()
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<ListPage, StoreError>> {
        let objects = self.called();
        let mut found = objects
            .iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .filter(|(name, _)| after.is_none_or(|after| name.as_str() > after))
            .map(|(name, body)| Listed {
                name: name.clone(),
                len: body.len() as u64,
                modified: 0,
            });
        let page = found.by_ref().take(limit).collect();
        let more = found.next().is_some();
        ready(Ok(ListPage {
            objects: page,
            more,
        }))
        .boxed()
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        self.called().remove(name);
        ready(Ok(())).boxed()
    }

    fn begin_upload<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Upload>, StoreError>> {
        refuse(name)
    }

    fn pending_uploads<'a>(
        &'a self,
        _prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<PendingUpload>, StoreError>> {
        ready(Ok(Vec::new())).boxed()
    }

    fn abort_upload<'a>(
        &'a self,
        upload: &'a PendingUpload,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        refuse(&upload.name)
    }

    fn part_size(&self) -> usize {
        1
    }
}

/// The log itself does not upload in parts.
fn refuse<'a, T: Send + 'a>(name: &str) -> BoxFuture<'a, Result<T, StoreError>> {
    let refused = StoreError::Refused {
        name: name.into(),
        detail: "not part of the log".into(),
    };
    ready(Err(refused)).boxed()
}
