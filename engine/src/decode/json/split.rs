//! Where the documents of a content begin and end, when the content is not one good document.
//!
//! The rules, for text of which nothing is known to be right:
//! - Documents stand one after the other, with or without white space between them. The items of a
//!   list at the root stand for themselves.
//! - A document that is closed as it should be ends there, whatever is wrong inside.
//! - One that is not (a line end in a string, a bracket that does not fit, an object or list where
//!   none can be, the end of the text) is bad up to the next line that begins with `{` or `[`; where
//!   there is none, up to the end.
//! - Text that begins like no document is bad up to the end of its line.
//!
//! For a good document the rules find its end and nothing else, so it does not matter whether it
//! was split off or parsed as the whole content.

use std::ops::Range;

use memchr::{memchr, memchr3};

/// A piece of a content, by its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Looks like a document at the root, other than a list.
    Document(Range<usize>),
    /// Looks like an item of a list at the root.
    Item(Range<usize>),
    /// Cannot be JSON.
    Junk(Range<usize>),
}

/// Finds the parts of a content. Keeps its stack of open brackets between contents.
pub(super) struct Splitter {
    open: Vec<u8>,
    /// Whether the items of a list at the root stand for themselves.
    split_lists: bool,
}

impl Default for Splitter {
    fn default() -> Self {
        Self::new(true)
    }
}

/// A value that does not end as it should.
struct Broken;

impl Splitter {
    /// Without `split_lists` a list at the root is a document like others.
    pub(super) fn new(split_lists: bool) -> Self {
        Self {
            open: Vec::new(),
            split_lists,
        }
    }

    /// Forgets whatever a panic may have left behind.
    pub(super) fn reset(&mut self) {
        self.open = Vec::new();
    }

    /// Appends the parts of `text[start..]` to `parts`.
    pub(super) fn split(&mut self, text: &[u8], start: usize, parts: &mut Vec<Part>) {
        let mut at = skip_white_space(text, start);
        while at < text.len() {
            at = match text[at] {
                b'[' if self.split_lists => self.list(text, at, parts),
                b'{' | b'[' | b'"' => match self.value_end(text, at) {
                    Ok(end) => {
                        parts.push(Part::Document(at..end));
                        end
                    }
                    Err(Broken) => junk_until(text, at, next_document(text, at), parts),
                },
                _ => match scalar_end(text, at) {
                    Some(end) => {
                        parts.push(Part::Document(at..end));
                        end
                    }
                    None => junk_until(text, at, next_line(text, at), parts),
                },
            };
            at = skip_white_space(text, at);
        }
    }

    /// A list at the root, which begins at `start`: its items. Gives where it ends.
    fn list(&mut self, text: &[u8], start: usize, parts: &mut Vec<Part>) -> usize {
        let mut at = skip_white_space(text, start + 1);
        if text.get(at) == Some(&b']') {
            return at + 1;
        }
        // What the junk is, should the list break here: from its last separator on.
        let mut from = start;
        loop {
            let Ok(end) = self.value_end(text, at) else {
                return junk_until(text, from, next_document(text, at), parts);
            };
            parts.push(Part::Item(at..end));
            from = skip_white_space(text, end);
            match text.get(from) {
                Some(b',') => at = skip_white_space(text, from + 1),
                Some(b']') => return from + 1,
                _ => return junk_until(text, from, next_document(text, from), parts),
            }
            from = at;
        }
    }

    /// Where the value at `at` ends.
    fn value_end(&mut self, text: &[u8], at: usize) -> Result<usize, Broken> {
        match text.get(at) {
            Some(b'{' | b'[') => self.bracket_end(text, at),
            Some(b'"') => string_end(text, at),
            Some(_) => match token_end(text, at) {
                end if end > at => Ok(end),
                _ => Err(Broken),
            },
            None => Err(Broken),
        }
    }

    fn bracket_end(&mut self, text: &[u8], start: usize) -> Result<usize, Broken> {
        self.open.clear();
        // The last byte that was neither white space nor in a string.
        let mut previous = b':';
        let mut at = start;
        while let Some(&byte) = text.get(at) {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => {
                    at += 1;
                    continue;
                }
                b'"' => {
                    at = string_end(text, at)?;
                    previous = byte;
                    continue;
                }
                b'{' | b'[' => {
                    let fits = match self.open.last() {
                        Some(b'[') => matches!(previous, b'[' | b','),
                        _ => previous == b':',
                    };
                    if !fits {
                        return Err(Broken);
                    }
                    self.open.push(byte);
                }
                b'}' | b']' => {
                    // `{` and `}`, `[` and `]` are two apart in ASCII.
                    if self.open.pop() != Some(byte - 2) {
                        return Err(Broken);
                    }
                    if self.open.is_empty() {
                        return Ok(at + 1);
                    }
                }
                _ => {}
            }
            previous = byte;
            at += 1;
        }
        Err(Broken)
    }
}

/// Where the string that begins at `at` ends. No string goes on after a line end.
fn string_end(text: &[u8], at: usize) -> Result<usize, Broken> {
    let mut at = at + 1;
    while let Some(found) = text
        .get(at..)
        .and_then(|rest| memchr3(b'"', b'\\', b'\n', rest))
    {
        at += found;
        match text[at] {
            b'"' => return Ok(at + 1),
            b'\\' => at += 2,
            _ => return Err(Broken),
        }
    }
    Err(Broken)
}

/// The end of a run of bytes that are neither white space nor structure.
fn token_end(text: &[u8], at: usize) -> usize {
    let length = text[at..].iter().position(|byte| {
        matches!(
            byte,
            b' ' | b'\t' | b'\r' | b'\n' | b'{' | b'}' | b'[' | b']' | b'"' | b',' | b':'
        )
    });
    length.map_or(text.len(), |length| at + length)
}

/// The end of a literal or number at the root; `None` for anything else.
fn scalar_end(text: &[u8], at: usize) -> Option<usize> {
    let end = token_end(text, at);
    let token = &text[at..end];
    let literal = matches!(token, b"true" | b"false" | b"null");
    (literal || super::numbers::number_end(token) == Some(token.len())).then_some(end)
}

fn junk_until(text: &[u8], start: usize, end: usize, parts: &mut Vec<Part>) -> usize {
    let trimmed = text[start..end].trim_ascii_end().len();
    parts.push(Part::Junk(start..start + trimmed));
    end
}

/// The next line after `at` that begins like a document, or the end.
fn next_document(text: &[u8], at: usize) -> usize {
    let mut at = next_line(text, at);
    while at < text.len() && !matches!(text[at], b'{' | b'[') {
        at = next_line(text, at);
    }
    at
}

/// The line after the one that `at` is in, or the end.
fn next_line(text: &[u8], at: usize) -> usize {
    text.get(at..)
        .and_then(|rest| memchr(b'\n', rest))
        .map_or(text.len(), |found| at + found + 1)
}

/// The first byte from `at` on that is no white space of JSON's.
pub(super) fn skip_white_space(text: &[u8], at: usize) -> usize {
    let mut at = at;
    while matches!(text.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Parts as text: `D` a document, `I` an item, `J` junk.
    fn parts(text: &str) -> Vec<String> {
        let mut parts = Vec::new();
        Splitter::default().split(text.as_bytes(), 0, &mut parts);
        parts
            .into_iter()
            .map(|part| match part {
                Part::Document(range) => format!("D {}", &text[range]),
                Part::Item(range) => format!("I {}", &text[range]),
                Part::Junk(range) => format!("J {}", &text[range]),
            })
            .collect()
    }

    #[rstest]
    #[case::none(" \n", &[])]
    #[case::concatenated(r#"{}{"a":"}{"} [1,[2]]"#, &["D {}", r#"D {"a":"}{"}"#, "I 1", "I [2]"])]
    #[case::lines("{}\r\n{}\n", &["D {}", "D {}"])]
    #[case::scalars("1 null \"x\"{}", &["D 1", "D null", "D \"x\"", "D {}"])]
    #[case::wrong_inside(r#"{"a":}{"b":1}"#, &[r#"D {"a":}"#, r#"D {"b":1}"#])]
    #[case::cut_off("{\"a\":1\n{\"b\":2}\n", &["J {\"a\":1", "D {\"b\":2}"])]
    #[case::cut_off_after_colon("{\"a\":\n{\"b\":2}\n{}", &["J {\"a\":", "D {\"b\":2}", "D {}"])]
    #[case::cut_off_in_string("{\"a\":\"x\n{\"b\":2}\n", &["J {\"a\":\"x", "D {\"b\":2}"])]
    #[case::odd_quote("{\"a\":\"x\"y\"}\n{}", &["J {\"a\":\"x\"y\"}", "D {}"])]
    #[case::crossed("{\"a\":[1}\n{}", &["J {\"a\":[1}", "D {}"])]
    #[case::no_line_to_go_on("{\"a\":1{\"b\":2}", &["J {\"a\":1{\"b\":2}"])]
    #[case::words("oops, not JSON\n{}\n", &["J oops, not JSON", "D {}"])]
    #[case::closed_twice("{}}\n{}", &["D {}", "J }", "D {}"])]
    #[case::list_cut_off(r#"[{"a":1},{"b":"#, &[r#"I {"a":1}"#, r#"J {"b":"#])]
    #[case::list_item(r#"[{},{"a":x},{}]{}"#, &["I {}", r#"I {"a":x}"#, "I {}", "D {}"])]
    #[case::list_empty("[ ]{}", &["D {}"])]
    #[case::list_of_nothing("[,{}]\n{}", &["J [,{}]", "D {}"])]
    #[case::list_trailing_comma("[{},]", &["I {}", "J ]"])]
    #[case::pretty("{\n  \"a\": {\n  }\n}\n{}", &["D {\n  \"a\": {\n  }\n}", "D {}"])]
    fn splits(#[case] text: &str, #[case] expected: &[&str]) {
        assert_eq!(parts(text), expected);
    }
}
