use std::io::Read;

use super::*;
use crate::decode::{ContentOptions, DecodeLimits, Decoder, FormatChoice};
use crate::output::encode::unpacked;
use crate::schema::text::RowText;
use crate::types::Payload;

fn text_of(format: OutputFormat) -> String {
    let mut scene = Scene::new();
    let (fields, columns) = all_types();
    scene.commit_columns(window(0), fields, columns);
    let mut output = scene.open(plan(format, None)).unwrap();
    scene.run(&mut output).unwrap();
    scene.verify().unwrap();
    let (name, body) = scene.files().remove(0);
    let mut text = String::new();
    let mut reader = unpacked(&name, &body).unwrap();
    reader.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn json_lines_are_canonical_json() {
    let plain = text_of(OutputFormat::Json(TextCompression::None));
    let expected = "\
{\"_index\":0,\"at\":\"2026-11-22T10:03:00Z\",\"bytes\":\"AP8=\",\"day\":\"2026-11-23\",\"float\":0.1,\
\"int\":-9223372036854775808,\"list\":[1,null],\"local\":\"2026-11-22T10:03:00\",\
\"map\":{\"a\":\"x\",\"b\":null},\"money\":-123.45,\"text\":\"a,\\\"b\\\"\\nc\",\
\"user-agent\":{\"a\":[1]},\"yes\":true}
{\"_index\":1,\"int\":7,\"list\":[],\"map\":{},\"money\":1,\"text\":\"\",\"user-agent\":\"x\"}
{\"_index\":2,\"at\":\"1969-12-31T23:59:59.999999Z\",\"bytes\":\"\",\"day\":\"1969-12-31\",\"float\":-3,\
\"local\":\"1969-12-31T23:59:59.999999\",\"map\":{},\"yes\":false}
";
    assert_eq!(plain, expected);
    for compression in [TextCompression::Gzip, TextCompression::Zstd] {
        assert_eq!(text_of(OutputFormat::Json(compression)), expected);
    }
}

#[test]
fn csv_tells_null_from_an_empty_text() {
    let expected = "\
yes,int,float,money,text,user-agent,bytes,day,at,local,list,map,_index
true,-9223372036854775808,0.1,-123.45,\"a,\"\"b\"\"\nc\",\"{\"\"a\"\":[1]}\",AP8=,2026-11-23,\
2026-11-22T10:03:00Z,2026-11-22T10:03:00,\"[1,null]\",\"{\"\"a\"\":\"\"x\"\",\"\"b\"\":null}\",0
,7,,1,\"\",\"\"\"x\"\"\",,,,,[],{},1
false,,-3,,,,\"\",1969-12-31,1969-12-31T23:59:59.999999Z,1969-12-31T23:59:59.999999,,{},2
";
    for compression in [
        TextCompression::None,
        TextCompression::Gzip,
        TextCompression::Zstd,
    ] {
        assert_eq!(text_of(OutputFormat::Csv(compression)), expected);
    }
}

#[test]
fn avro_is_read_back_by_the_decoder() {
    let json = text_of(OutputFormat::Json(TextCompression::None));
    // A name that Avro does not know, bytes that are text there, and nulls that maps keep.
    let expected = json.replace("user-agent", "user_agent");
    for compression in [
        AvroCompression::None,
        AvroCompression::Deflate,
        AvroCompression::Zstd,
    ] {
        let mut scene = Scene::new();
        let (fields, columns) = all_types();
        scene.commit_columns(window(0), fields, columns);
        let format = OutputFormat::Avro(compression);
        let mut output = scene.open(plan(format, None)).unwrap();
        scene.run(&mut output).unwrap();
        scene.verify().unwrap();
        let (_, body) = scene.files().remove(0);
        let options = ContentOptions {
            format: FormatChoice::Avro,
            ..ContentOptions::default()
        };
        let mut decoder = Decoder::new(DecodeLimits::default(), &options);
        let sample = decoder.decode_sample(&[Payload {
            sequence: SequenceNumber::from(1),
            subsequence: 0,
            partition_key: "key".into(),
            arrival: NOW,
            data: body.into(),
        }]);
        assert!(sample.rejects.is_empty(), "{:?}", sample.rejects);
        let mut lines = String::new();
        for rows in &sample.rows {
            let text = RowText::of(&rows.schema.fields, &rows.columns);
            for row in 0..rows.len {
                lines.push_str(&text.text(row));
                lines.push('\n');
            }
        }
        // JSON text is a text to Avro.
        let expected = expected
            .replace("{\"a\":[1]}", "\"{\\\"a\\\":[1]}\"")
            .replace("\"user_agent\":\"x\"", "\"user_agent\":\"\\\"x\\\"\"");
        assert_eq!(lines, expected);
    }
}

#[test]
fn parquet_has_the_types_of_the_source() {
    let mut scene = Scene::new();
    let (fields, columns) = all_types();
    scene.commit_columns(window(0), fields.clone(), columns);
    let format = OutputFormat::Parquet(ParquetOptions::default());
    let mut output = scene.open(plan(format, None)).unwrap();
    scene.run(&mut output).unwrap();
    let verified = scene.verify().unwrap();
    assert_eq!((verified.rows, verified.unchecked_commits), (3, 0));
    assert_eq!(scene.budget.used(), 0);
}

#[test]
fn a_column_that_no_row_has_is_left_out_unless_all_are() {
    let format = || OutputFormat::Parquet(ParquetOptions::default());
    for (columns, rows) in [(["id", "nowhere"], 2), (["nowhere", "nothing"], 2)] {
        let mut scene = Scene::new();
        scene.commit(window(0), &[1, 2]);
        let mut output = scene.open(plan(format(), Some(&columns))).unwrap();
        scene.run(&mut output).unwrap();
        assert_eq!(scene.verify().unwrap().rows, rows);
    }
}
