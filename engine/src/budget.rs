//! The memory budget: one number in bytes, and the credit that messages carry (I6).
//!
//! A [`Budget`] is a signed counter, because later stages charge what they allocate without
//! waiting and so may overdraw it. A [`Credit`] is an owned guard that gives its bytes back when it
//! is dropped. Only a fetch waits for credit ([`Budget::take`]); what is waited for is woken in the
//! order of asking. A [`KeptFetch`] is the one fetch of a lane that runs even while the budget is
//! overdrawn, again only once nothing of what it brought last is left unencoded.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

/// A budget of memory, shared by everything that runs under it. Cheap to clone.
#[derive(Clone)]
pub struct Budget {
    shared: Arc<Shared>,
}

struct Shared {
    limit: i64,
    state: Mutex<State>,
}

struct State {
    used: i64,
    peak: i64,
    next_ticket: u64,
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    ticket: u64,
    bytes: i64,
    waker: Option<Waker>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while counting would leave the counter whole: no user code runs under the lock.
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn give_back(&self, bytes: i64) {
        let wakers: Vec<Waker> = {
            let mut state = self.lock();
            state.used -= bytes;
            let mut free = self.limit - state.used;
            let mut wakers = Vec::new();
            for waiting in &mut state.waiting {
                if waiting.bytes > free {
                    break;
                }
                free -= waiting.bytes;
                wakers.extend(waiting.waker.take());
            }
            wakers
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Budget {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> Self {
        let state = State {
            used: 0,
            peak: 0,
            next_ticket: 0,
            waiting: VecDeque::new(),
        };
        Self {
            shared: Arc::new(Shared {
                limit: as_i64(limit),
                state: Mutex::new(state),
            }),
        }
    }

    /// The budget in bytes.
    pub fn limit(&self) -> usize {
        usize::try_from(self.shared.limit).unwrap_or(0)
    }

    /// Bytes carried by credits now; above [`Budget::limit`] while overdrawn.
    pub fn used(&self) -> usize {
        usize::try_from(self.shared.lock().used).unwrap_or(0)
    }

    /// The most that was ever carried at once.
    pub fn peak(&self) -> usize {
        usize::try_from(self.shared.lock().peak).unwrap_or(0)
    }

    /// Bytes that could be taken now; 0 while overdrawn.
    pub fn free(&self) -> usize {
        usize::try_from(self.shared.limit - self.shared.lock().used).unwrap_or(0)
    }

    /// Whether more is carried than the budget has.
    pub fn overdrawn(&self) -> bool {
        self.shared.lock().used > self.shared.limit
    }

    /// Takes `bytes` if they are free and nobody asked before.
    pub fn try_take(&self, bytes: usize) -> Option<Credit> {
        let bytes = as_i64(bytes);
        let mut state = self.shared.lock();
        if !state.waiting.is_empty() || state.used + bytes > self.shared.limit {
            return None;
        }
        state.add(bytes);
        drop(state);
        Some(self.credit(bytes))
    }

    /// Waits until `bytes` are free. Only what leads to a fetch may wait here.
    pub fn take(&self, bytes: usize) -> Take {
        Take {
            budget: self.clone(),
            bytes: as_i64(bytes),
            ticket: None,
        }
    }

    /// Charges `bytes` at once, over the limit if need be: for what is allocated already.
    pub fn charge(&self, bytes: usize) -> Credit {
        let bytes = as_i64(bytes);
        self.shared.lock().add(bytes);
        self.credit(bytes)
    }

    fn credit(&self, bytes: i64) -> Credit {
        Credit {
            shared: Arc::clone(&self.shared),
            bytes,
            kept: None,
        }
    }

    /// Sets `bytes` aside for good, for one fetch at a time that never waits for credit.
    pub fn keep(&self, bytes: usize) -> KeptFetch {
        KeptFetch {
            _reserve: Arc::new(self.charge(bytes)),
            line: Arc::new(KeptLine {
                busy: Mutex::new(KeptState::default()),
            }),
        }
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("limit", &self.limit())
            .field("used", &self.used())
            .finish()
    }
}

impl State {
    fn add(&mut self, bytes: i64) {
        self.used += bytes;
        self.peak = self.peak.max(self.used);
    }
}

/// Bytes of a [`Budget`], given back on drop. Not `Clone`: bytes are counted once.
pub struct Credit {
    shared: Arc<Shared>,
    bytes: i64,
    kept: Option<KeptPermit>,
}

impl Credit {
    /// Bytes that this credit stands for.
    pub fn bytes(&self) -> usize {
        usize::try_from(self.bytes).unwrap_or(0)
    }

    /// Makes the credit stand for `bytes`: gives back what is too much, charges what is too little
    /// without waiting.
    pub fn resize(&mut self, bytes: usize) {
        let bytes = as_i64(bytes);
        let more = bytes - self.bytes;
        self.bytes = bytes;
        if more > 0 {
            self.shared.lock().add(more);
        } else if more < 0 {
            self.shared.give_back(-more);
        }
    }

    /// Takes up to `bytes` out into a credit of their own.
    pub fn split(&mut self, bytes: usize) -> Credit {
        let bytes = as_i64(bytes).min(self.bytes);
        self.bytes -= bytes;
        Credit {
            shared: Arc::clone(&self.shared),
            bytes,
            kept: self.kept.clone(),
        }
    }

    /// Makes the credit, and all that is split from it, a part of what a kept fetch brought.
    pub fn ride(&mut self, permit: KeptPermit) {
        self.kept = Some(permit);
    }
}

impl Drop for Credit {
    fn drop(&mut self) {
        if self.bytes != 0 {
            self.shared.give_back(self.bytes);
        }
    }
}

impl fmt::Debug for Credit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credit({})", self.bytes)
    }
}

/// Waiting for credit; see [`Budget::take`]. Dropping it gives the place in the line up.
pub struct Take {
    budget: Budget,
    bytes: i64,
    ticket: Option<u64>,
}

impl Future for Take {
    type Output = Credit;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Credit> {
        let shared = Arc::clone(&self.budget.shared);
        let mut state = shared.lock();
        let ticket = match self.ticket {
            Some(ticket) => ticket,
            None => {
                let ticket = state.next_ticket;
                state.next_ticket += 1;
                let bytes = self.bytes;
                state.waiting.push_back(Waiting {
                    ticket,
                    bytes,
                    waker: None,
                });
                self.ticket = Some(ticket);
                ticket
            }
        };
        let first = state
            .waiting
            .front()
            .is_some_and(|waiting| waiting.ticket == ticket);
        if first && state.used + self.bytes <= shared.limit {
            state.waiting.pop_front();
            self.ticket = None;
            state.add(self.bytes);
            // The next in line may fit as well.
            let next = state
                .waiting
                .front_mut()
                .and_then(|waiting| waiting.waker.take());
            drop(state);
            if let Some(waker) = next {
                waker.wake();
            }
            return Poll::Ready(self.budget.credit(self.bytes));
        }
        if let Some(waiting) = state
            .waiting
            .iter_mut()
            .find(|waiting| waiting.ticket == ticket)
        {
            waiting.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Take {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        self.budget
            .shared
            .lock()
            .waiting
            .retain(|waiting| waiting.ticket != ticket);
        // Whoever stood behind may go now.
        self.budget.shared.give_back(0);
    }
}

/// The fetch that a lane keeps for the Kinesis shard that holds its watermark. Cheap to clone: all
/// clones are the same one fetch.
#[derive(Clone)]
pub struct KeptFetch {
    _reserve: Arc<Credit>,
    line: Arc<KeptLine>,
}

struct KeptLine {
    busy: Mutex<KeptState>,
}

#[derive(Default)]
struct KeptState {
    in_use: bool,
    wakers: Vec<Waker>,
}

impl KeptLine {
    fn lock(&self) -> MutexGuard<'_, KeptState> {
        self.busy
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl KeptFetch {
    /// The right to fetch, unless something of the last kept fetch is still held.
    pub fn try_use(&self) -> Option<KeptPermit> {
        let mut state = self.line.lock();
        if state.in_use {
            return None;
        }
        state.in_use = true;
        Some(KeptPermit {
            _held: Arc::new(KeptHeld {
                line: Arc::clone(&self.line),
            }),
        })
    }

    /// Resolves once nothing of the last kept fetch is held.
    pub fn released(&self) -> impl Future<Output = ()> + Send + 'static {
        let line = Arc::clone(&self.line);
        std::future::poll_fn(move |context| {
            let mut state = line.lock();
            if !state.in_use {
                return Poll::Ready(());
            }
            if !state
                .wakers
                .iter()
                .any(|waker| waker.will_wake(context.waker()))
            {
                state.wakers.push(context.waker().clone());
            }
            Poll::Pending
        })
    }
}

/// The right to one kept fetch, held by everything that it brought.
#[derive(Clone)]
pub struct KeptPermit {
    _held: Arc<KeptHeld>,
}

struct KeptHeld {
    line: Arc<KeptLine>,
}

impl Drop for KeptHeld {
    fn drop(&mut self) {
        let wakers = {
            let mut state = self.line.lock();
            state.in_use = false;
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

fn as_i64(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn credit_comes_back_when_dropped() {
        let budget = Budget::new(100);
        let credit = budget.try_take(60).unwrap();
        assert!(budget.try_take(60).is_none());
        drop(credit);
        assert!(budget.try_take(60).is_some());
        assert_eq!(budget.peak(), 60);
    }

    #[test]
    fn a_charge_may_overdraw_and_then_nobody_takes() {
        let budget = Budget::new(100);
        let charge = budget.charge(150);
        assert!(budget.overdrawn());
        assert!(budget.take(1).now_or_never().is_none());
        drop(charge);
        assert!(budget.take(1).now_or_never().is_some());
    }

    #[test]
    fn who_asked_first_is_served_first() {
        let budget = Budget::new(100);
        let held = budget.try_take(80).unwrap();
        let mut large = budget.take(100);
        let waker = futures::task::noop_waker();
        let mut context = Context::from_waker(&waker);
        assert!(Pin::new(&mut large).poll(&mut context).is_pending());
        assert!(
            budget.try_take(10).is_none(),
            "the small one must not starve the large one"
        );
        drop(held);
        assert!(Pin::new(&mut large).poll(&mut context).is_ready());
    }

    #[test]
    fn who_gives_up_waiting_does_not_hold_up_the_line() {
        let budget = Budget::new(100);
        let _held = budget.try_take(80).unwrap();
        let mut large = budget.take(100);
        assert!((&mut large).now_or_never().is_none());
        drop(large);
        assert!(budget.try_take(10).is_some());
    }

    #[test]
    fn a_kept_fetch_runs_while_overdrawn_and_again_only_when_all_it_brought_is_gone() {
        let budget = Budget::new(100);
        let kept = budget.keep(50);
        let _charge = budget.charge(100);
        let permit = kept.try_use().expect("free at first, overdrawn or not");
        let mut first = budget.charge(10);
        first.ride(permit);
        let second = first.split(5);
        drop(first);
        assert!(kept.try_use().is_none());
        assert!(kept.released().now_or_never().is_none());
        drop(second);
        assert!(kept.released().now_or_never().is_some());
        assert!(kept.try_use().is_some());
    }

    #[test]
    fn resize_and_split_keep_the_sum() {
        let budget = Budget::new(100);
        let mut credit = budget.charge(50);
        let part = credit.split(20);
        assert_eq!((credit.bytes(), part.bytes(), budget.used()), (30, 20, 50));
        credit.resize(10);
        assert_eq!(budget.used(), 30);
        drop(part);
        credit.resize(40);
        assert_eq!(budget.used(), 40);
    }
}
