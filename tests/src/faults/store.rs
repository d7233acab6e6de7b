//! A store that fails.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use shardmill_engine::ports::{ListPage, PendingUpload, Store, StoreError, Upload};

use super::Chance;

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It has no effect and an error (an error in the body of an answer 200 looks the same).
    NoEffect,
    /// It takes effect, and its answer is lost.
    AnswerLost,
    /// It takes a while.
    Slow,
    /// S3's 409.
    Conflict,
    /// The parts of an upload are gone.
    UploadLost,
}

const READING: [Fault; 2] = [Fault::NoEffect, Fault::Slow];
const WRITING: [Fault; 4] = [
    Fault::NoEffect,
    Fault::AnswerLost,
    Fault::Slow,
    Fault::Conflict,
];
const COMPLETING: [Fault; 5] = [
    Fault::NoEffect,
    Fault::AnswerLost,
    Fault::Slow,
    Fault::Conflict,
    Fault::UploadLost,
];

/// Passes calls on to another store, but for those that fail. (A 412 for a name that is free would
/// be no fault of S3 that exists; a 412 after a lost answer comes by itself.)
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    chance: Arc<Chance>,
    part_size: usize,
}

impl FaultyStore {
    /// Puts the faults of `chance` in front of `inner`; its parts are of `part_size` bytes, small
    /// enough that tests send some.
    pub fn new(inner: Arc<dyn Store>, chance: Arc<Chance>, part_size: usize) -> Self {
        Self {
            inner,
            chance,
            part_size,
        }
    }

    async fn call<T>(
        &self,
        name: &str,
        ways: &[Fault],
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        faulty(&self.chance, name, ways, call).await
    }
}

async fn faulty<T>(
    chance: &Chance,
    name: &str,
    ways: &[Fault],
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let name = name.to_owned();
    match chance.pick(ways) {
        None => call.await,
        Some(Fault::Slow) => {
            tokio::time::sleep(chance.delay()).await;
            call.await
        }
        Some(Fault::NoEffect) => Err(StoreError::Unavailable {
            name,
            detail: "injected: it had no effect".into(),
        }),
        Some(Fault::AnswerLost) => {
            // What the call itself says is what nobody gets to know.
            let _ = call.await;
            Err(StoreError::Unavailable {
                name,
                detail: "injected: the answer is lost".into(),
            })
        }
        Some(Fault::Conflict) => Err(StoreError::Conflict {
            name,
            detail: "injected: 409".into(),
        }),
        Some(Fault::UploadLost) => Err(StoreError::UploadLost {
            name,
            detail: "injected: the parts are gone".into(),
        }),
    }
}

impl Store for FaultyStore {
    fn put_if_absent<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.call(name, &WRITING, self.inner.put_if_absent(name, body))
            .boxed()
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        self.call(name, &READING, self.inner.get(name)).boxed()
    }

    fn get_range<'a>(
        &'a self,
        name: &'a str,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Bytes, StoreError>> {
        self.call(name, &READING, self.inner.get_range(name, range))
            .boxed()
    }

    fn head<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<u64>, StoreError>> {
        self.call(name, &READING, self.inner.head(name)).boxed()
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<ListPage, StoreError>> {
        // Short pages, so that there are several.
        let call = self.inner.list(prefix, after, limit.min(7));
        self.call(prefix, &READING, call).boxed()
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        self.call(name, &WRITING, self.inner.delete(name)).boxed()
    }

    fn begin_upload<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Upload>, StoreError>> {
        async move {
            let begin = self.inner.begin_upload(name);
            let inner = self.call(name, &WRITING, begin).await?;
            let upload: Box<dyn Upload> = Box::new(FaultyUpload {
                name: name.to_owned(),
                inner,
                chance: Arc::clone(&self.chance),
            });
            Ok(upload)
        }
        .boxed()
    }

    fn pending_uploads<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<PendingUpload>, StoreError>> {
        self.call(prefix, &READING, self.inner.pending_uploads(prefix))
            .boxed()
    }

    fn abort_upload<'a>(
        &'a self,
        upload: &'a PendingUpload,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.call(&upload.name, &WRITING, self.inner.abort_upload(upload))
            .boxed()
    }

    fn part_size(&self) -> usize {
        self.part_size
    }
}

struct FaultyUpload {
    name: String,
    inner: Box<dyn Upload>,
    chance: Arc<Chance>,
}

impl Upload for FaultyUpload {
    fn put_part<'a>(&'a mut self, body: Bytes) -> BoxFuture<'a, Result<(), StoreError>> {
        // A part whose answer is lost is sent again under the same number, which the port leaves
        // to the adapter; so a lost answer is not for here.
        let call = self.inner.put_part(body);
        faulty(&self.chance, &self.name, &READING, call).boxed()
    }

    fn complete_if_absent<'a>(&'a mut self) -> BoxFuture<'a, Result<(), StoreError>> {
        let Self {
            name,
            inner,
            chance,
        } = self;
        async move {
            let result = faulty(chance, name, &COMPLETING, inner.complete_if_absent()).await;
            if matches!(&result, Err(StoreError::UploadLost { detail, .. }) if detail.starts_with("injected"))
            {
                // The parts are gone in truth.
                let _ = inner.abort().await;
            }
            result
        }
        .boxed()
    }

    fn abort<'a>(&'a mut self) -> BoxFuture<'a, Result<(), StoreError>> {
        faulty(&self.chance, &self.name, &WRITING, self.inner.abort()).boxed()
    }
}
