//! A source at one moment, for those who only look (`inspect`).

use std::sync::Arc;

use super::objects::Objects;
use super::{
    Entry, Followed, Follower, GenerationRecord, LaneFold, LanesRecord, LogError, SourceRecord,
    names,
};
use crate::ports::{Host, Store};
use crate::types::{Generation, LaneId, Window};

/// A source as its newest epoch says: each lane's newest checkpoint and the entries after it.
/// Making one reads a few objects a lane, however long the history is.
#[derive(Clone, Debug)]
pub struct SourceView {
    /// `_source.json`.
    pub source: SourceRecord,
    /// The newest generation.
    pub generation: Option<GenerationRecord>,
    /// The newest epoch; `None` before the first process has claimed anything.
    pub lanes_record: Option<Arc<LanesRecord>>,
    /// Its lanes.
    pub lanes: Vec<LaneView>,
    /// The last window that every lane has closed.
    pub complete_through: Option<Window>,
}

/// A lane in a [`SourceView`].
#[derive(Clone, Debug)]
pub struct LaneView {
    /// The fold of its whole log.
    pub fold: LaneFold,
    /// The entries after its newest checkpoint, with their numbers.
    pub tail: Vec<(u64, Entry)>,
}

impl SourceView {
    /// Windows up to this one are expired: the highest mark of all lanes.
    pub fn expired_through(&self) -> Option<Window> {
        let lanes = self.lanes.iter();
        let marks = lanes.map(|lane| lane.fold.folded.state.expired_through);
        marks.max().flatten()
    }
}

/// Reads a source; `None` if the target holds none.
///
/// # Errors
/// What reading can bring, and `log.broken`.
pub async fn read_state(
    store: Arc<dyn Store>,
    host: Arc<dyn Host>,
) -> Result<Option<SourceView>, LogError> {
    let objects = Objects::starting(Arc::clone(&store), Arc::clone(&host));
    let Some(source) = objects.get::<SourceRecord>(names::SOURCE).await? else {
        return Ok(None);
    };
    let generation = |number| names::generation(Generation(number));
    let newest = objects.highest(0, generation).await?;
    let generation = match newest {
        0 => None,
        newest => objects.get(&generation(newest)).await?,
    };
    let mut follower = Follower::from_newest(store, host);
    let mut lanes_record = None;
    let mut tails: Vec<Vec<(u64, Entry)>> = Vec::new();
    loop {
        let news = follower.poll().await?;
        if news.is_empty() {
            break;
        }
        for news in news {
            match news {
                Followed::Epoch(record) => {
                    tails = vec![Vec::new(); record.lanes.len()];
                    lanes_record = Some(record);
                }
                Followed::Entry(at, entry) => {
                    if let Some(tail) = tail_of(&mut tails, at.lane) {
                        tail.push((at.entry, *entry));
                    }
                }
                Followed::Skipped { from, .. } => {
                    if let Some(tail) = tail_of(&mut tails, from.lane) {
                        tail.clear();
                    }
                }
            }
        }
    }
    let complete_through = follower.complete_through();
    let lanes = follower.lanes().cloned().zip(tails);
    Ok(Some(SourceView {
        source,
        generation,
        lanes_record,
        lanes: lanes.map(|(fold, tail)| LaneView { fold, tail }).collect(),
        complete_through,
    }))
}

fn tail_of(tails: &mut [Vec<(u64, Entry)>], lane: LaneId) -> Option<&mut Vec<(u64, Entry)>> {
    tails.get_mut(usize::try_from(lane.0).ok()?)
}
