//! GetRecords in CBOR (`application/x-amz-cbor-1.1`), in which payloads are plain bytes: no base64,
//! a quarter less to receive, and far less to parse than JSON. It is what the AWS SDK for Java
//! speaks to Kinesis.
//!
//! A server that answers in JSON all the same is understood, too.

use std::borrow::Cow;

use aws_smithy_cbor::codec::{CborCodec, CborCodecSettings};
use aws_smithy_json::protocol::aws_json_rpc::AwsJsonRpcProtocol;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::http::{Request, Response};
use aws_smithy_schema::error_envelope::sanitize_error_code;
use aws_smithy_schema::http_protocol::HttpRpcProtocol;
use aws_smithy_schema::protocol::{ClientProtocolInner, ServiceShapeName, apply_http_endpoint};
use aws_smithy_schema::serde::{SerdeError, SerializableStruct, ShapeDeserializer};
use aws_smithy_schema::{Schema, ShapeId, prelude, shape_id};
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::{ErrorMetadata, metadata::Builder};
use aws_smithy_types::{BigDecimal, BigInteger, Blob, DateTime, Document};
use minicbor::Decoder;
use minicbor::data::Type;
use minicbor::decode::Error as Damage;

const CONTENT_TYPE: &str = "application/x-amz-cbor-1.1";

/// A number of this size cannot be seconds (they would be in the year 5138): it is milliseconds.
/// The service counts those, some local servers count seconds.
const LEAST_MILLIS: f64 = 1e11;

/// Levels of containers in an answer; GetRecords has three.
const MAX_DEPTH: u32 = 32;

/// The protocol, for the SDK's `Config::builder().protocol(...)`.
#[derive(Debug)]
pub(super) struct AwsCbor {
    requests: HttpRpcProtocol<CborCodec>,
    json: AwsJsonRpcProtocol,
}

impl AwsCbor {
    pub(super) fn new() -> Self {
        let codec = CborCodec::new(CborCodecSettings::default().use_definite_lengths(true));
        let id = shape_id!("aws.protocols", "awsCbor1_1");
        Self {
            requests: HttpRpcProtocol::new(id, codec, CONTENT_TYPE),
            json: AwsJsonRpcProtocol::aws_json_1_1(),
        }
    }
}

/// Whether an answer is in this protocol.
pub(super) fn is_cbor(response: &Response) -> bool {
    let content_type = response.headers().get("content-type");
    content_type.is_some_and(|content_type| content_type.starts_with("application/x-amz-cbor"))
}

fn body(response: &Response) -> &[u8] {
    response.body().bytes().unwrap_or_default()
}

impl ClientProtocolInner for AwsCbor {
    type Request = Request;
    type Response = Response;

    fn protocol_id(&self) -> &ShapeId<'static> {
        self.requests.protocol_id()
    }

    fn serialize_request(
        &self,
        input: &dyn SerializableStruct,
        input_schema: &Schema<'_>,
        _endpoint: &str,
        config: &ConfigBag,
    ) -> Result<Request, SerdeError> {
        let requests = &self.requests;
        let mut request = requests.serialize_request(input, input_schema, "/", config)?;
        let names = (config.load::<ServiceShapeName>(), config.load::<Metadata>());
        if let (Some(service), Some(operation)) = names {
            let target = format!("{}.{}", service.as_str(), operation.name());
            request.headers_mut().insert("X-Amz-Target", target);
        }
        Ok(request)
    }

    fn deserialize_response<'a>(
        &self,
        response: &'a Response,
        output_schema: &Schema<'_>,
        config: &'a ConfigBag,
    ) -> Result<Box<dyn ShapeDeserializer + 'a>, SerdeError> {
        if !is_cbor(response) {
            return self
                .json
                .deserialize_response(response, output_schema, config);
        }
        Ok(Box::new(Reader::new(body(response))))
    }

    fn parse_error_metadata(
        &self,
        response: &Response,
        config: &ConfigBag,
    ) -> Result<Builder, SerdeError> {
        if !is_cbor(response) {
            return self.json.parse_error_metadata(response, config);
        }
        let mut error = ErrorMetadata::builder();
        let mut reader = Reader::new(body(response));
        reader.read_map(&prelude::DOCUMENT, &mut |key, value| {
            match key.as_str() {
                "__type" => {
                    let code = value.read_string(&prelude::STRING)?;
                    error = std::mem::take(&mut error).code(sanitize_error_code(&code));
                }
                "message" | "Message" if !value.is_null() => {
                    let message = value.read_string(&prelude::STRING)?;
                    error = std::mem::take(&mut error).message(message);
                }
                _ => value.skip_value()?,
            }
            Ok(())
        })?;
        Ok(error)
    }

    fn update_endpoint(
        &self,
        request: &mut Request,
        endpoint: &aws_smithy_types::endpoint::Endpoint,
        config: &ConfigBag,
    ) -> Result<(), SerdeError> {
        apply_http_endpoint(request, endpoint, config)
    }
}

/// Reads an answer.
struct Reader<'a> {
    decoder: Decoder<'a>,
    len: usize,
    depth: u32,
}

fn damaged(error: Damage) -> SerdeError {
    SerdeError::invalid_input(error.to_string())
}

fn not_of_kinesis(what: &str) -> SerdeError {
    SerdeError::unsupported(format!("answers of Kinesis hold no {what}"))
}

impl<'a> Reader<'a> {
    fn new(body: &'a [u8]) -> Self {
        Self {
            decoder: Decoder::new(body),
            len: body.len(),
            depth: 0,
        }
    }

    /// A text; in pieces where its length was not known when it was sent.
    fn text(&mut self) -> Result<Cow<'a, str>, SerdeError> {
        if self.decoder.datatype().map_err(damaged)? == Type::String {
            return self.decoder.str().map(Cow::Borrowed).map_err(damaged);
        }
        let pieces = self.decoder.str_iter().map_err(damaged)?;
        let text: Result<String, Damage> = pieces.collect();
        text.map(Cow::Owned).map_err(damaged)
    }

    /// Calls `read` for each item of a container that declares so many, or as many as come.
    fn items(
        &mut self,
        declared: Option<u64>,
        mut read: impl FnMut(&mut Self) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(SerdeError::custom("maximum nesting depth exceeded"));
        }
        let mut left = declared;
        while left != Some(0) {
            if left.is_none() && self.decoder.datatype().map_err(damaged)? == Type::Break {
                self.decoder.skip().map_err(damaged)?;
                break;
            }
            read(self)?;
            left = left.map(|left| left - 1);
        }
        self.depth -= 1;
        Ok(())
    }
}

impl ShapeDeserializer for Reader<'_> {
    fn read_struct(
        &mut self,
        schema: &Schema<'_>,
        consumer: &mut dyn FnMut(&Schema<'_>, &mut dyn ShapeDeserializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        if self.len == 0 {
            // An answer without a body has no members.
            return Ok(());
        }
        let declared = self.decoder.map().map_err(damaged)?;
        self.items(declared, |reader| {
            let key = reader.text()?;
            match schema.member_schema(&key) {
                Some(member) if !reader.is_null() => consumer(member, reader),
                _ => reader.skip_value(),
            }
        })
    }

    fn read_list(
        &mut self,
        _schema: &Schema<'_>,
        consumer: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        let declared = self.decoder.array().map_err(damaged)?;
        self.items(declared, |reader| consumer(reader))
    }

    fn read_map(
        &mut self,
        _schema: &Schema<'_>,
        consumer: &mut dyn FnMut(String, &mut dyn ShapeDeserializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        let declared = self.decoder.map().map_err(damaged)?;
        self.items(declared, |reader| {
            let key = reader.text()?.into_owned();
            consumer(key, reader)
        })
    }

    fn read_boolean(&mut self, _schema: &Schema<'_>) -> Result<bool, SerdeError> {
        self.decoder.bool().map_err(damaged)
    }

    fn read_byte(&mut self, _schema: &Schema<'_>) -> Result<i8, SerdeError> {
        self.decoder.i8().map_err(damaged)
    }

    fn read_short(&mut self, _schema: &Schema<'_>) -> Result<i16, SerdeError> {
        self.decoder.i16().map_err(damaged)
    }

    fn read_integer(&mut self, _schema: &Schema<'_>) -> Result<i32, SerdeError> {
        self.decoder.i32().map_err(damaged)
    }

    fn read_long(&mut self, _schema: &Schema<'_>) -> Result<i64, SerdeError> {
        self.decoder.i64().map_err(damaged)
    }

    fn read_float(&mut self, _schema: &Schema<'_>) -> Result<f32, SerdeError> {
        self.decoder.f32().map_err(damaged)
    }

    fn read_double(&mut self, _schema: &Schema<'_>) -> Result<f64, SerdeError> {
        self.decoder.f64().map_err(damaged)
    }

    fn read_big_integer(&mut self, _schema: &Schema<'_>) -> Result<BigInteger, SerdeError> {
        Err(not_of_kinesis("big integers"))
    }

    fn read_big_decimal(&mut self, _schema: &Schema<'_>) -> Result<BigDecimal, SerdeError> {
        Err(not_of_kinesis("big decimals"))
    }

    fn read_string(&mut self, _schema: &Schema<'_>) -> Result<String, SerdeError> {
        self.text().map(Cow::into_owned)
    }

    fn read_blob(&mut self, _schema: &Schema<'_>) -> Result<Blob, SerdeError> {
        if self.decoder.datatype().map_err(damaged)? == Type::Bytes {
            return self.decoder.bytes().map(Blob::new).map_err(damaged);
        }
        let pieces = self.decoder.bytes_iter().map_err(damaged)?;
        let pieces: Result<Vec<&[u8]>, Damage> = pieces.collect();
        pieces
            .map(|pieces| Blob::new(pieces.concat()))
            .map_err(damaged)
    }

    /// Seconds or milliseconds since 1970, with or without the tag of a time.
    fn read_timestamp(&mut self, _schema: &Schema<'_>) -> Result<DateTime, SerdeError> {
        if self.decoder.datatype().map_err(damaged)? == Type::Tag {
            self.decoder.tag().map_err(damaged)?;
        }
        let number = match self.decoder.datatype().map_err(damaged)? {
            Type::F16 | Type::F32 | Type::F64 => self.decoder.f64().map_err(damaged)?,
            // Times are far below what a float64 counts exactly.
            _ => self.decoder.i64().map_err(damaged)? as f64,
        };
        if number.abs() >= LEAST_MILLIS {
            return Ok(DateTime::from_millis(number.round() as i64));
        }
        Ok(DateTime::from_secs_f64(number))
    }

    fn read_document(&mut self, _schema: &Schema<'_>) -> Result<Document, SerdeError> {
        Err(not_of_kinesis("documents"))
    }

    fn is_null(&self) -> bool {
        matches!(self.decoder.datatype(), Ok(Type::Null))
    }

    fn read_null(&mut self) -> Result<(), SerdeError> {
        self.decoder.null().map_err(damaged)
    }

    fn skip_value(&mut self) -> Result<(), SerdeError> {
        self.decoder.skip().map_err(damaged)
    }

    fn container_size(&self) -> Option<usize> {
        let mut ahead = self.decoder.clone();
        let declared = match ahead.datatype().ok()? {
            Type::Array => ahead.array(),
            Type::Map => ahead.map(),
            _ => return None,
        };
        // Each item takes a byte at least, whatever is declared.
        let declared = usize::try_from(declared.ok()??).unwrap_or(usize::MAX);
        Some(declared.min(self.len.saturating_sub(ahead.position())))
    }
}
