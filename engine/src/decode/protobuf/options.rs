//! What is said of Protobuf messages.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::shape;
use crate::decode::OptionError;

/// Messages of a descriptor set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProtobufOptions {
    /// The descriptor set (`google.protobuf.FileDescriptorSet`) with the message and all that it
    /// imports, in base64. [`super::narrow`] makes it of any.
    pub descriptor_set: Option<Arc<str>>,
    /// The full name of the message that contents are: its package, the messages that it is declared
    /// in, its own name, with dots between them.
    pub message: Option<Arc<str>>,
    /// How messages stand in contents.
    pub framing: ProtobufFraming,
    /// What to do with fields that the descriptor has not.
    pub unknown_fields: UnknownFields,
}

/// How messages stand in contents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProtobufFraming {
    /// A content is a message.
    #[default]
    None,
    /// A content is any number of messages, each with its length before it as a varint
    /// (`writeDelimitedTo`).
    Delimited,
}

/// What to do with fields that the descriptor has not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownFields {
    /// They are left out.
    #[default]
    Skip,
    /// Their message is a reject, `protobuf.unknown_field`.
    Reject,
}

impl ProtobufOptions {
    pub(in crate::decode) fn check(&self) -> Result<(), OptionError> {
        shape(self).map(drop)
    }
}
