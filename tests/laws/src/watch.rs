//! Panics of our own code, caught or not.
//!
//! Decoders catch panics of the libraries for Parquet and ORC, by design. A panic of our own code
//! within the same net would be a defect that nobody sees: a hook remembers it.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

thread_local! {
    static OURS: Cell<Option<String>> = const { Cell::new(None) };
    static OF_A_LIBRARY: Cell<Option<String>> = const { Cell::new(None) };
}

/// Begins to watch. The hook that was there before hears of our own panics only: those of libraries
/// are no news where they are caught.
pub fn begin() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if is_ours(info) {
                OURS.set(Some(info.to_string()));
                before(info);
            } else {
                OF_A_LIBRARY.set(Some(info.to_string()));
            }
        }));
    });
}

/// Runs a law; a panic of our own code on the way is one of the law.
pub(crate) fn watched<T>(law: impl FnOnce() -> T) -> T {
    begin();
    OURS.take();
    OF_A_LIBRARY.take();
    let outcome = catch_unwind(AssertUnwindSafe(law));
    match (outcome, OURS.take()) {
        (Ok(value), None) => value,
        (Ok(_), Some(said)) => panic!("our own code panicked, and it was caught: {said}"),
        (Err(panic), ours) => {
            let said = ours.or_else(|| OF_A_LIBRARY.take());
            eprintln!("{}", said.unwrap_or_default());
            panic::resume_unwind(panic)
        }
    }
}

fn is_ours(info: &PanicHookInfo<'_>) -> bool {
    let of_others = ["/registry/src/", "/rustc/", "/rustlib/src/"];
    info.location()
        .is_none_or(|place| !of_others.iter().any(|part| place.file().contains(part)))
}
