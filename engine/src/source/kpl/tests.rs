use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::types::SequenceNumber;

/// A user record as a producer describes it.
#[derive(Clone, Debug)]
struct User {
    partition_key: String,
    explicit_hash_key: Option<u128>,
    data: Vec<u8>,
    tagged: bool,
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn bytes_field(number: u64, bytes: &[u8], out: &mut Vec<u8>) {
    varint(number << 3 | 2, out);
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn number_field(number: u64, value: u64, out: &mut Vec<u8>) {
    varint(number << 3, out);
    varint(value, out);
}

/// The protobuf message, with the tables before or behind the records.
fn message(users: &[User], tables_first: bool) -> Vec<u8> {
    let mut keys: Vec<&str> = users
        .iter()
        .map(|user| user.partition_key.as_str())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let (mut tables, mut records, mut explicit) = (Vec::new(), Vec::new(), 0);
    for key in &keys {
        bytes_field(1, key.as_bytes(), &mut tables);
    }
    for user in users {
        let mut record = Vec::new();
        let index = keys.binary_search(&user.partition_key.as_str()).unwrap();
        number_field(1, index as u64, &mut record);
        if let Some(key) = user.explicit_hash_key {
            bytes_field(2, key.to_string().as_bytes(), &mut tables);
            number_field(2, explicit, &mut record);
            explicit += 1;
        }
        bytes_field(3, &user.data, &mut record);
        if user.tagged {
            bytes_field(4, b"\x0A\x01k", &mut record);
        }
        bytes_field(3, &record, &mut records);
    }
    if tables_first {
        [tables, records].concat()
    } else {
        [records, tables].concat()
    }
}

fn sealed(message: &[u8]) -> Vec<u8> {
    [&MAGIC[..], message, &Md5::digest(message)].concat()
}

fn record(data: Vec<u8>) -> StreamRecord {
    StreamRecord {
        sequence: SequenceNumber::new("42").unwrap(),
        partition_key: "outer".to_owned(),
        arrival: 7,
        data: data.into(),
    }
}

fn is_ordinary(split: &Split, data: &[u8]) -> bool {
    !split.aggregate
        && split.payloads.len() == 1
        && split.payloads[0].data == data
        && &*split.payloads[0].partition_key == "outer"
        && split.payloads[0].subsequence == 0
}

fn any_user() -> impl Strategy<Value = User> {
    (
        "[a-zé]{0,4}",
        proptest::option::of(any::<u128>()),
        vec(any::<u8>(), 0..40),
        any::<bool>(),
    )
        .prop_map(|(partition_key, explicit_hash_key, data, tagged)| User {
            partition_key,
            explicit_hash_key,
            data,
            tagged,
        })
}

proptest! {
    #[test]
    fn an_aggregate_gives_its_user_records_in_order(
        users in vec(any_user(), 0..20),
        tables_first in any::<bool>(),
        range in any::<(u128, u128)>(),
    ) {
        let range = (range.0.min(range.1), range.0.max(range.1));
        let split = split(&record(sealed(&message(&users, tables_first))), Some(range));
        prop_assert!(split.aggregate);
        prop_assert_eq!(split.payloads.len(), users.len());
        for ((payload, user), subsequence) in split.payloads.iter().zip(&users).zip(0..) {
            prop_assert_eq!(&payload.data, &user.data);
            prop_assert_eq!(&*payload.partition_key, &user.partition_key);
            prop_assert_eq!(payload.subsequence, subsequence);
            prop_assert_eq!(payload.arrival, 7);
            prop_assert_eq!(payload.sequence.as_str(), "42");
        }
        let outside = users.iter().filter(|user| {
            let key = user.explicit_hash_key.unwrap_or_else(|| {
                u128::from_be_bytes(Md5::digest(user.partition_key.as_bytes()).into())
            });
            !(range.0..=range.1).contains(&key)
        });
        prop_assert_eq!(split.outside, outside.count() as u64);
    }

    #[test]
    fn one_wrong_byte_makes_it_an_ordinary_record(
        users in vec(any_user(), 1..8),
        place in any::<prop::sample::Index>(),
        flip in 1_u8..,
    ) {
        let mut data = sealed(&message(&users, true));
        let place = place.index(data.len());
        data[place] ^= flip;
        prop_assert!(is_ordinary(&split(&record(data.clone()), None), &data));
    }

    #[test]
    fn whatever_stands_under_a_right_md5_never_panics(
        users in vec(any_user(), 0..6),
        cut in any::<prop::sample::Index>(),
        noise in vec(any::<u8>(), 0..30),
    ) {
        let mut body = message(&users, false);
        let cut = cut.index(body.len() + 1);
        body.splice(cut..cut, noise);
        let data = sealed(&body);
        let split = split(&record(data.clone()), Some((0, 1)));
        // Either it still holds together, or it stays as it is.
        prop_assert!(split.aggregate || is_ordinary(&split, &data));
        if split.aggregate {
            let bytes: usize = split.payloads.iter().map(|payload| payload.data.len()).sum();
            prop_assert!(bytes <= data.len());
        }
    }

    #[test]
    fn a_truncated_aggregate_is_an_ordinary_record(
        users in vec(any_user(), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let whole = sealed(&message(&users, true));
        let data = whole[..cut.index(whole.len())].to_vec();
        prop_assert!(is_ordinary(&split(&record(data.clone()), None), &data));
    }
}

#[test]
fn an_index_outside_its_table_makes_it_ordinary() {
    let mut user = Vec::new();
    number_field(1, 1, &mut user);
    bytes_field(3, b"x", &mut user);
    let mut body = Vec::new();
    bytes_field(1, b"only", &mut body);
    bytes_field(3, &user, &mut body);
    let data = sealed(&body);
    assert!(is_ordinary(&split(&record(data.clone()), None), &data));
}

#[test]
fn a_user_record_without_data_makes_it_ordinary() {
    let mut user = Vec::new();
    number_field(1, 0, &mut user);
    let mut body = Vec::new();
    bytes_field(1, b"only", &mut body);
    bytes_field(3, &user, &mut body);
    let data = sealed(&body);
    assert!(is_ordinary(&split(&record(data.clone()), None), &data));
}

#[test]
fn an_aggregate_of_nothing_has_no_payload() {
    let split = split(&record(sealed(b"")), None);
    assert!(split.aggregate && split.payloads.is_empty());
}

#[test]
fn payloads_share_the_memory_of_their_record() {
    let user = User {
        partition_key: "k".to_owned(),
        explicit_hash_key: None,
        data: b"hello".to_vec(),
        tagged: false,
    };
    let record = record(sealed(&message(&[user], true)));
    let split = split(&record, None);
    let memory = record.data.as_ptr_range();
    assert!(memory.contains(&split.payloads[0].data.as_ptr()));
}

#[test]
fn unknown_fields_are_skipped() {
    let user = User {
        partition_key: "k".to_owned(),
        explicit_hash_key: None,
        data: b"hello".to_vec(),
        tagged: true,
    };
    let mut body = message(&[user], true);
    number_field(9, 300, &mut body);
    bytes_field(10, b"later", &mut body);
    varint(11 << 3 | 5, &mut body);
    body.extend_from_slice(&[1, 2, 3, 4]);
    varint(12 << 3 | 1, &mut body);
    body.extend_from_slice(&[0; 8]);
    let split = split(&record(sealed(&body)), None);
    assert!(split.aggregate);
    assert_eq!(split.payloads[0].data, &b"hello"[..]);
}

proptest! {
    /// Whatever is put together comes apart again, and no further: user records may be aggregates.
    #[test]
    fn what_is_put_together_comes_apart_as_it_was(
        parts in prop::collection::vec(
            ("[a-c]{0,3}", prop::collection::vec(any::<u8>(), 0..200)),
            0..8,
        ),
    ) {
        let payloads = |parts: Vec<(String, Bytes)>| -> Vec<Payload> {
            let parts = parts.into_iter().zip(0..);
            parts
                .map(|((key, data), subsequence)| Payload {
                    sequence: SequenceNumber::from(7),
                    subsequence,
                    partition_key: key.into(),
                    arrival: 5,
                    data,
                })
                .collect()
        };
        let parts: Vec<_> = parts.into_iter().map(|(key, data)| (key, Bytes::from(data))).collect();
        let mut all = payloads(parts);
        let inner = aggregate(&all);
        all.extend(payloads(vec![("outer".to_owned(), inner)]));
        for (payload, subsequence) in all.iter_mut().zip(0..) {
            payload.subsequence = subsequence;
        }
        let record = StreamRecord {
            sequence: SequenceNumber::from(7),
            partition_key: "ignored".into(),
            arrival: 5,
            data: aggregate(&all),
        };
        let split = split(&record, None);
        prop_assert!(split.aggregate);
        let of = |payload: &Payload| {
            (payload.subsequence, payload.partition_key.clone(), payload.arrival, payload.data.clone())
        };
        let (found, put): (Vec<_>, Vec<_>) = (
            split.payloads.iter().map(of).collect(),
            all.iter().map(of).collect(),
        );
        prop_assert_eq!(found, put);
    }
}
