use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use shardmill_engine::types::AvroSchema;

use super::*;
use crate::adapters::SystemHost;

/// Says of each schema what is left of its script, then what it has; counts calls.
#[derive(Default)]
struct Script {
    errors: Mutex<BTreeMap<SchemaId, Vec<RegistryError>>>,
    calls: Mutex<Vec<SchemaId>>,
    /// Calls under way, and the most there ever were.
    under_way: Mutex<(usize, usize)>,
}

impl Script {
    fn failing(id: SchemaId, errors: Vec<RegistryError>) -> Arc<Self> {
        Arc::new(Self {
            errors: Mutex::new(BTreeMap::from([(id, errors)])),
            ..Self::default()
        })
    }

    fn calls(&self) -> Vec<SchemaId> {
        self.calls.lock().unwrap().clone()
    }
}

impl SchemaRegistry for Script {
    fn schema(&self, id: SchemaId) -> BoxFuture<'_, Result<Registered, RegistryError>> {
        async move {
            self.calls.lock().unwrap().push(id);
            {
                let mut under_way = self.under_way.lock().unwrap();
                under_way.0 += 1;
                under_way.1 = under_way.1.max(under_way.0);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            self.under_way.lock().unwrap().0 -= 1;
            match self.errors.lock().unwrap().get_mut(&id).and_then(Vec::pop) {
                Some(error) => Err(error),
                None => Ok(schema(id)),
            }
        }
        .boxed()
    }

    fn no_schema(&self) -> SchemaId {
        SchemaId::Confluent(0)
    }
}

/// A host that does not wait: its sleeps are over at once, and counted.
struct Impatient(Mutex<Vec<u64>>);

impl Host for Impatient {
    fn now(&self) -> i64 {
        SystemHost.now()
    }

    fn sleep(&self, millis: u64) -> BoxFuture<'static, ()> {
        self.0.lock().unwrap().push(millis);
        tokio::task::yield_now().boxed()
    }

    fn random(&self) -> u64 {
        0
    }
}

fn id(number: u32) -> SchemaId {
    SchemaId::Confluent(number)
}

fn schema(id: SchemaId) -> Registered {
    Registered::Schema(AvroSchema {
        text: id.to_string().into(),
        references: Vec::new(),
    })
}

struct Scene {
    schemas: Arc<Schemas>,
    registry: Arc<Script>,
    host: Arc<Impatient>,
    meter: Arc<Meter>,
}

fn scene(registry: Arc<Script>) -> Scene {
    let host = Arc::new(Impatient(Mutex::default()));
    let meter = Arc::new(Meter::new("clicks", 0));
    let schemas = Schemas::new(
        "clicks",
        Some(Arc::clone(&registry) as Arc<dyn SchemaRegistry>),
        Arc::clone(&host) as Arc<dyn Host>,
        Arc::clone(&meter),
    );
    Scene {
        schemas: Arc::new(schemas),
        registry,
        host,
        meter,
    }
}

fn down() -> RegistryError {
    RegistryError::Unavailable("connection refused".into())
}

#[tokio::test]
async fn a_schema_is_asked_for_once_by_however_many() {
    let scene = scene(Arc::default());
    assert_eq!(scene.schemas.schema(id(1)), None);
    let looks = (0..20).map(|_| scene.schemas.look_up(BTreeSet::from([id(1), id(2)])));
    for found in futures::future::join_all(looks).await {
        assert_eq!(found.len(), 2);
    }
    let mut calls = scene.registry.calls();
    calls.sort();
    assert_eq!(calls, [id(1), id(2)]);
    assert_eq!(scene.schemas.schema(id(1)).as_deref(), Some(&schema(id(1))));
}

#[tokio::test]
async fn only_so_many_calls_are_made_at_once() {
    let scene = scene(Arc::default());
    let looks = (0..5).map(|n| {
        scene
            .schemas
            .look_up((n * 10..n * 10 + 10).map(id).collect())
    });
    futures::future::join_all(looks).await;
    assert_eq!(scene.registry.calls().len(), 50);
    assert_eq!(scene.registry.under_way.lock().unwrap().1, AT_ONCE);
}

#[tokio::test]
async fn a_registry_in_trouble_is_asked_until_it_answers() {
    let errors = [
        down(),
        RegistryError::Throttled("slow down".into()),
        RegistryError::Refused("HTTP 401".into()),
    ];
    let errors = errors.iter().cycle().take(9).cloned();
    let scene = scene(Script::failing(id(7), errors.collect()));
    let found = scene.schemas.look_up(BTreeSet::from([id(7)])).await;
    assert_eq!(*found[0], schema(id(7)));
    assert_eq!(scene.registry.calls().len(), 10);
    // Never a spin: each wait is longer, up to a limit.
    let half = |wait: &u64| wait * 2;
    let waits: Vec<u64> = scene.host.0.lock().unwrap().iter().map(half).collect();
    assert_eq!(
        waits,
        [
            500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000
        ]
    );
    assert!(!scene.schemas.is_stalled());
    let budget = shardmill_engine::budget::Budget::new(1);
    let progress = scene.meter.snapshot(&budget, 0);
    assert_eq!((progress.retries.registry, progress.stalled), (9, None));
}

#[tokio::test]
async fn a_stall_shows_and_ends_with_the_last_who_asks() {
    let scene = scene(Script::failing(id(7), vec![down(); 1_000]));
    scene.meter.set_state("running");
    let mut stalled = scene.schemas.stalled.subscribe();
    let schemas = Arc::clone(&scene.schemas);
    let asking = tokio::spawn(async move { schemas.look_up(BTreeSet::from([id(7)])).await });
    stalled.wait_for(|stalled| *stalled).await.unwrap();
    let budget = shardmill_engine::budget::Budget::new(1);
    let progress = scene.meter.snapshot(&budget, 0);
    assert_eq!(progress.state, "stalled");
    let why = progress.stalled.unwrap();
    assert!(
        why.contains("schema 7") && why.contains("connection refused"),
        "{why}"
    );

    let over = scene.schemas.not_stalled();
    asking.abort();
    over.await;
    assert_eq!(scene.meter.snapshot(&budget, 0).state, "running");
    // Its turn has ended with it: somebody else may ask.
    scene.registry.errors.lock().unwrap().clear();
    assert_eq!(
        scene.schemas.look_up(BTreeSet::from([id(7)])).await.len(),
        1
    );
}

#[tokio::test]
async fn a_stop_gives_up_only_where_the_registry_does_not_answer() {
    let scene = scene(Arc::default());
    let (stop, stops) = (watch::Sender::new(false), watch::Sender::new(true));
    let mut waiting = Box::pin(scene.schemas.hopeless(stop.subscribe()));
    let mut stopping = Box::pin(scene.schemas.hopeless(stops.subscribe()));
    assert!((&mut waiting).now_or_never().is_none());
    assert!((&mut stopping).now_or_never().is_none());
    scene.schemas.stalled.send_replace(true);
    assert!((&mut waiting).now_or_never().is_none());
    assert!((&mut stopping).now_or_never().is_some());
    drop(stop);
    assert!(
        (&mut waiting).now_or_never().is_some(),
        "its reader is gone"
    );
}
