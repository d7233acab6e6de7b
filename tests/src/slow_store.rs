//! A target that accepts so many bytes a second and no more.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use shardmill_engine::ports::{ListPage, PendingUpload, Store, StoreError, Upload};
use tokio::sync::Mutex;

/// A store behind a narrow line: one put at a time, each as long as its bytes take.
pub struct SlowStore {
    inner: Arc<dyn Store>,
    line: Arc<Line>,
    part_size: usize,
}

struct Line {
    bytes_a_second: f64,
    free: Mutex<()>,
}

impl Line {
    async fn carry(&self, bytes: usize) {
        let _turn = self.free.lock().await;
        tokio::time::sleep(Duration::from_secs_f64(bytes as f64 / self.bytes_a_second)).await;
    }
}

impl SlowStore {
    /// `inner` behind a line of `bytes_a_second`, with parts of `part_size`.
    pub fn new(inner: Arc<dyn Store>, bytes_a_second: f64, part_size: usize) -> Self {
        let line = Line {
            bytes_a_second,
            free: Mutex::new(()),
        };
        Self {
            inner,
            line: Arc::new(line),
            part_size,
        }
    }
}

impl Store for SlowStore {
    fn put_if_absent<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.line.carry(body.len()).await;
            self.inner.put_if_absent(name, body).await
        })
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        self.inner.get(name)
    }

    fn get_range<'a>(
        &'a self,
        name: &'a str,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Bytes, StoreError>> {
        self.inner.get_range(name, range)
    }

    fn head<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<u64>, StoreError>> {
        self.inner.head(name)
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<ListPage, StoreError>> {
        self.inner.list(prefix, after, limit)
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        self.inner.delete(name)
    }

    fn begin_upload<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Upload>, StoreError>> {
        Box::pin(async move {
            let inner = self.inner.begin_upload(name).await?;
            let line = Arc::clone(&self.line);
            Ok(Box::new(SlowUpload { inner, line }) as Box<dyn Upload>)
        })
    }

    fn pending_uploads<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<PendingUpload>, StoreError>> {
        self.inner.pending_uploads(prefix)
    }

    fn abort_upload<'a>(
        &'a self,
        upload: &'a PendingUpload,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.inner.abort_upload(upload)
    }

    fn part_size(&self) -> usize {
        self.part_size
    }
}

struct SlowUpload {
    inner: Box<dyn Upload>,
    line: Arc<Line>,
}

impl Upload for SlowUpload {
    fn put_part<'a>(&'a mut self, body: Bytes) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.line.carry(body.len()).await;
            self.inner.put_part(body).await
        })
    }

    fn complete_if_absent<'a>(&'a mut self) -> BoxFuture<'a, Result<(), StoreError>> {
        self.inner.complete_if_absent()
    }

    fn abort<'a>(&'a mut self) -> BoxFuture<'a, Result<(), StoreError>> {
        self.inner.abort()
    }
}
