//! Servers to test against: two of Kinesis, one of S3. Each listens on 127.0.0.1 on a port that the
//! system chose, and ends with the value that stands for it.

mod ferrokinesis;
mod kinesis_local;
mod moto;
mod tls;

pub use ferrokinesis::Ferrokinesis;
pub use kinesis_local::KinesisLocal;
pub use moto::Moto;
pub use tls::Secure;
