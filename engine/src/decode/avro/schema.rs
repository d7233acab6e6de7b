//! Avro schemas, parsed from their JSON.
//!
//! Named types are told once and meant again by name, also inside of themselves, so types refer to
//! one another by their place in one list. Whatever the specification asks to ignore is ignored: a
//! logical type that is not known or does not fit its type leaves the type.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

/// A place in [`Schema::types`].
pub(super) type Place = usize;

/// A schema: its types, and which of them is the whole.
#[derive(Debug)]
pub(super) struct Schema {
    pub(super) types: Vec<Type>,
    pub(super) root: Place,
    /// Names of named types, without their namespace.
    names: HashMap<Place, String>,
}

#[derive(Debug)]
pub(super) enum Type {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed(usize),
    Enum(Vec<String>),
    Array(Place),
    Map(Place),
    Union(Vec<Place>),
    Record(Vec<(String, Place)>),
    Date,
    TimeMillis,
    TimeMicros,
    /// An instant, or a local time where `utc` is not set, in units of a second.
    Timestamp {
        per_second: i64,
        utc: bool,
    },
    /// Of a `Fixed` of 16 bytes; a string that is a UUID is a string.
    Uuid,
    /// Months, days and milliseconds.
    Duration,
    /// The number in two's complement; `size` where it is a `Fixed`.
    Decimal {
        precision: u8,
        scale: u8,
        size: Option<usize>,
    },
}

impl Schema {
    /// Parses a schema that may name the types of those before it; what is wrong with it, for
    /// people.
    pub(super) fn parse(text: &str, references: &[Arc<str>]) -> Result<Self, String> {
        let read = |text: &str| -> Result<Value, String> {
            serde_json::from_str(text).map_err(|error| error.to_string())
        };
        let mut parser = Parser::default();
        for reference in references {
            let named = read(reference).and_then(|value| parser.any(&value, ""));
            named.map_err(|error| format!("a schema that it refers to: {error}"))?;
        }
        let root = parser.any(&read(text)?, "")?;
        let types = parser.types.into_iter().collect::<Option<Vec<_>>>();
        // Every place is filled when its type has been read.
        let types = types.ok_or("a type is not finished")?;
        let names = parser.names;
        Ok(Self { types, root, names })
    }

    /// The branches of a union that are not null.
    pub(super) fn values_of<'s>(
        &'s self,
        branches: &'s [Place],
    ) -> impl Iterator<Item = Place> + 's {
        let is_value = |place: &Place| !matches!(self.types[*place], Type::Null);
        branches.iter().copied().filter(is_value)
    }

    /// What a branch of a union is called: the name of its type.
    pub(super) fn branch_name(&self, place: Place) -> &str {
        if let Some(name) = self.names.get(&place) {
            return name;
        }
        match &self.types[place] {
            Type::Null => "null",
            Type::Boolean => "boolean",
            Type::Int | Type::Date | Type::TimeMillis => "int",
            Type::Long | Type::TimeMicros | Type::Timestamp { .. } => "long",
            Type::Float => "float",
            Type::Double => "double",
            Type::Bytes | Type::Decimal { size: None, .. } => "bytes",
            Type::String => "string",
            Type::Array(_) => "array",
            Type::Map(_) => "map",
            Type::Union(_) => "union",
            // These have names.
            Type::Fixed(_) | Type::Uuid | Type::Duration | Type::Decimal { .. } => "fixed",
            Type::Enum(_) => "enum",
            Type::Record(_) => "record",
        }
    }
}

#[derive(Default)]
struct Parser {
    types: Vec<Option<Type>>,
    /// Places of named types by their full names.
    named: HashMap<String, Place>,
    names: HashMap<Place, String>,
}

impl Parser {
    fn push(&mut self, new: Type) -> Place {
        self.types.push(Some(new));
        self.types.len() - 1
    }

    fn any(&mut self, value: &Value, namespace: &str) -> Result<Place, String> {
        match value {
            Value::String(name) => self.by_name(name, namespace),
            Value::Array(branches) => {
                let branches = branches
                    .iter()
                    .map(|branch| self.any(branch, namespace))
                    .collect::<Result<Vec<_>, _>>()?;
                if branches.is_empty() || branches.len() > i8::MAX as usize {
                    return Err("a union has from 1 to 127 branches here".to_owned());
                }
                Ok(self.push(Type::Union(branches)))
            }
            Value::Object(_) => self.object(value, namespace),
            _ => Err(format!("{value} is no type")),
        }
    }

    fn by_name(&mut self, name: &str, namespace: &str) -> Result<Place, String> {
        let primitive = match name {
            "null" => Type::Null,
            "boolean" => Type::Boolean,
            "int" => Type::Int,
            "long" => Type::Long,
            "float" => Type::Float,
            "double" => Type::Double,
            "bytes" => Type::Bytes,
            "string" => Type::String,
            name => {
                let known = self.named.get(&full_name(name, namespace));
                // A name without a namespace may mean one that has none.
                let known = known.or_else(|| self.named.get(name));
                return known
                    .copied()
                    .ok_or(format!("the type {name:?} is not known"));
            }
        };
        Ok(self.push(primitive))
    }

    fn object(&mut self, value: &Value, namespace: &str) -> Result<Place, String> {
        let kind = value.get("type").ok_or("a type has no `type`")?;
        let Value::String(kind) = kind else {
            // {"type": {...}}: the inner one counts.
            return self.any(kind, namespace);
        };
        let logical = value
            .get("logicalType")
            .and_then(Value::as_str)
            .unwrap_or("");
        match kind.as_str() {
            "array" => {
                let items = value.get("items").ok_or("an array has no `items`")?;
                let items = self.any(items, namespace)?;
                Ok(self.push(Type::Array(items)))
            }
            "map" => {
                let values = value.get("values").ok_or("a map has no `values`")?;
                let values = self.any(values, namespace)?;
                Ok(self.push(Type::Map(values)))
            }
            "enum" => {
                let symbols = value.get("symbols").and_then(Value::as_array);
                let symbols = symbols.ok_or("an enum has no `symbols`")?.iter();
                let symbols = symbols.map(|symbol| symbol.as_str().map(str::to_owned));
                let symbols = symbols
                    .collect::<Option<_>>()
                    .ok_or("a symbol is no text")?;
                let (place, _) = self.named(value, namespace)?;
                self.types[place] = Some(Type::Enum(symbols));
                Ok(place)
            }
            "fixed" => {
                let size = value.get("size").and_then(Value::as_u64);
                let size = size.and_then(|size| i32::try_from(size).ok());
                let size = size.ok_or("a fixed has no `size`")? as usize;
                let (place, _) = self.named(value, namespace)?;
                self.types[place] = Some(fixed(size, logical, value));
                Ok(place)
            }
            "record" | "error" => self.record(value, namespace),
            name => {
                let place = self.by_name(name, namespace)?;
                let refined = self.types[place].as_ref();
                let refined = refined.and_then(|plain| refined_by(plain, logical, value));
                Ok(refined.map_or(place, |refined| self.push(refined)))
            }
        }
    }

    fn record(&mut self, value: &Value, namespace: &str) -> Result<Place, String> {
        let fields = value.get("fields").and_then(Value::as_array);
        let fields = fields.ok_or("a record has no `fields`")?;
        // Known by name from here on: its fields may mean it.
        let (place, namespace) = self.named(value, namespace)?;
        let mut members = Vec::with_capacity(fields.len());
        for field in fields {
            let name = field.get("name").and_then(Value::as_str);
            let name = name.ok_or("a field has no `name`")?;
            let data_type = field.get("type").ok_or("a field has no `type`")?;
            members.push((name.to_owned(), self.any(data_type, &namespace)?));
        }
        self.types[place] = Some(Type::Record(members));
        Ok(place)
    }

    /// Takes a place for a named type; gives the namespace of what is in it.
    fn named(&mut self, value: &Value, namespace: &str) -> Result<(Place, String), String> {
        let name = value.get("name").and_then(Value::as_str);
        let name = name.ok_or("a named type has no `name`")?;
        let own = value.get("namespace").and_then(Value::as_str);
        let full = full_name(name, own.unwrap_or(namespace));
        self.types.push(None);
        let place = self.types.len() - 1;
        if self.named.insert(full.clone(), place).is_some() {
            return Err(format!("the type {full:?} is there twice"));
        }
        let (namespace, name) = full.rsplit_once('.').unwrap_or(("", &full));
        self.names.insert(place, name.to_owned());
        Ok((place, namespace.to_owned()))
    }
}

fn full_name(name: &str, namespace: &str) -> String {
    match name.contains('.') || namespace.is_empty() {
        true => name.to_owned(),
        false => format!("{namespace}.{name}"),
    }
}

fn fixed(size: usize, logical: &str, value: &Value) -> Type {
    match (logical, size) {
        ("duration", 12) => Type::Duration,
        ("uuid", 16) => Type::Uuid,
        ("decimal", _) => decimal(value, Some(size)).unwrap_or(Type::Fixed(size)),
        _ => Type::Fixed(size),
    }
}

/// The logical type of a type without a name.
fn refined_by(plain: &Type, logical: &str, value: &Value) -> Option<Type> {
    let instant = |per_second| Type::Timestamp {
        per_second,
        utc: true,
    };
    let local = |per_second| Type::Timestamp {
        per_second,
        utc: false,
    };
    Some(match (plain, logical) {
        (Type::Int, "date") => Type::Date,
        (Type::Int, "time-millis") => Type::TimeMillis,
        (Type::Long, "time-micros") => Type::TimeMicros,
        (Type::Long, "timestamp-millis") => instant(1_000),
        (Type::Long, "timestamp-micros") => instant(1_000_000),
        (Type::Long, "timestamp-nanos") => instant(1_000_000_000),
        (Type::Long, "local-timestamp-millis") => local(1_000),
        (Type::Long, "local-timestamp-micros") => local(1_000_000),
        (Type::Long, "local-timestamp-nanos") => local(1_000_000_000),
        (Type::Bytes, "decimal") => return decimal(value, None),
        _ => return None,
    })
}

/// The most digits of a decimal; one of more stays bytes.
const MAX_DIGITS: u64 = 76;

fn decimal(value: &Value, size: Option<usize>) -> Option<Type> {
    let precision = value.get("precision")?.as_u64()?;
    let scale = value.get("scale").map_or(Some(0), Value::as_u64)?;
    ((1..=MAX_DIGITS).contains(&precision) && scale <= precision).then_some(Type::Decimal {
        precision: precision as u8,
        scale: scale as u8,
        size,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_their_namespace() {
        let schema = Schema::parse(
            r#"{"type": "record", "name": "a.b.R", "fields": [
                {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["X"]}},
                {"name": "same", "type": "E"},
                {"name": "full", "type": "a.b.E"},
                {"name": "self", "type": ["null", "R"]}]}"#,
            &[],
        )
        .unwrap();
        let Type::Record(fields) = &schema.types[schema.root] else {
            panic!("a record is a record");
        };
        assert_eq!(fields[0].1, fields[1].1);
        assert_eq!(fields[0].1, fields[2].1);
        let Type::Union(branches) = &schema.types[fields[3].1] else {
            panic!("a union is a union");
        };
        assert_eq!(branches[1], schema.root);
    }

    #[test]
    fn schemas_may_name_types_of_others() {
        let inner: Arc<str> =
            r#"{"type": "enum", "name": "E", "namespace": "a", "symbols": ["X"]}"#.into();
        let middle: Arc<str> =
            r#"{"type": "record", "name": "a.M", "fields": [{"name": "e", "type": "E"}]}"#.into();
        let text = r#"{"type": "record", "name": "b.R", "fields": [{"name": "m", "type": "a.M"}]}"#;
        let schema = Schema::parse(text, &[Arc::clone(&inner), Arc::clone(&middle)]).unwrap();
        let Type::Record(fields) = &schema.types[schema.root] else {
            panic!("a record is a record");
        };
        assert_eq!(schema.branch_name(fields[0].1), "M");
        let error = Schema::parse(text, &[middle]).unwrap_err();
        assert_eq!(
            error,
            "a schema that it refers to: the type \"E\" is not known"
        );
    }

    #[test]
    fn a_schema_that_is_none_is_an_error() {
        for text in [
            "",
            "\"unknown\"",
            "[]",
            "{}",
            "5",
            r#"{"type": "record", "name": "R"}"#,
            r#"{"type": "fixed", "name": "F", "size": -1}"#,
            r#"[{"type": "fixed", "name": "F", "size": 1}, {"type": "fixed", "name": "F", "size": 1}]"#,
        ] {
            assert!(Schema::parse(text, &[]).is_err(), "{text}");
        }
    }

    #[test]
    fn logical_types_that_do_not_fit_are_ignored() {
        for (text, expected) in [
            (
                r#"{"type": "int", "logicalType": "timestamp-millis"}"#,
                "Int",
            ),
            (
                r#"{"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 3}"#,
                "Bytes",
            ),
            (
                r#"{"type": "bytes", "logicalType": "decimal", "precision": 99}"#,
                "Bytes",
            ),
            (r#"{"type": "long", "logicalType": "later"}"#, "Long"),
        ] {
            let schema = Schema::parse(text, &[]).unwrap();
            assert_eq!(format!("{:?}", schema.types[schema.root]), expected);
        }
    }
}
