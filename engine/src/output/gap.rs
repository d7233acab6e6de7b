//! Has retention passed an output?

use std::sync::Arc;

use super::OutputError;
use super::record::State;
use crate::log::{LogError, names, read_state};
use crate::ports::{Host, Store};
use crate::types::Window;

/// Looks whether anything that an output at `state` has still to take is expired. Retention records
/// that windows expire before it deletes anything of them: so if this finds nothing after something
/// was read, it was all there when it was read.
///
/// # Errors
/// `output.gap`; what reading can bring.
pub(super) async fn check(
    store: &Arc<dyn Store>,
    host: &Arc<dyn Host>,
    state: &State,
    start: Option<Window>,
) -> Result<(), OutputError> {
    let view = read_state(Arc::clone(store), Arc::clone(host)).await?;
    let view = view.ok_or_else(|| LogError::Missing {
        name: names::SOURCE.to_owned(),
    })?;
    let epoch = view.lanes_record.as_ref().map(|record| record.epoch);
    let everywhere = view.expired_through();
    for (place, lane) in state.lanes.iter().enumerate() {
        let needed = lane.closed_through.map(Window::next).max(start);
        let expired = match epoch == Some(state.epoch) {
            true => view
                .lanes
                .get(place)
                .and_then(|lane| lane.fold.folded.state.expired_through),
            false => everywhere,
        };
        if let Some(through) = expired
            && needed.is_none_or(|needed| needed <= through)
        {
            let from = needed.unwrap_or(through);
            return Err(OutputError::Gap { from, through });
        }
    }
    Ok(())
}
