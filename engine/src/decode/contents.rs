//! From payloads to contents, a group at a time.

use std::ops::Range;

use bytes::Bytes;

use super::content::Content;
use super::expand::{Expander, Failure};
use super::fetch::fetch;
use crate::budget::Credit;
use crate::types::Payload;

/// Expanded bytes after which a group ends: so much, and what one more payload brings, is in memory
/// at once beside the payloads and what was made of them.
const GROUP_BYTES: usize = 8 << 20;
/// Payloads whose first bytes are looked at before any of them is decoded. While they are decoded,
/// those of the next ones come from memory.
const LOOKED_AT: usize = 64;

/// Payloads one after the other, with what was in those of them that are compressed.
pub(super) struct Group {
    /// The payloads, all good.
    range: Range<usize>,
    /// Those that were expanded, in their order, each with its contents in `expanded`.
    places: Vec<(usize, Range<usize>)>,
    expanded: Vec<Bytes>,
    /// Why the payload after the range cannot be expanded, where that is why the group ends.
    pub(super) failure: Option<Failure>,
}

impl Group {
    /// A group of payloads from `start` on; never empty but for a failure. What comes out of them is
    /// charged to `held`.
    pub(super) fn new(
        payloads: &[Payload],
        start: usize,
        expander: &mut Expander,
        held: &mut Credit,
    ) -> Self {
        let mut group = Group {
            range: start..start,
            places: Vec::new(),
            expanded: Vec::new(),
            failure: None,
        };
        let end = match expander.looks() {
            true => payloads.len().min(start + LOOKED_AT),
            false => payloads.len(),
        };
        for payload in payloads[end..].iter().take(LOOKED_AT) {
            fetch(&payload.data, 1);
        }
        let mut bytes = 0;
        for (place, payload) in payloads[..end].iter().enumerate().skip(start) {
            if !expander.is_plain(&payload.data) {
                if bytes >= GROUP_BYTES {
                    break;
                }
                let first = group.expanded.len();
                match expander.expand(&payload.data, &mut group.expanded) {
                    Ok(more) => {
                        bytes += more;
                        held.resize(held.bytes() + more);
                        group.places.push((place, first..group.expanded.len()));
                    }
                    Err(failure) => {
                        group.expanded.truncate(first);
                        group.failure = Some(failure);
                        break;
                    }
                }
            }
            group.range.end = place + 1;
        }
        group
    }

    /// The first payload that is not in the group.
    pub(super) fn end(&self) -> usize {
        self.range.end
    }

    /// The contents of its payloads.
    pub(super) fn contents<'a>(&'a self, payloads: &'a [Payload]) -> Vec<Content<'a>> {
        let mut contents = Vec::with_capacity(self.range.len() + self.expanded.len());
        let mut as_they_are = self.range.start;
        let plain = |range: Range<usize>| {
            range.map(|payload| Content {
                payload,
                data: &payloads[payload].data,
            })
        };
        for (payload, expanded) in &self.places {
            contents.extend(plain(as_they_are..*payload));
            contents.extend(self.expanded[expanded.clone()].iter().map(|data| Content {
                payload: *payload,
                data,
            }));
            as_they_are = payload + 1;
        }
        contents.extend(plain(as_they_are..self.range.end));
        contents
    }
}
