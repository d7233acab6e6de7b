//! What formats of text share.

use std::ops::Range;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A content that should be UTF-8. It is looked through once; where it is not UTF-8 as a whole, its
/// parts may be.
pub(super) struct Text<'a> {
    data: &'a [u8],
    start: usize,
    whole: Option<&'a str>,
}

impl<'a> Text<'a> {
    pub(super) fn of(data: &'a [u8]) -> Self {
        let start = match data.starts_with(BYTE_ORDER_MARK) {
            true => BYTE_ORDER_MARK.len(),
            false => 0,
        };
        Self {
            data,
            start,
            whole: simdutf8::basic::from_utf8(data).ok(),
        }
    }

    /// Where the text begins, after a byte order mark.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// The text at some bytes; `None` where those are not UTF-8.
    #[inline]
    pub(super) fn part(&self, range: Range<usize>) -> Option<&'a str> {
        match self.whole {
            Some(whole) => whole.get(range),
            None => simdutf8::basic::from_utf8(self.data.get(range)?).ok(),
        }
    }

    /// All of it, but for line ends at its end.
    pub(super) fn without_line_ends(&self) -> Range<usize> {
        let text = &self.data[self.start..];
        let last = text.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r'));
        self.start..last.map_or(self.start, |last| self.start + last + 1)
    }

    /// The lines that hold something, without their line ends (`\n` or `\r\n`).
    pub(super) fn lines(&self) -> impl Iterator<Item = Range<usize>> + use<'a> {
        let data = self.data;
        let mut at = self.start;
        std::iter::from_fn(move || {
            while at < data.len() {
                let start = at;
                let line_end = memchr::memchr(b'\n', &data[at..]).map_or(data.len(), |n| at + n);
                at = line_end + 1;
                let line = &data[start..line_end];
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                if !line.is_empty() {
                    return Some(start..start + line.len());
                }
            }
            None
        })
    }
}

pub(super) fn not_utf8() -> String {
    "the bytes are not UTF-8".to_owned()
}

pub(super) fn too_large(bytes: usize, max_event_bytes: usize) -> String {
    format!("{bytes} bytes; one event may have {max_event_bytes}")
}

pub(super) fn too_many_fields() -> String {
    "too many different fields in one event".to_owned()
}
