//! What a content plainly is, by its first and last bytes.
//!
//! Called for every content of a source under `auto`, so it reads no more than a few bytes at either
//! end. It says nothing rather than something doubtful: text that merely begins like JSON or XML
//! and does not end like it is none.

use crate::decode::options::FormatChoice;

const AVRO: &[u8] = b"Obj\x01";
const ORC: &[u8] = b"ORC";
const PARQUET: &[u8] = b"PAR1";
/// A Parquet file has its mark at both ends, and a length between.
const LEAST_PARQUET: usize = 12;
const UTF8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The format that `data` is plainly of; `None` where its bytes do not say.
#[inline]
pub(in crate::decode) fn plainly(data: &[u8]) -> Option<FormatChoice> {
    match data.first()? {
        b'{' | b'[' | b'<' | b'O' | b'P' | b' ' | b'\t' | b'\r' | b'\n' => look_closer(data),
        // Byte order marks, and UTF-16 without one.
        0xEF | 0xFE | 0xFF | 0 => look_closer(data),
        _ => None,
    }
}

fn look_closer(data: &[u8]) -> Option<FormatChoice> {
    if data.starts_with(AVRO) {
        return Some(FormatChoice::Avro);
    }
    if is_orc(data) {
        return Some(FormatChoice::Orc);
    }
    if data.len() >= LEAST_PARQUET && data.starts_with(PARQUET) && data.ends_with(PARQUET) {
        return Some(FormatChoice::Parquet);
    }
    if is_utf16_markup(data) {
        return Some(FormatChoice::Xml);
    }
    let text = data.strip_prefix(UTF8_MARK).unwrap_or(data).trim_ascii();
    if is_json(text) {
        Some(FormatChoice::Json)
    } else if is_xml(text) {
        Some(FormatChoice::Xml)
    } else {
        None
    }
}

/// An ORC file has its mark at its beginning and at the end of its postscript, before the byte that
/// says how long that is.
fn is_orc(data: &[u8]) -> bool {
    data.starts_with(ORC) && data.len() > 2 * ORC.len() && data[..data.len() - 1].ends_with(ORC)
}

/// An object, or a list of objects, or several of them.
fn is_json(text: &[u8]) -> bool {
    let inside = |text: &[u8]| {
        text.get(1..)
            .unwrap_or_default()
            .trim_ascii_start()
            .first()
            .copied()
    };
    let begins = match text.first() {
        Some(b'{') => matches!(inside(text), Some(b'"' | b'}')),
        Some(b'[') => matches!(inside(text), Some(b'{')),
        _ => false,
    };
    begins && matches!(text.last(), Some(b'}' | b']'))
}

/// An element that ends as it begins, or a document with something before its root.
fn is_xml(text: &[u8]) -> bool {
    let Some(rest) = text.strip_prefix(b"<").filter(|_| text.ends_with(b">")) else {
        return false;
    };
    if rest.starts_with(b"?xml") || rest.starts_with(b"!--") || rest.starts_with(b"!DOCTYPE") {
        return true;
    }
    let ends_name = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/');
    let name = &rest[..rest.iter().position(ends_name).unwrap_or(0)];
    let begins_name = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_' || *byte >= 0x80;
    if !name.first().is_some_and(begins_name) {
        return false;
    }
    let closed = text[..text.len() - 1].trim_ascii_end();
    closed.ends_with(b"/")
        || closed
            .strip_suffix(name)
            .is_some_and(|before| before.ends_with(b"</"))
}

/// Whether UTF-16 begins with `<`.
fn is_utf16_markup(data: &[u8]) -> bool {
    matches!(
        data,
        [0xFF, 0xFE, b'<', 0, ..] | [0xFE, 0xFF, 0, b'<', ..] | [b'<', 0, ..] | [0, b'<', ..]
    )
}

/// Whether a content that is plainly JSON holds envelopes of CloudWatch Logs, as far as a search for
/// their key tells.
pub(in crate::decode) fn may_be_envelope(data: &[u8]) -> bool {
    memchr::memmem::find(data, b"\"logEvents\"").is_some()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(b"{}", FormatChoice::Json)]
    #[case(b"{\"a\":1}", FormatChoice::Json)]
    #[case(b"\xEF\xBB\xBF \r\n{ \"a\": 1 }\n{\"a\":2}\n", FormatChoice::Json)]
    #[case(b"[ {\"a\":1} ]", FormatChoice::Json)]
    #[case(b"<a/>", FormatChoice::Xml)]
    #[case(b"<a>1</a>", FormatChoice::Xml)]
    #[case(b"<a b='c'>1</a >\n", FormatChoice::Xml)]
    #[case(b"<?xml version='1.0'?><a/>", FormatChoice::Xml)]
    #[case(b"<!-- x --><a/>", FormatChoice::Xml)]
    #[case(b"\xFF\xFE<\0a\0/\0>\0", FormatChoice::Xml)]
    #[case(b"PAR1........PAR1", FormatChoice::Parquet)]
    #[case(b"Obj\x01", FormatChoice::Avro)]
    #[case(b"ORC......ORC\x10", FormatChoice::Orc)]
    fn what_is_plain(#[case] data: &[u8], #[case] expected: FormatChoice) {
        assert_eq!(plainly(data), Some(expected));
    }

    #[rstest]
    fn what_is_not_plain(
        #[values(
            b"" as &[u8],
            b" \n",
            b"1,2",
            b"{a},b",
            b"{'a': 1}",
            b"{\"a\":1",
            b"{\"a\":1} and text",
            b"[INFO] started [main]",
            b"[1,2]",
            b"<13>Oct 11 22:14:15 host su: failed>",
            b"<b>,1,2>",
            b"<a>1</b>",
            b"< a>",
            b"<",
            b"PAR1",
            b"PAR1,a,b",
            b"ORC",
            b"ORCHARD,1",
            b"Object",
            b"\xEF\xBB\xBF",
            b"\x00\x01"
        )]
        data: &[u8],
    ) {
        assert_eq!(plainly(data), None);
    }
}
