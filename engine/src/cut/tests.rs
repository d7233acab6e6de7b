use std::io::Write as _;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

use super::*;
use crate::decode::{Compression, FormatChoice};

fn of(format: FormatChoice) -> ContentOptions {
    ContentOptions {
        format,
        ..ContentOptions::default()
    }
}

/// All pieces after a position.
fn pieces(file: &[u8], content: &ContentOptions, after: u64) -> Result<Vec<Piece>, CutError> {
    let mut pieces = open(Bytes::copy_from_slice(file), content, after)?;
    let mut all = Vec::new();
    while let Some(piece) = pieces.next_piece()? {
        assert!(piece.data.len() <= MAX_PIECE + (1 << 20));
        assert!(piece.end > all.last().map_or(after, |last: &Piece| last.end));
        all.push(piece);
    }
    Ok(all)
}

/// Cut in one go, and again from the end of each piece: the same.
fn cut(file: &[u8], content: &ContentOptions) -> Vec<Piece> {
    let all = pieces(file, content, 0).unwrap();
    for (place, piece) in all.iter().enumerate() {
        let rest = pieces(file, content, piece.end).unwrap();
        assert!(rest == all[place + 1..], "after {}", piece.end);
    }
    all
}

fn joined(pieces: &[Piece]) -> Vec<u8> {
    pieces
        .iter()
        .flat_map(|piece| piece.data.to_vec())
        .collect()
}

/// Lines of JSON, so many that there are several pieces.
fn lines(count: usize) -> Vec<u8> {
    let lines = (0..count).map(|n| format!("{{\"id\":{n},\"text\":\"{}\"}}\n", "x".repeat(n % 50)));
    lines.collect::<String>().into_bytes()
}

#[test]
fn lines_of_json_are_cut_at_line_ends() {
    for format in [FormatChoice::Auto, FormatChoice::Json] {
        let file = lines(60_000);
        let pieces = cut(&file, &of(format));
        assert!(pieces.len() > 3, "{}", pieces.len());
        assert!(pieces.iter().all(|piece| piece.data.ends_with(b"}\n")));
        assert!(joined(&pieces) == file);
        // By and by they have a MiB.
        let last = &pieces[pieces.len() - 2];
        assert!((1 << 20..(1 << 20) + 200).contains(&last.data.len()));
    }
    assert!(cut(b"", &of(FormatChoice::Json)).is_empty());
    assert_eq!(cut(b"{\"a\":1}", &of(FormatChoice::Json)).len(), 1);
}

#[test]
fn documents_are_one_payload_and_too_large_ones_an_error() {
    let mut pretty = b"[\n".to_vec();
    for n in 0..9_000 {
        pretty.extend_from_slice(format!("  {{\n    \"id\": {n}\n  }},\n").as_bytes());
    }
    pretty.extend_from_slice(b"  {}\n]\n");
    for format in [FormatChoice::Auto, FormatChoice::Json] {
        assert!(joined(&cut(&pretty, &of(format))) == pretty);
        assert_eq!(cut(&pretty, &of(format)).len(), 1);
        let large = pretty.repeat(50);
        let error = pieces(&large, &of(format), 0).unwrap_err();
        assert!(matches!(error, CutError::TooLarge(_)), "{error}");
    }
    let long = format!("{{\"a\":\"{}\"}}\n", "x".repeat(MAX_PIECE));
    let error = pieces(long.as_bytes(), &of(FormatChoice::Json), 0).unwrap_err();
    assert!(error.to_string().contains("the line at byte 0"), "{error}");
}

#[test]
fn csv_is_cut_between_records_and_its_header_stands_before_each() {
    let mut file = b"id,text\n".to_vec();
    for n in 0..40_000 {
        file.extend_from_slice(format!("{n},\"a \"\"quoted\"\"\nline, {n}\"\n").as_bytes());
    }
    for format in [FormatChoice::Auto, FormatChoice::Csv] {
        let pieces = cut(&file, &of(format));
        assert!(pieces.len() > 3, "{}", pieces.len());
        let mut together = b"id,text\n".to_vec();
        for piece in &pieces {
            let records = piece.data.strip_prefix(b"id,text\n").expect("the header");
            assert!(records.first().unwrap().is_ascii_digit());
            assert!(records.ends_with(b"\"\n"));
            together.extend_from_slice(records);
        }
        assert!(together == file);
    }
    // A quote that is never closed does not hold up what follows.
    let mut open = b"id,text\n1,\"open\n".to_vec();
    while open.len() < 2 * MAX_PIECE {
        open.extend_from_slice(b"2,closed\n");
    }
    assert!(cut(&open, &of(FormatChoice::Csv)).len() > 1);
}

fn packed(data: &[u8], compression: Compression) -> Vec<u8> {
    match compression {
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Zstd => zstd::encode_all(data, 1).unwrap(),
        Compression::Bzip2 => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), Default::default());
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Xz => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Lz4 => {
            let info = lz4_flex::frame::FrameInfo::new()
                .content_checksum(data.len().is_multiple_of(2))
                .block_checksums(data.len().is_multiple_of(3));
            let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        _ => {
            let mut encoder = snap::write::FrameEncoder::new(Vec::new());
            encoder.write_all(data).unwrap();
            encoder.into_inner().unwrap()
        }
    }
}

const STREAMS: [Compression; 6] = [
    Compression::Gzip,
    Compression::Zstd,
    Compression::Bzip2,
    Compression::Xz,
    Compression::Lz4,
    Compression::Snappy,
];

#[test]
fn compressions_are_undone_as_streams_of_several_parts() {
    let (first, second) = (lines(9_000), lines(5_001));
    let plain = [&first[..], &second].concat();
    for compression in STREAMS {
        let file = [packed(&first, compression), packed(&second, compression)].concat();
        for named in [Compression::Auto, compression] {
            let content = ContentOptions {
                compression: named,
                ..of(FormatChoice::Json)
            };
            let pieces = cut(&file, &content);
            assert!(joined(&pieces) == plain, "{compression:?}");
            assert!(pieces.len() > 2);
        }
        let other = ContentOptions {
            compression,
            ..of(FormatChoice::Json)
        };
        let error = pieces(&plain, &other, 0).unwrap_err();
        assert!(error.to_string().contains("does not begin as"), "{error}");
    }
}

#[test]
fn what_is_cut_off_is_never_taken_for_whole() {
    let plain = lines(3_000);
    for compression in STREAMS {
        // Snappy's framing has no end: what is cut between two of its chunks is whole.
        let file = packed(&plain, compression);
        let content = of(FormatChoice::Json);
        for cut in [1, 2, 5, 9, file.len() / 2, file.len() / 3] {
            let found = pieces(&file[..file.len() - cut], &content, 0);
            assert!(found.is_err(), "{compression:?}, {cut} bytes less");
        }
    }
}

#[test]
fn parquet_is_cut_by_rows() {
    let rows = 300_000;
    let schema = arrow_schema::Schema::new(vec![
        arrow_schema::Field::new("id", arrow_schema::DataType::Int64, false),
        arrow_schema::Field::new("text", arrow_schema::DataType::Utf8, true),
    ]);
    let ids = Int64Array::from_iter_values(0..rows);
    let texts = (0..rows).map(|n| (n % 3 > 0).then(|| format!("text {}", n % 1_000)));
    let batch = RecordBatch::try_new(
        Arc::new(schema),
        vec![Arc::new(ids), Arc::new(StringArray::from_iter(texts))],
    )
    .unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    let file = writer.into_inner().unwrap();
    for format in [FormatChoice::Auto, FormatChoice::Parquet] {
        let pieces = cut(&file, &of(format));
        assert!(pieces.len() > 2, "{}", pieces.len());
        let mut next = 0;
        for piece in &pieces {
            let reader = ParquetRecordBatchReaderBuilder::try_new(piece.data.clone()).unwrap();
            for found in reader.build().unwrap() {
                let found = found.unwrap();
                assert_eq!(found, batch.slice(next, found.num_rows()));
                next += found.num_rows();
            }
            assert_eq!(next as u64, piece.end);
        }
        assert_eq!(next, rows as usize);
    }
    let error = pieces(&file[..file.len() - 9], &of(FormatChoice::Parquet), 0).unwrap_err();
    assert!(matches!(error, CutError::Damaged(_)), "{error}");
    let error = pieces(&file, &of(FormatChoice::Parquet), rows as u64 + 1).unwrap_err();
    assert!(matches!(error, CutError::Shorter), "{error}");
}

/// An Avro file by hand: a header, and blocks of longs.
fn avro(blocks: usize) -> Vec<u8> {
    let long = |out: &mut Vec<u8>, value: i64| {
        let mut value = ((value << 1) ^ (value >> 63)) as u64;
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    };
    let sync = [7; 16];
    let mut file = b"Obj\x01".to_vec();
    long(&mut file, 1);
    long(&mut file, 11);
    file.extend_from_slice(b"avro.schema");
    long(&mut file, 6);
    file.extend_from_slice(b"\"long\"");
    long(&mut file, 0);
    file.extend_from_slice(&sync);
    for block in 0..blocks as i64 {
        let mut values = Vec::new();
        (0..1_000).for_each(|n| long(&mut values, block * 1_000 + n));
        long(&mut file, 1_000);
        long(&mut file, values.len() as i64);
        file.extend_from_slice(&values);
        file.extend_from_slice(&sync);
    }
    file
}

#[test]
fn avro_is_cut_at_blocks_behind_its_header() {
    let file = avro(400);
    let header = avro(0);
    for format in [FormatChoice::Auto, FormatChoice::Avro] {
        let pieces = cut(&file, &of(format));
        assert!(pieces.len() > 2, "{}", pieces.len());
        let mut together = header.clone();
        for piece in &pieces {
            together.extend_from_slice(piece.data.strip_prefix(&header[..]).expect("the header"));
        }
        assert!(together == file);
    }
    for less in [1, 17, 1_000] {
        let error = pieces(&file[..file.len() - less], &of(FormatChoice::Avro), 0).unwrap_err();
        assert!(matches!(error, CutError::Damaged(_)), "{error}");
    }
}

#[test]
fn who_was_further_than_a_file_goes_is_told() {
    let file = lines(100);
    let error = pieces(&file, &of(FormatChoice::Json), file.len() as u64 + 1).unwrap_err();
    assert!(matches!(error, CutError::Shorter), "{error}");
    assert!(
        pieces(&file, &of(FormatChoice::Json), file.len() as u64)
            .unwrap()
            .is_empty()
    );
    assert!(pieces(b"", &of(FormatChoice::Json), 7).unwrap().is_empty());
}

proptest! {
    #[test]
    fn any_bytes_are_cut_in_the_same_way_from_everywhere(
        seed in prop::collection::vec(any::<u8>(), 0..60),
        repeat in 1usize..8_000,
        format in 0..FormatChoice::ALL.len(),
    ) {
        let content = of(FormatChoice::ALL[format]);
        let file = seed.repeat(repeat);
        // Whatever it is, nothing panics; what is cut is cut anew in the same way.
        if let Ok(all) = pieces(&file, &content, 0) {
            let middle = all.len() / 2;
            if let Some(piece) = all.get(middle) {
                let rest = pieces(&file, &content, piece.end).unwrap();
                prop_assert!(rest == all[middle + 1..]);
            }
            let lines = matches!(content.format, FormatChoice::Lines | FormatChoice::Form);
            if lines && unpack::find(&file, Compression::Auto).unwrap().is_none() {
                prop_assert!(joined(&all) == file);
            }
        }
    }
}
