//! Protobuf messages: those that Google's library made, and those that it would not.

mod laws;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use prost_reflect::prost::Message as _;
use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
};
use rstest::rstest;

use super::payloads::{assert_identities, batch, outcome, types_of};
use crate::budget::Budget;
use crate::decode::protobuf::{message_names, narrow};
use crate::decode::{
    ContentOptions, DecodeLimits, Decoder, FormatChoice, ProtobufFraming, ProtobufOptions,
    UnknownFields,
};
use crate::schema::DataType;
use crate::types::DecodedBatch;

/// What `fixtures/protobuf/make.py` compiled.
const SET: &[u8] = include_bytes!("../../../fixtures/protobuf/types.desc");

fn options(message: &str) -> ProtobufOptions {
    ProtobufOptions {
        descriptor_set: Some(narrow(SET, message).unwrap().into()),
        message: Some(message.into()),
        ..ProtobufOptions::default()
    }
}

fn content(options: ProtobufOptions) -> ContentOptions {
    ContentOptions {
        format: FormatChoice::Protobuf,
        compression: crate::decode::Compression::None,
        protobuf: options,
        ..ContentOptions::default()
    }
}

fn of(message: &str) -> ContentOptions {
    content(options(message))
}

fn delimited(message: &str) -> ContentOptions {
    content(ProtobufOptions {
        framing: ProtobufFraming::Delimited,
        ..options(message)
    })
}

fn decode(content: &ContentOptions, payloads: &[&[u8]]) -> DecodedBatch {
    decode_within(DecodeLimits::default(), content, payloads)
}

fn decode_within(
    limits: DecodeLimits,
    content: &ContentOptions,
    payloads: &[&[u8]],
) -> DecodedBatch {
    content.check().unwrap();
    let budget = Budget::new(1 << 30);
    let decoded = Decoder::new(limits, content).decode(batch(payloads, &budget), &budget);
    assert_identities(&decoded);
    decoded
}

/// The messages of a fixture.
fn split(mut messages: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !messages.is_empty() {
        let len = prost_reflect::prost::decode_length_delimiter(&mut messages).unwrap();
        let (message, rest) = messages.split_at(len);
        found.push(message);
        messages = rest;
    }
    found
}

macro_rules! fixture {
    ($name:literal) => {
        (
            &include_bytes!(concat!("../../../fixtures/protobuf/", $name, ".messages"))[..],
            include_str!(concat!("../../../fixtures/protobuf/", $name, ".rows")),
        )
    };
}

#[rstest]
#[case::scalars("shop.v1.Scalars", fixture!("scalars"))]
#[case::optionals("shop.v1.Optionals", fixture!("optionals"))]
#[case::lists("shop.v1.Lists", fixture!("lists"))]
#[case::maps("shop.v1.Maps", fixture!("maps"))]
#[case::known("shop.v1.Known", fixture!("known"))]
#[case::nanoseconds("shop.v1.Known", fixture!("nanoseconds"))]
#[case::nodes("shop.v1.Node", fixture!("nodes"))]
#[case::orders("shop.v1.Order", fixture!("orders"))]
#[case::items("shop.legacy.Item", fixture!("items"))]
fn values_are_those_that_were_written(
    #[case] message: &str,
    #[case] (messages, rows): (&[u8], &str),
) {
    let payloads = split(messages);
    let expected: Vec<&str> = rows.lines().collect();
    // All in one batch, each alone, and all in one content.
    let together = outcome(&decode(&of(message), &payloads));
    assert_eq!(together.concat(), expected);
    for (payload, row) in payloads.iter().zip(&expected) {
        assert_eq!(outcome(&decode(&of(message), &[payload])).concat(), [*row]);
    }
    let decoded = decode(&delimited(message), &[messages]);
    assert_eq!(decoded.rows.len(), 1);
    assert_eq!(outcome(&decoded), [expected]);
}

#[test]
fn columns_have_the_types_of_the_descriptor() {
    let types = |message, payload: &[u8]| types_of(&decode(&of(message), &[payload]));
    let found = |types: &[(String, DataType)], name: &str| {
        let named = types.iter().find(|(column, _)| column == name);
        named.unwrap_or_else(|| panic!("{name}")).1.clone()
    };
    let (messages, _) = fixture!("known");
    let known = types("shop.v1.Known", split(messages)[1]);
    for (name, expected) in [
        ("at", DataType::Timestamp),
        ("took", DataType::Utf8),
        ("object", DataType::Json),
        ("string", DataType::Utf8),
        ("bytes", DataType::Binary),
        ("bool", DataType::Bool),
        ("float", DataType::Float64),
        ("int64", DataType::Int53),
        ("numbers", DataType::List(Box::new(DataType::Int53))),
    ] {
        assert_eq!(found(&known, name), expected, "{name}");
    }
    // Beyond int64: a number all the same.
    let uint64 = found(&known, "uint64");
    assert!(
        matches!(uint64, DataType::Decimal { scale: 0, .. }),
        "{uint64:?}"
    );
    let (messages, _) = fixture!("maps");
    let maps = types("shop.v1.Maps", split(messages)[1]);
    let bytes = DataType::Map(Box::new(DataType::Binary));
    assert_eq!(found(&maps, "int64"), bytes);
    // All columns are there though nothing is set.
    assert_eq!(types("shop.v1.Maps", b"").len(), 8);
    let (messages, _) = fixture!("nodes");
    let nodes = types("shop.v1.Node", split(messages)[2]);
    let children = DataType::List(Box::new(DataType::Json));
    assert_eq!(found(&nodes, "children"), children);
}

#[test]
fn what_is_no_message_is_a_reject_and_its_neighbours_are_rows() {
    let bad: [&[u8]; 7] = [
        b"\x08",
        // The id as a text, the lines as a number.
        b"\x0a\x01x",
        b"\x10\x01",
        // A text that is not UTF-8.
        b"\x22\x01\xff",
        b"\x12\x05\x0a\x01x\x10\x05\x10\x80",
        b"\x0c",
        // A member of a oneof that another one follows.
        b"\x20\x00\x22\x00",
    ];
    for bad in bad {
        let decoded = decode(&of("shop.v1.Order"), &[b"\x08\x01", bad, b"\x08\x02"]);
        let found = outcome(&decoded);
        assert_eq!(found[0], [r#"{"id":1,"lines":[],"note":""}"#]);
        assert_eq!(found[2], [r#"{"id":2,"lines":[],"note":""}"#]);
        let reject = &decoded.rejects[0];
        assert_eq!(reject.code.as_str(), "protobuf.damaged");
        assert_eq!(reject.data, bad);
        assert_eq!(decoded.rows.len(), 1);
    }
    let decoded = decode(&of("shop.v1.Order"), &[b"\x0a\x01x"]);
    assert_eq!(
        decoded.rejects[0].reason,
        "cannot be read as Protobuf: field 1 of shop.v1.Order, `id`, has the wire type 2 where its \
         type has 0"
    );
}

#[test]
fn messages_with_their_lengths_are_rejected_one_by_one() {
    let content = delimited("shop.v1.Order");
    let payload = b"\x02\x08\x01\x01\x08\x00\x02\x08\x02\x09\x08\x01";
    let decoded = decode(&content, &[payload, b"", b"\x00"]);
    let row = |id: u32| format!(r#"{{"id":{id},"lines":[],"note":""}}"#);
    let damaged = |data: &str| format!("protobuf.damaged {data}");
    assert_eq!(
        outcome(&decoded),
        [
            vec![
                row(1),
                damaged("\u{8}"),
                row(0),
                row(2),
                damaged("\u{9}\u{8}\u{1}")
            ],
            vec![],
            vec![row(0)],
        ]
    );
    assert_eq!(
        decoded.rejects[1].reason,
        "cannot be read as Protobuf: a message should have 9 bytes and 2 are left"
    );
}

#[test]
fn fields_that_no_descriptor_has_are_left_out_or_refused() {
    let payload = b"\x08\x01\xa2\x06\x01x";
    let row = r#"{"id":1,"lines":[],"note":""}"#;
    assert_eq!(outcome(&decode(&of("shop.v1.Order"), &[payload])), [[row]]);
    let strict = content(ProtobufOptions {
        unknown_fields: UnknownFields::Reject,
        ..options("shop.v1.Order")
    });
    let inside = b"\x12\x02\x38\x01";
    let decoded = decode(&strict, &[payload, b"\x08\x01", inside]);
    assert_eq!(outcome(&decoded)[1], [row]);
    let rejects = decoded.rejects.iter();
    let rejects = rejects.map(|reject| (reject.code.as_str(), &*reject.reason));
    assert!(rejects.eq([
        ("protobuf.unknown_field", "shop.v1.Order has no field 100"),
        (
            "protobuf.unknown_field",
            "shop.v1.Order.Line has no field 7"
        ),
    ]));
}

/// A node within nodes.
fn deep(levels: usize) -> Vec<u8> {
    (1..levels).fold(Vec::new(), |inner, _| {
        let mut node = vec![0x42];
        prost_reflect::prost::encode_length_delimiter(inner.len(), &mut node).unwrap();
        [node, inner].concat()
    })
}

#[test]
fn what_takes_too_much_is_a_reject() {
    let codes = |limits, message, payloads: &[&[u8]]| {
        let decoded = decode_within(limits, &of(message), payloads);
        let rejects = decoded.rejects.iter();
        rejects
            .map(|reject| reject.code.as_str())
            .collect::<Vec<_>>()
    };
    let limits = |max_depth, max_event_bytes| DecodeLimits {
        max_depth,
        max_event_bytes,
        ..DecodeLimits::default()
    };
    // The lists of the innermost one are a level of their own.
    let enough = deep(9);
    assert!(codes(limits(10, 1 << 20), "shop.v1.Node", &[&enough]).is_empty());
    let levels = codes(limits(9, 1 << 20), "shop.v1.Node", &[&enough, &deep(1000)]);
    assert_eq!(levels, ["protobuf.too_deep"; 2]);
    // Also where nothing is in the lists.
    assert_eq!(
        codes(limits(1, 1 << 20), "shop.v1.Order", &[b""]),
        ["protobuf.too_deep"]
    );
    assert!(codes(limits(2, 1 << 20), "shop.v1.Order", &[b""]).is_empty());
    let too_large = codes(limits(64, 100), "shop.v1.Order", &[&[0x22, 98]]);
    assert_eq!(too_large, ["protobuf.damaged"]);
    let text = [&[0x22, 99][..], &[b'x'; 99]].concat();
    let too_large = codes(limits(64, 100), "shop.v1.Order", &[&text]);
    assert_eq!(too_large, ["decode.too_large"]);
    // Groups that begin and never end, in a field that nobody knows.
    let groups = vec![0x7b; 100_000];
    let levels = codes(limits(64, 1 << 20), "shop.v1.Order", &[&groups]);
    assert_eq!(levels, ["protobuf.too_deep"]);
}

#[test]
fn a_content_of_nothing_but_zeros_ends() {
    // Messages of no bytes: each a row with all columns.
    let limits = DecodeLimits {
        max_event_cells: 10_000,
        ..DecodeLimits::default()
    };
    let decoded = decode_within(limits, &delimited("shop.v1.Known"), &[&[0; 5_000]]);
    let rows: usize = decoded.rows.iter().map(|rows| rows.len).sum();
    assert!((100..5_000).contains(&rows), "{rows}");
    let reject = &decoded.rejects[0];
    assert_eq!(reject.code.as_str(), "decode.too_large");
    assert_eq!(rows + reject.data.len(), 5_000);
}

#[test]
fn a_descriptor_set_is_narrowed_to_what_is_needed() {
    let names = message_names(SET).unwrap();
    assert!(names.contains(&"shop.v1.Order.Line".to_owned()));
    assert!(!names.iter().any(|name| name.ends_with("Entry")));
    let money = narrow(SET, "shop.v1.Money").unwrap();
    let bytes = BASE64.decode(&money).unwrap();
    let set = FileDescriptorSet::decode(&bytes[..]).unwrap();
    let files: Vec<&str> = set.file.iter().map(FileDescriptorProto::name).collect();
    // The extensions of legacy.proto stay: they may be of any message.
    assert_eq!(files, ["legacy.proto", "money.proto"]);
    assert_eq!(narrow(&bytes, "shop.v1.Money").unwrap(), money);
    assert!(narrow(b"\xff", "x").is_err());
}

#[rstest]
#[case::no_set(None, "shop.v1.Order", "descriptor_set", "there is none")]
#[case::no_base64(Some("?"), "shop.v1.Order", "descriptor_set", "it is not base64")]
#[case::no_message(
    Some(""),
    "shop.v1.Order",
    "message",
    "there is no message \"shop.v1.Order\""
)]
#[case::cut_off(Some("CgU="), "x", "descriptor_set", "it is no descriptor set")]
// A file that imports one which is not there.
#[case::no_import(
    Some("ChYKB2EucHJvdG8aB2IucHJvdG9iAnYx"),
    "x",
    "descriptor_set",
    "a.proto imports b.proto, which is not in it"
)]
fn options_that_cannot_be_are_named(
    #[case] set: Option<&str>,
    #[case] message: &str,
    #[case] option: &str,
    #[case] says: &str,
) {
    let wrong = content(ProtobufOptions {
        descriptor_set: set.map(Arc::from),
        message: Some(message.into()),
        ..ProtobufOptions::default()
    });
    let error = wrong.check().unwrap_err();
    assert_eq!(error.option(), Some(option));
    assert!(error.to_string().contains(says), "{error}");
    // Nothing is decoded, and nothing panics.
    let budget = Budget::new(1 << 20);
    let decoded =
        Decoder::new(DecodeLimits::default(), &wrong).decode(batch(&[b"x"], &budget), &budget);
    assert_eq!(outcome(&decoded), [["protobuf.damaged x"]]);
}

/// Messages `M0` to so many, each with some fields of the type of the next one.
fn chain(messages: usize, fields: i32) -> ContentOptions {
    let field = |of: usize, number: i32| FieldDescriptorProto {
        name: Some(format!("f{number}")),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(Type::Message.into()),
        type_name: Some(format!(".M{of}")),
        ..FieldDescriptorProto::default()
    };
    let last = messages - 1;
    let message = |place: usize| DescriptorProto {
        name: Some(format!("M{place}")),
        field: (1..=fields * i32::from(place < last))
            .map(|number| field(place + 1, number))
            .collect(),
        ..DescriptorProto::default()
    };
    let file = FileDescriptorProto {
        name: Some("chain.proto".to_owned()),
        message_type: (0..messages).map(message).collect(),
        ..FileDescriptorProto::default()
    };
    let set = FileDescriptorSet { file: vec![file] };
    content(ProtobufOptions {
        descriptor_set: Some(BASE64.encode(set.encode_to_vec()).into()),
        message: Some("M0".into()),
        ..ProtobufOptions::default()
    })
}

#[test]
fn definitions_without_end_are_bounded() {
    let long = chain(20_000, 1);
    assert_eq!(outcome(&decode(&long, &[b"\x0a\x00"])), [[r#"{"f1":{}}"#]]);
    let wide = chain(30, 2).check().unwrap_err();
    assert!(
        wide.to_string().contains("more than 100000 columns"),
        "{wide}"
    );
}
