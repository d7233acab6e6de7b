//! Paths of fields as text.

/// The end of the path of a list's items.
pub const ITEMS: &str = "[]";
/// The end of the path of a map's values.
pub const ENTRIES: &str = "{}";

/// Appends a member's name to a path: `user` and `name` make `user.name`. A name that would not read
/// back so (it is empty, or has a dot, a bracket, a quote or a space at an end) is quoted as in JSON:
/// `user."first.name"`.
pub fn push_member(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    let plain = |c: char| !matches!(c, '.' | '[' | ']' | '{' | '}' | '"') && !c.is_control();
    if !name.is_empty() && name.chars().all(plain) && name.trim() == name {
        path.push_str(name);
    } else {
        let mut quoted = Vec::with_capacity(name.len() + 2);
        crate::schema::text::write_string(&mut quoted, name);
        path.push_str(&String::from_utf8_lossy(&quoted));
    }
}

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// To a member.
    Member(String),
    /// To the items of lists.
    Items,
    /// To the values of maps.
    Entries,
}

/// The steps of a path; `None` if it is none.
pub fn steps(path: &str) -> Option<Vec<Step>> {
    let steps = places(path)?.into_iter();
    Some(steps.map(|(_, step)| step).collect())
}

/// The path of what a field is in (empty for a top-level field), and the step from there.
pub fn parent(path: &str) -> Option<(&str, Step)> {
    let (place, step) = places(path)?.pop()?;
    Some((&path[..place], step))
}

/// The steps of a path, each with the place where the path before it ends.
fn places(path: &str) -> Option<Vec<(usize, Step)>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let place = path.len() - rest.len();
        if let Some(after) = rest.strip_prefix(ITEMS) {
            steps.push((place, Step::Items));
            rest = after;
            continue;
        }
        if let Some(after) = rest.strip_prefix(ENTRIES) {
            steps.push((place, Step::Entries));
            rest = after;
            continue;
        }
        if !steps.is_empty() {
            rest = rest.strip_prefix('.')?;
        }
        let length = if rest.starts_with('"') {
            let mut texts = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            steps.push((place, Step::Member(texts.next()?.ok()?)));
            texts.byte_offset()
        } else {
            let length = rest.find(['.', '[', '{']).unwrap_or(rest.len());
            steps.push((place, Step::Member(rest[..length].to_owned())));
            length
        };
        rest = &rest[length..];
    }
    (!steps.is_empty()).then_some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_read_otherwise_are_quoted() {
        for (names, expected) in [
            (&["user", "name"][..], "user.name"),
            (&["first.name"], "\"first.name\""),
            (&["a", "", "b c"], "a.\"\".b c"),
            (&["x[]", "say \"hi\""], "\"x[]\".\"say \\\"hi\\\"\""),
        ] {
            let mut path = String::new();
            names.iter().for_each(|name| push_member(&mut path, name));
            assert_eq!(path, expected);
            let members = names.iter().map(|name| Step::Member((*name).to_owned()));
            assert_eq!(steps(&path), Some(members.collect()));
        }
    }

    #[test]
    fn a_parent_is_what_a_field_is_in() {
        let member = |name: &str| Step::Member(name.to_owned());
        for (path, expected) in [
            ("user", ("", member("user"))),
            ("user.name", ("user", member("name"))),
            ("user.\"a.b\".c", ("user.\"a.b\"", member("c"))),
            ("tags[]", ("tags", Step::Items)),
            ("tags[][]", ("tags[]", Step::Items)),
            ("orders[].price", ("orders[]", member("price"))),
            ("by_day{}", ("by_day", Step::Entries)),
        ] {
            assert_eq!(parent(path), Some(expected), "{path}");
        }
        assert_eq!(parent(""), None);
        assert_eq!(parent("a."), Some(("a", member(""))));
        assert_eq!(parent("a]b\""), Some(("", member("a]b\""))));
    }
}
