//! Is text CSV, and with which delimiter? It is where lines have the same number of fields and the
//! fields look like data rather than like pieces of sentences.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;

use super::cells::Cell;
use super::header::Header;
use crate::decode::delimited::DelimitedOptions;
use crate::decode::delimited::records::{Field, Record, Records, Syntax};
use crate::decode::text::Text;

/// The delimiters that are tried, the likelier first.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];
/// Bytes of one content that are looked at.
const LOOKED_AT: usize = 256 << 10;
/// Lines of a sample that are looked at.
const MAX_LINES: usize = 2_000;
/// Fields of a line that are looked at.
const MAX_FIELDS: usize = 10_000;

/// Lines of contents, taken apart.
pub(super) struct Table {
    /// The first line of each content, and how many lines it has after that.
    pub(super) firsts: Vec<(Vec<String>, usize)>,
    /// What the fields of each line look like.
    pub(super) lines: Vec<Vec<Cell>>,
    /// Places in `lines` of the first lines.
    pub(super) first_lines: Vec<usize>,
    /// Lines that cannot be taken apart.
    broken: usize,
}

/// A delimiter that text agrees with.
pub(super) struct Guess {
    pub(super) delimiter: u8,
    /// Fields that a line has.
    pub(super) columns: usize,
    /// Lines that have so many, and all lines that were looked at.
    pub(super) lines: (usize, usize),
    pub(super) header: Header,
    score: f64,
}

/// The delimiter that fits the text best, if any does; `only` leaves no choice, and then text has
/// not to look like CSV.
pub(super) fn guess(
    texts: &[&Bytes],
    options: &DelimitedOptions,
    only: Option<u8>,
) -> Option<Guess> {
    if let Some(only) = only {
        let table = Table::of(texts, options, only);
        let (columns, _) = table.usual().unwrap_or((1, 0));
        return Some(table.guess(only, columns));
    }
    let fitting = DELIMITERS.into_iter().filter_map(|delimiter| {
        let table = Table::of(texts, options, delimiter);
        let (columns, alike) = table.usual()?;
        let lines = table.lines.len() + table.broken;
        // One in ten may be odd; of a few none.
        if columns < 2 || (lines - alike) * 10 > lines {
            return None;
        }
        let guess = table.guess(delimiter, columns);
        table.is_data(delimiter, &guess).then_some(guess)
    });
    // The first of those that fit equally well.
    fitting.fold(None, |best: Option<Guess>, next| match best {
        Some(best) if best.score >= next.score => Some(best),
        _ => Some(next),
    })
}

impl Table {
    pub(super) fn of(texts: &[&Bytes], options: &DelimitedOptions, delimiter: u8) -> Self {
        let syntax = Syntax {
            delimiter,
            quote: options
                .quote
                .map(|mark| mark.0)
                .filter(|quote| *quote != delimiter),
            escape: options.escape.map(|mark| mark.0),
            trim: options.trim,
            max_fields: MAX_FIELDS,
        };
        let mut table = Self {
            firsts: Vec::new(),
            lines: Vec::new(),
            first_lines: Vec::new(),
            broken: 0,
        };
        // So that a long content does not stand for all of them.
        let each = (MAX_LINES / texts.len().max(1)).max(2);
        for text in texts.iter().take(MAX_LINES) {
            table.add(text, syntax, each);
        }
        table
    }

    fn add(&mut self, content: &[u8], syntax: Syntax, most: usize) {
        let whole = content.len() <= LOOKED_AT;
        let content = &content[..content.len().min(LOOKED_AT)];
        let text = Text::of(content);
        let mut records = Records::new(content, text.start(), syntax);
        let mut fields = Vec::new();
        let mut count = 0;
        while count < most
            && let Some(record) = records.next(&mut fields)
        {
            let range = match record {
                Record::Good(range) | Record::TooManyFields(range) => range,
                // Where the content was cut, so was its last line.
                Record::Broken(range, _) if !whole && range.end == content.len() => break,
                Record::Broken(..) => {
                    self.broken += 1;
                    count += 1;
                    continue;
                }
            };
            if !whole && range.end == content.len() {
                break;
            }
            let texts: Vec<(String, bool)> = fields
                .iter()
                .map(|field| (unescaped(content, *field, &syntax), field.quoted))
                .collect();
            let cells = texts.iter();
            let cells = cells.map(|(text, quoted)| Cell::of(text, *quoted, syntax.delimiter));
            if count == 0 {
                self.first_lines.push(self.lines.len());
                let names = texts.iter().map(|(text, _)| text.clone());
                self.firsts.push((names.collect(), 0));
            } else if let Some((_, after)) = self.firsts.last_mut() {
                *after += 1;
            }
            self.lines.push(cells.collect());
            count += 1;
        }
    }

    /// The number of fields that most lines have, and how many have it.
    fn usual(&self) -> Option<(usize, usize)> {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for line in &self.lines {
            *counts.entry(line.len()).or_default() += 1;
        }
        counts.into_iter().max_by_key(|(_, lines)| *lines)
    }

    fn guess(&self, delimiter: u8, columns: usize) -> Guess {
        let alike = self
            .lines
            .iter()
            .filter(|line| line.len() == columns)
            .count();
        let all = self.lines.len() + self.broken;
        let (data, typed) = self.shares(columns);
        let agreement = alike as f64 / all.max(1) as f64;
        Guess {
            delimiter,
            columns,
            lines: (alike, all),
            header: Header::of(self, columns),
            score: agreement * (1.0 + data + typed),
        }
    }

    /// The share of columns whose fields look like data, and of those whose fields are typed. The
    /// first lines do not count where there are others: they may be headers.
    fn shares(&self, columns: usize) -> (f64, f64) {
        let (mut data, mut typed) = (0, 0);
        for column in 0..columns {
            let kinds = self.column(column);
            let known = kinds.iter().filter(|cell| **cell != Cell::Empty).count();
            let words = kinds.iter().filter(|cell| **cell == Cell::Words).count();
            let with_type = kinds.iter().filter(|cell| cell.is_typed()).count();
            data += usize::from(words * 10 <= known);
            typed += usize::from(known > 0 && with_type * 10 >= known * 9);
        }
        let share = |count: usize| count as f64 / columns.max(1) as f64;
        (share(data), share(typed))
    }

    /// The fields of a column, without those of first lines where there are others.
    pub(super) fn column(&self, column: usize) -> Vec<Cell> {
        let others = self.lines.len() > self.first_lines.len();
        let mut firsts = self.first_lines.iter().copied().peekable();
        let mut cells = Vec::new();
        for (place, line) in self.lines.iter().enumerate() {
            let is_first = firsts.next_if_eq(&place).is_some();
            if others && is_first {
                continue;
            }
            cells.extend(line.get(column).copied());
        }
        cells
    }

    /// Whether it is data and no text that happens to have as many commas in each line.
    fn is_data(&self, delimiter: u8, guess: &Guess) -> bool {
        let (data, typed) = self.shares(guess.columns);
        let lines = self.lines.len();
        let strong = guess.header.looks_like;
        match (delimiter, guess.columns, lines) {
            // One line says little.
            (_, 2, 1) => typed == 1.0,
            (b'\t', _, 1) => true,
            (_, _, 1) => data >= 0.75,
            // Hardly any text has tabs.
            (b'\t', ..) => true,
            (_, 2, _) => data == 1.0 || strong,
            _ => data >= 0.5 || strong,
        }
    }
}

fn unescaped(content: &[u8], field: Field, syntax: &Syntax) -> String {
    let text: Cow<'_, str> = String::from_utf8_lossy(&content[field.start..field.end]);
    if !field.escaped {
        return text.into_owned();
    }
    let mut out = String::new();
    let whole = Field {
        start: 0,
        end: text.len(),
        ..field
    };
    syntax.unescape(&text, whole, &mut out);
    out
}
