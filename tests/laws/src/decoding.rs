//! What every decoder owes, whatever it is given.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use shardmill_engine::budget::Budget;
use shardmill_engine::decode::avro::SchemaLookup;
use shardmill_engine::decode::{Compression, ContentOptions, DecodeLimits, Decoder};
use shardmill_engine::types::{
    BatchHead, ClaimNumber, ClaimRef, Epoch, KinesisShardId, LaneId, Payload, PayloadBatch,
    Position, Registered, RejectCode, SchemaId, SequenceNumber, Window,
};

use crate::family::Seen;
use crate::input::Input;
use crate::nothing::may_hold_nothing;
pub use crate::outcome::Piece;
use crate::outcome::{Outcome, check_widening, outcome};

/// Where sequence numbers begin.
const FIRST_SEQUENCE: usize = 100;

/// A payload with its place among all payloads of a case, which its identity is made of.
pub(crate) struct Numbered {
    pub(crate) place: usize,
    pub(crate) payload: Payload,
}

impl Numbered {
    fn new(place: usize, data: &Bytes) -> Self {
        let payload = Payload {
            sequence: sequence(place),
            subsequence: 3 * place as u64 + 1,
            partition_key: Arc::from(format!("key-{place}")),
            arrival: 1_000 + place as i64,
            data: data.clone(),
        };
        Self { place, payload }
    }

    /// The place that a sequence number says.
    pub(crate) fn place_of(sequence: &str) -> usize {
        let number: usize = sequence.parse().expect("a sequence number of a payload");
        number - FIRST_SEQUENCE
    }
}

fn sequence(place: usize) -> SequenceNumber {
    SequenceNumber::from((FIRST_SEQUENCE + place) as u64)
}

/// What a registry has by what messages call it; under all other ids it has nothing.
#[derive(Clone, Debug, Default)]
pub struct Registry(pub HashMap<SchemaId, Arc<Registered>>);

impl SchemaLookup for Registry {
    fn schema(&self, id: SchemaId) -> Option<Arc<Registered>> {
        let known = self.0.get(&id).cloned();
        Some(known.unwrap_or_else(|| Arc::new(Registered::Unknown)))
    }
}

/// Payloads, and how they are to be decoded.
pub struct Case {
    content: ContentOptions,
    limits: DecodeLimits,
    schemas: Arc<Registry>,
    payloads: Vec<Bytes>,
    cut: usize,
}

impl Case {
    /// The payloads of an input under some options, its own limits put in.
    pub fn new(content: &ContentOptions, input: &Input) -> Self {
        let content = ContentOptions {
            expansion: input.expansion(),
            ..content.clone()
        };
        Self {
            content,
            limits: input.limits(),
            schemas: Arc::default(),
            payloads: input.payloads.clone(),
            cut: input.cut(),
        }
    }

    /// The same with schemas of a registry.
    pub fn with_schemas(self, schemas: &Arc<Registry>) -> Self {
        let schemas = Arc::clone(schemas);
        Self { schemas, ..self }
    }

    /// Decodes the payloads in one batch, each in a batch of its own, and in two batches of which
    /// the later one comes first, and once more in one batch. All of these must add up and be the
    /// same.
    pub fn check(&self) -> Vec<Vec<Piece>> {
        let all = 0..self.payloads.len();
        let together = self.decode(&mut self.decoder(), all.clone());
        let alone = all
            .clone()
            .map(|place| self.decode(&mut self.decoder(), place..place + 1));
        self.assert_same(&together, &joined(alone), "each payload alone");
        let mut kept = self.decoder();
        let later = self.decode(&mut kept, self.cut..all.end);
        let earlier = self.decode(&mut kept, 0..self.cut);
        self.assert_same(&together, &joined([earlier, later]), "two batches");
        let again = self.decode(&mut kept, all);
        self.assert_same(&together, &again, "a decoder that has decoded before");
        for (payload, pieces) in self.payloads.iter().zip(&together.pieces) {
            self.check_payload(payload, pieces);
        }
        together.pieces
    }

    fn decoder(&self) -> Decoder {
        let schemas: Arc<dyn SchemaLookup> = Arc::clone(&self.schemas) as _;
        Decoder::with_schemas(self.limits.clone(), &self.content, schemas)
    }

    fn decode(&self, decoder: &mut Decoder, places: Range<usize>) -> Outcome {
        let payloads: Vec<Numbered> = places
            .clone()
            .map(|place| Numbered::new(place, &self.payloads[place]))
            .collect();
        let budget = Budget::new(1 << 30);
        let batch = decoder.decode(batch(&payloads, places, &budget), &budget);
        assert_eq!(budget.used(), batch.credit.bytes(), "credit that is lost");
        let outcome = outcome(&batch, &payloads);
        check_widening(&batch, &outcome.schema);
        drop(batch);
        assert_eq!(budget.used(), 0, "credit that does not come back");
        outcome
    }

    fn assert_same(&self, one: &Outcome, other: &Outcome, which: &str) {
        assert_eq!(one.pieces, other.pieces, "{which}: {:?}", self.content);
        assert!(
            one.schema.holds(&other.schema) && other.schema.holds(&one.schema),
            "{which}: {:?} and {:?}",
            one.schema,
            other.schema
        );
    }

    /// What holds for a payload and what it became.
    fn check_payload(&self, payload: &Bytes, pieces: &[Piece]) {
        let is_plain = self.content.compression == Compression::None;
        for piece in pieces {
            let Piece::Reject(code, data, reason) = piece else {
                continue;
            };
            assert_ne!(*code, RejectCode::DecoderPanic, "{reason}");
            assert!(
                !is_plain || memchr::memmem::find(payload, data).is_some(),
                "a reject has bytes that its payload has not: {data:?}"
            );
        }
        assert!(
            !pieces.is_empty() || !is_plain || may_hold_nothing(&self.content, payload),
            "a payload vanished: {payload:?} {:?}",
            self.content
        );
    }
}

fn batch(payloads: &[Numbered], places: Range<usize>, budget: &Budget) -> PayloadBatch {
    let payloads: Vec<Payload> = payloads
        .iter()
        .map(|numbered| numbered.payload.clone())
        .collect();
    let head = BatchHead {
        claim: ClaimRef {
            epoch: Epoch(1),
            lane: LaneId(0),
            claim: ClaimNumber(1),
        },
        shard: KinesisShardId::new("shardId-000000000000"),
        window: Window(5),
        from: Position::Horizon,
        to: sequence(places.end),
        arrival_at_to: 2_000,
        records: payloads.len() as u64,
        received: 0,
    };
    let credit = budget.charge(payloads.iter().map(|payload| payload.data.len()).sum());
    PayloadBatch {
        head,
        payloads,
        credit,
    }
}

fn joined(outcomes: impl IntoIterator<Item = Outcome>) -> Outcome {
    let mut all = Outcome {
        pieces: Vec::new(),
        schema: shardmill_engine::schema::Schema::default(),
    };
    for outcome in outcomes {
        all.pieces.extend(outcome.pieces);
        all.schema = all.schema.merge(&outcome.schema);
    }
    all
}

/// How many events and rejects there are.
pub fn seen(pieces: &[Vec<Piece>]) -> Seen {
    let pieces = pieces.iter().flatten();
    let events = pieces
        .clone()
        .filter(|piece| matches!(piece, Piece::Event(_)))
        .count();
    Seen {
        events,
        rejects: pieces.count() - events,
    }
}
