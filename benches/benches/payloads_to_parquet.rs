//! Payloads to Parquet files on the local disk, decoder and encoder on one thread.
//!
//! `payloads_to_parquet INPUT FOLDER [LEVEL]` takes a file of JSON lines, each line a payload, and
//! prints one JSON object: CPU seconds (user and system, the whole process) from opening the input
//! to the last byte written, and rows and files. `benches/peers/run.py` runs it beside others.
//! Without arguments (`cargo bench`) it makes its own input, of both kinds of events, and prints MB
//! of payload per CPU second.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use shardmill_benches::allocator::keep_freed_memory;
use shardmill_benches::decoding::{self, MAX_BATCH_BYTES, MAX_BATCH_PAYLOADS};
use shardmill_benches::events::{Kind, write_lines};
use shardmill_benches::measure::process_cpu_seconds;
use shardmill_engine::budget::Budget;
use shardmill_engine::decode::{ContentOptions, DecodeLimits, Decoder};
use shardmill_engine::parquet::{Compression, FileChunk, FileKind, ParquetOptions, WindowEncoder};
use shardmill_engine::schema::Schema;
use shardmill_engine::types::{
    Payload, PayloadBatch, Position, SequenceNumber, Window, WindowLength,
};

/// As the command line has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a Kinesis shard brings in a minute at its full speed.
const WINDOW_BYTES: usize = 60_000_000;

const FIRST_ARRIVAL: i64 = 1_795_000_000_000;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    keep_freed_memory();
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .collect();
    let level = arguments.get(2).map_or(Ok(1), |level| level.parse())?;
    if let [input, folder, ..] = &arguments[..] {
        let done = convert(Path::new(input), Path::new(folder), level)?;
        println!(
            r#"{{"cpu_seconds": {}, "rows": {}, "files": {}}}"#,
            done.cpu_seconds, done.rows, done.files
        );
        return Ok(());
    }
    for kind in Kind::ALL {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("payloads_to_parquet");
        fs::create_dir_all(&folder)?;
        let input = folder.join("events.jsonl");
        let bytes = write_lines(kind, 64_000_000, &input)?;
        let mut rates = Vec::new();
        for _ in 0..5 {
            rates.push(bytes as f64 / 1e6 / convert(&input, &folder, level)?.cpu_seconds);
        }
        rates.sort_by(f64::total_cmp);
        println!(
            "{}: {:.0} MB per CPU second ({:.0} to {:.0})",
            kind.name(),
            rates[2],
            rates[0],
            rates[4]
        );
    }
    Ok(())
}

struct Done {
    cpu_seconds: f64,
    rows: u64,
    files: u64,
}

/// Takes every line of `input` as a payload to files in `folder`.
fn convert(input: &Path, folder: &Path, level: u32) -> Outcome<Done> {
    let start = process_cpu_seconds();
    let lines = Lines::of(File::open(input)?);
    let budget = Budget::new(256 << 20);
    let mut decoder = Decoder::new(DecodeLimits::default(), &ContentOptions::default());
    let mut stream = Stream::new(lines)?;
    let mut remembered = Arc::new(Schema::default());
    let mut target = Target::new(folder);
    let first = WindowLength::MINUTE.window_of(FIRST_ARRIVAL);
    for window in (first.0..).map(Window) {
        if !stream.next_window() {
            break;
        }
        let options = ParquetOptions {
            compression: Compression::Zstd(level),
            ..ParquetOptions::default()
        };
        let mut encoder = WindowEncoder::new(window, Arc::clone(&remembered), options);
        while let Some(batch) = stream.next_batch(window, &budget)? {
            encoder.add(decoder.decode(batch, &budget));
            if encoder.wants_encoding() {
                target.write(window, encoder.encode(&budget)?)?;
            }
        }
        let chunks = encoder.finish(&budget)?;
        let finished = chunks.last().and_then(|chunk| chunk.finished.as_ref());
        if let Some(schema) = finished.and_then(|file| file.schema.as_ref()) {
            remembered = Arc::clone(schema);
        }
        target.write(window, chunks)?;
    }
    Ok(Done {
        cpu_seconds: process_cpu_seconds() - start,
        rows: target.rows,
        files: target.files,
    })
}

/// The lines of a file, read piece by piece: each piece has its own memory, as each answer of
/// Kinesis has.
struct Lines {
    file: File,
    piece: Bytes,
}

impl Lines {
    fn of(file: File) -> Self {
        Self {
            file,
            piece: Bytes::new(),
        }
    }

    fn next(&mut self) -> std::io::Result<Option<Bytes>> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.piece) {
                let line = self.piece.split_to(end);
                let _newline = self.piece.split_to(1);
                return Ok(Some(line));
            }
            let mut piece = Vec::with_capacity(self.piece.len() + MAX_BATCH_BYTES);
            piece.extend_from_slice(&self.piece);
            let read = (&self.file)
                .take(MAX_BATCH_BYTES as u64)
                .read_to_end(&mut piece)?;
            self.piece = Bytes::from(piece);
            if read == 0 {
                let last = std::mem::take(&mut self.piece);
                return Ok((!last.is_empty()).then_some(last));
            }
        }
    }
}

/// The lines of a file as a Kinesis shard's payloads.
struct Stream {
    lines: Lines,
    next: Option<Bytes>,
    number: u64,
    window_left: usize,
}

impl Stream {
    fn new(mut lines: Lines) -> std::io::Result<Self> {
        let next = lines.next()?;
        Ok(Self {
            lines,
            next,
            number: 0,
            window_left: 0,
        })
    }

    /// Begins the next window; whether there is a payload for it.
    fn next_window(&mut self) -> bool {
        self.window_left = WINDOW_BYTES;
        self.next.is_some()
    }

    /// The next payloads of the window; `None` at its end.
    fn next_batch(&mut self, window: Window, budget: &Budget) -> Outcome<Option<PayloadBatch>> {
        let from = self.number;
        let mut payloads = Vec::new();
        let mut bytes = 0;
        while bytes < MAX_BATCH_BYTES.min(self.window_left) && payloads.len() < MAX_BATCH_PAYLOADS {
            let Some(data) = self.next.take() else { break };
            self.next = self.lines.next()?;
            bytes += data.len();
            payloads.push(self.payload(data)?);
        }
        self.window_left = self.window_left.saturating_sub(bytes);
        if payloads.is_empty() {
            return Ok(None);
        }
        let from = match from {
            0 => Position::Start,
            number => Position::At(sequence(number)?),
        };
        Ok(Some(decoding::batch(payloads, from, window, budget)))
    }

    fn payload(&mut self, data: Bytes) -> Outcome<Payload> {
        self.number += 1;
        // Keys that come again now and then, in no order.
        let key = self.number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
        Ok(Payload {
            sequence: sequence(self.number)?,
            subsequence: 0,
            partition_key: format!("client-{key:05}").into(),
            arrival: FIRST_ARRIVAL + self.number as i64 / 4,
            data,
        })
    }
}

/// As long as Kinesis's; neighbours differ in the last digits.
fn sequence(number: u64) -> Outcome<SequenceNumber> {
    let mut digits = *b"49657203421980000000000000000000000000000000000000000000";
    let mut rest = number * 1_208_925_819;
    for digit in digits.iter_mut().rev().take(20) {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    Ok(SequenceNumber::new(std::str::from_utf8(&digits)?)?)
}

/// The folder that files are written to.
struct Target<'a> {
    folder: &'a Path,
    open: Option<File>,
    rows: u64,
    files: u64,
}

impl<'a> Target<'a> {
    fn new(folder: &'a Path) -> Self {
        Self {
            folder,
            open: None,
            rows: 0,
            files: 0,
        }
    }

    fn write(&mut self, window: Window, chunks: Vec<FileChunk>) -> Outcome<()> {
        for chunk in chunks {
            if chunk.kind == FileKind::Rejects {
                return Err("every line of the input must be a JSON object".into());
            }
            let file = match &mut self.open {
                Some(file) => file,
                None => {
                    let name = format!("{window}-{}.parquet", chunk.part);
                    self.open.insert(File::create(self.folder.join(name))?)
                }
            };
            file.write_all(&chunk.bytes)?;
            if let Some(finished) = chunk.finished {
                self.rows += finished.rows;
                self.files += 1;
                self.open = None;
            }
        }
        Ok(())
    }
}
