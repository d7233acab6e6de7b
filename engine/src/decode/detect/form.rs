//! Is text a form?

use bytes::Bytes;

use crate::decode::text::Text;

/// Lines of the sample that are looked at.
const MAX_LINES: usize = 2_000;

/// How many lines there are, if each of them is a form and there is one with several fields.
pub(super) fn lines_of_forms(texts: &[&Bytes]) -> Option<usize> {
    let mut lines = 0;
    let mut several = 0;
    for text in texts {
        for range in Text::of(text).lines() {
            let line = &text[range];
            if !is_form(line) {
                return None;
            }
            lines += 1;
            several += usize::from(line.contains(&b'&'));
            if lines == MAX_LINES {
                break;
            }
        }
    }
    (several > 0 && several * 2 >= lines).then_some(lines)
}

/// `name=value` with `&` between them, and nothing that a form would have escaped.
fn is_form(line: &[u8]) -> bool {
    let mut pairs = line
        .split(|&byte| byte == b'&')
        .filter(|pair| !pair.is_empty());
    pairs.all(|pair| {
        let Some(equals) = memchr::memchr(b'=', pair) else {
            return false;
        };
        let (name, value) = (&pair[..equals], &pair[equals + 1..]);
        let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.[]%+~".contains(byte);
        let in_value =
            |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.*%+~!'(),:;@/?$[]|".contains(byte);
        !name.is_empty()
            && name.iter().all(in_name)
            && value.iter().all(in_value)
            && escapes_are_whole(pair)
    })
}

fn escapes_are_whole(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'%', rest) {
        let digits = rest.get(at + 1..at + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return false;
        }
        rest = &rest[at + 3..];
    }
    true
}
