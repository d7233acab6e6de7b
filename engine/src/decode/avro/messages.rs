//! Single Avro values: of one schema, or of the schema that the framing of a registry names.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::FAMILY;
use super::container::bounded;
use super::cursor::{Cursor, Room};
use super::rows::RowsOf;
use super::schema::Schema;
use crate::decode::DecodeLimits;
use crate::decode::content::Content;
use crate::decode::sink::{RowId, Sink};
use crate::decode::whole_file::Refusal;
use crate::types::RejectCode;

/// What a message's framing says its schema is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SchemaId {
    /// The number of a schema in a registry of Confluent's kind.
    Confluent(u32),
    /// The UUID of a schema version in AWS Glue.
    Glue([u8; 16]),
}

impl fmt::Display for SchemaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SchemaId::Confluent(number) => write!(f, "{number}"),
            SchemaId::Glue(bytes) => {
                let mut text = Vec::new();
                crate::schema::write_uuid(bytes, &mut text);
                f.write_str(&String::from_utf8_lossy(&text))
            }
        }
    }
}

/// How single values stand in contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// The value and nothing else.
    Bare,
    /// A zero byte, the schema's number, the value.
    Confluent,
    /// The byte 3, one for the compression, the schema's UUID, the value.
    Glue,
}

/// Schemas by what messages call them. Whoever feeds a decoder has fetched the schemas of the
/// payloads before ([`schema_id`]): an id that is not found here is one that the registry does not
/// know.
pub trait SchemaLookup: Send + Sync {
    /// The JSON of a schema; `None` for one that does not exist.
    fn schema(&self, id: SchemaId) -> Option<Arc<str>>;
}

/// What schema a message asks for; `None` where it has no such framing, or needs none.
pub fn schema_id(framing: Framing, message: &[u8]) -> Option<SchemaId> {
    split(framing, message)?.0
}

/// The bytes of a message's value, and whether they are compressed.
type Body<'a> = (&'a [u8], bool);

fn split(framing: Framing, message: &[u8]) -> Option<(Option<SchemaId>, Body<'_>)> {
    match framing {
        Framing::Bare => Some((None, (message, false))),
        Framing::Confluent => {
            let (number, body) = message.strip_prefix(&[0])?.split_first_chunk()?;
            let id = SchemaId::Confluent(u32::from_be_bytes(*number));
            Some((Some(id), (body, false)))
        }
        Framing::Glue => {
            let (compression, rest) = message.strip_prefix(&[3])?.split_first()?;
            let (id, body) = rest.split_first_chunk()?;
            let compressed = match compression {
                0 => false,
                5 => true,
                _ => return None,
            };
            Some((Some(SchemaId::Glue(*id)), (body, compressed)))
        }
    }
}

/// Where the schemas of messages are from.
pub(super) enum Schemas {
    /// All are of this one.
    One(Arc<str>),
    /// They name theirs.
    Registry(Framing, Arc<dyn SchemaLookup>),
}

/// Decodes single values.
pub(super) struct Messages {
    schemas: Schemas,
    limits: DecodeLimits,
    max_ratio: usize,
    /// Schemas that were parsed, or why one could not be.
    parsed: HashMap<Option<SchemaId>, Result<Arc<Schema>, String>>,
}

/// Rows of one schema that wait to be a table.
struct Waiting {
    id: Option<SchemaId>,
    rows: RowsOf,
    ids: Vec<RowId>,
    cells: usize,
    bytes: usize,
}

impl Waiting {
    fn is_full(&self, limits: &DecodeLimits) -> bool {
        self.cells >= limits.max_table_cells || self.bytes >= limits.max_table_bytes
    }

    /// Gives the rows to the sink.
    fn give(mut self, sink: &mut Sink<'_>) {
        let columns = self.rows.finish();
        // The schema's columns were made before; values cannot change that.
        sink.table_of(self.ids, columns.expect("columns that were made once"));
    }
}

/// Why a message is a reject.
enum NoRow {
    Refused(Refusal),
    Unknown(SchemaId),
}

impl From<Refusal> for NoRow {
    fn from(refusal: Refusal) -> Self {
        NoRow::Refused(refusal)
    }
}

impl Messages {
    pub(super) fn new(schemas: Schemas, limits: &DecodeLimits, max_ratio: usize) -> Self {
        Self {
            schemas,
            limits: limits.clone(),
            max_ratio,
            parsed: HashMap::new(),
        }
    }

    pub(super) fn decode(&mut self, contents: &[Content<'_>], sink: &mut Sink<'_>) {
        let mut waiting = None;
        for content in contents.iter().filter(|content| !content.data.is_empty()) {
            match self.message(content, &mut waiting, sink) {
                Ok(()) => {}
                Err(NoRow::Refused(refusal)) => {
                    FAMILY.reject(content, sink, &self.limits, refusal);
                }
                Err(NoRow::Unknown(id)) => {
                    let reason = format!("its schema, {id}, is not in the registry");
                    let all = 0..content.data.len();
                    sink.reject(content, all, RejectCode::AvroUnknownSchema, reason);
                }
            }
        }
        if let Some(waiting) = waiting {
            waiting.give(sink);
        }
    }

    fn message(
        &mut self,
        content: &Content<'_>,
        waiting: &mut Option<Waiting>,
        sink: &mut Sink<'_>,
    ) -> Result<(), NoRow> {
        let framing = match &self.schemas {
            Schemas::One(_) => Framing::Bare,
            Schemas::Registry(framing, _) => *framing,
        };
        let no_framing = || Refusal::damaged("it does not begin as the registry's messages do");
        let (id, (body, compressed)) = split(framing, content.data).ok_or_else(no_framing)?;
        let schema = self.schema(id)?;
        let limits = self.limits.of_content(content.data.len(), self.max_ratio);
        let mut room = Room::new(&limits);
        let expanded = match compressed {
            true => Some(bounded(flate2::read::ZlibDecoder::new(body), &room)?),
            false => None,
        };
        let body = expanded.as_deref().unwrap_or(body);
        room.bytes(body.len())?;
        if let Some(full) = waiting.take_if(|rows| rows.id != id || rows.is_full(&self.limits)) {
            full.give(sink);
        }
        let here = match waiting {
            Some(here) => here,
            None => waiting.insert(Waiting {
                id,
                rows: RowsOf::new(&schema, &self.limits)?,
                ids: Vec::new(),
                cells: 0,
                bytes: 0,
            }),
        };
        let before = here.rows.len();
        let mut cursor = Cursor::new(body);
        here.rows.read(&mut cursor, &mut room)?;
        if !cursor.rest().is_empty() {
            here.rows.truncate(before);
            return Err(Refusal::damaged("it is longer than a value of its schema").into());
        }
        here.cells += limits.max_event_cells - room.cells_left();
        here.bytes += limits.max_event_bytes - room.bytes_left();
        here.ids.push(sink.row_of(content));
        Ok(())
    }

    fn schema(&mut self, id: Option<SchemaId>) -> Result<Arc<Schema>, NoRow> {
        if !self.parsed.contains_key(&id) {
            let text = match (&self.schemas, id) {
                (Schemas::One(text), _) => Arc::clone(text),
                (Schemas::Registry(_, lookup), Some(id)) => {
                    lookup.schema(id).ok_or(NoRow::Unknown(id))?
                }
                (Schemas::Registry(..), None) => return Err(no_schema("it names none").into()),
            };
            self.parsed.insert(id, Schema::parse(&text).map(Arc::new));
        }
        match &self.parsed[&id] {
            Ok(schema) => Ok(Arc::clone(schema)),
            Err(why) => Err(no_schema(why).into()),
        }
    }
}

fn no_schema(why: &str) -> Refusal {
    Refusal::Damaged(format!("its schema: {why}"))
}
