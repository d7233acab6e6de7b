//! A store that kills its own process at a chosen moment.

use std::future::Future;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use shardmill_engine::ports::{ListPage, PendingUpload, Store, StoreError, Upload};

use super::KillAt;

/// What a process is at when it dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// A file is encoded and not on the target yet.
    BeforeUpload,
    /// A file is on the target and no commit names it.
    Uploaded,
    /// A commit is on its way.
    DuringPut,
    /// A commit is on the target and nobody has been told.
    AfterPut,
    /// A generation or a claim is put.
    Claim,
    /// A seal or an epoch is put.
    ChangeOfLanes,
    /// Left-over files are listed or deleted.
    CleanUp,
    /// A checkpoint is put.
    Checkpoint,
    /// A mark of retention is put, or what is expired is deleted.
    Retention,
}

impl Phase {
    /// All that every process comes by.
    pub const ALL: [Phase; 8] = [
        Phase::BeforeUpload,
        Phase::Uploaded,
        Phase::DuringPut,
        Phase::AfterPut,
        Phase::Claim,
        Phase::ChangeOfLanes,
        Phase::CleanUp,
        Phase::Checkpoint,
    ];
}

/// When, seen from the call.
#[derive(Clone, Copy, Debug)]
enum Moment {
    Before,
    /// So long after it began, if it takes that long; else right after it.
    During(Duration),
    After,
}

/// Passes calls on to another store until the moment has come.
pub struct Killer {
    inner: Arc<dyn Store>,
    trigger: Arc<Trigger>,
}

struct Trigger {
    phase: Phase,
    moment: Moment,
    left: AtomicU32,
}

impl Killer {
    /// Kills the process at `at`.
    pub fn new(inner: Arc<dyn Store>, at: KillAt) -> Self {
        let mut random = StdRng::seed_from_u64(at.seed);
        let during = Moment::During(Duration::from_micros(random.random_range(0..4_000)));
        let moment = match at.phase {
            Phase::BeforeUpload => Moment::Before,
            Phase::Uploaded | Phase::AfterPut => Moment::After,
            Phase::DuringPut => during,
            _ => [Moment::Before, during, Moment::After][random.random_range(0..3)],
        };
        let trigger = Trigger {
            phase: at.phase,
            moment,
            left: AtomicU32::new(at.after),
        };
        Self {
            inner,
            trigger: Arc::new(trigger),
        }
    }
}

impl Trigger {
    /// Makes the call, and dies at it if it belongs to the phase and was passed often enough.
    async fn around<T>(&self, phases: &[Phase], call: impl Future<Output = T>) -> T {
        let counted = || {
            let passed = |left: u32| left.checked_sub(1);
            let order = Ordering::SeqCst;
            self.left.fetch_update(order, order, passed).is_err()
        };
        if !phases.contains(&self.phase) || !counted() {
            return call.await;
        }
        match self.moment {
            Moment::Before => self.die(),
            Moment::After => {
                call.await;
                self.die()
            }
            Moment::During(delay) => {
                let phase = self.phase;
                std::thread::spawn(move || {
                    // Nobody sends: this is a wait.
                    let (_sender, never) = channel::<()>();
                    let _ = never.recv_timeout(delay);
                    die(phase)
                });
                call.await;
                self.die()
            }
        }
    }

    fn die(&self) -> ! {
        die(self.phase)
    }
}

/// Says at which phase, and dies as by `kill -9`.
fn die(phase: Phase) -> ! {
    let phase = serde_json::to_string(&phase).expect("a phase has a name");
    // Standard output is a file of the test's.
    let _ = writeln!(std::io::stdout().lock(), "killed at {phase}");
    // SAFETY: no memory is involved.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    loop {
        std::thread::park();
    }
}

/// What putting an object under this name is.
fn phases_of_put(name: &str, body: &[u8]) -> &'static [Phase] {
    const FILE: &[Phase] = &[Phase::BeforeUpload, Phase::Uploaded];
    let holds = |text: &str| body.windows(text.len()).any(|part| part == text.as_bytes());
    match name.split('/').next() {
        Some("data" | "rejects") => FILE,
        Some("_generations") => &[Phase::Claim],
        Some("_lanes") => &[Phase::ChangeOfLanes],
        Some("_checkpoints") => &[Phase::Checkpoint],
        Some("_commits") if holds("\"kind\":\"claim\"") => &[Phase::Claim],
        Some("_commits") if holds("\"kind\":\"seal\"") => &[Phase::ChangeOfLanes],
        Some("_commits") if holds("\"kind\":\"commit\"") => &[Phase::DuringPut, Phase::AfterPut],
        Some("_commits") if holds("\"kind\":\"expire\"") => &[Phase::Retention],
        _ => &[],
    }
}

/// What looking for or removing objects under this name is.
fn phases_of_removal(name: &str) -> &'static [Phase] {
    match name.split('/').next() {
        Some("data" | "rejects") => &[Phase::CleanUp],
        _ => &[],
    }
}

/// What deleting an object under this name is.
fn phases_of_deletion(name: &str) -> &'static [Phase] {
    match name.split('/').next() {
        Some("data" | "rejects") => &[Phase::CleanUp, Phase::Retention],
        Some("_statistics" | "_commits" | "_rollups") => &[Phase::Retention],
        _ => &[],
    }
}

impl Store for Killer {
    fn put_if_absent<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let phases = phases_of_put(name, &body);
        let call = self.inner.put_if_absent(name, body);
        self.trigger.around(phases, call).boxed()
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
        let call = self.inner.list(prefix, after, limit);
        self.trigger.around(phases_of_removal(prefix), call).boxed()
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        let call = self.inner.delete(name);
        self.trigger.around(phases_of_deletion(name), call).boxed()
    }

    fn begin_upload<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Upload>, StoreError>> {
        async move {
            let begin = self.inner.begin_upload(name);
            let inner = self.trigger.around(&[Phase::BeforeUpload], begin).await?;
            let trigger = Arc::clone(&self.trigger);
            let upload: Box<dyn Upload> = Box::new(KillerUpload { inner, trigger });
            Ok(upload)
        }
        .boxed()
    }

    fn pending_uploads<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<PendingUpload>, StoreError>> {
        let call = self.inner.pending_uploads(prefix);
        self.trigger.around(phases_of_removal(prefix), call).boxed()
    }

    fn abort_upload<'a>(
        &'a self,
        upload: &'a PendingUpload,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let call = self.inner.abort_upload(upload);
        let phases = phases_of_removal(&upload.name);
        self.trigger.around(phases, call).boxed()
    }

    fn part_size(&self) -> usize {
        self.inner.part_size()
    }
}

struct KillerUpload {
    inner: Box<dyn Upload>,
    trigger: Arc<Trigger>,
}

impl Upload for KillerUpload {
    fn put_part<'a>(&'a mut self, body: Bytes) -> BoxFuture<'a, Result<(), StoreError>> {
        let call = self.inner.put_part(body);
        self.trigger.around(&[Phase::BeforeUpload], call).boxed()
    }

    fn complete_if_absent<'a>(&'a mut self) -> BoxFuture<'a, Result<(), StoreError>> {
        let call = self.inner.complete_if_absent();
        let phases = &[Phase::BeforeUpload, Phase::Uploaded];
        self.trigger.around(phases, call).boxed()
    }

    fn abort<'a>(&'a mut self) -> BoxFuture<'a, Result<(), StoreError>> {
        self.inner.abort()
    }
}
