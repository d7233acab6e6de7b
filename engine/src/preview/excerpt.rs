//! The beginnings of texts and bytes, as people can read them.

use std::fmt::Write as _;

/// Characters of an excerpt.
const MAX_CHARS: usize = 160;

/// The beginning of a text.
pub(super) fn text(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// The beginning of bytes: text as it is, with control characters and what is no UTF-8 escaped.
pub(super) fn bytes(data: &[u8]) -> String {
    let mut out = String::new();
    let mut chars = 0;
    // No character has more bytes.
    let start = &data[..data.len().min(MAX_CHARS * 4)];
    for chunk in start.utf8_chunks() {
        for c in chunk.valid().chars() {
            if chars == MAX_CHARS {
                return out + "...";
            }
            chars += 1;
            match c {
                '\\' => out.push_str("\\\\"),
                c if c.is_control() => out.extend(c.escape_default()),
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            if chars == MAX_CHARS {
                return out + "...";
            }
            chars += 1;
            // Writing to a string does not fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    if start.len() < data.len() {
        out.push_str("...");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_printed_is_escaped() {
        assert_eq!(bytes("a\n\té\u{7f}\\".as_bytes()), "a\\n\\té\\u{7f}\\\\");
        assert_eq!(bytes(b"\xff\x00a"), "\\xff\\u{0}a");
        assert_eq!(bytes(b""), "");
    }

    #[test]
    fn long_ones_are_cut_between_characters() {
        assert_eq!(text(&"é".repeat(160)), "é".repeat(160));
        assert_eq!(text(&"é".repeat(161)), "é".repeat(160) + "...");
        assert_eq!(bytes("é".repeat(400).as_bytes()), "é".repeat(160) + "...");
        assert_eq!(bytes(&[0xff; 200]), "\\xff".repeat(160) + "...");
        assert_eq!(bytes("😀".repeat(161).as_bytes()), "😀".repeat(160) + "...");
    }
}
