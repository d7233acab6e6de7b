//! The uploader: one file's bytes on their way to the target.
//!
//! Does: puts a small file whole, a large one in parts, and makes it visible only if its name is
//! free. Does not own: the file's content or name. Receives: the file's chunks in order. Emits: the
//! length that is on the target. Bound: the chunks' credit; each part is given back when it is sent.
//! On failure: a call that may be made again is made again with backoff for as long as it takes, so
//! that a target that is down stalls the stream and loses nothing; parts that are lost end the
//! claim.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use shardmill_engine::budget::Credit;
use shardmill_engine::log::Guard;
use shardmill_engine::parquet::{FileChunk, FinishedFile};
use shardmill_engine::ports::{StoreError, Upload};
use tokio::sync::mpsc::UnboundedReceiver;

use super::committer::public;
use super::context::SourceContext;
use crate::error::Error;

/// The first wait before a call is made again, milliseconds; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: u64 = 100;
const LONGEST_WAIT: u64 = 10_000;

/// A file that is on the target.
#[derive(Debug)]
pub(crate) struct Uploaded {
    pub name: String,
    pub finished: FinishedFile,
}

/// One file's way to the target.
pub(crate) struct FileUpload {
    pub context: Arc<SourceContext>,
    /// Asked before anything is put: a process that was paused may have lost the lane.
    pub guard: Guard,
    pub name: String,
}

/// Bytes that are not sent yet, with the credit that they hold.
#[derive(Default)]
struct Unsent {
    chunks: Vec<Bytes>,
    credits: Vec<Credit>,
    len: usize,
}

impl Unsent {
    fn push(&mut self, bytes: Bytes, credit: Credit) {
        self.len += bytes.len();
        if !bytes.is_empty() {
            self.chunks.push(bytes);
        }
        self.credits.push(credit);
    }

    /// Everything as one stretch of bytes; without a copy where it is one already.
    fn take(&mut self) -> (Bytes, Vec<Credit>) {
        let chunks = std::mem::take(&mut self.chunks);
        let len = std::mem::take(&mut self.len);
        let credits = std::mem::take(&mut self.credits);
        let body = match <[Bytes; 1]>::try_from(chunks) {
            Ok([only]) => only,
            Err(chunks) => {
                let mut whole = BytesMut::with_capacity(len);
                chunks
                    .iter()
                    .for_each(|chunk| whole.extend_from_slice(chunk));
                whole.freeze()
            }
        };
        (body, credits)
    }
}

impl FileUpload {
    /// Takes the chunks until the finished one and puts the file. `None` when the chunks end before
    /// that, because the claim has ended.
    pub(crate) async fn run(
        self,
        mut chunks: UnboundedReceiver<FileChunk>,
    ) -> Result<Option<Uploaded>, Error> {
        let part_size = self.context.store.part_size();
        let mut unsent = Unsent::default();
        let mut upload: Option<Box<dyn Upload>> = None;
        while let Some(chunk) = chunks.recv().await {
            unsent.push(chunk.bytes, chunk.credit);
            let Some(finished) = chunk.finished else {
                if unsent.len >= part_size {
                    self.send_part(&mut upload, &mut unsent).await?;
                }
                continue;
            };
            match upload {
                None if unsent.len <= part_size => self.put_whole(unsent, finished.bytes).await?,
                mut upload => {
                    self.send_part(&mut upload, &mut unsent).await?;
                    self.complete(upload, finished.bytes).await?;
                }
            }
            return Ok(Some(Uploaded {
                name: self.name,
                finished,
            }));
        }
        Ok(None)
    }

    async fn send_part(
        &self,
        upload: &mut Option<Box<dyn Upload>>,
        unsent: &mut Unsent,
    ) -> Result<(), Error> {
        if unsent.len == 0 {
            return Ok(());
        }
        let mut attempt = 0;
        let upload = loop {
            match upload {
                Some(upload) => break upload,
                None => match self.context.store.begin_upload(&self.name).await {
                    Ok(begun) => *upload = Some(begun),
                    Err(error) => self.wait_or_fail(error, &mut attempt).await?,
                },
            }
        };
        let (body, credits) = unsent.take();
        loop {
            self.may_put().await?;
            let begun = Instant::now();
            match upload.put_part(body.clone()).await {
                Ok(()) => break self.measure(begun),
                Err(error) => self.wait_or_fail(error, &mut attempt).await?,
            }
        }
        drop(credits);
        Ok(())
    }

    async fn put_whole(&self, mut unsent: Unsent, bytes: u64) -> Result<(), Error> {
        let (body, _credits) = unsent.take();
        let mut attempt = 0;
        loop {
            // Before each try: the wait for this one may have been long.
            self.may_put().await?;
            let begun = Instant::now();
            match self
                .context
                .store
                .put_if_absent(&self.name, body.clone())
                .await
            {
                Ok(()) => {
                    self.measure(begun);
                    return Ok(());
                }
                Err(StoreError::Exists { .. }) => return self.must_be_ours(bytes).await,
                Err(error) => self.wait_or_fail(error, &mut attempt).await?,
            }
        }
    }

    async fn complete(&self, upload: Option<Box<dyn Upload>>, bytes: u64) -> Result<(), Error> {
        let Some(mut upload) = upload else {
            return Ok(());
        };
        let mut attempt = 0;
        loop {
            // Before each try: the wait for this one may have been long.
            self.may_put().await?;
            let begun = Instant::now();
            match upload.complete_if_absent().await {
                Ok(()) => {
                    self.measure(begun);
                    return Ok(());
                }
                Err(StoreError::Exists { .. } | StoreError::UploadLost { .. }) => {
                    return self.must_be_ours(bytes).await;
                }
                Err(error) => self.wait_or_fail(error, &mut attempt).await?,
            }
        }
    }

    /// The name is taken, or the upload is gone: an earlier try took effect if the object has our
    /// length, since nobody else writes this name. Otherwise the parts are lost.
    async fn must_be_ours(&self, bytes: u64) -> Result<(), Error> {
        let mut attempt = 0;
        loop {
            match self.context.store.head(&self.name).await {
                Ok(Some(len)) if len == bytes => return Ok(()),
                Ok(Some(len)) => {
                    let message = format!(
                        "{} has {len} bytes on the target and should have {bytes}: something else \
                         writes there; give this source a folder or prefix of its own",
                        self.name
                    );
                    return Err(Error::new("target.foreign_object", message));
                }
                Ok(None) => {
                    let message = format!(
                        "the parts of {} are gone from the target; the lane starts again from its \
                         last commit",
                        self.name
                    );
                    return Err(Error::new("target.upload_lost", message));
                }
                Err(error) => self.wait_or_fail(error, &mut attempt).await?,
            }
        }
    }

    /// A process that was paused, or whose target was down, may have lost the lane meanwhile.
    async fn may_put(&self) -> Result<(), Error> {
        self.guard.check().await.map_err(|error| public(&error))
    }

    async fn wait_or_fail(&self, error: StoreError, attempt: &mut u32) -> Result<(), Error> {
        if let StoreError::UploadLost { .. } = error {
            let message = format!("{error}; the lane starts again from its last commit");
            return Err(Error::new("target.upload_lost", message));
        }
        self.context
            .meter
            .target_retries
            .fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            source = %self.context.settings.name,
            file = %self.name,
            attempt = *attempt + 1,
            %error,
            "the target did not take the file; trying again"
        );
        let longest = LONGEST_WAIT.min(FIRST_WAIT << (*attempt).min(10));
        *attempt += 1;
        let wait = longest / 2 + self.context.host.random() % (longest / 2 + 1);
        self.context.host.sleep(wait).await;
        Ok(())
    }

    fn measure(&self, begun: Instant) {
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.context.meter.put.record(micros);
    }
}

#[cfg(test)]
mod tests;
