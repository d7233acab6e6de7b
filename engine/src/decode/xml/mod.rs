//! XML: documents whose elements are events.
//!
//! What a content means:
//! - It holds one document, or several one after the other. The root element of each is an event,
//!   or each element at the path that the options name.
//! - Attributes are fields `@name`, elements in it fields of their name with its prefix as it
//!   stands. An element with attributes or elements in it is an object; its own text is its field
//!   `#text`, all pieces put together. Any other element is its text, typed by its spelling
//!   ([`super::lexical`]) if so wished; an empty one is an empty text, unless that is a null value
//!   or it says `xsi:nil="true"`. The name of the event's element is its field `#name`.
//! - Elements of one name in one element are a list, in their order. Since one event cannot know of
//!   others, one that is there once is no list, unless the options say so; a column in which both
//!   come becomes JSON text.
//! - The five built-in entities and numbered characters are read; any other one makes its record a
//!   reject, `xml.entity`. A DOCTYPE is skipped: nothing in it is read or expanded.
//! - A record that is too deep or too large is a reject and the next ones are read. Past what is no
//!   XML nothing can be read: all from the record's beginning on is a reject, `xml.syntax`.
//! - [`encoding`] says which encodings are read.

mod encoding;
mod options;
mod paths;
mod read;
mod tree;
mod write;

use std::ops::Range;

use self::encoding::Unreadable;
pub use self::options::XmlOptions;
pub(super) use self::paths::record_path;
use self::read::Records;
use self::tree::{Limits, Tree};
use self::write::Writer;
use super::DecodeLimits;
use super::content::Content;
use super::format::Format;
use super::sink::Sink;
use super::text::too_many_fields;
use crate::types::RejectCode;

/// The XML format.
pub(super) struct Xml {
    options: XmlOptions,
    path: Vec<String>,
    limits: Limits,
    max_event_bytes: usize,
    tree: Tree,
}

impl Xml {
    /// Cells of an event that one node counts for: it takes about as much memory.
    const NODE: usize = 8;

    pub(super) fn new(limits: &DecodeLimits, options: &XmlOptions) -> Self {
        Self {
            path: options.path(),
            options: options.clone(),
            limits: Limits {
                max_depth: limits.max_depth,
                max_nodes: limits.max_event_cells / Self::NODE,
            },
            max_event_bytes: limits.max_event_bytes,
            tree: Tree::default(),
        }
    }

    fn content(&mut self, content: &Content<'_>, sink: &mut Sink<'_>) {
        let all = 0..content.data.len();
        let decoded = match encoding::decode(content.data) {
            Ok(decoded) => decoded,
            Err(Unreadable { code, reason }) => return sink.reject(content, all, code, reason),
        };
        // Where it was decoded from another encoding, a place in it is none in the content.
        let place = |range: Range<usize>| match decoded.start {
            Some(start) => range.start + start..range.end + start,
            None => all.clone(),
        };
        let mut records = Records::new(
            &decoded.text,
            &self.path,
            self.options.trim,
            self.limits,
            self.max_event_bytes,
        );
        while let Some(next) = records.next(&mut self.tree) {
            let range = match next {
                Ok(range) => range,
                Err((range, why)) => {
                    let (code, reason) = why.reject(self.limits.max_depth, self.max_event_bytes);
                    sink.reject(content, place(range), code, reason);
                    continue;
                }
            };
            let writer = Writer {
                tree: &self.tree,
                options: &self.options,
            };
            sink.content(content);
            let written = sink.event(range.len(), |fields, row, cells| {
                writer.record(fields, row, cells);
            });
            if written.is_err() {
                let code = RejectCode::TooLarge;
                sink.reject(content, place(range), code, too_many_fields());
            }
        }
    }
}

impl Format for Xml {
    fn decode(&mut self, contents: &[Content<'_>], sink: &mut Sink<'_>) {
        for content in contents {
            self.content(content, sink);
        }
    }

    fn reset(&mut self) {
        self.tree = Tree::default();
    }
}
