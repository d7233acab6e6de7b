//! Values without parts.

use super::wire::Raw;

/// The type of a value without parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScalarType {
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Float,
    Double,
    String,
    Bytes,
    /// An enum, by its place in the plan.
    Enum(usize),
}

/// A value without parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Bool(bool),
    Int(i64),
    Unsigned(u64),
    Float(f32),
    Double(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// A number of the enum at a place in the plan.
    Enum(usize, i32),
}

/// Why a value is not of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    WireType,
    NotUtf8,
}

impl ScalarType {
    /// Whether several of it may stand in one field, without their numbers.
    pub(super) fn is_packable(self) -> bool {
        !matches!(self, ScalarType::String | ScalarType::Bytes)
    }

    /// The wire type of a single value.
    pub(super) fn wire_type(self) -> u8 {
        match self {
            ScalarType::Fixed64 | ScalarType::Sfixed64 | ScalarType::Double => 1,
            ScalarType::String | ScalarType::Bytes => 2,
            ScalarType::Fixed32 | ScalarType::Sfixed32 | ScalarType::Float => 5,
            _ => 0,
        }
    }

    /// The value that `raw` is. Numbers of more bits than the type has lose the highest, as in other
    /// decoders.
    #[inline]
    pub(super) fn of<'a>(self, raw: Raw<'a>) -> Result<Scalar<'a>, Mismatch> {
        Ok(match (self, raw) {
            (ScalarType::Bool, Raw::Varint(value)) => Scalar::Bool(value != 0),
            (ScalarType::Int32, Raw::Varint(value)) => Scalar::Int(i64::from(value as i32)),
            (ScalarType::Int64, Raw::Varint(value)) => Scalar::Int(value as i64),
            (ScalarType::Uint32, Raw::Varint(value)) => Scalar::Int(i64::from(value as u32)),
            (ScalarType::Uint64, Raw::Varint(value)) => Scalar::Unsigned(value),
            (ScalarType::Sint32, Raw::Varint(value)) => {
                let value = value as u32;
                Scalar::Int(i64::from((value >> 1) as i32 ^ -((value & 1) as i32)))
            }
            (ScalarType::Sint64, Raw::Varint(value)) => {
                Scalar::Int((value >> 1) as i64 ^ -((value & 1) as i64))
            }
            (ScalarType::Enum(place), Raw::Varint(value)) => Scalar::Enum(place, value as i32),
            (ScalarType::Fixed32, Raw::Fixed32(bytes)) => {
                Scalar::Int(i64::from(u32::from_le_bytes(bytes)))
            }
            (ScalarType::Sfixed32, Raw::Fixed32(bytes)) => {
                Scalar::Int(i64::from(i32::from_le_bytes(bytes)))
            }
            (ScalarType::Float, Raw::Fixed32(bytes)) => Scalar::Float(f32::from_le_bytes(bytes)),
            (ScalarType::Fixed64, Raw::Fixed64(bytes)) => {
                Scalar::Unsigned(u64::from_le_bytes(bytes))
            }
            (ScalarType::Sfixed64, Raw::Fixed64(bytes)) => Scalar::Int(i64::from_le_bytes(bytes)),
            (ScalarType::Double, Raw::Fixed64(bytes)) => Scalar::Double(f64::from_le_bytes(bytes)),
            (ScalarType::String, Raw::Bytes(bytes)) => {
                let text = simdutf8::basic::from_utf8(bytes);
                Scalar::Text(text.map_err(|_| Mismatch::NotUtf8)?)
            }
            (ScalarType::Bytes, Raw::Bytes(bytes)) => Scalar::Bytes(bytes),
            _ => return Err(Mismatch::WireType),
        })
    }

    /// What a field is that has no value and cannot say so. `first` is the first number of an enum.
    pub(super) fn default_value(self, first: impl FnOnce(usize) -> i32) -> Scalar<'static> {
        match self {
            ScalarType::Bool => Scalar::Bool(false),
            ScalarType::Uint64 | ScalarType::Fixed64 => Scalar::Unsigned(0),
            ScalarType::Float => Scalar::Float(0.0),
            ScalarType::Double => Scalar::Double(0.0),
            ScalarType::String => Scalar::Text(""),
            ScalarType::Bytes => Scalar::Bytes(b""),
            ScalarType::Enum(place) => Scalar::Enum(place, first(place)),
            _ => Scalar::Int(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_their_type_says() {
        for (scalar, value, expected) in [
            (ScalarType::Int32, u64::MAX, -1),
            (ScalarType::Int32, 1 << 32, 0),
            (ScalarType::Uint32, u64::MAX, i64::from(u32::MAX)),
            (ScalarType::Int64, u64::MAX, -1),
            (ScalarType::Sint32, 3, -2),
            (ScalarType::Sint32, 4, 2),
            (ScalarType::Sint32, u64::from(u32::MAX), i64::from(i32::MIN)),
            (ScalarType::Sint64, u64::MAX, i64::MIN),
        ] {
            assert_eq!(scalar.of(Raw::Varint(value)), Ok(Scalar::Int(expected)));
        }
        assert_eq!(
            ScalarType::String.of(Raw::Bytes(b"\xff")),
            Err(Mismatch::NotUtf8)
        );
        assert_eq!(
            ScalarType::Bool.of(Raw::Bytes(b"")),
            Err(Mismatch::WireType)
        );
    }
}
