//! The events as Protobuf messages, written and read by prost-reflect.

use std::hint::black_box;

use arrow::datatypes::{DataType, SchemaRef};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use prost_reflect::prost::Message;
use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
};
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor, Value as Plain};
use serde_json::{Map, Value};
use shardmill_engine::decode::{ProtobufFraming, ProtobufOptions};

const MESSAGE: &str = "Access";

/// A message with a field for each column.
pub struct Definition {
    set: FileDescriptorSet,
    message: MessageDescriptor,
}

impl Definition {
    pub fn new(schema: &SchemaRef) -> Self {
        let fields = (1..)
            .zip(schema.fields())
            .map(|(number, field)| FieldDescriptorProto {
                name: Some(field.name().clone()),
                number: Some(number),
                label: Some(Label::Optional.into()),
                r#type: Some(
                    match field.data_type() {
                        DataType::Int64 => Type::Int64,
                        DataType::Float64 => Type::Double,
                        DataType::Boolean => Type::Bool,
                        _ => Type::String,
                    }
                    .into(),
                ),
                ..FieldDescriptorProto::default()
            });
        let message = DescriptorProto {
            name: Some(MESSAGE.to_owned()),
            field: fields.collect(),
            ..DescriptorProto::default()
        };
        let file = FileDescriptorProto {
            name: Some("access.proto".to_owned()),
            message_type: vec![message],
            ..FileDescriptorProto::default()
        };
        let set = FileDescriptorSet { file: vec![file] };
        let pool = DescriptorPool::from_file_descriptor_set(set.clone());
        let pool = pool.expect("the set is whole");
        let message = pool.get_message_by_name(MESSAGE).expect("it is there");
        Self { set, message }
    }

    /// What a source of such payloads is told.
    pub fn options(&self) -> ProtobufOptions {
        ProtobufOptions {
            descriptor_set: Some(STANDARD.encode(self.set.encode_to_vec()).into()),
            message: Some(MESSAGE.into()),
            framing: ProtobufFraming::Delimited,
            ..ProtobufOptions::default()
        }
    }

    /// Messages with their lengths, one after the other.
    pub fn payload(&self, events: &[Map<String, Value>]) -> Bytes {
        let mut payload = Vec::new();
        for event in events {
            let mut message = DynamicMessage::new(self.message.clone());
            for (name, value) in event {
                let value = match value {
                    Value::Null => continue,
                    Value::Bool(value) => Plain::Bool(*value),
                    Value::String(text) => Plain::String(text.clone()),
                    Value::Number(number) if self.is_double(name) => {
                        Plain::F64(number.as_f64().expect("a number"))
                    }
                    Value::Number(number) => Plain::I64(number.as_i64().expect("a whole number")),
                    nested => panic!("{nested}"),
                };
                message.set_field_by_name(name, value);
            }
            let encoded = message.encode_length_delimited(&mut payload);
            encoded.expect("memory takes all");
        }
        payload.into()
    }

    fn is_double(&self, name: &str) -> bool {
        let field = self.message.get_field_by_name(name);
        field.is_some_and(|field| field.kind() == Kind::Double)
    }

    /// Every message of the payloads, read and dropped.
    pub fn read(&self, payloads: &[Bytes]) -> usize {
        let mut rows = 0;
        for payload in payloads {
            let mut left = payload.clone();
            while !left.is_empty() {
                let mut message = DynamicMessage::new(self.message.clone());
                let merged = message.merge_length_delimited(&mut left);
                merged.expect("it was just written");
                black_box(&message);
                rows += 1;
            }
        }
        rows
    }
}
