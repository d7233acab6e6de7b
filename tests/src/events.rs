//! Records with numbered events: every form that a payload can have.

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::kpl;

/// One Kinesis record to put, and what has to come out of it.
#[derive(Clone, Debug)]
pub struct Record {
    /// The partition key.
    pub key: String,
    /// The bytes.
    pub data: Bytes,
    /// What each payload holds: one, or one for each user record of an aggregate.
    pub payloads: Vec<Holds>,
}

/// What one payload holds. Neither events nor rejects: it is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    /// The `id` of each event, in order.
    pub events: Vec<i64>,
    /// Pieces that cannot be decoded.
    pub rejects: usize,
}

/// Makes records; the ids go up from 0, so none comes twice.
pub struct Events {
    next: i64,
    random: StdRng,
}

impl Events {
    /// The same seed gives the same records.
    pub fn new(seed: u64) -> Self {
        Self {
            next: 0,
            random: StdRng::seed_from_u64(seed),
        }
    }

    /// Events made so far.
    pub fn made(&self) -> i64 {
        self.next
    }

    /// `count` records in every form but aggregates.
    pub fn mixed(&mut self, count: usize) -> Vec<Record> {
        (0..count)
            .map(|_| match self.random.random_range(0..20) {
                0 => self.several("\n"),
                1 => self.several(""),
                2 => self.array(),
                3 => self.broken(),
                4 => self.partly_broken(),
                5 => self.empty(),
                _ => self.one(),
            })
            .collect()
    }

    /// `count` records of one event each.
    pub fn plain(&mut self, count: usize) -> Vec<Record> {
        (0..count).map(|_| self.one()).collect()
    }

    /// A record of one event.
    pub fn one(&mut self) -> Record {
        let (id, event) = self.event();
        self.record(event.to_string(), vec![id], 0)
    }

    /// A record of one event that is padded to about `bytes`.
    pub fn large(&mut self, bytes: usize) -> Record {
        let (id, mut event) = self.event();
        let padding = bytes.saturating_sub(event.to_string().len());
        event["padding"] = Value::String("x".repeat(padding));
        self.record(event.to_string(), vec![id], 0)
    }

    /// A record of one event of about `bytes`, with a text that no compression makes much smaller
    /// than three quarters of it.
    pub fn incompressible(&mut self, bytes: usize) -> Record {
        const LETTERS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut noise = vec![0; bytes];
        self.random.fill_bytes(&mut noise);
        let letters = noise.iter().map(|byte| LETTERS[usize::from(byte % 64)]);
        let text: String = letters.map(char::from).collect();
        self.with(json!({ "noise": text }))
    }

    /// A record of an event that holds `fields` beside its id.
    pub fn with(&mut self, fields: Value) -> Record {
        let id = self.id();
        let mut event = fields;
        event["id"] = json!(id);
        self.record(event.to_string(), vec![id], 0)
    }

    /// Documents one after the other.
    pub fn several(&mut self, between: &str) -> Record {
        let (ids, events) = self.some();
        let texts: Vec<String> = events.iter().map(Value::to_string).collect();
        self.record(texts.join(between), ids, 0)
    }

    /// An array at the root.
    pub fn array(&mut self) -> Record {
        let (ids, events) = self.some();
        self.record(Value::Array(events).to_string(), ids, 0)
    }

    /// Bytes that are no JSON at all.
    pub fn broken(&mut self) -> Record {
        self.record("<xml>not JSON</xml>", Vec::new(), 1)
    }

    /// An event and the beginning of another one.
    pub fn partly_broken(&mut self) -> Record {
        let (id, event) = self.event();
        self.record(format!("{event}\n{{\"id\": "), vec![id], 1)
    }

    /// A record without a byte.
    pub fn empty(&mut self) -> Record {
        self.record("", Vec::new(), 0)
    }

    /// KPL aggregates, made by Amazon's own library, each of so many records made by `make`.
    pub fn aggregates(
        &mut self,
        sizes: &[usize],
        mut make: impl FnMut(&mut Self, usize) -> Vec<Record>,
    ) -> Vec<Record> {
        let groups: Vec<_> = sizes.iter().map(|size| make(self, *size)).collect();
        kpl::aggregate(&groups)
    }

    fn id(&mut self) -> i64 {
        self.next += 1;
        self.next - 1
    }

    fn event(&mut self) -> (i64, Value) {
        let id = self.id();
        let random = &mut self.random;
        let kind = ["click", "view", "buy"][random.random_range(0..3)];
        let name = format!("user-{}", random.random_range(0..50));
        let tags: Vec<_> = (0..random.random_range(0..4))
            .map(|tag| format!("tag-{tag}"))
            .collect();
        let mut event = json!({
            "id": id,
            "kind": kind,
            "user": { "name": name, "age": random.random_range(1..99) },
            "price": f64::from(random.random_range(0..10_000)) / 100.0,
            "tags": tags,
        });
        // Fields that come and go, and one whose type is not always the same.
        if random.random_bool(0.3) {
            event["referrer"] = json!("https://example.org/");
        }
        if random.random_bool(0.2) {
            event["value"] = match random.random_range(0..3) {
                0 => json!(random.random_range(0..100)),
                1 => json!(0.5),
                _ => json!("a text"),
            };
        }
        (id, event)
    }

    fn some(&mut self) -> (Vec<i64>, Vec<Value>) {
        let count = self.random.random_range(2..6);
        (0..count).map(|_| self.event()).unzip()
    }

    fn record(&mut self, data: impl Into<Bytes>, events: Vec<i64>, rejects: usize) -> Record {
        Record {
            key: format!("key-{}", self.random.random_range(0..1_000_000)),
            data: data.into(),
            payloads: vec![Holds { events, rejects }],
        }
    }
}
