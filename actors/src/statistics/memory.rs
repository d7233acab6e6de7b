//! The memory that panes hold in the budget.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use shardmill_engine::budget::{Budget, Credit};

use crate::progress::Meter;

/// Bytes of panes: charged to the budget without waiting, and shown.
pub(crate) struct PaneMemory {
    credit: Credit,
    meter: Arc<Meter>,
}

impl PaneMemory {
    pub(crate) fn charge(budget: &Budget, meter: &Arc<Meter>, bytes: usize) -> Self {
        let mut memory = Self {
            credit: budget.charge(0),
            meter: Arc::clone(meter),
        };
        memory.resize(bytes);
        memory
    }

    pub(crate) fn bytes(&self) -> usize {
        self.credit.bytes()
    }

    pub(crate) fn resize(&mut self, bytes: usize) {
        let shown = &self.meter.statistics.memory;
        shown.fetch_add(bytes as i64 - self.bytes() as i64, Ordering::Relaxed);
        self.credit.resize(bytes);
    }
}

impl Drop for PaneMemory {
    fn drop(&mut self) {
        self.resize(0);
    }
}
