//! The outputs of a source, as `inspect` shows them.

use std::sync::Arc;

use shardmill_engine::log::SourceView;
use shardmill_engine::output::read_output;
use shardmill_engine::ports::Host;

use super::report::{OutputReport, log_failure};
use crate::cli::output::{duration, line, table, time};
use crate::cli::{Failure, open_output};
use crate::config::DataSource;

/// Reads the outputs that a configuration names; some may not be made yet.
pub(super) async fn read(
    source: &DataSource,
    view: &SourceView,
    host: &Arc<dyn Host>,
) -> Result<Vec<OutputReport>, Failure> {
    let length = view.source.window_length_ms;
    let end = |window| length.start_of(shardmill_engine::types::Window::next(window));
    let ahead = view.complete_through.map(end);
    let mut outputs = Vec::new();
    for settings in source.outputs() {
        let store = open_output(source, settings).await?;
        let found = read_output(store, Arc::clone(host)).await;
        let found = found.map_err(log_failure)?;
        let status = found.as_ref().map(|found| &found.status);
        let start = status.and_then(|status| status.start);
        let start = start.map(|start| length.start_of(start));
        let complete = status.and_then(|status| status.complete_through).map(end);
        let reached = complete.max(start);
        outputs.push(OutputReport {
            output: settings.name.clone(),
            target: format!("{}/{}", settings.url, settings.name),
            format: settings.format.word().to_owned(),
            entry: status.map(|status| status.entry),
            generation: found.as_ref().map(|found| found.generation.0),
            time_ms: found.as_ref().map(|found| found.time_ms),
            start_ms: start,
            complete_through_ms: complete,
            lag_ms: ahead
                .zip(reached)
                .map(|(ahead, reached)| (ahead - reached).max(0)),
            expired_through_ms: status.and_then(|status| status.expired_through).map(end),
        });
    }
    Ok(outputs)
}

pub(super) fn show(outputs: &[OutputReport]) {
    let at = |millis: Option<i64>| millis.map_or("-".to_owned(), time);
    let rows = outputs.iter().map(|output| {
        vec![
            output.output.clone(),
            output.format.clone(),
            output
                .entry
                .map_or("not made yet".to_owned(), |entry| entry.to_string()),
            at(output.complete_through_ms),
            output.lag_ms.map_or("-".to_owned(), duration),
            output.target.clone(),
        ]
    });
    let header = [
        "output",
        "format",
        "entries",
        "complete through",
        "behind",
        "target",
    ];
    line(&table(&header, &[2, 4], rows.collect()).to_string());
}
