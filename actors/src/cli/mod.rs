//! The command line: one file a command.

mod bars;
mod check;
mod confirm;
mod delete;
#[cfg(feature = "demo")]
mod demo;
mod exit;
mod expire;
mod inspect;
mod integration;
mod live;
mod output;
mod preview;
mod replay;
mod run;
mod signals;
mod statistics;
mod verify;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use shardmill_engine::log::{DeletedRecord, LogError, read_deleted};
use shardmill_engine::ports::{Host, Store};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, filter::FilterExt};

use crate::adapters;
use crate::config::{DataSource, OutputSettings};

pub use exit::{EXIT_CODES, Exit, Failure};

/// What a command comes to.
type Outcome = Result<Exit, Failure>;

const EXAMPLES: &str = "\
Examples:
  shardmill demo                          see it work, without an AWS account
  shardmill preview --stream clicks --region eu-west-1   what is on a stream
  shardmill check source.toml --wait      wait until the stream and the target can be used
  shardmill integration source.toml       what AWS has to allow, as a template
  shardmill run source.toml               until Ctrl-C
  shardmill replay source.toml --raw --name again   its raw copy, with other options
  shardmill inspect source.toml --json    for programs
  shardmill statistics source.toml        what is in the events, field by field
  shardmill verify source.toml            re-read every committed file
  shardmill expire source.toml --dry-run  what retention would delete
  shardmill delete source.toml            the end of a source; its files stay

Exit codes:
  0    done
  1    failed; the message says what to do
  2    the command line or a configuration file is wrong; nothing was done
  3    another process has taken the source over; this one changed nothing since
  4    verify: the target does not hold what its log says
  130  stopped at once by a second signal; the next run goes on exactly

docs/CONFIGURATION.md has every key of a source file, docs/OPERATIONS.md every error code.";

/// Shardmill turns an Amazon Kinesis stream into minute files of Parquet, each event exactly once.
#[derive(Debug, Parser)]
#[command(name = "shardmill", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,

    /// What is logged to standard error: error, warn, info, debug, trace, or a filter such as
    /// shardmill=debug,warn. Default: the variable SHARDMILL_LOG, else warn. Trace is Shardmill's own
    /// alone: libraries log whole payloads there
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,

    /// Log as JSON, one object a line
    #[arg(long, global = true)]
    log_json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(feature = "demo")]
    Demo(demo::DemoCommand),
    Preview(preview::Preview),
    Check(check::Check),
    Run(run::Run),
    Replay(replay::Replay),
    Integration(integration::Integration),
    Inspect(inspect::Inspect),
    Statistics(statistics::StatisticsCommand),
    Verify(verify::Verify),
    Expire(expire::Expire),
    Delete(delete::Delete),
}

/// The flag that every command that reports has.
#[derive(Args, Clone, Copy, Debug)]
pub struct Json {
    /// Print JSON, one object a line, instead of text for people
    #[arg(long)]
    json: bool,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    // Wrong arguments end here, with clap's message and exit code 2.
    let cli = Cli::parse();
    start_log(cli.log.as_deref(), cli.log_json);
    let (json, outcome) = match cli.command {
        #[cfg(feature = "demo")]
        Command::Demo(command) => (command.json.json, command.run()),
        Command::Preview(command) => (command.json.json, command.run()),
        Command::Check(command) => (command.json.json, command.run()),
        Command::Run(command) => (command.json.json, command.run()),
        Command::Replay(command) => (command.json.json, command.run()),
        Command::Integration(command) => (command.json.json, command.run()),
        Command::Inspect(command) => (command.json.json, command.run()),
        Command::Statistics(command) => (command.json.json, command.run()),
        Command::Verify(command) => (command.json.json, command.run()),
        Command::Expire(command) => (command.json.json, command.run()),
        Command::Delete(command) => (command.json.json, command.run()),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.show(json);
            failure.exit.into()
        }
    }
}

/// What is logged unless something else is asked for. The SDK warns of every way to credentials that
/// does not lead to any; that there are none is our own error.
const DEFAULT_LOG: &str = "warn,aws_config=error";

fn start_log(filter: Option<&str>, json: bool) {
    let wanted = filter
        .map(str::to_owned)
        .or_else(|| std::env::var("SHARDMILL_LOG").ok());
    let filter = wanted.as_deref().unwrap_or(DEFAULT_LOG);
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|error| {
        eprintln!("warning: the log filter is ignored: {error}");
        EnvFilter::new(DEFAULT_LOG)
    });
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let lines = if json {
        lines.json().boxed()
    } else {
        lines.boxed()
    };
    let lines = lines.with_filter(filter.and(filter_fn(shows_no_payload)));
    tracing_subscriber::registry().with(lines).init();
}

/// At the finest level the SDK logs whole answers, and with them everybody's data.
fn shows_no_payload(line: &Metadata<'_>) -> bool {
    *line.level() < Level::TRACE || line.target().starts_with("shardmill")
}

/// Runs the async part of a command.
fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| {
        Failure::new("cli.runtime", format!("no threads can be started: {error}"))
    })?;
    runtime.block_on(future)
}

/// The target of a source, for commands that only look at it.
async fn open_output(
    source: &DataSource,
    output: &OutputSettings,
) -> Result<Arc<dyn Store>, Failure> {
    let region = adapters::stream_region(source);
    let opened = adapters::open_output(&region, output, source.target().checksums).await;
    opened.map_err(|error| Failure::new(error.code(), error.to_string()))
}

async fn open_target(source: &DataSource) -> Result<Arc<dyn Store>, Failure> {
    let opened = adapters::open_target(source).await;
    let store = opened.map_err(|error| Failure::new(error.code(), error.to_string()))?;
    let host: Arc<dyn Host> = Arc::new(adapters::SystemHost);
    match read_deleted(&store, &host).await {
        Ok(Some(DeletedRecord { time_ms, .. })) => {
            let error = LogError::Deleted { time_ms };
            Err(Failure::new(error.code(), error.to_string()))
        }
        Ok(None) => Ok(store),
        Err(error) => Err(Failure::new(error.code(), error.to_string())),
    }
}

#[cfg(test)]
mod tests;
