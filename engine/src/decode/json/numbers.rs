//! Numbers that no machine type holds: integers beyond 64 bits and floats beyond float64. The parser
//! refuses them; their digits are kept.

use std::ops::Range;

use super::split::skip_white_space;

/// Where the number that `text` begins with ends, by the grammar of JSON; `None` where it begins
/// with none.
pub(in crate::decode) fn number_end(text: &[u8]) -> Option<usize> {
    let mut at = usize::from(text.first() == Some(&b'-'));
    let integer = digits(text, at)?;
    if integer > at + 1 && text[at] == b'0' {
        return None;
    }
    at = integer;
    if text.get(at) == Some(&b'.') {
        at = digits(text, at + 1)?;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        at = digits(text, at + 1 + sign)?;
    }
    Some(at)
}

/// The end of one or more digits.
fn digits(text: &[u8], at: usize) -> Option<usize> {
    let length = text
        .get(at..)?
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .count();
    (length > 0).then_some(at + length)
}

/// Whether the parser refuses a number that is right by the grammar.
fn beyond(number: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(number) else {
        return false;
    };
    if number.iter().all(|b| b.is_ascii_digit() || *b == b'-') {
        text.parse::<u64>().is_err() && text.parse::<i64>().is_err()
    } else {
        text.parse::<f64>().is_ok_and(f64::is_infinite)
    }
}

/// Numbers of a document that were replaced by strings for the parser, by where their replacement
/// begins.
#[derive(Default)]
pub(super) struct BigNumbers {
    found: Vec<Range<usize>>,
    text: Vec<u8>,
}

impl BigNumbers {
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.found.clear();
        self.text.clear();
    }

    /// Replaces every such number in `document` by a string of the same length, and keeps its
    /// digits. False where there is none.
    pub(super) fn replace(&mut self, document: &mut [u8]) -> bool {
        self.clear();
        self.text.extend_from_slice(document);
        let mut at = 0;
        while at < self.text.len() {
            match self.text[at] {
                b'"' => at = string_end(&self.text, at),
                b'-' | b'0'..=b'9' => {
                    let end = match number_end(&self.text[at..]) {
                        Some(length) => at + length,
                        None => at + 1,
                    };
                    if beyond(&self.text[at..end]) {
                        // The shortest one, `9e308`, has room for the quotes.
                        document[at..end].fill(b'0');
                        document[at] = b'"';
                        document[end - 1] = b'"';
                        self.found.push(at..end);
                    }
                    at = end;
                }
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => at = word_end(&self.text, at),
                _ => at = skip_white_space(&self.text, at + 1),
            }
        }
        !self.is_empty()
    }

    /// The digits whose replacement's text begins at `at`, one after its quote.
    pub(super) fn digits(&self, at: usize) -> Option<&str> {
        let start = at.checked_sub(1)?;
        let found = self
            .found
            .binary_search_by_key(&start, |range| range.start)
            .ok()?;
        std::str::from_utf8(&self.text[self.found[found].clone()]).ok()
    }
}

/// A word is no number, whatever digits are in it.
fn word_end(text: &[u8], at: usize) -> usize {
    let length = text[at..]
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric())
        .count();
    at + length.max(1)
}

fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < text.len() {
        match text[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_where_the_grammar_says() {
        for (text, end) in [
            ("0", Some(1)),
            ("-12.5e+3,", Some(8)),
            ("1e400 ", Some(5)),
            ("01", None),
            ("-", None),
            ("1.", None),
            ("1e", None),
            (".5", None),
        ] {
            assert_eq!(number_end(text.as_bytes()), end, "{text}");
        }
    }

    #[test]
    fn only_what_no_type_holds_is_replaced() {
        let mut document =
            *b"[18446744073709551615,18446744073709551616,-9223372036854775809,\"1e999\",9e308,1e-999,1e3]";
        let original = document;
        let mut numbers = BigNumbers::default();
        assert!(numbers.replace(&mut document));
        let found: Vec<&str> = (0..document.len())
            .filter_map(|at| numbers.digits(at))
            .collect();
        assert_eq!(
            found,
            ["18446744073709551616", "-9223372036854775809", "9e308"]
        );
        assert!(!BigNumbers::default().replace(&mut original[1..21].to_vec()));
    }
}
