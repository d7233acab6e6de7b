//! What a registry has said, kept within bounds.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use shardmill_engine::types::{Registered, SchemaId, TimestampMs};

/// Schemas that are kept, and bytes of their texts.
const MAX_SCHEMAS: usize = 1_000;
const MAX_BYTES: usize = 32 << 20;
/// How long it is believed that there is no schema: it may be registered any time.
const ABSENT_MS: i64 = 60_000;

/// Answers, and which schemas are being asked for. An answer that a batch still needs is held by it:
/// it is neither dropped nor too old.
#[derive(Default)]
pub(super) struct Kept {
    answers: HashMap<SchemaId, Answer>,
    bytes: usize,
    uses: u64,
    asked: HashSet<SchemaId>,
}

struct Answer {
    found: Arc<Registered>,
    since: TimestampMs,
    used: u64,
}

impl Answer {
    fn is_held(&self) -> bool {
        Arc::strong_count(&self.found) > 1
    }

    fn is_old(&self, now: TimestampMs) -> bool {
        *self.found == Registered::Unknown && now - self.since >= ABSENT_MS && !self.is_held()
    }

    fn bytes(&self) -> usize {
        match &*self.found {
            Registered::Schema(schema) => schema.len(),
            Registered::Unknown => 0,
            Registered::Unusable(why) => why.len(),
        }
    }
}

impl Kept {
    pub(super) fn get(&mut self, id: SchemaId, now: TimestampMs) -> Option<Arc<Registered>> {
        let answer = self.answers.get_mut(&id)?;
        if answer.is_old(now) {
            return None;
        }
        self.uses += 1;
        answer.used = self.uses;
        Some(Arc::clone(&answer.found))
    }

    pub(super) fn put(
        &mut self,
        id: SchemaId,
        found: Registered,
        now: TimestampMs,
    ) -> Arc<Registered> {
        self.uses += 1;
        let found = Arc::new(found);
        let answer = Answer {
            found: Arc::clone(&found),
            since: now,
            used: self.uses,
        };
        self.remove(id);
        self.bytes += answer.bytes();
        self.answers.insert(id, answer);
        while self.answers.len() > MAX_SCHEMAS || self.bytes > MAX_BYTES {
            let free = self.answers.iter().filter(|(_, answer)| !answer.is_held());
            let Some(id) = free
                .min_by_key(|(_, answer)| answer.used)
                .map(|(id, _)| *id)
            else {
                // As much is needed at once.
                break;
            };
            self.remove(id);
        }
        found
    }

    fn remove(&mut self, id: SchemaId) {
        if let Some(answer) = self.answers.remove(&id) {
            self.bytes -= answer.bytes();
        }
    }

    /// Whether it is the caller's turn to ask for a schema: nobody else does.
    pub(super) fn begin(&mut self, id: SchemaId) -> bool {
        self.asked.insert(id)
    }

    /// Gives the turn back; says whether nothing is being asked for any more.
    pub(super) fn end(&mut self, id: SchemaId) -> bool {
        self.asked.remove(&id);
        self.asked.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use shardmill_engine::types::AvroSchema;

    use super::*;

    fn schema(bytes: usize) -> Registered {
        Registered::Schema(AvroSchema {
            text: "x".repeat(bytes).into(),
            references: Vec::new(),
        })
    }

    fn id(number: usize) -> SchemaId {
        SchemaId::Confluent(number as u32)
    }

    #[test]
    fn the_one_that_was_used_longest_ago_goes_first() {
        let mut kept = Kept::default();
        for number in 0..MAX_SCHEMAS {
            kept.put(id(number), schema(1), 0);
        }
        assert!(kept.get(id(0), 0).is_some());
        kept.put(id(MAX_SCHEMAS), schema(1), 0);
        assert!(kept.get(id(0), 0).is_some());
        assert_eq!(kept.get(id(1), 0), None);
        assert_eq!(kept.answers.len(), MAX_SCHEMAS);
    }

    #[test]
    fn large_schemas_do_not_add_up_and_held_ones_stay() {
        let mut kept = Kept::default();
        let held = kept.put(id(0), schema(MAX_BYTES / 4), 0);
        for number in 1..20 {
            kept.put(id(number), schema(MAX_BYTES / 4), 0);
            assert!(kept.bytes <= MAX_BYTES);
        }
        assert_eq!(kept.get(id(0), 0), Some(held));
        assert_eq!(kept.get(id(1), 0), None);
    }

    #[test]
    fn that_there_is_none_is_believed_for_a_while() {
        let mut kept = Kept::default();
        let held = kept.put(id(1), Registered::Unknown, 0);
        kept.put(id(2), schema(1), 0);
        assert!(kept.get(id(1), ABSENT_MS).is_some(), "a batch holds it");
        drop(held);
        assert!(kept.get(id(1), ABSENT_MS - 1).is_some());
        assert_eq!(kept.get(id(1), ABSENT_MS), None);
        assert!(kept.get(id(2), 1 << 40).is_some());
    }
}
