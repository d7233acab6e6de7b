//! Patterns of paths: `*` and `?` within a part, `**` over parts, `[abc]` and `[a-z]` for characters.

/// A pattern of paths with `/` between their parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob {
    parts: Vec<Vec<char>>,
}

/// Whether a text is a pattern.
pub(super) fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// The parts of a path before its first pattern, and the pattern from there on.
pub(super) fn split(path: &str) -> (&str, &str) {
    let first = path.find(['*', '?', '[']).unwrap_or(path.len());
    let root = path[..first].rfind('/').map_or(0, |slash| slash + 1);
    path.split_at(root)
}

impl Glob {
    pub(super) fn new(pattern: &str) -> Self {
        let parts = pattern.split('/').filter(|part| !part.is_empty());
        Self {
            parts: parts.map(|part| part.chars().collect()).collect(),
        }
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        let parts: Vec<Vec<char>> = path.split('/').map(|part| part.chars().collect()).collect();
        matches_parts(&self.parts, &parts)
    }
}

fn matches_parts(pattern: &[Vec<char>], path: &[Vec<char>]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((first, rest)) if first == &['*', '*'] => {
            (0..=path.len()).any(|skipped| matches_parts(rest, &path[skipped..]))
        }
        Some((first, rest)) => path
            .split_first()
            .is_some_and(|(part, left)| matches_part(first, part) && matches_parts(rest, left)),
    }
}

/// Matches one part. Goes back to the last `*` alone, so it takes no more than a square of time.
fn matches_part(pattern: &[char], part: &[char]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while place < part.len() {
        if pattern.get(at) == Some(&'*') {
            star = Some((at, place));
            at += 1;
        } else if let Some(length) = one(&pattern[at..], part[place]) {
            at += length;
            place += 1;
        } else if let Some((after, from)) = star {
            star = Some((after, from + 1));
            (at, place) = (after + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

/// The length of the pattern's beginning, where it matches a character.
fn one(pattern: &[char], character: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['[', set @ ..] if set.contains(&']') => {
            let end = set.iter().position(|member| *member == ']')?;
            let (members, not) = match &set[..end] {
                ['!' | '^', members @ ..] => (members, true),
                members => (members, false),
            };
            let mut found = false;
            let mut rest = members;
            while let [first, left @ ..] = rest {
                match left {
                    ['-', last, left @ ..] => {
                        found |= (*first..=*last).contains(&character);
                        rest = left;
                    }
                    _ => {
                        found |= *first == character;
                        rest = left;
                    }
                }
            }
            (found != not).then_some(end + 2)
        }
        [first, ..] if *first == character => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_what_they_say() {
        for (pattern, path, matches) in [
            ("*.json", "a.json", true),
            ("*.json", "b/a.json", false),
            ("**/*.json", "a.json", true),
            ("**/*.json", "x/y/a.json", true),
            ("**/*.json", "x/y/a.csv", false),
            ("x/**", "x/y/z", true),
            ("x/**/z", "x/z", true),
            ("x/*/z", "x/y/w/z", false),
            ("date=*/h?.gz", "date=2026-11-22/h1.gz", true),
            ("date=*/h?.gz", "date=2026-11-22/h11.gz", false),
            ("[a-c]x[!0-9]", "bxy", true),
            ("[a-c]x[!0-9]", "bx1", false),
            ("[a-c]x[!0-9]", "dxy", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("[x", "[x", true),
        ] {
            assert_eq!(
                Glob::new(pattern).matches(path),
                matches,
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn a_path_is_split_where_its_pattern_begins() {
        assert_eq!(split("/data/in/**/*.gz"), ("/data/in/", "**/*.gz"));
        assert_eq!(split("/data/in*/x"), ("/data/", "in*/x"));
        assert_eq!(split("*.gz"), ("", "*.gz"));
        assert_eq!(split("/data/in"), ("/data/", "in"));
    }
}
