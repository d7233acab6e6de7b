//! When to try the short way.

/// Whether the short way is worth a try. It matters for speed alone.
pub(super) struct Pace {
    /// Falls with failures; at zero there is a break.
    patience: u32,
    /// Contents of the break that are left.
    waiting: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            patience: Self::MOST,
            waiting: 0,
        }
    }
}

impl Pace {
    const MOST: u32 = 32;
    /// What a failure costs, in successes.
    const FAILURE: u32 = 4;
    /// Contents that a break lasts.
    const BREAK: u32 = 64;

    pub(super) fn went(&mut self, well: bool) {
        if well {
            self.patience = (self.patience + 1).min(Self::MOST);
            return;
        }
        self.patience = self.patience.saturating_sub(Self::FAILURE);
        if self.patience == 0 {
            self.waiting = Self::BREAK;
            self.patience = Self::FAILURE;
        }
    }

    /// Whether to try with this content.
    pub(super) fn try_directly(&mut self) -> bool {
        let waited = self.waiting == 0;
        self.waiting = self.waiting.saturating_sub(1);
        waited
    }

    /// Whether the next content will be tried.
    pub(super) fn directly_next(&self) -> bool {
        self.waiting == 0
    }
}
