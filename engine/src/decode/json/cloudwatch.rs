//! Envelopes of CloudWatch Logs, as a subscription sends them: JSON objects with the log events of
//! one log stream, one envelope or several a content.
//!
//! Each member of `logEvents` is an event: its own fields (`id`, `timestamp`, `message` and what else
//! there is), and beside them those of the envelope (`messageType`, `owner`, `logGroup`, `logStream`,
//! `subscriptionFilters`). A control message holds no event. JSON that is no envelope is a reject,
//! `cloudwatch.not_an_envelope`, as a whole.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use simd_json::Node;

use super::documents::Documents;
use super::nested::Nested;
use super::parse::Parsed;
use super::reason;
use super::walk::{Nodes, Walk, skip};
use crate::decode::DecodeLimits;
use crate::decode::content::Content;
use crate::decode::fields::Cursor;
use crate::decode::format::Format;
use crate::decode::sink::Sink;
use crate::types::RejectCode;

/// Envelopes of CloudWatch Logs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CloudWatchOptions {
    /// Whether a message that is a JSON object or list is parsed; any other stays text.
    #[serde(rename = "parse_messages")]
    pub nested_json: bool,
    /// Whether the text of a message that was parsed is kept beside it, as `message_text`.
    pub keep_message_text: bool,
}

/// The format of CloudWatch Logs.
pub(in crate::decode) struct CloudWatch {
    documents: Documents,
    nested: Option<Nested>,
}

impl CloudWatch {
    pub(in crate::decode) fn new(limits: &DecodeLimits, options: &CloudWatchOptions) -> Self {
        let nested = || {
            Nested::new(
                ["logEvents.message"],
                options.keep_message_text,
                limits.max_depth,
            )
        };
        Self {
            documents: Documents::new(limits, true),
            nested: options.nested_json.then(nested),
        }
    }
}

impl Format for CloudWatch {
    fn decode(&mut self, contents: &[Content<'_>], sink: &mut Sink<'_>) {
        let Self { documents, nested } = self;
        for content in contents {
            documents.each(content, sink, |documents, piece, sink| {
                let document = &content.data[piece.clone()];
                let rewritten = match nested {
                    Some(nested) => documents.rewrite(nested, document),
                    None => None,
                };
                let envelope = rewritten.as_deref().unwrap_or(document);
                let outcome = documents.parse(envelope, |parsed| {
                    read_envelope(&parsed, content, &piece, sink);
                });
                if let Err(error) = outcome {
                    documents.reject(content, piece, &error, sink);
                }
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

/// An envelope taken apart.
struct Envelope<'t, 'i> {
    /// Its members, but for the log events.
    members: Vec<(&'t str, Nodes<'t, 'i>)>,
    /// The log events: how many, and their nodes.
    events: Option<(usize, Nodes<'t, 'i>)>,
    control: bool,
}

impl<'t, 'i> Envelope<'t, 'i> {
    /// `None` for what is no envelope.
    fn of(mut nodes: Nodes<'t, 'i>) -> Option<Self> {
        let Some(Node::Object { len, .. }) = nodes.next() else {
            return None;
        };
        let mut envelope = Self {
            members: Vec::with_capacity(*len),
            events: None,
            control: false,
        };
        for _ in 0..*len {
            let Some(Node::String(key)) = nodes.next() else {
                return None;
            };
            let value = nodes.clone();
            skip(&mut nodes);
            match (*key, value.clone().next()) {
                ("logEvents", Some(Node::Array { len, .. })) => {
                    let mut items = value;
                    items.next();
                    envelope.events = Some((*len, items));
                    continue;
                }
                ("logEvents", _) => return None,
                ("messageType", Some(Node::String(kind))) => {
                    envelope.control = *kind == "CONTROL_MESSAGE";
                }
                _ => {}
            }
            envelope.members.push((key, value));
        }
        let (len, items) = envelope.events.as_ref()?;
        let mut items = items.clone();
        for _ in 0..*len {
            if !matches!(items.clone().next(), Some(Node::Object { .. })) {
                return None;
            }
            skip(&mut items);
        }
        Some(envelope)
    }
}

/// Gives the log events of an envelope to the sink.
fn read_envelope(
    parsed: &Parsed<'_>,
    content: &Content<'_>,
    piece: &Range<usize>,
    sink: &mut Sink<'_>,
) {
    let Some(envelope) = Envelope::of(parsed.nodes.clone()) else {
        let code = RejectCode::CloudwatchNotAnEnvelope;
        let reason = "JSON, but no object with a list of logEvents".to_owned();
        return sink.reject(content, piece.clone(), code, reason);
    };
    let Some((len, mut items)) = envelope.events.filter(|_| !envelope.control) else {
        return;
    };
    for _ in 0..len {
        let mut item = items.clone();
        skip(&mut items);
        let Some(Node::Object { len: members, .. }) = item.next() else {
            continue;
        };
        sink.content(content);
        let written = sink.event(piece.len() / len, |fields, row, cells| {
            let mut walk = Walk {
                cells,
                numbers: parsed.numbers,
                base: parsed.base,
            };
            let mut cursor = Cursor::default();
            for (name, value) in &envelope.members {
                walk.member(name, &mut value.clone(), fields, row, &mut cursor);
            }
            walk.object(&mut item.clone(), *members, fields, row);
        });
        if written.is_err() {
            let reason = reason::too_many_cells();
            sink.reject(content, piece.clone(), RejectCode::TooLarge, reason);
        }
    }
}
