//! Every content format, by contents of other libraries.

mod batching;
mod cases;
mod table;
