//! A message and all that may be in it, made ready for decoding.

use std::collections::HashMap;

use prost_reflect::{Cardinality, MessageDescriptor};
use prost_reflect::{EnumDescriptor, ExtensionDescriptor, FieldDescriptor, Kind as Declared};

use super::scalar::{Scalar, ScalarType};
use crate::schema::text::quoted_key;

/// Messages and enums by their places; the first message is what contents are.
pub(super) struct Plan {
    pub(super) messages: Vec<Message>,
    pub(super) enums: Vec<Enum>,
}

/// The place of the message that contents are.
pub(super) const ROOT: usize = 0;

/// A message.
#[derive(Default)]
pub(super) struct Message {
    /// Its full name.
    pub(super) name: String,
    pub(super) fields: Vec<Field>,
    numbers: Numbers,
    /// Fields that have a value in every message: lists, maps, and those that cannot be absent.
    pub(super) always: Vec<usize>,
    /// All fields in the order of their names.
    pub(super) by_name: Vec<usize>,
}

pub(super) struct Field {
    pub(super) name: String,
    /// The name as the key of a JSON object.
    pub(super) key: Vec<u8>,
    pub(super) number: u32,
    pub(super) shape: Shape,
    pub(super) kind: Kind,
    /// Whether it stands between the tags of a group.
    pub(super) is_group: bool,
    /// The same for all members of a oneof, and for no other field of the message.
    pub(super) slot: usize,
    /// Whether it counts only what all of the message's bytes say of it.
    pub(super) waits: bool,
}

/// How often a field may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Once; whether it can be told that it is absent.
    Single {
        presence: bool,
    },
    List,
    /// By keys of this type.
    Map(ScalarType),
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar(ScalarType),
    /// A message, by its place in the plan.
    Message(usize),
    /// `google.protobuf.Timestamp`.
    Timestamp,
    /// `google.protobuf.Duration`.
    Duration,
    /// `google.protobuf.Int64Value` and the like.
    Wrapper(ScalarType),
    /// `google.protobuf.Struct`.
    Struct,
    /// `google.protobuf.Value`.
    Value,
    /// `google.protobuf.ListValue`.
    ListValue,
}

/// An enum.
pub(super) struct Enum {
    names: HashMap<i32, String>,
    first: i32,
}

impl Enum {
    fn new(descriptor: &EnumDescriptor) -> Self {
        let mut names = HashMap::new();
        // As they are declared: of several names of one number the first one counts.
        let declared = &descriptor.enum_descriptor_proto().value;
        for value in declared {
            let name = || value.name().to_owned();
            names.entry(value.number()).or_insert_with(name);
        }
        let first = declared.first();
        Self {
            names,
            first: first.map_or(0, |value| value.number()),
        }
    }

    /// The name of a number, or its digits where it has none.
    pub(super) fn text<'e>(&'e self, number: i32, digits: &'e mut itoa::Buffer) -> &'e str {
        match self.names.get(&number) {
            Some(name) => name,
            None => digits.format(number),
        }
    }
}

/// Fields by their numbers.
#[derive(Default)]
struct Numbers {
    /// By number, as far as most fields' go: the place and one more.
    near: Vec<u32>,
    far: HashMap<u32, u32>,
}

impl Numbers {
    fn new(fields: &[Field]) -> Self {
        let near = 4 * fields.len() + 16;
        let mut numbers = Self {
            near: vec![0; near],
            far: HashMap::new(),
        };
        for (place, field) in (1..).zip(fields) {
            match numbers.near.get_mut(field.number as usize) {
                Some(near) => *near = place,
                None => {
                    numbers.far.insert(field.number, place);
                }
            }
        }
        numbers
    }

    #[inline]
    fn find(&self, number: u32) -> Option<usize> {
        let place = match self.near.get(number as usize) {
            Some(place) => *place,
            None => *self.far.get(&number)?,
        };
        (place as usize).checked_sub(1)
    }
}

impl Message {
    #[inline]
    pub(super) fn find(&self, number: u32) -> Option<usize> {
        self.numbers.find(number)
    }
}

impl Plan {
    pub(super) fn new(root: &MessageDescriptor) -> Result<Self, String> {
        let mut planning = Planning {
            places: HashMap::from([(root.full_name().to_owned(), ROOT)]),
            descriptors: vec![root.clone()],
            enums: Vec::new(),
            enum_places: HashMap::new(),
        };
        let mut messages = Vec::new();
        // Those that a message has in it are added while it is planned.
        while let Some(descriptor) = planning.descriptors.get(messages.len()).cloned() {
            messages.push(planning.message(&descriptor)?);
        }
        Ok(Self {
            messages,
            enums: planning.enums,
        })
    }

    pub(super) fn default_value(&self, scalar: ScalarType) -> Scalar<'static> {
        scalar.default_value(|place| self.enums[place].first)
    }
}

struct Planning {
    places: HashMap<String, usize>,
    descriptors: Vec<MessageDescriptor>,
    enums: Vec<Enum>,
    enum_places: HashMap<String, usize>,
}

/// What fields and extensions have in common.
struct Declaration {
    name: String,
    number: u32,
    cardinality: Cardinality,
    presence: bool,
    is_group: bool,
    kind: Declared,
    /// The place of the oneof that it is in.
    oneof: Option<String>,
}

impl Declaration {
    fn of_field(field: &FieldDescriptor) -> Self {
        let oneof = field.containing_oneof();
        // That of a single optional field says only that it is optional.
        let oneof = oneof.filter(|oneof| !oneof.is_synthetic());
        Self {
            name: field.name().to_owned(),
            number: field.number(),
            cardinality: field.cardinality(),
            presence: field.supports_presence(),
            is_group: field.is_group(),
            kind: field.kind(),
            oneof: oneof.map(|oneof| oneof.name().to_owned()),
        }
    }

    /// Extensions are called as Protobuf's JSON calls them.
    fn of_extension(field: &ExtensionDescriptor) -> Self {
        Self {
            name: format!("[{}]", field.full_name()),
            number: field.number(),
            cardinality: field.cardinality(),
            presence: field.supports_presence(),
            is_group: field.is_group(),
            kind: field.kind(),
            oneof: None,
        }
    }
}

impl Planning {
    fn message(&mut self, descriptor: &MessageDescriptor) -> Result<Message, String> {
        let mut declared: Vec<Declaration> = Vec::new();
        // As they are declared, not by their numbers.
        for field in &descriptor.descriptor_proto().field {
            let number = u32::try_from(field.number()).ok();
            let field = number.and_then(|number| descriptor.get_field(number));
            declared.extend(field.map(|field| Declaration::of_field(&field)));
        }
        let mut extensions: Vec<_> = descriptor.extensions().collect();
        extensions.sort_by_key(ExtensionDescriptor::number);
        declared.extend(extensions.iter().map(Declaration::of_extension));
        let mut slots = HashMap::new();
        let mut fields = Vec::with_capacity(declared.len());
        for (place, field) in declared.into_iter().enumerate() {
            let slot = match &field.oneof {
                Some(oneof) => *slots.entry(oneof.clone()).or_insert(place),
                None => place,
            };
            fields.push(self.field(field, slot)?);
        }
        let always = |field: &Field| field.shape != Shape::Single { presence: true };
        let mut by_name: Vec<usize> = (0..fields.len()).collect();
        by_name.sort_by(|&a, &b| fields[a].name.cmp(&fields[b].name));
        Ok(Message {
            name: descriptor.full_name().to_owned(),
            numbers: Numbers::new(&fields),
            always: (0..fields.len())
                .filter(|&at| always(&fields[at]))
                .collect(),
            by_name,
            fields,
        })
    }

    fn field(&mut self, field: Declaration, slot: usize) -> Result<Field, String> {
        let repeated = field.cardinality == Cardinality::Repeated;
        let entry = match &field.kind {
            Declared::Message(entry) if repeated && entry.is_map_entry() => Some(entry.clone()),
            _ => None,
        };
        let (shape, kind) = match entry {
            Some(entry) => self.map(&entry)?,
            None if repeated => (Shape::List, self.kind(&field.kind)),
            None => {
                let presence = field.presence;
                (Shape::Single { presence }, self.kind(&field.kind))
            }
        };
        let waits = match shape {
            Shape::Map(_) => true,
            Shape::List => false,
            Shape::Single { .. } => field.oneof.is_some() || !matches!(kind, Kind::Scalar(_)),
        };
        Ok(Field {
            key: quoted_key(&field.name),
            name: field.name,
            number: field.number,
            is_group: field.is_group,
            shape,
            kind,
            slot,
            waits,
        })
    }

    fn map(&mut self, entry: &MessageDescriptor) -> Result<(Shape, Kind), String> {
        let part = |number| entry.get_field(number).map(|field| field.kind());
        let (Some(key), Some(value)) = (part(KEY), part(VALUE)) else {
            let name = entry.full_name();
            return Err(format!("{name} should be the entry of a map and is none"));
        };
        let key = match self.kind(&key) {
            Kind::Scalar(key) => key,
            _ => return Err(format!("the keys of {} have parts", entry.full_name())),
        };
        Ok((Shape::Map(key), self.kind(&value)))
    }

    fn kind(&mut self, declared: &Declared) -> Kind {
        Kind::Scalar(match declared {
            Declared::Double => ScalarType::Double,
            Declared::Float => ScalarType::Float,
            Declared::Int32 => ScalarType::Int32,
            Declared::Int64 => ScalarType::Int64,
            Declared::Uint32 => ScalarType::Uint32,
            Declared::Uint64 => ScalarType::Uint64,
            Declared::Sint32 => ScalarType::Sint32,
            Declared::Sint64 => ScalarType::Sint64,
            Declared::Fixed32 => ScalarType::Fixed32,
            Declared::Fixed64 => ScalarType::Fixed64,
            Declared::Sfixed32 => ScalarType::Sfixed32,
            Declared::Sfixed64 => ScalarType::Sfixed64,
            Declared::Bool => ScalarType::Bool,
            Declared::String => ScalarType::String,
            Declared::Bytes => ScalarType::Bytes,
            Declared::Enum(descriptor) => {
                let name = descriptor.full_name().to_owned();
                let enums = &mut self.enums;
                ScalarType::Enum(*self.enum_places.entry(name).or_insert_with(|| {
                    enums.push(Enum::new(descriptor));
                    enums.len() - 1
                }))
            }
            Declared::Message(descriptor) => match well_known(descriptor.full_name()) {
                Some(known) => return known,
                None => return self.place(descriptor),
            },
        })
    }

    fn place(&mut self, descriptor: &MessageDescriptor) -> Kind {
        let name = descriptor.full_name();
        if let Some(place) = self.places.get(name) {
            return Kind::Message(*place);
        }
        let place = self.descriptors.len();
        self.places.insert(name.to_owned(), place);
        self.descriptors.push(descriptor.clone());
        Kind::Message(place)
    }
}

/// The numbers of the fields of a map's entry.
pub(super) const KEY: u32 = 1;
pub(super) const VALUE: u32 = 2;

/// Messages that stand for a value of another kind.
fn well_known(name: &str) -> Option<Kind> {
    Some(match name.strip_prefix("google.protobuf.")? {
        "Timestamp" => Kind::Timestamp,
        "Duration" => Kind::Duration,
        "Struct" => Kind::Struct,
        "Value" => Kind::Value,
        "ListValue" => Kind::ListValue,
        "DoubleValue" => Kind::Wrapper(ScalarType::Double),
        "FloatValue" => Kind::Wrapper(ScalarType::Float),
        "Int64Value" => Kind::Wrapper(ScalarType::Int64),
        "UInt64Value" => Kind::Wrapper(ScalarType::Uint64),
        "Int32Value" => Kind::Wrapper(ScalarType::Int32),
        "UInt32Value" => Kind::Wrapper(ScalarType::Uint32),
        "BoolValue" => Kind::Wrapper(ScalarType::Bool),
        "StringValue" => Kind::Wrapper(ScalarType::String),
        "BytesValue" => Kind::Wrapper(ScalarType::Bytes),
        _ => return None,
    })
}
