//! The walk over a file before the library reads it.

use super::chunks::Chunks;
use super::lengths::Lengths;
use super::proto::{Message, Value};
use super::tail::{Footer, INSTANT, LIST, MAP, Postscript, Stripe, TIMESTAMP};
use crate::decode::DecodeLimits;
use crate::decode::whole_file::Refusal;
use crate::schema::calendar::NANOSECONDS;

/// What was seen.
pub(super) struct Seen {
    /// Bytes that one row's texts may take where a dictionary repeats them.
    row_bytes: u64,
}

impl Seen {
    /// Rows of a batch such that texts that a dictionary repeats stay below the limit of a table.
    /// All other values are as many as were counted, and no longer than what they are read from.
    pub(super) fn batch_rows(&self, limits: &DecodeLimits) -> usize {
        let rows = limits.max_table_bytes as u64 / self.row_bytes.max(1);
        rows.clamp(1, 1 << 16) as usize
    }
}

/// Refuses a file that the library must not see.
pub(super) fn walk(file: &[u8], limits: &DecodeLimits) -> Result<Seen, Refusal> {
    let postscript = Postscript::of(file)?;
    let mut chunks = Chunks {
        compression: postscript.compression,
        block_size: postscript.block_size as usize,
        left: limits.max_event_bytes,
    };
    let end = file.len() as u64 - postscript.len;
    let footer = part(file, end.checked_sub(postscript.footer), postscript.footer)?;
    let before = end.saturating_sub(postscript.footer);
    let metadata = before.checked_sub(postscript.metadata);
    chunks.expand(part(file, metadata, postscript.metadata)?)?;
    let footer = Footer::of(&chunks.expand(footer)?)?;
    footer.check_rows()?;
    let parents = footer.parents(limits.max_depth)?;
    let widths = widths(&footer, &parents);
    let mut walk = Walk {
        file,
        widths,
        footer: &footer,
        parents,
        chunks,
        limits,
        cells: 0,
        seen: Seen { row_bytes: 0 },
    };
    for stripe in &footer.stripes {
        walk.stripe(stripe)?;
    }
    Ok(walk.seen)
}

fn part(file: &[u8], start: Option<u64>, len: u64) -> Result<&[u8], Refusal> {
    let range = start.and_then(|start| {
        let start = usize::try_from(start).ok()?;
        Some(start..start.checked_add(usize::try_from(len).ok()?)?)
    });
    let part = range.and_then(|range| file.get(range));
    part.ok_or_else(|| Refusal::damaged("a part of it lies outside of the file"))
}

struct Walk<'a> {
    file: &'a [u8],
    footer: &'a Footer,
    parents: Vec<usize>,
    /// For the root and each list and map: the types that have a value for each of its rows or
    /// items.
    widths: Vec<u64>,
    chunks: Chunks,
    limits: &'a DecodeLimits,
    /// Values of all columns, nulls included.
    cells: u64,
    seen: Seen,
}

/// How a column of a stripe is encoded.
#[derive(Clone, Copy, Default)]
struct Encoding {
    version_2: bool,
    dictionary: bool,
}

#[derive(Default)]
struct Stream {
    kind: u64,
    column: usize,
    len: u64,
}

const LENGTH: u64 = 2;
const SECONDARY: u64 = 5;
/// Low bits of nanoseconds that say how many zeros were left out.
const ZEROS_BITS: u32 = 3;
/// From here on streams are indexes, which nobody reads.
const ROW_INDEX: u64 = 6;
const BLOOM_FILTER_UTF8: u64 = 8;

impl Walk<'_> {
    fn stripe(&mut self, stripe: &Stripe) -> Result<(), Refusal> {
        let columns = self.widths.first().copied().unwrap_or(1);
        self.count(stripe.rows.saturating_mul(columns))?;
        let footer = stripe.offset.checked_add(stripe.index);
        let footer = footer.and_then(|at| at.checked_add(stripe.data));
        let footer = part(self.file, footer, stripe.footer)?;
        let footer = self.chunks.expand(footer)?;
        let (streams, encodings) = self
            .stripe_footer(&footer)
            .ok_or_else(|| Refusal::damaged("a stripe's footer is broken"))?;
        let mut lengths = vec![Lengths::default(); self.footer.types.len()];
        let mut at = Some(stripe.offset);
        for stream in streams {
            let bytes = part(self.file, at, stream.len)?;
            at = at.and_then(|at| at.checked_add(stream.len));
            if (ROW_INDEX..=BLOOM_FILTER_UTF8).contains(&stream.kind) {
                continue;
            }
            let bytes = self.chunks.expand(bytes)?;
            let broken = || Refusal::damaged("a stream of numbers is broken");
            let data_type = self.footer.types.get(stream.column).ok_or_else(broken)?;
            if stream.kind == SECONDARY && matches!(data_type.kind, TIMESTAMP | INSTANT) {
                // Some writers put negative nanoseconds there for times before 1970; the library
                // would make other times of them.
                let known = encodings.get(stream.column).ok_or_else(broken)?;
                let nanos = Lengths::of(&bytes, known.version_2);
                if nanos.is_none_or(|nanos| nanos.max >> ZEROS_BITS >= NANOSECONDS as u64) {
                    return Err(Refusal::damaged(
                        "a time has no nanoseconds within a second",
                    ));
                }
            }
            if stream.kind == LENGTH {
                let known = encodings.get(stream.column).ok_or_else(broken)?;
                let read = Lengths::of(&bytes, known.version_2).ok_or_else(broken)?;
                *lengths.get_mut(stream.column).ok_or_else(broken)? = read;
            }
        }
        self.check_lengths(&lengths, &encodings)
    }

    /// Streams, and the encoding of each column. A dictionary of more entries than there may be
    /// values is broken, too.
    fn stripe_footer(&self, bytes: &[u8]) -> Option<(Vec<Stream>, Vec<Encoding>)> {
        let (mut streams, mut encodings) = (Vec::new(), Vec::new());
        let mut message = Message::new(bytes);
        while let Some(field) = message.field() {
            match field? {
                (1, Value::Bytes(bytes)) => streams.push(stream(bytes)?),
                (2, Value::Bytes(bytes)) => {
                    encodings.push(encoding(bytes, self.limits.max_event_cells as u64)?);
                }
                _ => {}
            }
        }
        Some((streams, encodings))
    }

    /// Looks at what a stripe's lists and texts come to.
    fn check_lengths(
        &mut self,
        lengths: &[Lengths],
        encodings: &[Encoding],
    ) -> Result<(), Refusal> {
        for (place, length) in lengths.iter().enumerate() {
            let repeated = matches!(self.footer.types[place].kind, LIST | MAP);
            // Items of one row: of a list in a list as many as both say.
            let mut items = 1_u64;
            let mut above = self.parents[place];
            while above > 0 {
                if matches!(self.footer.types[above].kind, LIST | MAP) {
                    items = items.saturating_mul(lengths[above].max.max(1));
                }
                above = self.parents[above];
            }
            let row = items.saturating_mul(length.max);
            if repeated {
                self.count(length.sum.saturating_mul(self.widths[place]))?;
            } else if encodings
                .get(place)
                .is_some_and(|encoding| encoding.dictionary)
            {
                self.seen.row_bytes = self.seen.row_bytes.max(row);
            } else if length.sum > self.limits.max_event_bytes as u64 {
                return Err(Refusal::damaged("its texts are longer than the file"));
            }
        }
        if self.seen.row_bytes > 4 * self.limits.max_event_bytes as u64 {
            return Err(too_large());
        }
        Ok(())
    }

    fn count(&mut self, cells: u64) -> Result<(), Refusal> {
        self.cells = self.cells.saturating_add(cells);
        match self.cells > self.limits.max_event_cells as u64 {
            true => Err(too_large()),
            false => Ok(()),
        }
    }
}

fn widths(footer: &Footer, parents: &[usize]) -> Vec<u64> {
    let mut widths = vec![0; footer.types.len()];
    for place in 0..footer.types.len() {
        let mut above = parents[place];
        while above > 0 && !matches!(footer.types[above].kind, LIST | MAP) {
            above = parents[above];
        }
        widths[above] += 1;
    }
    widths
}

fn stream(bytes: &[u8]) -> Option<Stream> {
    let mut stream = Stream::default();
    let mut message = Message::new(bytes);
    while let Some(field) = message.field() {
        match field? {
            (1, Value::Number(kind)) => stream.kind = kind,
            (2, Value::Number(column)) => stream.column = usize::try_from(column).ok()?,
            (3, Value::Number(len)) => stream.len = len,
            _ => {}
        }
    }
    Some(stream)
}

fn encoding(bytes: &[u8], max_entries: u64) -> Option<Encoding> {
    let mut encoding = Encoding::default();
    let mut message = Message::new(bytes);
    while let Some(field) = message.field() {
        match field? {
            (1, Value::Number(kind)) => {
                encoding.version_2 = matches!(kind, 2 | 3);
                encoding.dictionary = matches!(kind, 1 | 3);
            }
            (2, Value::Number(entries)) if entries > max_entries => return None,
            _ => {}
        }
    }
    Some(encoding)
}

fn too_large() -> Refusal {
    Refusal::TooLarge("it has more values than one event may".to_owned())
}
