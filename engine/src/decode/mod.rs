//! Decoding: payloads in, Arrow rows and rejects out.
//!
//! A [`Decoder`] undoes the compression of payloads and asks a format for events and rejects of
//! their contents; events are written straight into typed columns. The stage knows nothing of
//! windows, lanes or targets: it keeps the batch's head as it is. Rows depend on their payload alone
//! (I10); that payloads are decoded many at a time shows nowhere but in speed.

pub mod avro;
mod cells;
mod column;
mod columns;
mod content;
mod contents;
mod cursor;
mod delimited;
mod detect;
mod ends;
mod expand;
mod fetch;
mod fields;
mod fixed_width;
mod form;
mod format;
mod json;
mod lexical;
mod lines;
mod marks;
mod mixed;
mod nulls;
mod options;
mod orc;
mod parquet_file;
mod pattern;
pub mod protobuf;
mod raw;
mod repeated;
mod room;
mod shape;
mod sink;
mod text;
mod texts;
mod whole_file;
mod xml;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use self::avro::{AvroFile, AvroMessages, Framing, NoSchemas, SchemaLookup};
use self::cells::Cells;
use self::content::Content;
use self::contents::Group;
use self::delimited::Delimited;
pub use self::delimited::{DelimitedOptions, Mark, ShortLines};
pub use self::detect::{Confidence, Detected, Header, Hints, Inside, detect, open_payloads};
use self::expand::Expander;
pub use self::fixed_width::{FixedColumn, FixedWidthOptions};
pub use self::form::FormOptions;
use self::format::Format;
pub use self::json::{CloudWatchOptions, JsonOptions, StoreJson};
pub use self::lexical::{FieldType, decide_types};
pub use self::lines::LinesOptions;
use self::mixed::Mixed;
pub use self::mixed::format_of_content;
pub use self::options::{
    Compression, ContentOptions, Decided, ExpansionLimits, FormatChoice, OptionError,
};
use self::orc::OrcFile;
use self::parquet_file::ParquetFile;
pub use self::pattern::{Pattern, RegexOptions, RegexUnit};
pub use self::protobuf::{ProtobufFraming, ProtobufOptions, UnknownFields};
pub use self::raw::RawOptions;
use self::shape::Shaper;
pub use self::shape::{HashKey, ShapeOptions};
use self::sink::{Sink, Taken};
pub use self::xml::XmlOptions;
use crate::budget::{Budget, Credit};
use crate::raw_copy::Framer;
use crate::types::{
    Counts, DecodedBatch, Payload, PayloadBatch, Reject, RejectCode, Rows, SchemaId,
};

/// Bounds on what one event or one table may take.
#[derive(Clone, Debug)]
pub struct DecodeLimits {
    /// Levels of objects and lists in one event, itself included; deeper ones are rejects.
    pub max_depth: usize,
    /// Bytes of one event; larger ones are rejects.
    pub max_event_bytes: usize,
    /// Cells (rows times fields, at every depth) that one event may need beside what its table has;
    /// an event that needs more on its own is a reject. A cell takes 8 bytes or so.
    pub max_event_cells: usize,
    /// Cells after which a table is cut.
    pub max_table_cells: usize,
    /// Bytes of input after which a table is cut.
    pub max_table_bytes: usize,
}

impl DecodeLimits {
    /// Fields that one event may have in formats that say their number only at the end.
    fn max_fields(&self) -> usize {
        self.max_event_cells / Cells::FIELD
    }
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            max_depth: 64,
            max_event_bytes: 64 << 20,
            max_event_cells: 16 << 20,
            max_table_cells: 4 << 20,
            max_table_bytes: 64 << 20,
        }
    }
}

impl DecodeLimits {
    /// What one content of `len` bytes may take of a format that expands by itself: never more than
    /// `max_ratio` bytes for each of its own, but for a little that no ratio is looked at for.
    fn of_content(&self, len: usize, max_ratio: usize) -> Self {
        const NO_HARM: usize = 1 << 20;
        let bytes = len.saturating_mul(max_ratio).max(NO_HARM);
        Self {
            max_event_bytes: self.max_event_bytes.min(bytes),
            max_event_cells: self.max_event_cells.min(bytes / size_of::<u64>()),
            ..self.clone()
        }
    }
}

/// Decodes payload batches, one after the other. Keeps its buffers: one for each thread.
pub struct Decoder {
    limits: DecodeLimits,
    expander: Expander,
    format: Box<dyn Format>,
    shape: ShapeOptions,
    shaper: Shaper,
    /// Where a raw copy of the payloads is kept.
    raw: Option<Framer>,
}

impl Decoder {
    /// A decoder of payloads that are what `content` says. To it a registry of schemas has none:
    /// [`Self::with_schemas`].
    pub fn new(limits: DecodeLimits, content: &ContentOptions) -> Self {
        Self::with_schemas(limits, content, Arc::new(NoSchemas))
    }

    /// A decoder of payloads that are what `content` says, whose schemas `lookup` knows where a
    /// registry has them.
    pub fn with_schemas(
        limits: DecodeLimits,
        content: &ContentOptions,
        lookup: Arc<dyn SchemaLookup>,
    ) -> Self {
        let format = format_of(content.format, &limits, content, &lookup);
        Self {
            limits,
            expander: Expander::new(content),
            format,
            shaper: Shaper::new(&content.shape, None),
            shape: content.shape.clone(),
            raw: None,
        }
    }

    /// The same with the key of columns that are to be hashed. Without one they are left out.
    #[must_use]
    pub fn with_hash_key(self, key: Option<HashKey>) -> Self {
        Self {
            shaper: Shaper::new(&self.shape, key),
            ..self
        }
    }

    /// The same, and batches carry their payloads as they were received where `keep` is set.
    pub fn with_raw_copy(mut self, keep: bool) -> Self {
        self.raw = keep.then(Framer::default);
        self
    }

    /// Decodes a batch. Never fails: what cannot be decoded is a reject, and a payload that makes
    /// the decoder panic is one too. The credit of the payloads becomes that of what was made of
    /// them.
    ///
    /// # Panics
    /// If schemas must be looked up first: where a registry has them, [`Self::try_decode`] says which.
    pub fn decode(&mut self, batch: PayloadBatch, budget: &Budget) -> DecodedBatch {
        let decoded = self.try_decode(batch, budget);
        decoded.expect("schemas that were looked up before")
    }

    /// As [`Self::decode`], where a registry has the schemas of payloads. What it has under an id
    /// never changes, so a batch that is decoded later, or twice, becomes the same (I10).
    ///
    /// # Errors
    /// The batch as it was, where schemas must be looked up first.
    pub fn try_decode(
        &mut self,
        batch: PayloadBatch,
        budget: &Budget,
    ) -> Result<DecodedBatch, Box<Undecoded>> {
        let mut decoded = Collected::default();
        // What was expanded stands for the columns that are made of it until these are counted.
        let mut held = budget.charge(0);
        let payloads = &batch.payloads;
        self.decode_range(payloads, 0..payloads.len(), &mut held, &mut decoded);
        if !decoded.awaited.is_empty() {
            let schemas = decoded.awaited;
            return Err(Box::new(Undecoded { batch, schemas }));
        }
        decoded.shape(&self.shaper);
        let PayloadBatch {
            head,
            payloads,
            mut credit,
        } = batch;
        let counts = Counts {
            records: head.records,
            payloads: payloads.len() as u64,
            bytes: payloads
                .iter()
                .map(|payload| payload.data.len() as u64)
                .sum(),
            ..decoded.counts
        };
        let raw = self.raw.as_mut();
        let raw = raw.and_then(|framer| framer.frame(&head.shard, &payloads, budget));
        // While both are in memory both are charged.
        let made = budget.charge(decoded.memory_size());
        drop((payloads, held));
        credit.resize(made.bytes());
        drop(made);
        Ok(DecodedBatch {
            head,
            rows: decoded.rows,
            rejects: decoded.rejects,
            counts,
            raw,
            credit,
        })
    }

    /// Decodes payloads that belong to no batch, those of a sample. What it takes is charged to no
    /// budget.
    pub fn decode_sample(&mut self, payloads: &[Payload]) -> DecodedSample {
        let mut decoded = Collected::default();
        let mut held = Budget::new(0).charge(0);
        self.decode_range(payloads, 0..payloads.len(), &mut held, &mut decoded);
        decoded.shape(&self.shaper);
        let Collected {
            rows,
            rejects,
            awaited,
            ..
        } = decoded;
        DecodedSample {
            rows,
            rejects,
            awaited,
        }
    }

    /// Decodes `payloads[range]`; when that panics, its halves, down to the one payload that does.
    fn decode_range(
        &mut self,
        payloads: &[Payload],
        range: Range<usize>,
        held: &mut Credit,
        into: &mut Collected,
    ) {
        let part = &payloads[range.clone()];
        if part.is_empty() {
            return;
        }
        let before = held.bytes();
        let outcome = catch_unwind(AssertUnwindSafe(|| self.decode_part(part, held)));
        match outcome {
            Ok(taken) => into.add(taken),
            Err(panic) => {
                self.format.reset();
                self.expander.reset();
                held.resize(before);
                if let [payload] = part {
                    into.add_panic(payload, &*panic);
                } else {
                    let middle = range.start + range.len() / 2;
                    self.decode_range(payloads, range.start..middle, held, into);
                    self.decode_range(payloads, middle..range.end, held, into);
                }
            }
        }
    }

    /// Decodes payloads, those that are compressed in groups that are in memory one at a time.
    fn decode_part(&mut self, part: &[Payload], held: &mut Credit) -> Taken {
        let mut sink = Sink::new(part, &self.limits);
        let mut next = 0;
        while next < part.len() {
            let group = Group::new(part, next, &mut self.expander, held);
            self.format.decode(&group.contents(part), &mut sink);
            next = group.end();
            if let Some(failure) = &group.failure {
                let payload = Content {
                    payload: next,
                    data: &part[next].data,
                };
                let whole = 0..payload.data.len();
                sink.reject(&payload, whole, failure.code(), failure.reason());
                next += 1;
            }
        }
        sink.finish()
    }
}

/// What a sample was decoded to.
#[derive(Debug)]
pub struct DecodedSample {
    /// The events, in the order of the payloads.
    pub rows: Vec<Rows>,
    /// The rejects, in the order of the payloads.
    pub rejects: Vec<Reject>,
    /// Schemas that must be looked up first; without them something is missing.
    pub awaited: BTreeSet<SchemaId>,
}

/// A batch that cannot be decoded yet.
#[derive(Debug)]
pub struct Undecoded {
    /// The batch as it was.
    pub batch: PayloadBatch,
    /// Schemas that must be looked up first; there may be more.
    pub schemas: BTreeSet<SchemaId>,
}

/// What decodes contents of one format.
fn format_of(
    format: FormatChoice,
    limits: &DecodeLimits,
    content: &ContentOptions,
    lookup: &Arc<dyn SchemaLookup>,
) -> Box<dyn Format> {
    let ratio = content.expansion.max_ratio;
    let registry = |framing| AvroMessages::of_registry(framing, Arc::clone(lookup), limits, ratio);
    match format {
        FormatChoice::Auto => Box::new(Mixed::new(limits, content, lookup)),
        FormatChoice::Json if content.json.are_plain() => Box::new(json::Json::new(limits)),
        FormatChoice::Json => Box::new(json::AdaptedJson::new(limits, &content.json)),
        FormatChoice::CloudWatch => Box::new(json::CloudWatch::new(limits, &content.cloudwatch)),
        FormatChoice::Csv => Box::new(Delimited::new(limits, &content.delimited, b',')),
        FormatChoice::Tsv => Box::new(Delimited::new(limits, &content.delimited, b'\t')),
        FormatChoice::FixedWidth => {
            Box::new(fixed_width::FixedWidth::new(limits, &content.fixed_width))
        }
        FormatChoice::Regex => Box::new(pattern::Matched::new(limits, &content.regex)),
        FormatChoice::Form => Box::new(form::Form::new(limits, &content.form)),
        FormatChoice::Xml => Box::new(xml::Xml::new(limits, &content.xml)),
        FormatChoice::Lines => Box::new(lines::Lines::new(limits, &content.lines)),
        FormatChoice::Raw => Box::new(raw::Raw::new(limits, &content.raw)),
        FormatChoice::Avro => Box::new(AvroFile::new(limits, ratio)),
        FormatChoice::AvroRecord => {
            let schema = content.avro_schema.clone().unwrap_or_else(|| "".into());
            Box::new(AvroMessages::of_schema(schema, limits, ratio))
        }
        FormatChoice::AvroConfluent => Box::new(registry(Framing::Confluent)),
        FormatChoice::AvroGlue => Box::new(registry(Framing::Glue)),
        FormatChoice::Orc => Box::new(OrcFile::new(limits, ratio)),
        FormatChoice::Parquet => Box::new(ParquetFile::new(limits, ratio)),
        FormatChoice::Protobuf => {
            Box::new(protobuf::Protobuf::new(limits, &content.protobuf, ratio))
        }
    }
}

/// What parts of a batch were decoded to.
#[derive(Default)]
struct Collected {
    rows: Vec<Rows>,
    rejects: Vec<Reject>,
    counts: Counts,
    awaited: BTreeSet<SchemaId>,
}

impl Collected {
    fn add(&mut self, taken: Taken) {
        self.rows.extend(taken.rows);
        self.rejects.extend(taken.rejects);
        self.counts += taken.counts;
        self.awaited.extend(taken.awaited);
    }

    fn add_panic(&mut self, payload: &Payload, panic: &(dyn std::any::Any + Send)) {
        let said = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        self.rejects.push(Reject {
            sequence: payload.sequence.clone(),
            subsequence: payload.subsequence,
            partition_key: payload.partition_key.clone(),
            arrival: payload.arrival,
            index: 0,
            data: payload.data.clone(),
            code: RejectCode::DecoderPanic,
            reason: format!(
                "the decoder panicked on this payload alone: {said}; please report it with the payload"
            ),
        });
        self.counts.rejects += 1;
    }

    fn shape(&mut self, shaper: &Shaper) {
        shaper.rows(&mut self.rows);
        shaper.rejects(&mut self.rejects);
    }

    fn memory_size(&self) -> usize {
        let rows: usize = self.rows.iter().map(Rows::memory_size).sum();
        let rejects: usize = self
            .rejects
            .iter()
            .map(|reject| size_of::<Reject>() + reject.data.len() + reject.reason.len())
            .sum();
        rows + rejects
    }
}
