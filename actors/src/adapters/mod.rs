//! The ports of the engine over the outside world: AWS, a local folder, the real clock.
//!
//! An adapter makes one call and says what the answer means. It never retries: the engine knows
//! what may be asked again.

pub mod connection;
mod dispatch;
mod files;
pub mod host;
pub mod kinesis;
pub mod local;
mod open;
pub mod registry;
pub mod s3;

pub use connection::{ConnectionError, sdk_config};
pub use host::SystemHost;
pub use kinesis::{FanOutStream, FanOutTiming, KinesisStream, StreamId};
pub use local::LocalStore;
pub(crate) use open::open_registry_of;
pub(crate) use open::stream_region;
pub use open::{
    OpenError, open_fan_out, open_output, open_polled, open_registry, open_stream, open_target,
};
pub use registry::{ConfluentRegistry, GlueRegistry};
pub use s3::{S3Options, S3Store};
