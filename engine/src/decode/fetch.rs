//! Asking the processor for bytes ahead of time.

/// Asks for the first `lines` lines of 64 bytes of a text that is read soon: payloads lie scattered
/// in memory, and the processor foresees only what follows in the same place.
#[inline]
pub(super) fn fetch(text: &[u8], lines: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in text.chunks(64).take(lines) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: SSE is part of x86_64; a prefetch reads nothing into the program.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (text, lines);
}
