//! The engine's process against a Kinesis server in another process: MB of payload per CPU second of
//! the whole engine (user and system), from the first call to the last commit.
//!
//! It starts itself again as the server, lets that fill a stream, and then reads all of it through
//! the AWS SDK into committed Parquet (zstd) on the local disk. The rows that the commits name are
//! compared with the events that were put. Each round reads five times: with the format named, with
//! that and without statistics, with the format found out, by name with a raw copy, and by name with
//! one output of all rows and columns, as Parquet.
//!
//! `cargo bench -p shardmill-benches --bench engine [-- ROUNDS [MEGABYTES]]`

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use shardmill::adapters::{KinesisStream, LocalStore, StreamId};
use shardmill::config::{ContentFormat, DataSource, OutputOptions, StartFrom};
use shardmill::demo::endpoint::{self, Endpoint};
use shardmill::{Handle, Shardmill};
use shardmill_benches::allocator::keep_freed_memory;
use shardmill_benches::events::{Events, Kind};
use shardmill_benches::measure::{Spread, process_cpu_seconds};

/// As the command line has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const STREAM: &str = "bench";
/// Enough that pacing (2 MB/s each) leaves the CPU as the bound.
const KINESIS_SHARDS: u32 = 32;
const LANES: u32 = 2;
const OUTPUT: &str = "everything";

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    if let [word, kind, megabytes] = &arguments[..]
        && word == "serve"
    {
        let kind = Kind::ALL.into_iter().find(|known| known.name() == kind);
        return serve(kind.ok_or("no such kind of event")?, megabytes.parse()?);
    }
    let rounds = arguments.first().map_or(Ok(3), |rounds| rounds.parse())?;
    let megabytes = arguments
        .get(1)
        .map_or(Ok(200), |megabytes| megabytes.parse())?;
    keep_freed_memory();
    for kind in Kind::ALL {
        let mut figures = Figures::default();
        for round in 1..=rounds {
            let server = Server::start(kind, megabytes)?;
            figures.add(round_of(kind, round, &server)?);
        }
        figures.print(kind);
    }
    Ok(())
}

/// A way to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// As a source that names its format: with statistics.
    Named,
    /// That, with counters only.
    Counters,
    /// With the format found out, and statistics.
    Auto,
    /// As by name, and a raw copy of every payload beside the rows.
    RawCopy,
    /// As by name, with one output of everything.
    Output,
}

impl Way {
    const ALL: [Way; 5] = [
        Way::Named,
        Way::Counters,
        Way::Auto,
        Way::RawCopy,
        Way::Output,
    ];

    fn name(self) -> &'static str {
        match self {
            Way::Named => "by name",
            Way::Counters => "without statistics",
            Way::Auto => "auto",
            Way::RawCopy => "with raw copy",
            Way::Output => "with one output",
        }
    }
}

/// MB of payload per CPU second by the ways, in their order.
fn round_of(kind: Kind, round: usize, server: &Server) -> Outcome<[f64; Way::ALL.len()]> {
    // Whoever comes later finds another machine: memory that is kept, other neighbours.
    let mut order = Way::ALL;
    order.rotate_left(round % Way::ALL.len());
    let mut rates = [0.0; Way::ALL.len()];
    for way in order {
        let done = measure(server, way)?;
        println!(
            "{}, round {round}, {}: {:.1} MB of payload, {} events, {:.2} CPU s, {:.1} s: {:.1} MB \
             per CPU second; at most {:.0} MB in flight",
            kind.name(),
            way.name(),
            done.payload_mb,
            done.events,
            done.cpu_seconds,
            done.seconds,
            done.rate(),
            done.peak_mb,
        );
        rates[way as usize] = done.rate();
    }
    Ok(rates)
}

#[derive(Default)]
struct Figures {
    named: Vec<f64>,
    of_counters: Vec<f64>,
    of_named: Vec<f64>,
    of_raw_copy: Vec<f64>,
    with_output: Vec<f64>,
}

impl Figures {
    fn add(&mut self, [named, counters, auto, raw_copy, output]: [f64; Way::ALL.len()]) {
        self.named.push(named);
        self.of_counters.push(named / counters);
        self.of_named.push(auto / named);
        self.of_raw_copy.push(raw_copy / named);
        self.with_output.push(output / named);
    }

    fn print(&self, kind: Kind) {
        let show = |what: &str, figures: &[f64], digits: usize| {
            let Spread { min, median, max } = Spread::of(figures);
            println!(
                "{}, {what}: min {min:.digits$}, median {median:.digits$}, max {max:.digits$}",
                kind.name()
            );
        };
        show("MB per CPU second", &self.named, 1);
        show(
            "speed with statistics, of that without",
            &self.of_counters,
            2,
        );
        show("speed under auto, of that by name", &self.of_named, 2);
        show("speed with raw copy, of that without", &self.of_raw_copy, 2);
        show(
            "speed with an output, of that without",
            &self.with_output,
            2,
        );
    }
}

/// The server: fills a stream, prints its URL, the events and their bytes, and serves until its
/// input ends.
fn serve(kind: Kind, megabytes: u64) -> Outcome<()> {
    let endpoint = Endpoint::start(STREAM, KINESIS_SHARDS)?;
    let mut events = Events::new(kind, 7);
    let (mut count, mut bytes) = (0_u64, 0_u64);
    while bytes < megabytes * 1_000_000 {
        let payloads = events.by_ref().take(500);
        let records: Vec<_> = payloads
            .enumerate()
            .map(|(place, data)| (format!("key-{}", count + place as u64), data.to_vec()))
            .collect();
        count += records.len() as u64;
        bytes += records
            .iter()
            .map(|(_, data)| data.len() as u64)
            .sum::<u64>();
        endpoint.put(STREAM, records)?;
    }
    println!("{} {count} {bytes}", endpoint.url());
    std::io::stdout().flush()?;
    let mut end = String::new();
    std::io::stdin().read_line(&mut end)?;
    Ok(())
}

struct Server {
    child: Child,
    url: String,
    events: u64,
    bytes: u64,
}

impl Server {
    fn start(kind: Kind, megabytes: u64) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", kind.name(), &megabytes.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let output = child.stdout.take().ok_or("the server has an output")?;
        BufReader::new(output).read_line(&mut line)?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let [url, events, bytes] = words[..] else {
            return Err(format!("the server said `{line}`").into());
        };
        let (url, events, bytes) = (url.to_owned(), events.parse()?, bytes.parse()?);
        Ok(Self {
            child,
            url,
            events,
            bytes,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its input ends with us; should that fail there is nothing left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Done {
    payload_mb: f64,
    events: u64,
    cpu_seconds: f64,
    seconds: f64,
    peak_mb: f64,
}

impl Done {
    fn rate(&self) -> f64 {
        self.payload_mb / self.cpu_seconds
    }
}

fn measure(server: &Server, way: Way) -> Outcome<Done> {
    let folder = tempfile::tempdir()?;
    let (begun, cpu) = (Instant::now(), process_cpu_seconds());
    let handle = start(&server.url, way, folder.path())?;
    while handle.progress().decoded.payloads < server.events && !handle.is_finished() {
        if begun.elapsed() > Duration::from_secs(600) {
            return Err(format!("stuck: {:#?}", handle.progress()).into());
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    handle.stop();
    let progress = handle.wait()?;
    let cpu_seconds = process_cpu_seconds() - cpu;
    let rows = progress.committed.counts.rows;
    if rows != server.events {
        return Err(format!(
            "{} events were put and {rows} rows committed",
            server.events
        )
        .into());
    }
    if way == Way::Output {
        let rows = progress.outputs.get(OUTPUT).map_or(0, |output| output.rows);
        if rows != server.events {
            return Err(format!("{rows} rows of {} are in the output", server.events).into());
        }
    }
    Ok(Done {
        payload_mb: server.bytes as f64 / 1e6,
        events: server.events,
        cpu_seconds,
        seconds: begun.elapsed().as_secs_f64(),
        peak_mb: progress.memory.peak as f64 / 1e6,
    })
}

fn start(url: &str, way: Way, folder: &std::path::Path) -> Outcome<Handle> {
    let format = match way {
        Way::Named | Way::Counters | Way::RawCopy | Way::Output => ContentFormat::Json,
        Way::Auto => ContentFormat::Auto,
    };
    let builder = DataSource::builder(STREAM)
        .stream(STREAM)
        .read_from(StartFrom::Start)
        .content_format(format)
        .real_time_statistics(way != Way::Counters)
        .store_raw_data(way == Way::RawCopy)
        .shards(4)
        .target_folder(folder)
        .execution_parallelism(LANES)
        .stop_deadline(Duration::from_secs(300))
        .threads(2);
    let source = match way {
        Way::Output => {
            let url = format!("file://{}/outputs", folder.display());
            builder.output(&OutputOptions {
                from: Some(StartFrom::Start),
                ..OutputOptions::new(OUTPUT, url)
            })
        }
        _ => builder,
    };
    let source = source.build()?;
    let stream = KinesisStream::new(&endpoint::sdk(url), StreamId::Name(STREAM.to_owned()));
    let store = LocalStore::new(folder.join(STREAM))?;
    let memory = usize::try_from(source.engine().memory.budget)?;
    let engine = Shardmill::new(memory, source.engine().threads)?;
    Ok(engine.add_with_ports(&source, Arc::new(stream), Arc::new(store)))
}
