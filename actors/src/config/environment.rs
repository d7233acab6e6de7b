//! Environment variables in string values: `${NAME}`, `${NAME:-default}`, and `$$` for a dollar.

/// Why a text could not be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FillError {
    /// The variable is not set and there is no default.
    Unset(String),
    /// A `$` that begins neither a variable nor `$$`.
    Malformed,
}

/// Fills `text` in. `None` if nothing is to be done; else the text, and whether a variable was in
/// it. A default stands for a variable that is unset or empty.
pub(super) fn fill(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<(String, bool)>, FillError> {
    if !text.contains('$') {
        return Ok(None);
    }
    let mut out = String::with_capacity(text.len());
    let mut filled = false;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let (inside, after) = after
            .strip_prefix('{')
            .and_then(|inside| inside.split_once('}'))
            .ok_or(FillError::Malformed)?;
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_variable(name) {
            return Err(FillError::Malformed);
        }
        match (lookup(name), default) {
            (Some(value), _) if !value.is_empty() => out.push_str(&value),
            (_, Some(default)) => out.push_str(default),
            (Some(_), None) => {}
            (None, None) => return Err(FillError::Unset(name.to_owned())),
        }
        filled = true;
        rest = after;
    }
    out.push_str(rest);
    Ok(Some((out, filled)))
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.as_bytes()[0].is_ascii_digit()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<Option<(String, bool)>, FillError> {
        fill(text, &|name| match name {
            "STREAM" => Some("clicks".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        })
    }

    #[test]
    fn variables_and_defaults_are_put_in() {
        let text = |text: &str, filled| Ok(Some((text.to_owned(), filled)));
        assert_eq!(filled("plain"), Ok(None));
        assert_eq!(filled("a-${STREAM}-b"), text("a-clicks-b", true));
        assert_eq!(filled("${STREAM:-x}"), text("clicks", true));
        assert_eq!(filled("${NONE:-x}${EMPTY:-y}${EMPTY}"), text("xy", true));
        assert_eq!(filled("${NONE:-}"), text("", true));
        assert_eq!(filled("$${STREAM}"), text("${STREAM}", false));
    }

    #[test]
    fn what_is_filled_in_is_not_filled_in_again() {
        let lookup = |_: &str| Some("${STREAM}".to_owned());
        assert_eq!(
            fill("${A}", &lookup),
            Ok(Some(("${STREAM}".to_owned(), true)))
        );
    }

    #[test]
    fn unset_and_malformed_ones_are_errors() {
        assert_eq!(filled("${NONE}"), Err(FillError::Unset("NONE".into())));
        for text in ["$HOME", "${", "${}", "${A", "$", "${1A}", "${A B}"] {
            assert_eq!(filled(text), Err(FillError::Malformed), "{text}");
        }
    }
}
