//! What the engine asks of the world: a stream to read, a store to keep things on, a registry of
//! schemas, and a host that tells the time, threads to compute on. Adapters implement these; nothing here knows AWS or a disk.

mod compute;
mod host;
mod registry;
mod store;
mod stream;

pub use compute::{Compute, Inline, compute};
pub use host::Host;
pub use registry::{RegistryError, SchemaRegistry};
pub use store::{ListPage, Listed, PendingUpload, Store, StoreError, Upload};
pub use stream::{
    Delivery, Extent, IteratorFrom, Records, ShardFilter, ShardInfo, ShardList, Stream,
    StreamError, StreamRecord,
};
