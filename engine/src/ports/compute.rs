//! Where heavy work runs, for what waits for the target between its pieces.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};

/// The threads of whoever runs the engine.
pub trait Compute: Send + Sync + 'static {
    /// Runs `work`. Resolves when that is over, also by a panic.
    fn run(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()>;
}

/// Runs work where it is asked for: for tests, and for commands that do nothing else meanwhile.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inline;

impl Compute for Inline {
    fn run(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()> {
        // Whoever waits finds the answer missing.
        let _ = catch_unwind(AssertUnwindSafe(work));
        ready(()).boxed()
    }
}

/// What `work` gives; `None` if it panicked, or is not run any more.
pub async fn compute<T: Send + 'static>(
    threads: &dyn Compute,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let slot = Arc::new(Mutex::new(None));
    let answer = Arc::clone(&slot);
    let job = Box::new(move || {
        let done = work();
        *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
    });
    threads.run(job).await;
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}
