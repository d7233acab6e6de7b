//! The worker threads: the CPU work of decoding, encoding and statistics.
//!
//! Does: runs `Decoder` and `WindowEncoder`, and what statistics have to compute, on threads of its
//! own, whichever lane or shard the work is from. Does not own: any state between jobs but each
//! thread's decoders.
//! Receives: payload batches, encoders, computations. Emits: the answer, through the job's own
//! oneshot.
//! Bound: four crossbeam channels of [`QUEUE`] jobs a thread; who finds them full waits without
//! blocking its actor. Encoding goes first and decoding last, because what is encoded and counted
//! gives credit back; behind all of them comes the work of outputs, but for one job in [`SHARE`].
//! On failure: a decoder answers a panic with rejects; a panic of any other work drops the answer,
//! which whoever waits for it reports as a fault of the lane.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded, select_biased};
use futures::future::BoxFuture;
use shardmill_engine::budget::Budget;
use shardmill_engine::decode::avro::SchemaLookup;
use shardmill_engine::decode::{ContentOptions, DecodeLimits, Decoder, HashKey, Undecoded};
use shardmill_engine::parquet::{EncodeError, FileChunk, WindowEncoder};
use shardmill_engine::ports::Compute;
use shardmill_engine::types::{DecodedBatch, PayloadBatch};
use tokio::sync::{Semaphore, oneshot};

use super::schemas::Schemas;

/// Jobs of each kind that may wait for a thread.
const QUEUE: usize = 4;

/// After so many jobs of other kinds one of the background goes first, so that outputs get on while
/// the source catches up.
const SHARE: u32 = 16;

/// Which source a decode job is from: a thread keeps one decoder for each, since a decoder learns
/// the shape of what it sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SourceKey(pub u64);

/// What a source's decoders are made from.
#[derive(Clone, Debug)]
pub(crate) struct DecodePlan {
    pub limits: DecodeLimits,
    pub content: ContentOptions,
    pub hash_key: Option<HashKey>,
    /// Whether batches carry their payloads as they were received.
    pub raw_copy: bool,
}

struct DecodeJob {
    source: SourceKey,
    plan: Arc<DecodePlan>,
    schemas: Arc<dyn SchemaLookup>,
    batch: PayloadBatch,
    answer: oneshot::Sender<Result<Decoded, Box<Undecoded>>>,
}

/// A decoded batch and how long it took.
pub(crate) struct Decoded {
    pub batch: DecodedBatch,
    pub micros: u64,
}

struct EncodeJob {
    encoder: WindowEncoder,
    finish: bool,
    answer: oneshot::Sender<Encoded>,
}

/// What encoding gave. The encoder comes back unless it was finished or failed.
pub(crate) struct Encoded {
    pub encoder: Option<WindowEncoder>,
    pub chunks: Result<Vec<FileChunk>, EncodeError>,
    pub micros: u64,
}

/// Anything else that is to be computed. It answers for itself.
struct ComputeJob(Box<dyn FnOnce() + Send>);

/// The worker threads of an engine, shared by all its sources. Dropping the last handle ends them.
pub(crate) struct Workers {
    decode: Sender<DecodeJob>,
    encode: Sender<EncodeJob>,
    compute: Sender<ComputeJob>,
    background: Sender<ComputeJob>,
    decode_slots: Arc<Semaphore>,
    encode_slots: Arc<Semaphore>,
    compute_slots: Arc<Semaphore>,
    background_slots: Arc<Semaphore>,
    _threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts `threads` threads that charge what they allocate to `budget`.
    pub(crate) fn start(threads: usize, budget: &Budget) -> std::io::Result<Self> {
        let capacity = threads * QUEUE;
        let (decode, decode_jobs) = bounded(capacity);
        let (encode, encode_jobs) = bounded(capacity);
        let (compute, compute_jobs) = bounded(capacity);
        let (background, background_jobs) = bounded(capacity);
        let decode_slots = Arc::new(Semaphore::new(capacity));
        let encode_slots = Arc::new(Semaphore::new(capacity));
        let compute_slots = Arc::new(Semaphore::new(capacity));
        let background_slots = Arc::new(Semaphore::new(capacity));
        let mut handles = Vec::with_capacity(threads);
        for number in 0..threads {
            let worker = Worker {
                decode_jobs: decode_jobs.clone(),
                encode_jobs: encode_jobs.clone(),
                compute_jobs: compute_jobs.clone(),
                background_jobs: background_jobs.clone(),
                decode_slots: Arc::clone(&decode_slots),
                encode_slots: Arc::clone(&encode_slots),
                compute_slots: Arc::clone(&compute_slots),
                background_slots: Arc::clone(&background_slots),
                others: 0,
                budget: budget.clone(),
                decoders: HashMap::new(),
            };
            let builder = std::thread::Builder::new().name(format!("shardmill-work-{number}"));
            handles.push(builder.spawn(move || worker.run())?);
        }
        Ok(Self {
            decode,
            encode,
            compute,
            background,
            decode_slots,
            encode_slots,
            compute_slots,
            background_slots,
            _threads: handles,
        })
    }

    /// Decodes a batch, or says what schemas that takes; `None` when that panicked or the threads are
    /// gone.
    pub(crate) async fn decode(
        &self,
        source: SourceKey,
        plan: &Arc<DecodePlan>,
        schemas: &Arc<Schemas>,
        batch: PayloadBatch,
    ) -> Option<Result<Decoded, Box<Undecoded>>> {
        // The slot is given back by the thread that takes the job, so the send never finds the
        // channel full.
        self.decode_slots.acquire().await.ok()?.forget();
        let (answer, answered) = oneshot::channel();
        self.decode
            .try_send(DecodeJob {
                source,
                plan: Arc::clone(plan),
                schemas: Arc::clone(schemas) as Arc<dyn SchemaLookup>,
                batch,
                answer,
            })
            .ok()?;
        answered.await.ok()
    }

    /// Encodes what `encoder` has buffered, or finishes it; `None` when that panicked.
    pub(crate) async fn encode(&self, encoder: WindowEncoder, finish: bool) -> Option<Encoded> {
        self.encode_slots.acquire().await.ok()?.forget();
        let (answer, answered) = oneshot::channel();
        self.encode
            .try_send(EncodeJob {
                encoder,
                finish,
                answer,
            })
            .ok()?;
        answered.await.ok()
    }

    /// Computes something heavy; `None` when that panicked.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        self.compute_slots.acquire().await.ok()?.forget();
        let (answer, answered) = oneshot::channel();
        let job = ComputeJob(Box::new(move || {
            // Nobody waits for the answer when the claim has ended.
            if !answer.is_closed() {
                let _ = answer.send(work());
            }
        }));
        self.compute.try_send(job).ok()?;
        answered.await.ok()
    }

    /// The threads for what may wait for everything else.
    pub(crate) fn background(self: &Arc<Self>) -> Background {
        Background(Arc::clone(self))
    }

    /// Jobs that wait for a thread: (decode, encode, anything else).
    pub(crate) fn queued(&self) -> (usize, usize, usize) {
        (self.decode.len(), self.encode.len(), self.compute.len())
    }
}

/// The worker threads, for work that comes behind all other.
pub(crate) struct Background(Arc<Workers>);

impl Compute for Background {
    fn run(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()> {
        let workers = Arc::clone(&self.0);
        Box::pin(async move {
            let Ok(slot) = workers.background_slots.acquire().await else {
                return;
            };
            slot.forget();
            let (done, is_done) = oneshot::channel();
            let job = ComputeJob(Box::new(move || {
                // Nobody waits when the output has ended.
                if !done.is_closed() {
                    work();
                    let _ = done.send(());
                }
            }));
            if workers.background.try_send(job).is_ok() {
                // The answer goes with what panicked.
                let _ = is_done.await;
            }
        })
    }
}

struct Worker {
    decode_jobs: Receiver<DecodeJob>,
    encode_jobs: Receiver<EncodeJob>,
    compute_jobs: Receiver<ComputeJob>,
    background_jobs: Receiver<ComputeJob>,
    decode_slots: Arc<Semaphore>,
    encode_slots: Arc<Semaphore>,
    compute_slots: Arc<Semaphore>,
    background_slots: Arc<Semaphore>,
    /// Jobs since the last one of the background.
    others: u32,
    budget: Budget,
    decoders: HashMap<SourceKey, Decoder>,
}

impl Worker {
    fn run(mut self) {
        loop {
            if self.others >= SHARE {
                self.others = 0;
                if let Ok(job) = self.background_jobs.try_recv() {
                    self.in_background(job);
                }
            }
            self.others += 1;
            select_biased! {
                recv(self.encode_jobs) -> job => match job {
                    Ok(job) => self.encode(job),
                    Err(_) => return,
                },
                recv(self.compute_jobs) -> job => match job {
                    Ok(job) => self.compute(job),
                    Err(_) => return,
                },
                recv(self.decode_jobs) -> job => match job {
                    Ok(job) => self.decode(job),
                    Err(_) => return,
                },
                recv(self.background_jobs) -> job => match job {
                    Ok(job) => self.in_background(job),
                    Err(_) => return,
                },
            }
        }
    }

    fn decode(&mut self, job: DecodeJob) {
        self.decode_slots.add_permits(1);
        if job.answer.is_closed() {
            return;
        }
        let begun = Instant::now();
        let DecodeJob {
            source,
            plan,
            schemas,
            batch,
            answer,
        } = job;
        let made = || {
            Decoder::with_schemas(plan.limits.clone(), &plan.content, schemas)
                .with_hash_key(plan.hash_key.clone())
                .with_raw_copy(plan.raw_copy)
        };
        let decoder = self.decoders.entry(source).or_insert_with(made);
        let budget = &self.budget;
        // A decoder answers a panic with rejects. Should it panic all the same, the thread lives on
        // and whoever waits finds the answer missing.
        let decoded = catch_unwind(AssertUnwindSafe(|| decoder.try_decode(batch, budget)));
        let Ok(decoded) = decoded else {
            self.decoders.remove(&source);
            return;
        };
        // Nobody waits for the answer when the claim has ended; the batch is dropped then.
        let micros = micros_since(begun);
        let _ = answer.send(decoded.map(|batch| Decoded { batch, micros }));
    }

    fn in_background(&mut self, ComputeJob(work): ComputeJob) {
        self.background_slots.add_permits(1);
        self.others = 0;
        // Whoever waits finds the answer missing.
        let _ = catch_unwind(AssertUnwindSafe(work));
    }

    fn compute(&mut self, ComputeJob(work): ComputeJob) {
        self.compute_slots.add_permits(1);
        // The answer goes with what panicked, which whoever waits finds missing.
        let _ = catch_unwind(AssertUnwindSafe(work));
    }

    fn encode(&mut self, job: EncodeJob) {
        self.encode_slots.add_permits(1);
        if job.answer.is_closed() {
            return;
        }
        let begun = Instant::now();
        let EncodeJob {
            mut encoder,
            finish,
            answer,
        } = job;
        let budget = &self.budget;
        let encoded = catch_unwind(AssertUnwindSafe(|| {
            if finish {
                (None, encoder.finish(budget))
            } else {
                let chunks = encoder.encode(budget);
                (Some(encoder), chunks)
            }
        }));
        if let Ok((encoder, chunks)) = encoded {
            let _ = answer.send(Encoded {
                encoder,
                chunks,
                micros: micros_since(begun),
            });
        }
    }
}

fn micros_since(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX)
}
