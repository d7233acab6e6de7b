//! Protobuf: messages of a descriptor set.
//!
//! The decoder is our own: values go from their bytes into Arrow arrays along the descriptor, without
//! a message of its own for each. It holds what a library for trusted messages need not: everything
//! counts against the limits, and messages within themselves become JSON text from the second level
//! on.
//!
//! What a content means:
//! - It is one message, also one of no bytes, in which nothing is set; or, delimited, any number of
//!   messages with their lengths before them.
//! - Fields are called as they are declared, extensions `[full.name]`. Fields that can be absent are
//!   null where they are; others have their default. Lists and maps are never null, but where the
//!   message that they are in is.
//! - Enums are their names; a number without a name is its digits. Keys of maps are text.
//! - Times are timestamps, lengths of time text (`PT1.5S`), wrappers their value or null, and
//!   `Struct`, `Value` and `ListValue` JSON. `Any` is what it is: a name and bytes.
//! - Bytes that are no message, a text that is not UTF-8, and a field with another wire type than its
//!   own make the message a reject, `protobuf.damaged`.

mod column;
mod descriptor;
mod known;
mod options;
mod plan;
mod read;
mod rows;
mod scalar;
mod wire;
mod written;

use std::ops::Range;
use std::sync::Arc;

use self::column::Making;
use self::descriptor::NoMessage;
pub use self::options::{ProtobufFraming, ProtobufOptions, UnknownFields};
use self::plan::{Plan, ROOT};
use self::read::NoRow;
use self::rows::RowsOf;
use super::DecodeLimits;
use super::content::Content;
use super::cursor::Cursor;
use super::format::Format;
use super::options::OptionError;
use super::room::Room;
use super::sink::{RowId, Sink};
use super::whole_file::{Family, Refusal};
use crate::types::RejectCode;

const FAMILY: Family = Family {
    name: "Protobuf",
    damaged: RejectCode::ProtobufDamaged,
    too_deep: RejectCode::ProtobufTooDeep,
};

/// The bytes of a descriptor set in base64.
///
/// # Errors
/// If it is not base64; what is wrong with it, for people.
pub fn descriptor_set_of(base64: &str) -> Result<Vec<u8>, String> {
    descriptor::bytes_of(base64)
}

/// The full names of the messages of a descriptor set, as a compiler writes it.
///
/// # Errors
/// If it is no descriptor set; what is wrong with it, for people.
pub fn message_names(descriptor_set: &[u8]) -> Result<Vec<String>, String> {
    Ok(descriptor::names(&descriptor::read(descriptor_set)?))
}

/// The part of a descriptor set that decoding a message takes, in base64, for
/// [`ProtobufOptions::descriptor_set`]. Equal definitions give equal texts, whatever else stands
/// beside them.
///
/// # Errors
/// If it is no descriptor set; what is wrong with it, for people.
pub fn narrow(descriptor_set: &[u8], message: &str) -> Result<String, String> {
    let set = descriptor::read(descriptor_set)?;
    Ok(descriptor::write_text(&descriptor::narrowed(set, message)))
}

/// Levels that no configuration allows more of.
const MOST_LEVELS: usize = 256;

/// What messages are made of, by the options.
fn shape(options: &ProtobufOptions) -> Result<Plan, OptionError> {
    let of_set = |reason: String| OptionError::new(reason).at("descriptor_set");
    let missing = |option| OptionError::new("there is none").at(option);
    let set = options.descriptor_set.as_deref();
    let set = set.ok_or_else(|| missing("descriptor_set"))?;
    let name = options.message.as_deref();
    let name = name.ok_or_else(|| missing("message"))?;
    let set = descriptor_set_of(set).and_then(|bytes| descriptor::read(&bytes));
    let set = set.map_err(of_set)?;
    let message = descriptor::message(set, name).map_err(|error| match error {
        NoMessage::Damaged(why) => of_set(format!("its descriptors do not hold together: {why}")),
        NoMessage::Unknown => {
            OptionError::new(format!("there is no message {name:?}")).at("message")
        }
    })?;
    let plan = Plan::new(&message).map_err(of_set)?;
    // As many columns as there are with the most levels that may be allowed.
    let made = Making::new(&plan).parts(ROOT, MOST_LEVELS);
    made.map_err(|reason| OptionError::new(reason).at("message"))?;
    Ok(plan)
}

/// Decodes messages.
pub(super) struct Protobuf {
    /// Why nothing can be decoded, where the options were not checked.
    plan: Result<Arc<Plan>, String>,
    framing: ProtobufFraming,
    unknown_fields: UnknownFields,
    limits: DecodeLimits,
    max_ratio: usize,
}

/// Rows that wait to be a table.
struct Waiting {
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
    fn give(self, sink: &mut Sink<'_>) {
        let columns = self.rows.finish();
        // What could be refused was counted when the rows were read.
        sink.table_of(self.ids, columns.expect("columns within the limits"));
    }
}

impl Protobuf {
    pub(super) fn new(limits: &DecodeLimits, options: &ProtobufOptions, max_ratio: usize) -> Self {
        Self {
            plan: shape(options)
                .map(Arc::new)
                .map_err(|error| match error.option() {
                    Some(option) => format!("its `{option}`: {error}"),
                    None => error.to_string(),
                }),
            framing: options.framing,
            unknown_fields: options.unknown_fields,
            limits: limits.clone(),
            max_ratio,
        }
    }

    fn content(
        &self,
        content: &Content<'_>,
        waiting: &mut Option<Waiting>,
        sink: &mut Sink<'_>,
    ) -> Result<(), (Range<usize>, NoRow)> {
        let limits = self.limits.of_content(content.data.len(), self.max_ratio);
        let mut room = Room::new(&limits);
        let all = 0..content.data.len();
        if self.framing == ProtobufFraming::None {
            let read = self.message(content, all.clone(), &mut room, waiting, sink);
            return read.map_err(|why| (all, why));
        }
        let mut at = 0;
        while at < content.data.len() {
            let rest = at..content.data.len();
            let message = delimited(&content.data[at..]);
            let message = message.map_err(|refusal| (rest.clone(), refusal.into()))?;
            let message = at + message.start..at + message.end;
            match self.message(content, message.clone(), &mut room, waiting, sink) {
                Ok(()) => {}
                // It may be that of all messages together: the others would be too large as well.
                Err(why @ NoRow::Refused(Refusal::TooLarge(_))) => return Err((rest, why)),
                Err(why) => self.reject(content, message.clone(), why, sink),
            }
            at = message.end;
        }
        Ok(())
    }

    fn message(
        &self,
        content: &Content<'_>,
        range: Range<usize>,
        room: &mut Room,
        waiting: &mut Option<Waiting>,
        sink: &mut Sink<'_>,
    ) -> Result<(), NoRow> {
        let no_plan = |why: &String| Refusal::Damaged(why.clone());
        let plan = self.plan.as_ref().map_err(no_plan)?;
        if let Some(full) = waiting.take_if(|waiting| waiting.is_full(&self.limits)) {
            full.give(sink);
        }
        let here = match waiting {
            Some(here) => here,
            None => waiting.insert(Waiting {
                rows: RowsOf::new(plan, &self.limits)?,
                ids: Vec::new(),
                cells: 0,
                bytes: 0,
            }),
        };
        let (cells, bytes) = (room.cells_left(), room.bytes_left());
        room.bytes(range.len())?;
        here.rows
            .read(&content.data[range], room, self.unknown_fields)?;
        here.cells += cells - room.cells_left();
        here.bytes += bytes - room.bytes_left();
        here.ids.push(sink.row_of(content));
        Ok(())
    }

    fn reject(&self, content: &Content<'_>, range: Range<usize>, why: NoRow, sink: &mut Sink<'_>) {
        let (code, reason) = match why {
            NoRow::Refused(refusal) => FAMILY.said(&self.limits, refusal),
            NoRow::UnknownField(which) => (RejectCode::ProtobufUnknownField, which),
        };
        sink.reject(content, range, code, reason);
    }
}

/// Where the message is that a content goes on with, after its length.
fn delimited(rest: &[u8]) -> Result<Range<usize>, Refusal> {
    let mut cursor = Cursor::new(rest);
    let len = cursor.varint()?;
    let start = rest.len() - cursor.rest().len();
    match cursor.take_len(len) {
        Ok(message) => Ok(start..start + message.len()),
        Err(_) => Err(Refusal::Damaged(format!(
            "a message should have {len} bytes and {} are left",
            rest.len() - start
        ))),
    }
}

impl Format for Protobuf {
    fn decode(&mut self, contents: &[Content<'_>], sink: &mut Sink<'_>) {
        let mut waiting = None;
        for content in contents {
            if let Err((range, why)) = self.content(content, &mut waiting, sink) {
                self.reject(content, range, why, sink);
            }
        }
        if let Some(waiting) = waiting {
            waiting.give(sink);
        }
    }

    /// The plan never changes; what else there is belongs to one call.
    fn reset(&mut self) {}
}
