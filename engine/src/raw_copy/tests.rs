use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::budget::Budget;
use crate::types::{KinesisShardId, Payload, SequenceNumber};

fn payload(number: u64, data: impl Into<Bytes>) -> Payload {
    Payload {
        sequence: SequenceNumber::from(number),
        subsequence: number % 3,
        partition_key: format!("key \"{number}\" ß").into(),
        arrival: 1_795_341_780_000 - number as i64,
        data: data.into(),
    }
}

fn shard() -> KinesisShardId {
    KinesisShardId::new("shardId-000000000007")
}

/// The payloads of a file that comes in pieces of so many bytes.
fn read(file: &[u8], piece: usize) -> Result<Vec<RawRecord>, Damaged> {
    let mut reader = FrameReader::default();
    let mut all = Vec::new();
    for piece in file.chunks(piece.max(1)) {
        reader.push(piece);
        while let Some(frame) = reader.next_frame()? {
            for record in records(frame) {
                all.push(record?);
            }
        }
    }
    reader.finish()?;
    Ok(all)
}

fn file(batches: &[Vec<Payload>]) -> Vec<u8> {
    let budget = Budget::new(1 << 30);
    let mut framer = Framer::default();
    let frames = batches.iter().filter_map(|batch| {
        let before = budget.used();
        let made = framer.frame(&shard(), batch, &budget)?;
        assert_eq!(made.payloads, batch.len() as u64);
        assert_eq!(made.credit.bytes(), made.frames.len());
        assert_eq!(budget.used(), before + made.frames.len());
        Some(made.frames)
    });
    frames.flatten().collect()
}

fn same(read: &[RawRecord], put: &[Vec<Payload>]) {
    let put: Vec<&Payload> = put.iter().flatten().collect();
    assert_eq!(read.len(), put.len());
    for (read, put) in read.iter().zip(put) {
        assert_eq!(read.shard, shard());
        let read = &read.payload;
        let of = |payload: &Payload| {
            let Payload {
                sequence,
                subsequence,
                partition_key,
                arrival,
                data,
            } = payload.clone();
            (sequence, subsequence, partition_key, arrival, data)
        };
        assert_eq!(of(read), of(put));
    }
}

proptest! {
    #[test]
    fn any_payloads_come_back_byte_for_byte(
        batches in prop::collection::vec(
            prop::collection::vec(
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..200),
                    "\\PC{0,80}|[\\x00-\\x7f]{0,80}".prop_map(String::into_bytes),
                ],
                0..6,
            ),
            0..6,
        ),
        piece in 1usize..500,
    ) {
        let mut number = 0;
        let batches: Vec<Vec<Payload>> = batches
            .into_iter()
            .map(|batch| {
                let payloads = batch.into_iter().map(|data| {
                    number += 1;
                    payload(number, data)
                });
                payloads.collect()
            })
            .collect();
        same(&read(&file(&batches), piece).unwrap(), &batches);
    }
}

#[test]
fn a_line_is_as_the_format_says() {
    let batch = vec![
        payload(3, "{\"a\":1}\n"),
        payload(4, ""),
        payload(5, &[0xff, 0][..]),
    ];
    let bytes = file(&[batch]);
    let mut text = String::new();
    let mut decoder = lz4_flex::frame::FrameDecoder::new(&bytes[..]);
    std::io::Read::read_to_string(&mut decoder, &mut text).unwrap();
    let who = |number: u64, sub: u64| {
        format!(
            "{{\"_shard\":\"shardId-000000000007\",\"_sequence\":\"{number}\",\"_subsequence\":{sub},\
             \"_partition_key\":\"key \\\"{number}\\\" ß\",\"_arrival\":{}",
            1_795_341_780_000 - number as i64
        )
    };
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0], who(3, 0) + ",\"data\":\"{\\\"a\\\":1}\\n\"}\n");
    assert_eq!(lines[1], who(4, 1) + ",\"data\":\"\"}\n");
    assert_eq!(lines[2], who(5, 2) + ",\"base64\":\"/wA=\"}\n");
}

#[test]
fn payloads_that_are_larger_than_a_piece_come_back() {
    let text: String = (0..200_000)
        .map(|n| ["ß", "\"", "x", "\n"][n % 4])
        .collect();
    let binary: Vec<u8> = (0..200_003u32).map(|n| (n * 31 % 256) as u8).collect();
    let batch = vec![vec![payload(1, text), payload(2, binary), payload(3, "x")]];
    same(&read(&file(&batch), 10_000).unwrap(), &batch);
}

#[test]
fn what_is_cut_off_or_changed_is_never_taken_for_whole() {
    let batches: Vec<Vec<Payload>> = (0..3)
        .map(|batch| {
            let payloads = (0..20).map(|n| payload(batch * 20 + n + 1, format!("payload {n}")));
            payloads.collect()
        })
        .collect();
    let whole = file(&batches);
    let ends: Vec<usize> = (1..=3)
        .map(|frames| file(&batches[..frames]).len())
        .collect();
    for len in 1..whole.len() {
        let read = read(&whole[..len], 1 << 20);
        assert_eq!(read.is_ok(), ends.contains(&len), "{len} bytes");
    }
    for at in (0..whole.len()).step_by(7) {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        assert!(read(&changed, 1 << 20).is_err(), "byte {at}");
    }
    let mut followed = whole.clone();
    followed.extend_from_slice(b"{}\n");
    assert!(read(&followed, 1 << 20).is_err());
    assert!(read(b"", 1).unwrap().is_empty());
}
