//! The window writer: one lane's files of one window.
//!
//! Does: hands batches to the encoder on the worker threads, and what is encoded, and the frames of
//! the raw copy, to the uploaders.
//! Does not own: when the window closes, or how Parquet is made. Receives: decoded batches in
//! Kinesis order, the order to encode early, the order to finish. Emits: the window's files, once,
//! as the answer to the last. Bound: the batches' credit. On failure: the answer is an error, and
//! the lane's claim ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::prelude::*;
use bytes::Bytes;
use shardmill_engine::log::{DataFile, Guard, names};
use shardmill_engine::parquet::{FileChunk, FinishedFile, WindowEncoder};
use shardmill_engine::schema::Schema;
use shardmill_engine::types::{ClaimRef, DecodedBatch, FileKind, RawCopy, Window};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::context::SourceContext;
use super::lifeline::Lifeline;
use super::uploader::{FileUpload, Uploaded};
use super::workers::Encoded;
use crate::error::Error;

/// Batches of the window, in Kinesis order. Answered when they are taken over, with the bytes that
/// the writer holds unencoded.
#[derive(Default, Message)]
#[rtype(result = "usize")]
pub(crate) struct Add {
    pub batches: Vec<Arc<DecodedBatch>>,
    /// Their payloads for the raw copy, in the same order.
    pub raw: Vec<RawCopy>,
}

/// Credit is low: encode what is held. Answered at once.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct EncodeEarly;

/// No batch will follow: finish the files. Answered when they are on the target.
#[derive(Message)]
#[rtype(result = "Result<WindowFiles, Error>")]
pub(crate) struct Finish;

/// The claim is over; whatever is unfinished is dropped.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Abandon;

/// What a window has on the target.
#[derive(Debug, Default)]
pub(crate) struct WindowFiles {
    pub files: Vec<DataFile>,
    pub rejects: Vec<DataFile>,
    pub raw: Vec<DataFile>,
    /// The remembered schema with what this window added to it.
    pub schema: Arc<Schema>,
}

struct FileLane {
    chunks: mpsc::UnboundedSender<FileChunk>,
    uploaded: JoinHandle<Result<Option<Uploaded>, Error>>,
}

pub(crate) struct WindowWriter {
    context: Arc<SourceContext>,
    claim: ClaimRef,
    window: Window,
    guard: Guard,
    name: String,
    lifeline: Lifeline,
    /// With the worker threads while they encode.
    encoder: Option<WindowEncoder>,
    inbox: Vec<Arc<DecodedBatch>>,
    encode_early: bool,
    finish: Option<oneshot::Sender<Result<WindowFiles, Error>>>,
    schema: Arc<Schema>,
    uploads: BTreeMap<(FileKind, u32), FileLane>,
    /// What the raw file has so far; its frames are with the uploader already.
    raw: FinishedFile,
}

/// The raw copy is never more than one file, however its window's data is cut.
const RAW_PART: u32 = 0;

impl WindowWriter {
    pub(crate) fn new(
        context: Arc<SourceContext>,
        claim: ClaimRef,
        window: Window,
        remembered: Arc<Schema>,
        guard: Guard,
    ) -> Self {
        let name = format!("lane {} window {window} writer", claim.lane);
        let options = context.settings.parquet.clone();
        let encoder = WindowEncoder::new(window, Arc::clone(&remembered), options);
        Self {
            lifeline: Lifeline::new(name.clone(), Some(claim), context.faults.clone()),
            context,
            claim,
            window,
            guard,
            name,
            encoder: Some(encoder),
            inbox: Vec::new(),
            encode_early: false,
            finish: None,
            schema: remembered,
            uploads: BTreeMap::new(),
            raw: FinishedFile {
                rows: 0,
                bytes: 0,
                schema: None,
            },
        }
    }

    /// Does what is next, unless the encoder is at work.
    fn turn(&mut self, ctx: &mut Context<Self>) {
        let Some(mut encoder) = self.encoder.take() else {
            return;
        };
        for batch in self.inbox.drain(..) {
            encoder.add(batch);
        }
        let finish = self.finish.is_some();
        let early = std::mem::take(&mut self.encode_early) && encoder.buffered_bytes() > 0;
        let state = if finish { "finishing" } else { "collecting" };
        self.context
            .meter
            .actor(&self.name, state, encoder.buffered_bytes());
        if !(finish || early || encoder.wants_encoding()) {
            self.encoder = Some(encoder);
            return;
        }
        let workers = Arc::clone(&self.context.workers);
        let work = async move { workers.encode(encoder, finish).await };
        ctx.spawn(work.into_actor(self).map(move |encoded, writer, ctx| {
            writer.encoded(encoded, finish, ctx);
        }));
    }

    fn encoded(&mut self, encoded: Option<Encoded>, finish: bool, ctx: &mut Context<Self>) {
        let Some(encoded) = encoded else {
            let message = format!(
                "encoding window {} panicked; the lane starts again",
                self.window
            );
            return self.fail(Error::new("encode.panic", message), ctx);
        };
        self.context.meter.encode.record(encoded.micros);
        let chunks = match encoded.chunks {
            Ok(chunks) => chunks,
            Err(error) => {
                let message = format!(
                    "window {} of lane {}: {error}",
                    self.window, self.claim.lane
                );
                return self.fail(Error::new(error.code(), message), ctx);
            }
        };
        for chunk in chunks {
            self.forward(chunk);
        }
        if let Some(encoder) = &encoded.encoder {
            self.schema = encoder.remembered();
        }
        self.encoder = encoded.encoder;
        if finish {
            self.await_uploads(ctx);
        } else {
            self.turn(ctx);
        }
    }

    fn forward(&mut self, chunk: FileChunk) {
        let key = (chunk.kind, chunk.part);
        if let Some(schema) = chunk
            .finished
            .as_ref()
            .and_then(|finished| finished.schema.clone())
        {
            self.schema = schema;
        }
        let lane = self.uploads.entry(key).or_insert_with(|| {
            let length = self.context.settings.window_length;
            let upload = FileUpload {
                context: Arc::clone(&self.context),
                guard: self.guard.clone(),
                name: names::file(key.0, length, self.claim, self.window, key.1),
            };
            let (chunks, inbox) = mpsc::unbounded_channel();
            FileLane {
                chunks,
                uploaded: tokio::spawn(upload.run(inbox)),
            }
        });
        // An uploader that has failed is found out when its answer is awaited.
        let _ = lane.chunks.send(chunk);
    }

    fn add_raw(&mut self, raw: RawCopy) {
        self.raw.rows += raw.payloads;
        self.raw.bytes += raw.frames.len() as u64;
        self.forward(FileChunk {
            kind: FileKind::Raw,
            part: RAW_PART,
            bytes: raw.frames,
            credit: raw.credit,
            finished: None,
        });
    }

    fn finish_raw(&mut self) {
        if self.raw.rows > 0 {
            self.forward(FileChunk {
                kind: FileKind::Raw,
                part: RAW_PART,
                bytes: Bytes::new(),
                credit: self.context.budget.charge(0),
                finished: Some(self.raw.clone()),
            });
        }
    }

    fn await_uploads(&mut self, ctx: &mut Context<Self>) {
        self.finish_raw();
        self.context
            .meter
            .actor(&self.name, "uploading", self.uploads.len());
        let uploads = std::mem::take(&mut self.uploads);
        let (window, schema) = (self.window, Arc::clone(&self.schema));
        let all = async move {
            let mut files = WindowFiles {
                schema,
                ..WindowFiles::default()
            };
            for ((kind, _), lane) in uploads {
                drop(lane.chunks);
                let uploaded = lane.uploaded.await.map_err(|error| {
                    let message = format!("the uploader of window {window} died: {error}");
                    Error::new("engine.actor_died", message)
                })??;
                let Some(Uploaded { name, finished }) = uploaded else {
                    continue;
                };
                let file = DataFile {
                    name,
                    window,
                    rows: finished.rows,
                    bytes: finished.bytes,
                    schema: finished.schema,
                };
                match kind {
                    FileKind::Rejects => files.rejects.push(file),
                    FileKind::Raw => files.raw.push(file),
                    FileKind::Data | FileKind::Statistics => files.files.push(file),
                }
            }
            Ok(files)
        };
        ctx.spawn(all.into_actor(self).map(|files, writer, ctx| {
            if let Some(finish) = writer.finish.take() {
                // A lane that no longer waits has ended.
                let _ = finish.send(files);
            }
            writer.end(ctx);
        }));
    }

    fn fail(&mut self, error: Error, ctx: &mut Context<Self>) {
        match self.finish.take() {
            Some(finish) => {
                let _ = finish.send(Err(error));
            }
            None => self.lifeline.report(error),
        }
        self.end(ctx);
    }

    fn end(&mut self, ctx: &mut Context<Self>) {
        self.lifeline.cut();
        ctx.stop();
    }
}

impl Actor for WindowWriter {
    type Context = Context<Self>;

    fn stopped(&mut self, _ctx: &mut Self::Context) {
        self.lifeline.cut();
        self.context.meter.actor_gone(&self.name);
        for lane in std::mem::take(&mut self.uploads).into_values() {
            lane.uploaded.abort();
        }
    }
}

impl Handler<Add> for WindowWriter {
    type Result = usize;

    fn handle(&mut self, Add { batches, raw }: Add, ctx: &mut Self::Context) -> usize {
        self.inbox.extend(batches);
        for raw in raw {
            self.add_raw(raw);
        }
        self.turn(ctx);
        let held: usize = self.inbox.iter().map(|batch| batch.credit.bytes()).sum();
        held + self
            .encoder
            .as_ref()
            .map_or(0, WindowEncoder::buffered_bytes)
    }
}

impl Handler<EncodeEarly> for WindowWriter {
    type Result = ();

    fn handle(&mut self, _: EncodeEarly, ctx: &mut Self::Context) {
        self.encode_early = true;
        self.turn(ctx);
    }
}

impl Handler<Finish> for WindowWriter {
    type Result = ResponseFuture<Result<WindowFiles, Error>>;

    fn handle(&mut self, _: Finish, ctx: &mut Self::Context) -> Self::Result {
        let (finish, finished) = oneshot::channel();
        self.finish = Some(finish);
        self.turn(ctx);
        let window = self.window;
        Box::pin(async move {
            finished.await.unwrap_or_else(|_| {
                let message = format!("the writer of window {window} died before it answered");
                Err(Error::new("engine.actor_died", message))
            })
        })
    }
}

impl Handler<Abandon> for WindowWriter {
    type Result = ();

    fn handle(&mut self, _: Abandon, ctx: &mut Self::Context) {
        self.end(ctx);
    }
}
