//! Single Avro values: of one schema, or of the schema that the framing of a registry names.

use std::collections::HashMap;
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
use crate::types::{Registered, RejectCode, SchemaId};

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

/// Schemas by what messages call them: those that were looked up.
pub trait SchemaLookup: Send + Sync {
    /// What the registry has; `None` where nobody has asked it yet. A decoder that finds none gives
    /// its payloads back ([`crate::decode::Undecoded`]).
    fn schema(&self, id: SchemaId) -> Option<Arc<Registered>>;
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
    parsed: Parsed,
}

/// Schemas that were parsed, or why one could not be.
#[derive(Default)]
struct Parsed {
    schemas: HashMap<Option<SchemaId>, Result<Arc<Schema>, String>>,
    /// Bytes of their texts.
    bytes: usize,
}

impl Parsed {
    const MAX_SCHEMAS: usize = 1_000;
    const MAX_BYTES: usize = 8 << 20;

    fn put(&mut self, id: Option<SchemaId>, parsed: Result<Arc<Schema>, String>, bytes: usize) {
        if self.schemas.len() >= Self::MAX_SCHEMAS || self.bytes + bytes > Self::MAX_BYTES {
            *self = Self::default();
        }
        self.bytes += bytes;
        self.schemas.insert(id, parsed);
    }
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
    Unusable(String),
    NotLookedUp(SchemaId),
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
            parsed: Parsed::default(),
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
                Err(NoRow::Unusable(why)) => {
                    let all = 0..content.data.len();
                    sink.reject(content, all, RejectCode::AvroUnusableSchema, why);
                }
                Err(NoRow::NotLookedUp(id)) => sink.await_schema(id),
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
        if !self.parsed.schemas.contains_key(&id) {
            self.parse(id)?;
        }
        match &self.parsed.schemas[&id] {
            Ok(schema) => Ok(Arc::clone(schema)),
            Err(why) => Err(unusable(id, why)),
        }
    }

    fn parse(&mut self, id: Option<SchemaId>) -> Result<(), NoRow> {
        let (lookup, asked) = match (&self.schemas, id) {
            (Schemas::One(text), _) => {
                let parsed = Schema::parse(text, &[]).map(Arc::new);
                self.parsed.put(id, parsed, text.len());
                return Ok(());
            }
            (Schemas::Registry(_, lookup), Some(id)) => (lookup, id),
            (Schemas::Registry(..), None) => return Err(unusable(id, "it names none")),
        };
        match lookup.schema(asked).as_deref() {
            Some(Registered::Schema(schema)) => {
                let parsed = Schema::parse(&schema.text, &schema.references).map(Arc::new);
                self.parsed.put(id, parsed, schema.len());
                Ok(())
            }
            Some(Registered::Unknown) => Err(NoRow::Unknown(asked)),
            Some(Registered::Unusable(why)) => Err(unusable(id, why)),
            None => Err(NoRow::NotLookedUp(asked)),
        }
    }
}

fn unusable(id: Option<SchemaId>, why: &str) -> NoRow {
    let which = id.map_or(String::new(), |id| format!(", {id}"));
    NoRow::Unusable(format!("its schema{which}: {why}"))
}
