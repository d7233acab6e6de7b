//! `auto`: contents of one stream in several formats.
//!
//! What a content is depends on its bytes and the decision alone (I10):
//! - What is plainly of a format ([`plainly`]) is decoded as that. A content that begins with `{` or
//!   `[` is JSON wherever JSON was decided on, so for JSON one byte is looked at.
//! - JSON beside envelopes of CloudWatch Logs is known by what it lacks.
//! - Everything else is what the decision says of the rest.
//!
//! Contents of one format that stand side by side go to its decoder together, so order and numbering
//! stay as they are.

use std::sync::Arc;

use super::DecodeLimits;
use super::avro::SchemaLookup;
use super::content::Content;
use super::detect::{may_be_envelope, plainly};
use super::format::Format;
use super::format_of;
use super::options::{ContentOptions, Decided, FormatChoice};
use super::sink::Sink;

/// Contents whose format is looked at before any of them is decoded: their first bytes are still at
/// hand then.
const LOOKED_AT: usize = 64;

/// Decodes each content as what it is.
pub(super) struct Mixed {
    limits: DecodeLimits,
    content: ContentOptions,
    lookup: Arc<dyn SchemaLookup>,
    decided: Decided,
    /// The decoders that were needed so far; there are few.
    formats: Vec<(FormatChoice, Box<dyn Format>)>,
}

impl Mixed {
    pub(super) fn new(
        limits: &DecodeLimits,
        content: &ContentOptions,
        lookup: &Arc<dyn SchemaLookup>,
    ) -> Self {
        Self {
            limits: limits.clone(),
            content: content.clone(),
            lookup: Arc::clone(lookup),
            decided: decided(content),
            formats: Vec::new(),
        }
    }

    fn decoder(&mut self, format: FormatChoice) -> &mut dyn Format {
        let known = self.formats.iter().position(|(known, _)| *known == format);
        let place = known.unwrap_or_else(|| {
            let made = format_of(format, &self.limits, &self.content, &self.lookup);
            self.formats.push((format, made));
            self.formats.len() - 1
        });
        &mut *self.formats[place].1
    }
}

impl Format for Mixed {
    fn decode(&mut self, contents: &[Content<'_>], sink: &mut Sink<'_>) {
        for contents in contents.chunks(LOOKED_AT) {
            let decided = self.decided;
            let mut rest = contents;
            while let Some(first) = rest.first() {
                let format = format_in(decided, first.data);
                let other = |content: &Content<'_>| format_in(decided, content.data) != format;
                let end = rest.iter().position(other).unwrap_or(rest.len());
                let (run, after) = rest.split_at(end);
                self.decoder(format).decode(run, sink);
                rest = after;
            }
        }
    }

    fn reset(&mut self) {
        for (_, format) in &mut self.formats {
            format.reset();
        }
    }
}

/// What was decided; `auto` never stands for itself.
fn decided(content: &ContentOptions) -> Decided {
    let known = |format| match format {
        FormatChoice::Auto => FormatChoice::Json,
        format => format,
    };
    let decided = content.decided.unwrap_or(Decided::all(FormatChoice::Json));
    Decided {
        format: known(decided.format),
        rest: known(decided.rest),
    }
}

/// The format that a content is decoded as by a decoder with these options.
pub fn format_of_content(options: &ContentOptions, data: &[u8]) -> FormatChoice {
    match options.format {
        FormatChoice::Auto => format_in(decided(options), data),
        named => named,
    }
}

#[inline]
fn format_in(decided: Decided, data: &[u8]) -> FormatChoice {
    match (decided.format, data.first()) {
        (FormatChoice::Json, Some(b'{' | b'[')) => FormatChoice::Json,
        (format, None) => format,
        _ => format_by_looks(decided, data),
    }
}

fn format_by_looks(decided: Decided, data: &[u8]) -> FormatChoice {
    match plainly(data) {
        Some(FormatChoice::Json)
            if decided.format == FormatChoice::CloudWatch && may_be_envelope(data) =>
        {
            FormatChoice::CloudWatch
        }
        Some(format) => format,
        None => decided.rest,
    }
}
