//! The laws of the lattice, on random types.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{DataType, Field, Schema, admit};

fn data_type() -> impl Strategy<Value = DataType> {
    let leaf = prop_oneof![
        Just(DataType::Null),
        Just(DataType::Bool),
        Just(DataType::Int53),
        Just(DataType::Int64),
        Just(DataType::Float64),
        Just(DataType::Utf8),
        Just(DataType::Json),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            inner
                .clone()
                .prop_map(|item| DataType::List(Box::new(item))),
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
    Struct(BTreeMap<String, Unordered>),
}

fn unordered(data_type: &DataType) -> Unordered {
    match data_type {
        DataType::List(item) => Unordered::List(Box::new(unordered(item))),
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

proptest! {
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
