//! What holds for any messages and any bytes.

use base64::Engine as _;
use proptest::prelude::*;
use prost_reflect::{DynamicMessage, Kind, MapKey, MessageDescriptor, ReflectMessage, Value};

use super::*;
use crate::schema::text::{
    ObjectText, quoted_key, write_binary, write_bool, write_float, write_int, write_string,
};

/// The canonical text of a message as another library understands it: prost-reflect.
fn text_of(message: &DynamicMessage) -> String {
    let mut out = Vec::new();
    write_message(message, &mut out);
    String::from_utf8(out).unwrap()
}

fn write_message(message: &DynamicMessage, out: &mut Vec<u8>) {
    let mut fields: Vec<_> = message.descriptor().fields().collect();
    fields.sort_by(|a, b| a.name().cmp(b.name()));
    let mut object = ObjectText::open(out);
    for field in fields {
        if field.supports_presence() && !message.has_field(&field) {
            continue;
        }
        let value = message.get_field(&field);
        write_value(&value, &field.kind(), object.key(&quoted_key(field.name())));
    }
    object.close();
}

fn write_value(value: &Value, kind: &Kind, out: &mut Vec<u8>) {
    match value {
        Value::Bool(value) => write_bool(out, *value),
        Value::I32(value) => write_int(out, (*value).into()),
        Value::I64(value) => write_int(out, *value),
        Value::U32(value) => write_int(out, (*value).into()),
        Value::U64(value) => out.extend_from_slice(value.to_string().as_bytes()),
        Value::F32(value) => write_float(out, (*value).into()),
        Value::F64(value) => write_float(out, *value),
        Value::String(value) => write_string(out, value),
        Value::Bytes(value) => write_binary(out, value),
        Value::EnumNumber(number) => {
            let declared = &kind.as_enum().unwrap().enum_descriptor_proto().value;
            let named = declared.iter().find(|value| value.number() == *number);
            let name = named.map_or_else(|| number.to_string(), |value| value.name().to_owned());
            write_string(out, &name);
        }
        Value::Message(message) => write_message(message, out),
        Value::List(items) => {
            out.push(b'[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_value(item, kind, out);
            }
            out.push(b']');
        }
        Value::Map(entries) => {
            let value_kind = kind.as_message().unwrap().map_entry_value_field().kind();
            let key = |key: &MapKey| match key {
                MapKey::Bool(key) => key.to_string(),
                MapKey::I32(key) => key.to_string(),
                MapKey::I64(key) => key.to_string(),
                MapKey::U32(key) => key.to_string(),
                MapKey::U64(key) => key.to_string(),
                MapKey::String(key) => key.clone(),
            };
            let mut entries: Vec<_> = entries.iter().map(|(k, v)| (key(k), v)).collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            let mut object = ObjectText::open(out);
            for (key, value) in entries {
                write_value(value, &value_kind, object.key(&quoted_key(&key)));
            }
            object.close();
        }
    }
}

fn descriptor(message: &str) -> MessageDescriptor {
    let pool = prost_reflect::DescriptorPool::decode(SET).unwrap();
    pool.get_message_by_name(message).unwrap()
}

/// Messages without values that stand for another kind, whose text the two libraries share.
const PLAIN: [&str; 5] = [
    "shop.v1.Scalars",
    "shop.v1.Optionals",
    "shop.v1.Order",
    "shop.v1.Money",
    "shop.v1.Order.Line",
];

fn raw_field() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![9 => 1u32..20, 1 => 1u32..(1 << 29)];
    let value = prop_oneof![
        4 => any::<u64>().prop_map(|value| (0u32, varint(value))),
        4 => (0u64..40).prop_map(|value| (0, varint(value))),
        1 => any::<[u8; 8]>().prop_map(|bytes| (1, bytes.to_vec())),
        1 => any::<[u8; 4]>().prop_map(|bytes| (5, bytes.to_vec())),
        4 => "[a-z]{0,6}".prop_map(|text| (2, with_length(text.as_bytes()))),
        1 => prop::collection::vec(any::<u8>(), 0..8).prop_map(|bytes| (2, with_length(&bytes))),
    ];
    let field = |(number, (wire_type, value)): (u32, (u32, Vec<u8>))| {
        [varint(u64::from(number << 3 | wire_type)), value].concat()
    };
    (number, value).prop_map(field)
}

/// Fields with fields in them, as they come.
fn raw_message() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop::collection::vec(raw_field(), 0..6).prop_map(|fields| fields.concat());
    leaf.prop_recursive(4, 32, 4, |inner| {
        let nested = (1u32..20, inner).prop_map(|(number, inner)| {
            [varint(u64::from(number << 3 | 2)), with_length(&inner)].concat()
        });
        prop::collection::vec(prop_oneof![raw_field(), nested], 0..6).prop_map(|all| all.concat())
    })
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn with_length(bytes: &[u8]) -> Vec<u8> {
    [varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn any_message() -> impl Strategy<Value = &'static str> {
    let known = [
        "shop.v1.Known",
        "shop.v1.Maps",
        "shop.v1.Lists",
        "shop.v1.Node",
        "shop.legacy.Item",
        "google.protobuf.Struct",
        "google.protobuf.Timestamp",
    ];
    prop::sample::select([&PLAIN[..], &known].concat())
}

proptest! {
    #[test]
    fn messages_mean_what_another_library_says(
        message in prop::sample::select(&PLAIN[..]),
        bytes in raw_message(),
    ) {
        let found = outcome(&decode(&of(message), &[&bytes])).concat();
        match DynamicMessage::decode(descriptor(message), &bytes[..]) {
            Ok(expected) => prop_assert_eq!(found, [text_of(&expected)]),
            // What is in a member of a oneof that does not count is not looked at.
            Err(_) if message == "shop.v1.Order" => {}
            Err(error) => prop_assert!(found[0].starts_with("protobuf."), "{}: {}", error, found[0]),
        }
    }

    #[test]
    fn any_bytes_are_rows_or_rejects_the_same_in_any_batch(
        message in any_message(),
        payloads in prop::collection::vec(
            prop_oneof![3 => raw_message(), 1 => prop::collection::vec(any::<u8>(), 0..40)],
            1..8,
        ),
        is_delimited in any::<bool>(),
        max_depth in 1usize..8,
    ) {
        let limits = DecodeLimits { max_depth, ..DecodeLimits::default() };
        let decode = |content: &ContentOptions, payloads: &[&[u8]]| {
            decode_within(limits.clone(), content, payloads)
        };
        let content = if is_delimited { delimited(message) } else { of(message) };
        let slices: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
        let together = decode(&content, &slices);
        for reject in &together.rejects {
            prop_assert!(reject.code.as_str().starts_with("protobuf."), "{}", reject.reason);
        }
        let together = outcome(&together);
        for (payload, found) in slices.iter().zip(&together) {
            prop_assert_eq!(&outcome(&decode(&content, &[payload]))[0], found);
        }
    }

    #[test]
    fn pieces_of_a_message_are_put_together(
        message in any_message(),
        pieces in prop::collection::vec(raw_message(), 1..4),
    ) {
        // As it stands, and within a field of another message in as many pieces.
        let whole = pieces.concat();
        let found = outcome(&decode(&of(message), &[&whole])).concat();
        if let ("shop.v1.Money", true) = (message, found[0].starts_with('{')) {
            let field = |piece: &Vec<u8>| [vec![0x1a], with_length(piece)].concat();
            let order: Vec<u8> = pieces.iter().flat_map(field).collect();
            let order = outcome(&decode(&of("shop.v1.Order"), &[&order])).concat();
            let expected = format!(r#"{{"id":0,"lines":[],"note":"","total":{}}}"#, found[0]);
            prop_assert_eq!(order, [expected]);
        }
    }

    #[test]
    fn any_descriptor_set_is_taken_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        payload in raw_message(),
    ) {
        let mut set = SET.to_vec();
        for (at, byte) in changes {
            let at = at.index(set.len());
            set[at] = byte;
        }
        let wild = content(ProtobufOptions {
            descriptor_set: Some(BASE64.encode(&set).into()),
            message: Some("shop.v1.Node".into()),
            ..ProtobufOptions::default()
        });
        let _ = (message_names(&set), narrow(&set, "shop.v1.Node"));
        let budget = Budget::new(1 << 20);
        if wild.check().is_ok() {
            let decoded = Decoder::new(DecodeLimits::default(), &wild)
                .decode(batch(&[&payload], &budget), &budget);
            let codes = decoded.rejects.iter().map(|reject| reject.code.as_str());
            prop_assert!(codes.clone().all(|code| code != "decode.panic"));
        }
    }
}
