//! JSON with options: document by document, each rewritten where the options say so.

use std::ops::Range;

use simd_json::Node;

use super::documents::Documents;
use super::nested::Nested;
use super::options::{JsonOptions, StoreJson};
use super::parse::{ParseError, Parsed};
use super::walk::{Walk, skip};
use super::{NoEvent, read_event};
use crate::decode::DecodeLimits;
use crate::decode::content::Content;
use crate::decode::fields::Cursor;
use crate::decode::format::Format;
use crate::decode::sink::Sink;
use crate::schema::text::quoted_key;

/// The JSON format where options change what events are.
pub(in crate::decode) struct AdaptedJson {
    documents: Documents,
    nested: Option<Nested>,
    options: JsonOptions,
}

impl AdaptedJson {
    pub(in crate::decode) fn new(limits: &DecodeLimits, options: &JsonOptions) -> Self {
        let paths = options.nested_json_fields.iter().map(String::as_str);
        let only_text = options.store_json_as_string == StoreJson::Only;
        let nested = !only_text && !options.nested_json_fields.is_empty();
        Self {
            documents: Documents::new(limits, options.split_root_array),
            nested: nested.then(|| Nested::new(paths, options.keep_nested_text, limits.max_depth)),
            options: options.clone(),
        }
    }
}

impl Format for AdaptedJson {
    fn decode(&mut self, contents: &[Content<'_>], sink: &mut Sink<'_>) {
        let Self {
            documents,
            nested,
            options,
        } = self;
        for content in contents {
            documents.each(content, sink, |documents, piece, sink| {
                let mut reading = Reading {
                    documents,
                    nested: nested.as_mut(),
                    options,
                };
                reading.document(content, piece, sink);
            });
        }
    }

    fn reset(&mut self) {
        self.documents.reset();
        if let Some(nested) = &mut self.nested {
            nested.reset();
        }
    }
}

/// What one document is read with.
struct Reading<'a> {
    documents: &'a mut Documents,
    nested: Option<&'a mut Nested>,
    options: &'a JsonOptions,
}

impl Reading<'_> {
    fn document(&mut self, content: &Content<'_>, piece: Range<usize>, sink: &mut Sink<'_>) {
        let document = &content.data[piece.clone()];
        let listed;
        let mut event = document;
        if document.first() == Some(&b'[') && !self.options.split_root_array {
            // An item of a list is a document of its own, so this is a list at the root.
            listed = self.in_an_object(document);
            event = &listed;
        }
        let rewritten = match &mut self.nested {
            Some(nested) => self.documents.rewrite(nested, event),
            None => None,
        };
        sink.content(content);
        let outcome = self.event(rewritten.as_deref().unwrap_or(event), document, sink);
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(why)) => why.reject(content, piece, sink),
            Err(error) => self.documents.reject(content, piece, &error, sink),
        }
    }

    fn in_an_object(&self, list: &[u8]) -> Vec<u8> {
        let mut object = vec![b'{'];
        object.extend_from_slice(&quoted_key(&self.options.root_array_field));
        object.extend_from_slice(list);
        object.push(b'}');
        object
    }

    /// Parses an event and writes it as a row, with the text of its document where that is kept.
    fn event(
        &mut self,
        event: &[u8],
        document: &[u8],
        sink: &mut Sink<'_>,
    ) -> Result<Result<(), NoEvent>, ParseError> {
        let store = self.options.store_json_as_string;
        let name = &self.options.json_text_field;
        self.documents.parse(event, |parsed| {
            if store == StoreJson::No {
                return read_event(&mut parsed.nodes.clone(), &parsed, document.len(), sink);
            }
            // It was parsed, so it is UTF-8.
            let text = std::str::from_utf8(document).unwrap_or_default();
            write_with_text(&parsed, text, name, store == StoreJson::Beside, sink)
        })
    }
}

fn write_with_text(
    parsed: &Parsed<'_>,
    text: &str,
    name: &str,
    fields_too: bool,
    sink: &mut Sink<'_>,
) -> Result<(), NoEvent> {
    let mut value = parsed.nodes.clone();
    let Some(Node::Object { len, .. }) = value.next() else {
        return Err(NoEvent::NotAnObject);
    };
    let written = sink.event(text.len(), |fields, row, cells| {
        let mut cursor = Cursor::default();
        if fields_too {
            let mut walk = Walk {
                cells,
                numbers: parsed.numbers,
                base: parsed.base,
            };
            let mut nodes = value.clone();
            for _ in 0..*len {
                let Some(Node::String(key)) = nodes.next() else {
                    break;
                };
                match *key == name {
                    true => skip(&mut nodes),
                    false => walk.member(key, &mut nodes, fields, row, &mut cursor),
                }
            }
        }
        if let Some(column) = fields.column(name, row, &mut cursor, cells) {
            column.push_str(row, text);
        }
        cells.add(fields.len());
    });
    written.map_err(|_| NoEvent::TooManyCells)
}
