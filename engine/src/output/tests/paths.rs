use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> Option<(Vec<String>, String)> {
    let pick = Pick::parse(text).ok()?;
    Some((pick.path.0, pick.name))
}

#[test]
fn paths_are_names_between_dots() {
    let is = |text: &str, path: &[&str], name: &str| {
        let path = path.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(parsed(text), Some((path, name.to_owned())), "{text}");
    };
    is("status", &["status"], "status");
    is(" user.id ", &["user", "id"], "id");
    is("user.id AS userId", &["user", "id"], "userId");
    is("user.id as \"user id\"", &["user", "id"], "user id");
    is("\"user-agent\".\"a\"\"b\"", &["user-agent", "a\"b"], "a\"b");
    is("_arrival", &["_arrival"], "_arrival");
    is("größe", &["größe"], "größe");
    is("asset", &["asset"], "asset");
    is("a as asset", &["a"], "asset");
}

#[test]
fn what_is_no_path_is_told() {
    for text in [
        "", ".", "a.", "a..b", "lower(a)", "a + 1", "1a", "a as", "a as b c", "\"a", "\"\"", "a b",
        "'a'", "a AS'b'",
    ] {
        assert_eq!(parsed(text), None, "{text}");
    }
}

#[test]
fn members_are_found_in_objects_maps_and_json_text() {
    let (mut fields, mut columns) = all_types();
    fields.extend(event_fields());
    columns.extend(events(&[1, 2, 3]));
    let rows = Table::new(fields.clone().into(), columns, 3).unwrap();
    let values = |text: &str| {
        let path = Pick::parse(text).unwrap().path;
        let data_type = path.type_in(&fields);
        let array = path.values_in(&rows);
        let text = crate::schema::text::JsonText::of(&array, &data_type);
        (0..3)
            .map(|row| {
                let mut out = Vec::new();
                text.write(row, &mut out);
                String::from_utf8(out).unwrap()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(values("user.id"), ["10", "20", "30"]);
    assert_eq!(values("map.a"), ["\"x\"", "null", "null"]);
    assert_eq!(values("map.b"), ["null", "null", "null"]);
    assert_eq!(values("\"user-agent\".a"), ["[1]", "null", "null"]);
    assert_eq!(values("user.none.deeper"), ["null", "null", "null"]);
    assert_eq!(values("nowhere"), ["null", "null", "null"]);
}

proptest! {
    #[test]
    fn any_names_make_a_path(names in prop::collection::vec(".{1,8}", 1..4), name in ".{1,8}") {
        let quoted = |name: &String| format!("\"{}\"", name.replace('"', "\"\""));
        let path: Vec<String> = names.iter().map(quoted).collect();
        let text = format!("{} AS {}", path.join("."), quoted(&name));
        prop_assert_eq!(parsed(&text), Some((names, name)));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,40}") {
        let _ = Pick::parse(&text);
    }
}
