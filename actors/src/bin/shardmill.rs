//! The command line of Shardmill; see [`shardmill::cli`].

use std::process::ExitCode;

/// Decoding and encoding allocate and free large pieces on many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    shardmill::cli::main()
}
