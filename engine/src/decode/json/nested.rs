//! JSON that holds JSON as text.
//!
//! A document is rewritten before it is read: a string that holds an object or a list gives way to
//! what it holds. So the reading proper knows nothing of it, and what becomes of a value does not
//! depend on where it is put.

use std::collections::BTreeMap;
use std::ops::Range;

use simd_json::Node;

use super::documents::parse_one;
use super::parse::{Parsed, Parser};
use super::walk::{Nodes, skip};
use crate::schema::text::write_string;

/// Rewrites documents that hold JSON as text.
pub(super) struct Nested {
    fields: Fields,
    /// The most names that a path has: one field may be in the text of another.
    levels: usize,
    keep_text: bool,
    /// Says whether a text is JSON.
    parser: Parser,
    max_depth: usize,
}

/// The fields that hold JSON as text, by name.
#[derive(Default)]
struct Fields {
    /// Whether this one does.
    here: bool,
    members: BTreeMap<String, Fields>,
}

/// A string that holds JSON.
struct Found {
    /// Where it stands in its document, with its quotes.
    token: Range<usize>,
    text: String,
    /// The member that it is the value of; `None` in a list.
    name: Option<String>,
}

impl Nested {
    /// For the fields at `paths`, names with dots between them.
    pub(super) fn new<'p>(
        paths: impl IntoIterator<Item = &'p str>,
        keep_text: bool,
        max_depth: usize,
    ) -> Self {
        let mut fields = Fields::default();
        let mut levels = 0;
        for path in paths {
            let mut at = &mut fields;
            for name in path.split('.') {
                at = at.members.entry(name.to_owned()).or_default();
            }
            at.here = true;
            levels = levels.max(path.split('.').count());
        }
        Self {
            fields,
            levels,
            keep_text,
            parser: Parser::new(max_depth),
            max_depth,
        }
    }

    /// The document with JSON in place of the text that holds it; `None` where it has none. It must
    /// parse.
    pub(super) fn rewrite(&mut self, outer: &mut Parser, document: &[u8]) -> Option<Vec<u8>> {
        let mut rewritten: Option<Vec<u8>> = None;
        for _ in 0..self.levels {
            let text = rewritten.as_deref().unwrap_or(document);
            let mut found = Vec::new();
            let parsed = parse_one(outer, text, |parsed| {
                found.clear();
                let mut nodes = parsed.nodes.clone();
                self.fields
                    .look(&mut nodes, None, &parsed, text, &mut found);
            });
            // Only what is JSON can give way.
            parsed.ok()?;
            found
                .retain(|found| parse_one(&mut self.parser, found.text.as_bytes(), |_| ()).is_ok());
            if found.is_empty() {
                break;
            }
            rewritten = Some(self.splice(text, &found));
        }
        rewritten
    }

    fn splice(&self, document: &[u8], found: &[Found]) -> Vec<u8> {
        let mut out = Vec::with_capacity(document.len());
        let mut copied = 0;
        for Found { token, text, name } in found {
            out.extend_from_slice(&document[copied..token.start]);
            out.extend_from_slice(text.as_bytes());
            copied = token.end;
            if let Some(name) = name.as_ref().filter(|_| self.keep_text) {
                out.push(b',');
                write_string(&mut out, &format!("{name}_text"));
                out.push(b':');
                out.extend_from_slice(&document[token.clone()]);
            }
        }
        out.extend_from_slice(&document[copied..]);
        out
    }

    pub(super) fn reset(&mut self) {
        self.parser = Parser::new(self.max_depth);
    }
}

impl Fields {
    /// Looks through the next value for strings that hold an object or a list.
    fn look(
        &self,
        nodes: &mut Nodes<'_, '_>,
        name: Option<&str>,
        parsed: &Parsed<'_>,
        document: &[u8],
        found: &mut Vec<Found>,
    ) {
        let before = nodes.clone();
        match nodes.next() {
            Some(Node::String(text)) if self.here && looks_nested(text) => {
                let start = text.as_ptr() as usize - parsed.base - Parser::FIRST - 1;
                found.push(Found {
                    token: start..string_end(document, start),
                    text: (*text).to_owned(),
                    name: name.map(str::to_owned),
                });
            }
            Some(Node::Array { len, .. }) => {
                for _ in 0..*len {
                    self.look(nodes, None, parsed, document, found);
                }
            }
            Some(Node::Object { len, .. }) => {
                for _ in 0..*len {
                    let Some(Node::String(key)) = nodes.next() else {
                        return;
                    };
                    match self.members.get(*key) {
                        Some(member) => member.look(nodes, Some(key), parsed, document, found),
                        None => skip(nodes),
                    }
                }
            }
            _ => {
                *nodes = before;
                skip(nodes);
            }
        }
    }
}

fn looks_nested(text: &str) -> bool {
    let text = text.trim_start_matches([' ', '\t', '\r', '\n']);
    text.starts_with(['{', '['])
}

/// Where the string whose quote is at `start` ends.
fn string_end(document: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = document.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    document.len()
}
