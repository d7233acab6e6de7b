//! What must hold of any bytes.
//!
//! A [`Family`] of decoders has one law: a function that takes bytes, makes options and payloads of
//! them ([`input`]), and panics where the engine breaks a promise. Fuzzing calls it with bytes that
//! it makes up (`fuzz/` at the root); the tests of this crate with those that were kept.
//!
//! Every decoder owes the same ([`decoding`]): no panic, every payload accounted for, and the same
//! rows and rejects however payloads are batched (I10). What only one family owes stands with it.

pub mod decoding;
pub mod family;
pub mod fixtures;
pub mod input;
mod nothing;
mod outcome;
mod watch;

pub use family::{FAMILIES, Family, Seen};
pub use watch::begin;
