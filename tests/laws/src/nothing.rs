//! Which payloads may become neither an event nor a reject.

use memchr::memmem::find;
use shardmill_engine::decode::{ContentOptions, FormatChoice, ProtobufFraming};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Whether a payload that is not compressed may hold nothing, as far as its bytes tell. It rather
/// says yes: some formats take a decoder to tell.
pub(crate) fn may_hold_nothing(content: &ContentOptions, payload: &[u8]) -> bool {
    let text = payload.strip_prefix(BYTE_ORDER_MARK).unwrap_or(payload);
    let only = |characters: &[u8]| text.iter().all(|byte| characters.contains(byte));
    match content.format {
        FormatChoice::Raw
        | FormatChoice::AvroRecord
        | FormatChoice::AvroConfluent
        | FormatChoice::AvroGlue => payload.is_empty(),
        // Empty lists.
        FormatChoice::Json => only(b" \t\r\n[]"),
        // Control messages, and those without log events.
        FormatChoice::CloudWatch => only(b" \t\r\n[]") || text.contains(&b'{'),
        FormatChoice::Csv | FormatChoice::Tsv if content.delimited.has_header => {
            has_at_most_one_line(text)
        }
        FormatChoice::Csv
        | FormatChoice::Tsv
        | FormatChoice::Lines
        | FormatChoice::FixedWidth
        | FormatChoice::Regex => only(b"\r\n"),
        FormatChoice::Form => only(b"\r\n&"),
        // Comments and such, and documents without an element at the path.
        FormatChoice::Xml => {
            content.xml.record.is_some()
                || only(b" \t\r\n\0")
                || [&b"<!"[..], b"<?"]
                    .iter()
                    .any(|mark| find(text, mark).is_some())
                || is_wide(payload)
        }
        // A message in which nothing is set is an event.
        FormatChoice::Protobuf => {
            content.protobuf.framing == ProtobufFraming::Delimited && payload.is_empty()
        }
        // Files without rows.
        FormatChoice::Avro => payload.is_empty() || payload.starts_with(b"Obj\x01"),
        FormatChoice::Orc => payload.is_empty() || payload.starts_with(b"ORC"),
        FormatChoice::Parquet => payload.is_empty() || payload.starts_with(b"PAR1"),
        FormatChoice::Auto => true,
    }
}

/// Whether text is a header at most; what has quotes may be one line in any case.
fn has_at_most_one_line(text: &[u8]) -> bool {
    let lines = text
        .split(|byte| matches!(byte, b'\n' | b'\r'))
        .filter(|line| !line.is_empty());
    lines.count() <= 1 || text.iter().any(|byte| matches!(byte, b'"' | b'\'' | b'\\'))
}

/// Whether text may be UTF-16.
fn is_wide(text: &[u8]) -> bool {
    text.starts_with(b"\xFF\xFE") || text.starts_with(b"\xFE\xFF") || text.contains(&0)
}
