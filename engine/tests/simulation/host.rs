//! Time and dice for a simulated process.

use futures::future::BoxFuture;
use shardmill_engine::ports::Host;
use shardmill_engine::types::TimestampMs;

use crate::executor::{ProcessNo, World};

/// The host of one process: the world's time by the process's own clock.
pub struct SimulatedHost {
    pub world: World,
    pub process: ProcessNo,
}

impl Host for SimulatedHost {
    fn now(&self) -> TimestampMs {
        self.world.clock_of(self.process)
    }

    fn sleep(&self, millis: u64) -> BoxFuture<'static, ()> {
        self.world.sleep(self.process, millis)
    }

    fn random(&self) -> u64 {
        self.world.random(|random| random.next())
    }
}
