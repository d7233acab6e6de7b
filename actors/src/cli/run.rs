//! `shardmill run`: data sources until they are told to stop.

use std::path::PathBuf;

use clap::Args;

use super::live::{LOOK_EVERY, Live};
use super::output::count;
use super::signals::Signals;
use super::{Exit, Failure, Json, Outcome, block_on};
use crate::config::DataSource;
use crate::progress::Progress;
use crate::{Error, Handle, Shardmill};

/// Read streams and commit them as minute files of Parquet, until Ctrl-C
///
/// Each file describes one data source; several run in one process and share its threads and the
/// sum of their memory budgets. A run goes on exactly where the last one stopped, on whichever
/// machine. A first SIGINT or SIGTERM finishes what is in flight and commits it, within
/// `engine.stop_deadline`; a second one ends the process at once, and nothing is lost either.
///
/// With --json, prints one object a second and source (event "progress"), and at the end one a
/// source (event "totals") or one with the error (event "error").
///
/// Example: shardmill run clicks.toml orders.toml
#[derive(Args, Debug)]
pub struct Run {
    /// Configurations, one a source
    #[arg(value_name = "SOURCE.TOML", required = true)]
    sources: Vec<PathBuf>,

    #[command(flatten)]
    pub json: Json,
}

impl Run {
    pub fn run(&self) -> Outcome {
        let sources = self.sources.iter().map(DataSource::from_file);
        let sources = sources.collect::<Result<Vec<_>, _>>()?;
        one_name_each(&sources)?;
        block_on(watch(sources, self.json.json))
    }
}

/// Runs sources, and shows them, until they have ended.
pub async fn watch(sources: Vec<DataSource>, json: bool) -> Outcome {
    // Before anything runs, so that a signal finds someone who listens.
    let mut signals = Signals::listen()?;
    let engine = engine(&sources)?;
    let handles: Vec<Handle> = sources
        .into_iter()
        .map(|source| engine.add(source))
        .collect();
    let mut live = Live::new(json);
    let stopped_at_once = follow(&handles, &mut signals, &mut live).await;
    live.clear();
    let mut first_failure = None;
    for handle in &handles {
        match handle.finished().await {
            Ok(totals) => tell_end(&live, &totals),
            Err(error) => {
                let mut failure = failure(&error);
                if handles.len() > 1 {
                    let source = handle.progress().source;
                    failure.message = format!("{source}: {}", failure.message);
                }
                match first_failure {
                    None => first_failure = Some(failure),
                    Some(_) => failure.show(json),
                }
            }
        }
    }
    match first_failure {
        _ if stopped_at_once => Ok(Exit::Interrupted),
        Some(failure) => Err(failure),
        None => Ok(Exit::Done),
    }
}

fn tell_end(live: &Live, totals: &Progress) {
    live.totals(totals);
    let committed = &totals.committed;
    live.say(&format!(
        "{} {}: {} rows and {} rejects committed in {} files",
        totals.source,
        totals.state,
        count(committed.counts.rows),
        count(committed.counts.rejects),
        count(committed.files)
    ));
}

/// Shows sources until all have ended; whether a second signal ended them at once.
async fn follow(handles: &[Handle], signals: &mut Signals, live: &mut Live) -> bool {
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut stopping = false;
    let ended = async {
        for handle in handles {
            // What it was is asked again later.
            let _ = handle.finished().await;
        }
    };
    tokio::pin!(ended);
    loop {
        tokio::select! {
            () = &mut ended => return false,
            () = signals.next() => {
                if stopping {
                    handles.iter().for_each(Handle::stop_now);
                    return true;
                }
                stopping = true;
                live.say("stopping: what is in flight is committed first; once more to stop at once");
                handles.iter().for_each(Handle::stop);
            }
            _ = look.tick() => {
                let looks: Vec<_> = handles.iter().map(Handle::progress).collect();
                live.show(&looks, if stopping { "stopping" } else { "" });
            }
        }
    }
}

/// Two sources of one name on one target would fence one another; on two targets they would be
/// mixed up in every message.
fn one_name_each(sources: &[DataSource]) -> Result<(), Failure> {
    for (place, source) in sources.iter().enumerate() {
        if sources[..place]
            .iter()
            .any(|other| other.name() == source.name())
        {
            let message = format!(
                "two of the files describe a source named {:?}",
                source.name()
            );
            let mut failure = Failure::new("config.same_name", message);
            failure.exit = Exit::Usage;
            return Err(failure);
        }
    }
    Ok(())
}

fn engine(sources: &[DataSource]) -> Result<Shardmill, Failure> {
    let budgets = sources.iter().map(|source| source.engine().memory.budget);
    let budget = usize::try_from(budgets.sum::<u64>()).unwrap_or(usize::MAX);
    let threads = sources
        .iter()
        .map(|source| source.engine().threads)
        .max()
        .unwrap_or(1);
    Shardmill::new(budget, threads).map_err(|error| failure(&error))
}

/// An error of the engine with its exit code.
pub fn failure(error: &Error) -> Failure {
    let mut failure = Failure::new(error.code(), error.message());
    if error.is_fenced() {
        failure.exit = Exit::Fenced;
    } else if error.code().starts_with("config.") {
        failure.exit = Exit::Usage;
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_exit_code_of_their_kind() {
        let exit = |code| failure(&Error::new(code, "x")).exit;
        assert_eq!(exit("log.fenced"), Exit::Fenced);
        assert_eq!(exit("config.too_many_shards"), Exit::Usage);
        assert_eq!(exit("stream.not_found"), Exit::Failed);
    }

    #[test]
    fn two_sources_of_one_name_are_refused() {
        let source = |name: &str| {
            DataSource::builder(name)
                .stream("clickstream")
                .target("./lake")
                .build()
                .unwrap()
        };
        assert!(one_name_each(&[source("a"), source("b")]).is_ok());
        let failure = one_name_each(&[source("a"), source("b"), source("a")]).unwrap_err();
        assert_eq!(
            (failure.code, failure.exit),
            ("config.same_name", Exit::Usage)
        );
    }
}
