//! What the worker threads do for a lane's statistics, without the threads.

use arrow::array::{ArrayRef, Int32Array, Int64Array, StringArray, TimestampMillisecondArray};
use shardmill_engine::budget::Budget;
use shardmill_engine::ports::{Host, Store};
use shardmill_engine::schema::{DataType, Field, Schema};
use shardmill_engine::statistics::PaneLimits;
use shardmill_engine::types::{
    BatchHead, ClaimNumber, Counts, Epoch, KinesisShardId, LaneId, Position, Rows, SequenceNumber,
};

use super::*;
use crate::adapters::{LocalStore, SystemHost};

const WINDOW: Window = Window(7);

struct Scene {
    _folder: tempfile::TempDir,
    context: Arc<SourceContext>,
    panes: OpenPanes,
}

fn claim() -> ClaimRef {
    ClaimRef {
        epoch: Epoch(1),
        lane: LaneId(0),
        claim: ClaimNumber(1),
    }
}

fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(LocalStore::new(folder.path()).unwrap());
    let host: Arc<dyn Host> = Arc::new(SystemHost);
    let budget = Budget::new(1 << 30);
    let context = Arc::new(SourceContext::quiet(store, host, &budget));
    context.live.claimed(claim(), 1, &Default::default());
    Scene {
        _folder: folder,
        panes: OpenPanes::new(Arc::clone(&context), claim()),
        context,
    }
}

/// A batch of rows with one number each. What is not `sound` has fewer values than rows.
fn batch(context: &SourceContext, rows: usize, sound: bool) -> Arc<DecodedBatch> {
    let values = if sound { rows } else { rows / 2 };
    let text = || Arc::new(StringArray::from(vec!["1"; values])) as ArrayRef;
    let numbers = Int64Array::from_iter_values(0..values as i64);
    let field = Field::new("number", DataType::Int53);
    let rows = Rows {
        len: rows,
        schema: Arc::new(Schema {
            fields: vec![field],
        }),
        columns: vec![Arc::new(numbers.clone())],
        sequence: text(),
        subsequence: Arc::new(numbers),
        partition_key: text(),
        arrival: Arc::new(TimestampMillisecondArray::from(vec![5; values]).with_timezone("UTC")),
        index: Arc::new(Int32Array::from(vec![0; values])),
    };
    let counts = Counts {
        records: rows.len as u64,
        payloads: rows.len as u64,
        rows: rows.len as u64,
        ..Counts::default()
    };
    Arc::new(DecodedBatch {
        head: BatchHead {
            claim: claim(),
            shard: KinesisShardId::new("shardId-000000000000"),
            window: WINDOW,
            from: Position::Horizon,
            to: SequenceNumber::new("1").unwrap(),
            arrival_at_to: 5,
            records: counts.records,
            received: 6,
        },
        rows: vec![rows],
        rejects: Vec::new(),
        counts,
        raw: None,
        credit: context.budget.charge(1_000),
    })
}

fn shown(context: &SourceContext) -> Vec<(Window, u64, Option<u64>)> {
    let snapshot = context.live.snapshot();
    let open = snapshot.open();
    open.map(|(window, pane)| {
        let events = pane.field("number").map(|field| field.events);
        (window, pane.counts().rows, events)
    })
    .collect()
}

#[test]
fn what_is_observed_is_shown_and_memory_is_charged_until_it_is_gone() {
    let Scene {
        context, mut panes, ..
    } = scene();
    let closed = panes.work(vec![batch(&context, 10, true)], Vec::new());
    assert!(closed.is_empty());
    assert_eq!(shown(&context), [(WINDOW, 10, Some(10))]);
    let held = context.budget.used();
    let memory = || context.meter.statistics.memory.load(Ordering::Relaxed);
    assert!(held > 0);
    assert_eq!(memory(), held as i64, "the batch's own credit is back");

    let closed = panes.work(Vec::new(), vec![WINDOW, WINDOW.next()]);
    let [of_window, of_nothing] = <[Closed; 2]>::try_from(closed).ok().unwrap();
    assert!(of_nothing.object.is_none());
    let (bytes, credit) = of_window.object.unwrap();
    assert_eq!(bytes.len(), credit.bytes());
    drop(credit);
    let (read, _) = Pane::decode(bytes, PaneLimits::default()).unwrap();
    assert_eq!(read.field("number").unwrap().events, 10);
    drop(panes);
    assert!(memory() > 0, "the view still holds the window");
    context.live.claimed(claim(), 2, &Default::default());
    assert_eq!((memory(), context.budget.used()), (0, 0));
}

#[test]
fn what_comes_soon_after_is_shown_a_little_later() {
    let Scene {
        context, mut panes, ..
    } = scene();
    panes.work(vec![batch(&context, 1, true)], Vec::new());
    panes.next_publish = Instant::now() + Duration::from_secs(3_600);
    panes.work(vec![batch(&context, 1, true)], Vec::new());
    assert_eq!(shown(&context), [(WINDOW, 1, Some(1))]);
    assert!(panes.publish_at() > Some(Instant::now()));
    panes.next_publish = Instant::now();
    panes.work(Vec::new(), Vec::new());
    assert_eq!(shown(&context), [(WINDOW, 2, Some(2))]);
    assert_eq!(panes.publish_at(), None);
}

#[test]
fn a_panic_leaves_the_window_its_counts() {
    let Scene {
        context, mut panes, ..
    } = scene();
    let batches = [true, false, true].map(|sound| batch(&context, 10, sound));
    let closed = panes.work(batches.into(), vec![WINDOW]);
    let damaged = &context.meter.statistics.damaged_windows;
    assert_eq!(damaged.load(Ordering::Relaxed), 1);
    assert_eq!(shown(&context), [(WINDOW, 30, None)]);
    let (bytes, _) = closed.into_iter().next().unwrap().object.unwrap();
    let (read, _) = Pane::decode(bytes, PaneLimits::default()).unwrap();
    assert_eq!(read.counts().rows, 30);
    // Windows after it are as ever.
    let mut next = Arc::into_inner(batch(&context, 4, true)).unwrap();
    next.head.window = WINDOW.next();
    panes.work(vec![Arc::new(next)], vec![WINDOW.next()]);
    assert_eq!(shown(&context)[1], (WINDOW.next(), 4, Some(4)));
}
