//! The laws of the lattice, on random types.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::random_arrays::random_array;
use super::text::JsonText;
use super::{DataType, Field, Schema, admit, widen};

fn decimal() -> impl Strategy<Value = DataType> {
    (1..=38_u8).prop_flat_map(|precision| {
        (0..=precision).prop_map(move |scale| DataType::Decimal { precision, scale })
    })
}

fn data_type() -> impl Strategy<Value = DataType> {
    let leaf = prop_oneof![
        Just(DataType::Null),
        Just(DataType::Bool),
        Just(DataType::Int53),
        Just(DataType::Int64),
        Just(DataType::Float64),
        Just(DataType::Utf8),
        Just(DataType::Json),
        Just(DataType::Binary),
        Just(DataType::Date),
        Just(DataType::Time),
        Just(DataType::Timestamp),
        Just(DataType::LocalTimestamp),
        decimal(),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            inner
                .clone()
                .prop_map(|item| DataType::List(Box::new(item))),
            inner
                .clone()
                .prop_map(|value| DataType::Map(Box::new(value))),
            fields(inner).prop_map(DataType::Struct),
        ]
    })
}

fn fields(inner: impl Strategy<Value = DataType> + 'static) -> impl Strategy<Value = Vec<Field>> {
    prop::collection::btree_map("[a-e]", inner, 0..5).prop_flat_map(|fields| {
        let fields: Vec<Field> = fields
            .into_iter()
            .map(|(name, data_type)| Field::new(name, data_type))
            .collect();
        Just(fields).prop_shuffle()
    })
}

fn schema() -> impl Strategy<Value = Schema> {
    fields(data_type()).prop_map(|fields| Schema { fields })
}

/// A type without the order of its fields.
#[derive(Debug, PartialEq)]
enum Unordered {
    Leaf(DataType),
    List(Box<Unordered>),
    Map(Box<Unordered>),
    Struct(BTreeMap<String, Unordered>),
}

fn unordered(data_type: &DataType) -> Unordered {
    match data_type {
        DataType::List(item) => Unordered::List(Box::new(unordered(item))),
        DataType::Map(value) => Unordered::Map(Box::new(unordered(value))),
        DataType::Struct(fields) => Unordered::Struct(
            fields
                .iter()
                .map(|field| (field.name.to_string(), unordered(&field.data_type)))
                .collect(),
        ),
        leaf => Unordered::Leaf(leaf.clone()),
    }
}

fn root(schema: &Schema) -> DataType {
    DataType::Struct(schema.fields.clone())
}

/// The canonical text of every row.
fn texts(array: &ArrayRef, data_type: &DataType) -> Vec<String> {
    let text = JsonText::of(array, data_type);
    let text_of = |row| {
        let mut out = Vec::new();
        text.write(row, &mut out);
        String::from_utf8(out).unwrap()
    };
    (0..array.len()).map(text_of).collect()
}

proptest! {
    #[test]
    fn widening_keeps_the_text_of_every_value(
        a in data_type(),
        b in data_type(),
        c in data_type(),
        seed in any::<u64>(),
    ) {
        let array = random_array(&a, 20, &mut StdRng::seed_from_u64(seed));
        let written = texts(&array, &a);
        let wide = a.merge(&b);
        let widened = widen(&array, &a, &wide);
        prop_assert_eq!(widened.data_type(), &wide.to_arrow());
        widened.to_data().validate_full().unwrap();
        prop_assert_eq!(&texts(&widened, &wide), &written);
        // In one step or in several: the same array.
        let wider = wide.merge(&c);
        let in_two = widen(&widened, &wide, &wider);
        prop_assert_eq!(&in_two, &widen(&array, &a, &wider));
        prop_assert_eq!(&texts(&widen(&in_two, &wider, &wider.in_file()), &wider.in_file()), &written);
    }

    #[test]
    fn merge_is_commutative_up_to_order(a in data_type(), b in data_type()) {
        prop_assert_eq!(unordered(&a.merge(&b)), unordered(&b.merge(&a)));
    }

    #[test]
    fn merge_is_associative(a in data_type(), b in data_type(), c in data_type()) {
        prop_assert_eq!(a.merge(&b).merge(&c), a.merge(&b.merge(&c)));
    }

    #[test]
    fn merge_is_idempotent(a in data_type(), b in data_type()) {
        let merged = a.merge(&b);
        prop_assert_eq!(&merged.merge(&a), &merged);
        prop_assert_eq!(&merged.merge(&b), &merged);
    }

    #[test]
    fn merge_holds_both_and_holds_means_that_merging_changes_nothing(
        a in data_type(),
        b in data_type(),
    ) {
        let merged = a.merge(&b);
        prop_assert!(merged.holds(&a) && merged.holds(&b));
        prop_assert_eq!(a.holds(&b), unordered(&a.merge(&b)) == unordered(&a));
    }

    #[test]
    fn a_type_in_a_file_holds_the_type_and_stays(a in data_type()) {
        let in_file = a.in_file();
        prop_assert!(in_file.holds(&a));
        prop_assert_eq!(in_file.in_file(), in_file);
    }

    #[test]
    fn admit_keeps_to_the_columns_and_never_narrows(
        known in schema(),
        incoming in schema(),
        max in 0usize..20,
    ) {
        let admitted = admit(&known, &incoming, max);
        prop_assert!(admitted.leaf_count() <= max.max(known.leaf_count()));
        for field in &known.fields {
            let now = &admitted.field(&field.name).unwrap().data_type;
            prop_assert!(now.holds(&field.data_type));
        }
        prop_assert!(
            root(&known.merge(&incoming)).holds(&root(&admitted))
                || admitted.leaf_count() < known.merge(&incoming).leaf_count()
        );
    }

    #[test]
    fn admit_with_room_is_merge(known in schema(), incoming in schema()) {
        prop_assert_eq!(admit(&known, &incoming, 10_000), known.merge(&incoming));
    }

    #[test]
    fn schemas_keep_through_their_json(schema in schema()) {
        let json = serde_json::to_string(&schema).unwrap();
        prop_assert_eq!(serde_json::from_str::<Schema>(&json).unwrap(), schema);
    }
}

#[test]
fn integers_and_decimals_meet_where_no_digit_is_lost() {
    let decimal = |precision, scale| DataType::Decimal { precision, scale };
    for (a, b, both) in [
        (decimal(5, 2), decimal(10, 4), decimal(10, 4)),
        (decimal(5, 0), decimal(3, 3), decimal(8, 3)),
        (DataType::Int53, decimal(5, 2), decimal(18, 2)),
        (DataType::Int64, decimal(20, 0), decimal(20, 0)),
        (DataType::Int64, decimal(38, 20), DataType::Json),
        (decimal(38, 0), decimal(1, 1), DataType::Json),
        (DataType::Float64, decimal(3, 0), DataType::Json),
        (DataType::Date, DataType::LocalTimestamp, DataType::Json),
        (
            DataType::Timestamp,
            DataType::LocalTimestamp,
            DataType::Json,
        ),
        (DataType::Binary, DataType::Utf8, DataType::Json),
    ] {
        assert_eq!(a.merge(&b), both, "{a:?} with {b:?}");
    }
}

#[test]
fn types_are_written_in_the_log_as_the_format_says() {
    for (data_type, text) in [
        (DataType::LocalTimestamp, r#""local_timestamp""#),
        (
            DataType::Decimal {
                precision: 20,
                scale: 3,
            },
            r#"{"decimal":{"precision":20,"scale":3}}"#,
        ),
        (
            DataType::Map(Box::new(DataType::Int53)),
            r#"{"map":"int53"}"#,
        ),
        // As records from before logical types have it.
        (
            DataType::Struct(vec![Field::new(
                "a",
                DataType::List(Box::new(DataType::Utf8)),
            )]),
            r#"{"struct":[{"name":"a","type":{"list":"utf8"}}]}"#,
        ),
    ] {
        assert_eq!(serde_json::to_string(&data_type).unwrap(), text);
        assert_eq!(serde_json::from_str::<DataType>(text).unwrap(), data_type);
    }
}

#[test]
fn leaves_past_the_limit_are_left_out_one_by_one() {
    let field = |name: &str, data_type| Field::new(name, data_type);
    let known = Schema {
        fields: vec![field("a", DataType::Int53)],
    };
    let incoming = Schema {
        fields: vec![
            field("a", DataType::Utf8),
            field(
                "s",
                DataType::Struct(vec![
                    field("x", DataType::Bool),
                    field("y", DataType::Bool),
                    field("z", DataType::Bool),
                ]),
            ),
            field("t", DataType::Utf8),
        ],
    };
    let admitted = admit(&known, &incoming, 3);
    assert_eq!(
        admitted.fields,
        vec![
            field("a", DataType::Json),
            field(
                "s",
                DataType::Struct(vec![field("x", DataType::Bool), field("y", DataType::Bool)])
            ),
        ]
    );
}
