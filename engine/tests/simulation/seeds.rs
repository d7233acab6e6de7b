//! Which seeds run, and what is said of one that fails.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{SystemTime, UNIX_EPOCH};

/// Runs `simulate` on every seed of `known`, then on as many new ones as `SHARDMILL_SEEDS` says
/// (`default` without it); on `SHARDMILL_SEED` alone, with `true` for "print the history", if that
/// is set.
pub fn run(known: &[u64], default: u64, simulate: impl Fn(u64, bool)) {
    if let Some(seed) = number("SHARDMILL_SEED") {
        simulate(seed, true);
        return;
    }
    let count = number("SHARDMILL_SEEDS").unwrap_or(default);
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let base = since
        .map_or(0, |since| since.as_micros() as u64)
        .wrapping_mul(1_000_003);
    println!(
        "{} known seeds, then {count} new ones from {base}",
        known.len()
    );
    let new = (0..count).map(|n| base.wrapping_add(n));
    for seed in known.iter().copied().chain(new) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| simulate(seed, false))) {
            println!("seed {seed} failed; replay it with SHARDMILL_SEED={seed}");
            resume_unwind(panic);
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable} must be a number, not `{text}`")))
}
