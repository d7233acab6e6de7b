//! Retention of a simulated process, as the actors run it: one task asks every lane for the expire
//! entry, and deletes once all have it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shardmill_engine::log::{LaneLog, LaneState, LogError, Retention};
use shardmill_engine::ports::Host;
use shardmill_engine::types::{LaneId, Window};

use crate::executor::{ProcessNo, World};

/// How a process expires.
#[derive(Clone, Debug)]
pub struct Manners {
    /// A round expires something once in so many; 0 is never.
    pub expire: u64,
    /// How many closed windows stay at most.
    pub keep: i64,
    /// Windows expire softly once in so many; 0 is never.
    pub soft: u64,
    /// The longest rest between two rounds, ms.
    pub rest: i64,
}

/// What the lanes of a process and its retention tell one another.
#[derive(Clone, Default)]
pub struct Orders(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    /// Windows closed and expired, as each lane's log says.
    lanes: BTreeMap<LaneId, (Option<Window>, Option<Window>)>,
    wanted: Option<(Window, bool)>,
}

impl Orders {
    /// A lane's state is this now.
    pub fn note(&self, lane: LaneId, state: &LaneState) {
        let marks = (state.closed_through, state.expired_through);
        self.lock().lanes.insert(lane, marks);
    }

    /// Puts the expire entry that is wanted.
    pub async fn obey(&self, lane: &mut LaneLog) -> Result<(), LogError> {
        let wanted = self.lock().wanted;
        if let Some((through, soft)) = wanted
            && Some(through) > lane.state().expired_through
        {
            lane.expire(through, soft).await?;
        }
        self.note(lane.claim().lane, lane.state());
        Ok(())
    }

    fn complete(&self) -> Option<Window> {
        let inner = self.lock();
        inner.lanes.values().map(|(closed, _)| *closed).min()?
    }

    fn have_all(&self, through: Window) -> bool {
        let inner = self.lock();
        let mut lanes = inner.lanes.values();
        lanes.all(|(_, expired)| *expired >= Some(through))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Expires old windows for ever.
pub async fn retain(
    (world, number): (World, ProcessNo),
    host: Arc<dyn Host>,
    orders: Orders,
    mut retention: Retention,
    manners: Manners,
) -> Result<(), LogError> {
    let random = |low, high| world.random(|random| random.between(low, high));
    let chance = |one_in| world.random(|random| random.one_in(one_in));
    loop {
        host.sleep(random(1, manners.rest).unsigned_abs()).await;
        // What was expired before is deleted first: later windows may expire in another way.
        let gone = retention.run().await?;
        world.trace(|| format!("p{} retention: {gone:?}", number.0));
        if !chance(manners.expire) {
            continue;
        }
        let Some(complete) = orders.complete() else {
            continue;
        };
        let through = Window(complete.0 - random(0, manners.keep));
        if Some(through) <= retention.marks().through {
            continue;
        }
        let soft = chance(manners.soft);
        orders.lock().wanted = Some((through, soft));
        while !orders.have_all(through) {
            host.sleep(500).await;
        }
        retention.expired(through, soft);
        retention.run().await?;
        assert!(retention.is_settled());
    }
}
