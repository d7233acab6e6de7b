//! What outputs need: their targets, and columns and filters that go with what the source has.

use std::sync::Arc;

use shardmill_engine::log::read_state;
use shardmill_engine::output::source_columns;
use shardmill_engine::ports::Host;

use super::{Name, Side, Step, Steps, not_reached, probe_target};
use crate::adapters::{self, SystemHost};
use crate::config::{DataSource, OutputSettings};
use crate::expressions;

const EXPRESSIONS: Name = Name {
    step: "expressions",
    rights: &[],
};

/// Tries every output of a data source.
pub async fn probe_outputs(source: &DataSource) -> Vec<Step> {
    let mut all = Vec::new();
    for output in source.outputs() {
        let mut steps = target(source, output).await;
        steps.extend(columns(source, output).await);
        for step in &mut steps {
            step.side = Side::Output;
            step.detail = format!("{}: {}", output.name, step.detail);
        }
        all.extend(steps);
    }
    all
}

async fn target(source: &DataSource, output: &OutputSettings) -> Vec<Step> {
    let region = adapters::stream_region(source);
    match adapters::open_output(&region, output, source.target().checksums).await {
        Ok(store) => probe_target(store, &uuid::Uuid::new_v4().to_string()).await,
        Err(error) => vec![not_reached(Side::Output, &error.to_string())],
    }
}

/// Whether columns and filter go with the columns that the source has had so far. Whether the source
/// can be read is another step's question.
async fn columns(source: &DataSource, output: &OutputSettings) -> Vec<Step> {
    let Ok(store) = adapters::open_target(source).await else {
        return Vec::new();
    };
    let host: Arc<dyn Host> = Arc::new(SystemHost);
    let Ok(Some(view)) = read_state(store, host).await else {
        return Vec::new();
    };
    let mut steps = Steps::new(Side::Output);
    for lane in &view.lanes {
        let columns = source_columns(&lane.fold.folded.state.schema);
        let made = expressions::make(&output.definition);
        if let Err(error) = made.and_then(|made| made.for_file(&columns).map(drop)) {
            let help = "correct `columns` or `filter`; see OUTPUTS.md";
            steps.failed(EXPRESSIONS, error.to_string(), help);
            return steps.done;
        }
    }
    steps.ok(EXPRESSIONS, "they go with the columns that the source has");
    steps.done
}
