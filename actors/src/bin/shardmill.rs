//! The command line of Shardmill; see [`shardmill::cli`].

use std::ffi::{c_int, c_long};
use std::process::ExitCode;

/// Decoding and encoding allocate and free large pieces on many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keep_freed_memory();
    shardmill::cli::main()
}

/// Lets freed memory stay with the process for 1 s instead of 0.01 s before the system gets it
/// back. The next batch takes it again at once; without this the system clears every page anew,
/// which cost a fifth of the CPU time of decoding and encoding when it was measured.
fn keep_freed_memory() {
    const PURGE_DELAY: c_int = 15;
    const MILLISECONDS: c_long = 1_000;
    unsafe extern "C" {
        fn mi_option_set(option: c_int, value: c_long);
    }
    // SAFETY: mimalloc is linked as the allocator above, and may be told this at any time.
    unsafe { mi_option_set(PURGE_DELAY, MILLISECONDS) }
}
