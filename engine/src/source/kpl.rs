//! KPL aggregates: several user records inside one Kinesis record.
//!
//! Layout: four magic bytes, a protobuf message, the 16-byte MD5 of that message. Whatever does not
//! hold together in every part is an ordinary record, and its bytes stay as they are.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use md5::{Digest, Md5};

use crate::ports::StreamRecord;
use crate::types::Payload;

const MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];
const MD5_LEN: usize = 16;

/// A Kinesis record, taken apart.
#[derive(Debug)]
pub struct Split {
    /// The payloads in order. Exactly one for an ordinary record; any number for an aggregate.
    pub payloads: Vec<Payload>,
    /// Whether the record was an aggregate.
    pub aggregate: bool,
    /// User records whose hash key lies outside the Kinesis shard, as happens after a reshard. They
    /// are kept like all others.
    pub outside: u64,
}

/// Takes a Kinesis record apart. `hash_keys` is the range of the Kinesis shard, both ends included;
/// without it nothing is counted as outside. Payloads share the record's memory.
pub fn split(record: &StreamRecord, hash_keys: Option<(u128, u128)>) -> Split {
    match aggregate_body(&record.data)
        .and_then(|body| parse_aggregate(&record.data[body.clone()], body.start))
    {
        Some(aggregate) => aggregate.into_split(record, hash_keys),
        None => Split {
            payloads: vec![Payload {
                sequence: record.sequence.clone(),
                subsequence: 0,
                partition_key: record.partition_key.as_str().into(),
                arrival: record.arrival,
                data: record.data.clone(),
            }],
            aggregate: false,
            outside: 0,
        },
    }
}

/// Puts payloads of one Kinesis record together again: [`split`] takes them apart as they are, in
/// their order and with their partition keys, and no further.
pub fn aggregate(payloads: &[Payload]) -> Bytes {
    let mut keys: Vec<&str> = Vec::new();
    let mut place_of: HashMap<&str, usize> = HashMap::new();
    let mut records = Vec::new();
    for payload in payloads {
        let key = &*payload.partition_key;
        let place = *place_of.entry(key).or_insert_with(|| {
            keys.push(key);
            keys.len() - 1
        });
        let mut record = vec![0x08];
        write_varint(&mut record, place as u64);
        record.push(0x1A);
        write_varint(&mut record, payload.data.len() as u64);
        records.push(0x1A);
        write_varint(&mut records, (record.len() + payload.data.len()) as u64);
        records.extend_from_slice(&record);
        records.extend_from_slice(&payload.data);
    }
    let mut message = MAGIC.to_vec();
    for key in keys {
        message.push(0x0A);
        write_varint(&mut message, key.len() as u64);
        message.extend_from_slice(key.as_bytes());
    }
    message.extend_from_slice(&records);
    let md5 = Md5::digest(&message[MAGIC.len()..]);
    message.extend_from_slice(&md5);
    Bytes::from(message)
}

/// Whether a record of these bytes may be taken apart.
pub fn may_be_aggregate(data: &[u8]) -> bool {
    data.starts_with(&MAGIC)
}

fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Where the protobuf message lies, if magic and MD5 are right.
fn aggregate_body(data: &Bytes) -> Option<Range<usize>> {
    if data.len() < MAGIC.len() + MD5_LEN || !data.starts_with(&MAGIC) {
        return None;
    }
    let body = MAGIC.len()..data.len() - MD5_LEN;
    let md5 = Md5::digest(&data[body.clone()]);
    (md5[..] == data[body.end..]).then_some(body)
}

/// `AggregatedRecord`, with the places of the user records' bytes in the Kinesis record.
struct Aggregate {
    partition_keys: Vec<Arc<str>>,
    explicit_hash_keys: Vec<String>,
    records: Vec<UserRecord>,
}

struct UserRecord {
    partition_key: usize,
    explicit_hash_key: Option<usize>,
    data: Range<usize>,
}

impl Aggregate {
    fn into_split(self, record: &StreamRecord, hash_keys: Option<(u128, u128)>) -> Split {
        let outside = hash_keys.map_or(0, |range| self.count_outside(range));
        let payloads = self
            .records
            .into_iter()
            .zip(0..)
            .map(|(user, subsequence)| Payload {
                sequence: record.sequence.clone(),
                subsequence,
                partition_key: Arc::clone(&self.partition_keys[user.partition_key]),
                arrival: record.arrival,
                data: record.data.slice(user.data),
            })
            .collect();
        Split {
            payloads,
            aggregate: true,
            outside,
        }
    }

    fn count_outside(&self, (low, high): (u128, u128)) -> u64 {
        let inside = |key: u128| low <= key && key <= high;
        // Many user records may share a partition key: hash each key once.
        let mut by_partition_key: Vec<Option<bool>> = vec![None; self.partition_keys.len()];
        let mut outside = 0;
        for user in &self.records {
            let explicit = user
                .explicit_hash_key
                .and_then(|index| self.explicit_hash_keys[index].parse().ok());
            let is_inside = match explicit {
                Some(key) => inside(key),
                None => *by_partition_key[user.partition_key].get_or_insert_with(|| {
                    let md5 = Md5::digest(self.partition_keys[user.partition_key].as_bytes());
                    inside(u128::from_be_bytes(md5.into()))
                }),
            };
            outside += u64::from(!is_inside);
        }
        outside
    }
}

/// Reads `AggregatedRecord { 1: partition keys, 2: explicit hash keys, 3: records }`. `offset` is
/// where `body` begins in the Kinesis record. `None` if it is not well-formed in every part.
fn parse_aggregate(body: &[u8], offset: usize) -> Option<Aggregate> {
    let mut aggregate = Aggregate {
        partition_keys: Vec::new(),
        explicit_hash_keys: Vec::new(),
        records: Vec::new(),
    };
    let mut fields = Fields::new(body);
    while let Some(field) = fields.next() {
        match field? {
            (1, Value::Bytes(range)) => aggregate
                .partition_keys
                .push(String::from_utf8_lossy(&body[range]).as_ref().into()),
            (2, Value::Bytes(range)) => aggregate
                .explicit_hash_keys
                .push(String::from_utf8_lossy(&body[range]).into_owned()),
            (3, Value::Bytes(range)) => {
                let start = offset + range.start;
                aggregate
                    .records
                    .push(parse_user_record(&body[range], start)?);
            }
            (1..=3, _) => return None,
            _ => {}
        }
    }
    // The tables may stand behind the records, so indexes are checked last.
    let sound = aggregate.records.iter().all(|record| {
        record.partition_key < aggregate.partition_keys.len()
            && record
                .explicit_hash_key
                .is_none_or(|index| index < aggregate.explicit_hash_keys.len())
    });
    sound.then_some(aggregate)
}

/// Reads `Record { 1: partition key index, 2: explicit hash key index?, 3: data, 4: tags }`.
fn parse_user_record(body: &[u8], offset: usize) -> Option<UserRecord> {
    let (mut partition_key, mut explicit_hash_key, mut data) = (None, None, None);
    let mut fields = Fields::new(body);
    while let Some(field) = fields.next() {
        match field? {
            (1, Value::Varint(index)) => partition_key = Some(usize::try_from(index).ok()?),
            (2, Value::Varint(index)) => explicit_hash_key = Some(usize::try_from(index).ok()?),
            (3, Value::Bytes(range)) => data = Some(offset + range.start..offset + range.end),
            (1..=3, _) => return None,
            _ => {}
        }
    }
    Some(UserRecord {
        partition_key: partition_key?,
        explicit_hash_key,
        data: data?,
    })
}

/// A field of a protobuf message: its value, or where its bytes lie in the message.
enum Value {
    Varint(u64),
    Bytes(Range<usize>),
    Fixed,
}

/// The fields of a protobuf message, one after the other; `Some(None)` where it is malformed.
struct Fields<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn new(message: &'a [u8]) -> Self {
        Self { message, at: 0 }
    }

    fn next(&mut self) -> Option<Option<(u64, Value)>> {
        (self.at < self.message.len()).then(|| self.field())
    }

    fn field(&mut self) -> Option<(u64, Value)> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.skip(8).map(|_| Value::Fixed)?,
            2 => {
                let len = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.skip(len)?)
            }
            5 => self.skip(4).map(|_| Value::Fixed)?,
            // Groups: no KPL message has any.
            _ => return None,
        };
        (tag >> 3 != 0).then_some((tag >> 3, value))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.message.get(self.at)?;
            self.at += 1;
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn skip(&mut self, len: usize) -> Option<Range<usize>> {
        let end = self.at.checked_add(len)?;
        let range = self.at..end;
        self.message.get(range.clone())?;
        self.at = end;
        Some(range)
    }
}

#[cfg(test)]
mod tests;
