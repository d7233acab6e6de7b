//! What a decoder emits.

use std::ops::AddAssign;
use std::sync::Arc;

use arrow::array::ArrayRef;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{BatchHead, SequenceNumber, TimestampMs};
use crate::budget::Credit;
use crate::schema::Schema;

/// How many of each thing a stretch of a Kinesis shard held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Kinesis records.
    pub records: u64,
    /// Payloads (user records inside aggregates count one each).
    pub payloads: u64,
    /// Bytes of payload as received.
    pub bytes: u64,
    /// Events that became rows.
    pub rows: u64,
    /// Rejects.
    pub rejects: u64,
    /// Payloads that held no event and no reject.
    pub empty: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        self.payloads += other.payloads;
        self.bytes += other.bytes;
        self.rows += other.rows;
        self.rejects += other.rejects;
        self.empty += other.empty;
    }
}

/// Why a piece of a payload could not be decoded, as a stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectCode {
    /// Not JSON: a syntax error, a truncated document, invalid UTF-8.
    JsonSyntax,
    /// JSON nested deeper than the limit.
    JsonTooDeep,
    /// JSON whose root, or whose root array's item, is no object.
    JsonNotAnObject,
    /// Text that is not UTF-8.
    NotUtf8,
    /// CSV with a quote that is not closed, or with something after a closing one.
    CsvSyntax,
    /// A line of CSV with fewer fields than there are columns.
    CsvRagged,
    /// A line of fixed width that ends before its last column begins.
    FixedWidthShort,
    /// Text that the pattern does not match.
    RegexNoMatch,
    /// A form with a percent escape that is none.
    FormSyntax,
    /// JSON that is no envelope of CloudWatch Logs.
    CloudwatchNotAnEnvelope,
    /// Not XML: not well-formed, or cut off.
    XmlSyntax,
    /// XML nested deeper than the limit.
    XmlTooDeep,
    /// XML with an entity that is not built in.
    XmlEntity,
    /// XML whose root is not where the path of records begins.
    XmlNoRecord,
    /// XML in an encoding that is not read.
    XmlEncoding,
    /// Not a whole Parquet file, or one with something that the decoder does not know.
    ParquetDamaged,
    /// A Parquet file whose schema is nested deeper than the limit.
    ParquetTooDeep,
    /// Not Avro, or not of the schema that it should have.
    AvroDamaged,
    /// Avro nested deeper than the limit.
    AvroTooDeep,
    /// Avro whose message names a schema that its registry does not have.
    AvroUnknownSchema,
    /// An Avro message whose schema cannot be used: of another type, or no schema.
    AvroUnusableSchema,
    /// Not a whole ORC file, or one with something that the decoder does not know.
    OrcDamaged,
    /// An ORC file whose schema is nested deeper than the limit.
    OrcTooDeep,
    /// Not Protobuf, or not of the message that it should be.
    ProtobufDamaged,
    /// Protobuf nested deeper than the limit.
    ProtobufTooDeep,
    /// Protobuf with a field that its descriptor has not, where the options refuse those.
    ProtobufUnknownField,
    /// The decoder panicked on this payload alone.
    DecoderPanic,
    /// The event is larger than a limit.
    TooLarge,
    /// The payload is not of the compression that the configuration names.
    CompressionMismatch,
    /// Compressed data that is not whole, was changed, or is followed by other bytes.
    CompressionDamaged,
    /// A kind of compressed data that is not read: encrypted, or needing a dictionary.
    CompressionUnsupported,
    /// More would come out of the payload than a limit allows.
    CompressionBomb,
    /// Compressed within compressed data too often.
    CompressionTooDeep,
}

impl RejectCode {
    /// Every code, in the order of the reference page.
    pub const ALL: [RejectCode; 33] = [
        RejectCode::JsonSyntax,
        RejectCode::JsonTooDeep,
        RejectCode::JsonNotAnObject,
        RejectCode::NotUtf8,
        RejectCode::CsvSyntax,
        RejectCode::CsvRagged,
        RejectCode::FixedWidthShort,
        RejectCode::RegexNoMatch,
        RejectCode::FormSyntax,
        RejectCode::CloudwatchNotAnEnvelope,
        RejectCode::XmlSyntax,
        RejectCode::XmlTooDeep,
        RejectCode::XmlEntity,
        RejectCode::XmlNoRecord,
        RejectCode::XmlEncoding,
        RejectCode::ParquetDamaged,
        RejectCode::ParquetTooDeep,
        RejectCode::AvroDamaged,
        RejectCode::AvroTooDeep,
        RejectCode::AvroUnknownSchema,
        RejectCode::AvroUnusableSchema,
        RejectCode::OrcDamaged,
        RejectCode::OrcTooDeep,
        RejectCode::ProtobufDamaged,
        RejectCode::ProtobufTooDeep,
        RejectCode::ProtobufUnknownField,
        RejectCode::DecoderPanic,
        RejectCode::TooLarge,
        RejectCode::CompressionMismatch,
        RejectCode::CompressionDamaged,
        RejectCode::CompressionUnsupported,
        RejectCode::CompressionBomb,
        RejectCode::CompressionTooDeep,
    ];

    /// The text that stands in reject files, metrics and docs.
    pub fn as_str(self) -> &'static str {
        match self {
            RejectCode::JsonSyntax => "json.syntax",
            RejectCode::JsonTooDeep => "json.too_deep",
            RejectCode::JsonNotAnObject => "json.not_an_object",
            RejectCode::NotUtf8 => "text.not_utf8",
            RejectCode::CsvSyntax => "csv.syntax",
            RejectCode::CsvRagged => "csv.ragged",
            RejectCode::FixedWidthShort => "fixed_width.short",
            RejectCode::RegexNoMatch => "regex.no_match",
            RejectCode::FormSyntax => "form.syntax",
            RejectCode::CloudwatchNotAnEnvelope => "cloudwatch.not_an_envelope",
            RejectCode::XmlSyntax => "xml.syntax",
            RejectCode::XmlTooDeep => "xml.too_deep",
            RejectCode::XmlEntity => "xml.entity",
            RejectCode::XmlNoRecord => "xml.no_record",
            RejectCode::XmlEncoding => "xml.encoding",
            RejectCode::ParquetDamaged => "parquet.damaged",
            RejectCode::ParquetTooDeep => "parquet.too_deep",
            RejectCode::AvroDamaged => "avro.damaged",
            RejectCode::AvroTooDeep => "avro.too_deep",
            RejectCode::AvroUnknownSchema => "avro.unknown_schema",
            RejectCode::AvroUnusableSchema => "avro.unusable_schema",
            RejectCode::OrcDamaged => "orc.damaged",
            RejectCode::OrcTooDeep => "orc.too_deep",
            RejectCode::ProtobufDamaged => "protobuf.damaged",
            RejectCode::ProtobufTooDeep => "protobuf.too_deep",
            RejectCode::ProtobufUnknownField => "protobuf.unknown_field",
            RejectCode::DecoderPanic => "decode.panic",
            RejectCode::TooLarge => "decode.too_large",
            RejectCode::CompressionMismatch => "compression.mismatch",
            RejectCode::CompressionDamaged => "compression.damaged",
            RejectCode::CompressionUnsupported => "compression.unsupported",
            RejectCode::CompressionBomb => "compression.bomb",
            RejectCode::CompressionTooDeep => "compression.too_deep",
        }
    }
}

/// A piece of a payload that could not be decoded.
#[derive(Clone, Debug)]
pub struct Reject {
    /// Sequence number of its Kinesis record.
    pub sequence: SequenceNumber,
    /// Place inside a KPL aggregate.
    pub subsequence: u64,
    /// Partition key of the payload.
    pub partition_key: Arc<str>,
    /// Arrival time of the Kinesis record.
    pub arrival: TimestampMs,
    /// Place in the payload. Events and rejects of a payload share one numbering.
    pub index: u32,
    /// The bytes that could not be decoded.
    pub data: Bytes,
    /// Why, as a stable code.
    pub code: RejectCode,
    /// Why, for people.
    pub reason: String,
}

/// Events as columns: the event fields under their inferred schema, plus who each row is.
///
/// All arrays have `len` items, in Kinesis order, then by `index`.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Number of rows.
    pub len: usize,
    /// The inferred types of `columns`, field by field in the same order.
    pub schema: Arc<Schema>,
    /// One array a top-level field; its Arrow type is [`crate::schema::DataType::to_arrow`].
    pub columns: Vec<ArrayRef>,
    /// `_sequence`: Utf8.
    pub sequence: ArrayRef,
    /// `_subsequence`: Int64.
    pub subsequence: ArrayRef,
    /// `_partition_key`: Utf8.
    pub partition_key: ArrayRef,
    /// `_arrival`: Timestamp(ms, UTC).
    pub arrival: ArrayRef,
    /// `_index`: Int32, the place in the payload.
    pub index: ArrayRef,
}

impl Rows {
    /// Bytes of memory that the arrays hold, by capacity.
    pub fn memory_size(&self) -> usize {
        let system = [
            &self.sequence,
            &self.subsequence,
            &self.partition_key,
            &self.arrival,
            &self.index,
        ];
        self.columns
            .iter()
            .chain(system)
            .map(|array| array.get_array_memory_size())
            .sum()
    }
}

/// The payloads of a batch as the raw copy has them.
#[derive(Debug)]
pub struct RawCopy {
    /// Whole LZ4 frames.
    pub frames: Bytes,
    /// Payloads in them.
    pub payloads: u64,
    /// Credit for `frames`.
    pub credit: Credit,
}

/// One payload batch, decoded. Rows and rejects together account for every payload of the batch,
/// but for those counted as empty.
#[derive(Debug)]
pub struct DecodedBatch {
    /// The head of the payload batch that it came from, unchanged.
    pub head: BatchHead,
    /// The events in Kinesis order; empty where there is none. One table as a rule. Where one table
    /// would be mostly nulls (events with hardly a field in common, data as keys), rows are cut into
    /// several, so that a batch cannot blow up in memory.
    pub rows: Vec<Rows>,
    /// The rejects in Kinesis order.
    pub rejects: Vec<Reject>,
    /// What the batch held.
    pub counts: Counts,
    /// Its payloads as they were received, where a raw copy is kept and there are any.
    pub raw: Option<RawCopy>,
    /// Memory of rows and rejects; given back when the batch is dropped.
    pub credit: Credit,
}
