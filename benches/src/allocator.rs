//! The allocator as the command line sets it; benches take mimalloc as theirs.

use std::ffi::{c_int, c_long};

/// What the command line does first: freed memory stays with the process for 1 s.
pub fn keep_freed_memory() {
    const PURGE_DELAY: c_int = 15;
    const MILLISECONDS: c_long = 1_000;
    unsafe extern "C" {
        fn mi_option_set(option: c_int, value: c_long);
    }
    // SAFETY: this crate links mimalloc, which may be told this at any time.
    unsafe { mi_option_set(PURGE_DELAY, MILLISECONDS) }
}
