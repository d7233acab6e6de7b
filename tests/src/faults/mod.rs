//! A stream and a store that fail in every way that the real ones can, by a seeded chance.

mod chance;
mod store;
mod stream;

pub use chance::Chance;
pub use store::FaultyStore;
pub use stream::FaultyStream;
