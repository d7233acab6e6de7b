//! XML, and Protobuf: messages of given definitions, and of definitions that are themselves made of
//! the input.

use std::sync::LazyLock;

use bytes::Bytes;
use shardmill_engine::decode::protobuf::{message_names, narrow};
use shardmill_engine::decode::{
    Compression, ContentOptions, FormatChoice, ProtobufFraming, ProtobufOptions, UnknownFields,
};

use super::choices::{self, Choice};
use super::{Family, Seen};
use crate::decoding::{Case, seen};
use crate::fixtures;
use crate::input::Input;

/// Protobuf and XML.
pub const FAMILY: Family = Family {
    name: "protobuf_xml",
    law,
    seeds,
};

const SAMPLES: &[&str] = &[
    "<a x='1'><b>2</b><b>three</b><c/><![CDATA[ <t> ]]></a>",
    "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY e \"x\">]><a><b y=\"&lt;&#65;\">&amp;</b>t</a><!-- c -->",
    "<a xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'><b xsi:nil='true'/><b>&e;</b></a><a/>",
];

const CHOICES: &[Choice] = &[
    Choice {
        options: r#"{"format":"xml"}"#,
        samples: SAMPLES,
    },
    Choice {
        options: r#"{"format":"xml","xml":{"record_path":"a/b","list_fields":["b"],"infer_types":false,"trim":false,"name_field":null,"null_values":[""]}}"#,
        samples: SAMPLES,
    },
    Choice {
        options: r##"{"format":"xml","xml":{"record_path":"a","list_fields":["b","b.c"],"types":{"b":"string","@x":"int64"},"name_field":"b"}}"##,
        samples: SAMPLES,
    },
];

/// The definitions of all messages that are decoded.
const DEFINITIONS: &[u8] = include_bytes!("../../../../engine/fixtures/protobuf/types.desc");

/// Messages, each with the fixture that has some of them.
const MESSAGES: &[(&str, &str)] = &[
    ("shop.v1.Scalars", "scalars"),
    ("shop.v1.Optionals", "optionals"),
    ("shop.v1.Lists", "lists"),
    ("shop.v1.Maps", "maps"),
    ("shop.v1.Known", "known"),
    ("shop.v1.Known", "nanoseconds"),
    ("shop.v1.Node", "nodes"),
    ("shop.v1.Order", "orders"),
    ("shop.legacy.Item", "items"),
];

/// How messages stand in payloads: each of these with each of the messages.
const FRAMINGS: [(ProtobufFraming, UnknownFields); 2] = [
    (ProtobufFraming::None, UnknownFields::Reject),
    (ProtobufFraming::Delimited, UnknownFields::Skip),
];

static OPTIONS: LazyLock<Vec<ContentOptions>> = LazyLock::new(|| {
    let mut options = choices::options(CHOICES);
    for framing in FRAMINGS {
        let of = |(message, _): &(&str, &str)| protobuf(DEFINITIONS, message, framing);
        options.extend(
            MESSAGES
                .iter()
                .map(|message| of(message).expect("definitions")),
        );
    }
    options
});

/// Messages of a descriptor set.
fn protobuf(
    definitions: &[u8],
    message: &str,
    (framing, unknown_fields): (ProtobufFraming, UnknownFields),
) -> Result<ContentOptions, String> {
    let definitions = narrow(definitions, message)?;
    Ok(ContentOptions {
        format: FormatChoice::Protobuf,
        compression: Compression::None,
        protobuf: ProtobufOptions {
            descriptor_set: Some(definitions.into()),
            message: Some(message.into()),
            framing,
            unknown_fields,
        },
        ..ContentOptions::default()
    })
}

fn law(bytes: &[u8]) -> Seen {
    let mut input = Input::read(bytes);
    let choice = usize::from(input.choice) % (OPTIONS.len() + 1);
    if let Some(options) = OPTIONS.get(choice) {
        return seen(&Case::new(options, &input).check());
    }
    let definitions = input.payloads.remove(0);
    of_its_own(&definitions, &input)
}

/// Messages of the first type that the input defines. What is no definition is refused before
/// anything is decoded.
fn of_its_own(definitions: &Bytes, input: &Input) -> Seen {
    let refused = Seen {
        events: 0,
        rejects: 1,
    };
    let Ok(names) = message_names(definitions) else {
        return refused;
    };
    let Some(message) = names.first() else {
        return refused;
    };
    let options = protobuf(definitions, message, FRAMINGS[0]).expect("what has names is a set");
    match options.check() {
        Ok(()) => seen(&Case::new(&options, input).check()),
        Err(_) => refused,
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = choices::seeds(CHOICES, |_| {
        let mut texts = fixtures::texts("xml");
        texts.push(fixtures::of_format("xml").1);
        texts
    });
    let mut choice = CHOICES.len();
    for (framing, _) in FRAMINGS {
        for (_, name) in MESSAGES {
            let file = fixtures::file(&format!("protobuf/{name}.messages"));
            let messages = messages(&file);
            match framing {
                ProtobufFraming::Delimited => seeds.push(Input::write(choice, 0, &[&file])),
                ProtobufFraming::None => {
                    let few = &messages[..messages.len().min(4)];
                    seeds.push(Input::write(choice, 1, few));
                    seeds.push(Input::tightened(Input::write(choice, 1, few)));
                }
            }
            choice += 1;
        }
    }
    // A file `a` of the package `p` with a message `M`: an int32, a list of texts, itself.
    let small = b"\x0a\x37\x0a\x01a\x12\x01p\x22\x27\x0a\x01M\x12\x09\x0a\x01i\x18\x01\x20\x01\x28\x05\
        \x12\x09\x0a\x01t\x18\x02\x20\x03\x28\x09\x12\x0c\x0a\x01m\x18\x03\x20\x01\x28\x0b\x32\x01M\x62\x06proto3";
    let message = b"\x08\x05\x12\x01x\x12\x01y\x1a\x02\x08\x07";
    seeds.push(Input::write(choice, 1, &[small, message, message]));
    seeds
}

/// The messages of a file, each with its length before it.
fn messages(mut file: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !file.is_empty() {
        let end = file.iter().position(|byte| byte & 0x80 == 0);
        let (length, rest) = file.split_at(end.expect("a length") + 1);
        let length = length.iter().rev();
        let length = length.fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
        let (message, rest) = rest.split_at(length);
        found.push(message);
        file = rest;
    }
    found
}
