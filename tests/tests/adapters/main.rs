//! The adapters of AWS against local servers, and against scripts of what those never say.

mod fan_out;
mod kinesis;
mod kinesis_cbor;
mod kinesis_limits;
mod kinesis_scripted;
mod registry_scripted;
mod s3;
mod s3_scripted;
