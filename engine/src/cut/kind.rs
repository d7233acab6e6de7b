//! What a file is, by its first bytes and the options.

use bytes::Bytes;

use super::text::LineOptions;
use crate::decode::{
    ContentOptions, DecodeLimits, DelimitedOptions, FormatChoice, Hints, RegexUnit, detect,
};

/// How a file is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// At line ends.
    Lines(LineOptions),
    Avro,
    Parquet,
    /// Not at all.
    Whole,
}

/// How the file is cut that begins with `head`.
pub(super) fn of(head: &[u8], content: &ContentOptions) -> Kind {
    let format = match content.format {
        FormatChoice::Auto => match plainly(head) {
            Some(format) => format,
            None => return guessed(head, content),
        },
        format => format,
    };
    of_format(format, head, content)
}

/// Formats that are known by their first bytes.
fn plainly(head: &[u8]) -> Option<FormatChoice> {
    match head {
        [b'P', b'A', b'R', b'1', ..] => Some(FormatChoice::Parquet),
        [b'O', b'b', b'j', 1, ..] => Some(FormatChoice::Avro),
        [b'O', b'R', b'C', ..] => Some(FormatChoice::Orc),
        _ => None,
    }
}

fn of_format(format: FormatChoice, head: &[u8], content: &ContentOptions) -> Kind {
    let lines = || Kind::Lines(LineOptions::default());
    match format {
        FormatChoice::Json | FormatChoice::CloudWatch => match are_lines_of_json(head) {
            true => lines(),
            false => Kind::Whole,
        },
        FormatChoice::Csv | FormatChoice::Tsv => Kind::Lines(delimited(&content.delimited)),
        FormatChoice::FixedWidth | FormatChoice::Form | FormatChoice::Lines => lines(),
        FormatChoice::Regex if content.regex.unit == RegexUnit::Line => lines(),
        FormatChoice::Avro => Kind::Avro,
        FormatChoice::Parquet => Kind::Parquet,
        FormatChoice::Auto
        | FormatChoice::Regex
        | FormatChoice::Xml
        | FormatChoice::Raw
        | FormatChoice::AvroRecord
        | FormatChoice::AvroConfluent
        | FormatChoice::AvroGlue
        | FormatChoice::Orc
        | FormatChoice::Protobuf => Kind::Whole,
    }
}

fn delimited(options: &DelimitedOptions) -> LineOptions {
    LineOptions {
        quote: options.quote.map(|mark| char::from(mark) as u8),
        escape: options.escape.map(|mark| char::from(mark) as u8),
        header: options.has_header,
    }
}

/// Under `auto`: what was decided of the source, or else what these first bytes look like.
fn guessed(head: &[u8], content: &ContentOptions) -> Kind {
    let first = head.trim_ascii_start().first();
    if let Some(b'{' | b'[') = first {
        return of_format(FormatChoice::Json, head, content);
    }
    if first == Some(&b'<') {
        return Kind::Whole;
    }
    if let Some(decided) = content.decided {
        let format = match decided.rest {
            FormatChoice::Json | FormatChoice::Xml => FormatChoice::Lines,
            rest => rest,
        };
        return of_format(format, head, content);
    }
    // The last line is cut off, as a rule.
    let whole = head.iter().rposition(|byte| *byte == b'\n');
    let sample = Bytes::copy_from_slice(&head[..whole.map_or(head.len(), |end| end + 1)]);
    let (hints, limits) = (Hints::default(), DecodeLimits::default());
    match detect(&[sample], content, hints, &limits) {
        Some(found) if found.format == FormatChoice::Raw => Kind::Whole,
        Some(found) => of_format(found.format, head, &found.options),
        None => Kind::Whole,
    }
}

/// Whether documents of JSON end where lines do: one of the first lines is one, or several.
fn are_lines_of_json(head: &[u8]) -> bool {
    const LOOKED_AT: usize = 3;
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let ended = text.iter().rposition(|byte| *byte == b'\n');
    let Some(ended) = ended else {
        // One line that is longer than what is seen of it, or a file of one line.
        return text.trim_ascii_start().first() == Some(&b'{');
    };
    let lines = text[..ended].split(|byte| *byte == b'\n');
    let lines = lines
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty());
    lines.take(LOOKED_AT).any(|line| {
        let mut documents =
            serde_json::Deserializer::from_slice(line).into_iter::<serde::de::IgnoredAny>();
        line.starts_with(b"{") && documents.all(|document| document.is_ok())
    })
}
