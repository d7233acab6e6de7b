//! What the contents of a sample look like, counted.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::plain::{may_be_envelope, plainly};
use crate::decode::options::FormatChoice;

/// The contents of a sample by what they look like.
#[derive(Debug, Default)]
pub(super) struct Tally<'a> {
    /// Formats that contents plainly are of, with how many are, in the order in which they came up.
    plain: Vec<(FormatChoice, usize)>,
    /// Text that is plainly of no format.
    pub(super) text: Vec<&'a Bytes>,
    /// Bytes that are neither text nor plainly of a format.
    pub(super) binary: usize,
    /// Contents that hold something.
    pub(super) total: usize,
}

impl<'a> Tally<'a> {
    pub(super) fn of(sample: &'a [Bytes]) -> Self {
        let mut tally = Self::default();
        for content in sample.iter().filter(|content| !is_blank(content)) {
            tally.total += 1;
            match plainly(content) {
                Some(FormatChoice::Json) if is_envelope(content) => {
                    tally.note(FormatChoice::CloudWatch);
                }
                Some(format) => tally.note(format),
                None if begins_as_json(content) => tally.note(FormatChoice::Json),
                None if is_binary(content) => tally.binary += 1,
                None => tally.text.push(content),
            }
        }
        tally
    }

    fn note(&mut self, format: FormatChoice) {
        match self.plain.iter_mut().find(|(known, _)| *known == format) {
            Some((_, count)) => *count += 1,
            None => self.plain.push((format, 1)),
        }
    }

    /// How many contents are plainly of a format.
    pub(super) fn count(&self, format: FormatChoice) -> usize {
        let found = self.plain.iter().find(|(known, _)| *known == format);
        found.map_or(0, |(_, count)| *count)
    }

    /// The format that most contents are plainly of, if they are at least as many as those that are
    /// plainly of none. Envelopes are JSON unless all JSON is envelopes.
    pub(super) fn most(&self) -> Option<FormatChoice> {
        let json = self.count(FormatChoice::Json);
        let envelopes = self.count(FormatChoice::CloudWatch);
        let folded = self.plain.iter().map(|(format, count)| match format {
            FormatChoice::Json | FormatChoice::CloudWatch if json > 0 => {
                (FormatChoice::Json, json + envelopes)
            }
            format => (*format, *count),
        });
        // The first of those that are equal.
        let (format, count) = folded.rev().max_by_key(|(_, count)| *count)?;
        (count >= self.text.len() + self.binary).then_some(format)
    }

    /// The formats beside `main` that contents plainly are of.
    pub(super) fn others(&self, main: FormatChoice) -> Vec<(FormatChoice, usize)> {
        let same = |format| {
            format == main || (main == FormatChoice::Json && format == FormatChoice::CloudWatch)
        };
        let others = self.plain.iter().filter(|(format, _)| !same(*format));
        others.copied().collect()
    }
}

fn is_blank(content: &[u8]) -> bool {
    content.trim_ascii().is_empty()
}

/// Whether the first document is an envelope of CloudWatch Logs.
fn is_envelope(content: &[u8]) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Envelope {
        message_type: String,
        #[expect(dead_code, reason = "that it is a list is what is asked")]
        log_events: Vec<IgnoredAny>,
    }
    may_be_envelope(content)
        && first_document::<Envelope>(content).is_some_and(|envelope| {
            matches!(&*envelope.message_type, "DATA_MESSAGE" | "CONTROL_MESSAGE")
        })
}

/// Whether text that does not end like JSON begins with an object, as documents that were cut do.
fn begins_as_json(content: &[u8]) -> bool {
    let text = content.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(content);
    let text = text.trim_ascii_start();
    let Some(rest) = text.strip_prefix(b"{") else {
        return false;
    };
    // A key and its colon.
    let Some(rest) = rest.trim_ascii_start().strip_prefix(b"\"") else {
        return false;
    };
    let Some(end) = memchr::memchr(b'"', rest) else {
        return false;
    };
    rest[end + 1..].trim_ascii_start().starts_with(b":")
        && match first_document::<IgnoredAny>(content) {
            Some(_) => false,
            // Cut off, rather than broken in the middle.
            None => std::str::from_utf8(text).is_ok(),
        }
}

fn first_document<'d, T: Deserialize<'d>>(content: &'d [u8]) -> Option<T> {
    let text = content.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(content);
    let mut documents = serde_json::Deserializer::from_slice(text).into_iter::<T>();
    documents.next()?.ok()
}

/// Whether bytes are no text: they hold control characters, or too few printable ones of ASCII for
/// text in an encoding of single bytes.
fn is_binary(content: &[u8]) -> bool {
    const LOOKED_AT: usize = 8 << 10;
    let start = &content[..content.len().min(LOOKED_AT)];
    let control = |byte: &u8| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    if start.iter().any(control) || start.contains(&0x7f) {
        return true;
    }
    if let Err(error) = std::str::from_utf8(start)
        && error.error_len().is_some()
    {
        let printable = start.iter().filter(|byte| byte.is_ascii()).count();
        return printable * 10 < start.len() * 7;
    }
    false
}
