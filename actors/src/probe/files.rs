//! What reading needs of files, or of a raw copy.

use shardmill_engine::ports::{IteratorFrom, ShardFilter, Stream};

use super::{Name, Side, Step, Steps};

const LIST: Name = Name {
    step: "list_files",
    rights: &[],
};
const READ: Name = Name {
    step: "read_file",
    rights: &[],
};

/// Lists what is there and reads the beginning of the first.
pub(super) async fn probe(stream: &dyn Stream) -> Vec<Step> {
    const HELP: &str = "see whether `[files]` names the right place, and may be read";
    let mut steps = Steps::new(Side::Stream);
    let list = match stream.list_shards(ShardFilter::All).await {
        Ok(list) => list,
        Err(error) => {
            steps.failed(LIST, error.to_string(), HELP);
            steps.not_tried(&[READ]);
            return steps.done;
        }
    };
    let total = stream.extent().map_or(0, |extent| extent.total);
    steps.ok(LIST, format!("{} with {total} bytes", list.shards.len()));
    let Some(first) = list.shards.first() else {
        return steps.done;
    };
    let begun = stream.shard_iterator(&first.id, IteratorFrom::TrimHorizon);
    let read = match begun.await {
        Ok(iterator) => stream.get_records(&iterator, 1).await.map(|_| ()),
        Err(error) => Err(error),
    };
    match read {
        Ok(()) => steps.ok(READ, format!("of {}", first.id)),
        Err(error) => steps.failed(READ, error.to_string(), HELP),
    }
    steps.done
}
