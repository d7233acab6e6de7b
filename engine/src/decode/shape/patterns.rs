//! Patterns over the paths of fields: names with dots between them, and wildcards.

use crate::decode::options::OptionError;

/// Patterns, ready to be followed from the root of an event.
#[derive(Clone, Debug, Default)]
pub(super) struct Patterns {
    patterns: Vec<Vec<Segment>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// `**`: any names, or none.
    AnyNames,
    /// A name; `*` in it stands for any characters, `?` for one.
    Name(Vec<char>),
}

/// Where patterns stand at a field: each a pattern and how many segments of it are behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    at: Vec<(usize, usize)>,
}

impl Standing {
    /// Whether no field below can match.
    pub(super) fn is_over(&self) -> bool {
        self.at.is_empty()
    }
}

impl Patterns {
    /// Reads patterns.
    pub(super) fn parse(texts: &[String]) -> Result<Self, OptionError> {
        let patterns = texts.iter().map(|text| segments(text));
        Ok(Self {
            patterns: patterns.collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Before the first name.
    pub(super) fn begin(&self) -> Standing {
        let mut standing = Standing::default();
        for number in 0..self.patterns.len() {
            self.stand(&mut standing, number, 0);
        }
        standing
    }

    /// One name on; whether a pattern ends there.
    pub(super) fn follow(&self, standing: &Standing, name: &str) -> (Standing, bool) {
        let mut next = Standing::default();
        for &(number, place) in &standing.at {
            match self.patterns[number].get(place) {
                Some(Segment::AnyNames) => self.stand(&mut next, number, place),
                Some(Segment::Name(glob)) if matches(glob, name) => {
                    self.stand(&mut next, number, place + 1);
                }
                _ => {}
            }
        }
        let ends = |&(number, place): &(usize, usize)| self.patterns[number].len() == place;
        let ended = next.at.iter().any(ends);
        next.at.retain(|at| !ends(at));
        (next, ended)
    }

    /// Adds a place, and those that are reached from it without a name.
    fn stand(&self, standing: &mut Standing, number: usize, place: usize) {
        if standing.at.contains(&(number, place)) {
            return;
        }
        standing.at.push((number, place));
        if self.patterns[number].get(place) == Some(&Segment::AnyNames) {
            self.stand(standing, number, place + 1);
        }
    }
}

/// Names that hold a dot or a bracket are quoted as in JSON: `user."first.name"`.
fn segments(text: &str) -> Result<Vec<Segment>, OptionError> {
    let wrong = || {
        OptionError::new(format!(
            "{text:?} is no pattern of columns: names with dots between them, `*` for any part of \
             a name, `**` for any names, such as \"user.*_id\""
        ))
    };
    let mut segments = Vec::new();
    let mut rest = text;
    loop {
        let length = if rest.starts_with('"') {
            let mut texts = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            let name = texts.next().and_then(Result::ok).ok_or_else(wrong)?;
            segments.push(Segment::Name(name.chars().map(literal).collect()));
            texts.byte_offset()
        } else {
            let length = rest.find('.').unwrap_or(rest.len());
            // Lists are looked through, so the marks of items and entries say nothing.
            let name = rest[..length].trim_end_matches("[]").trim_end_matches("{}");
            match name {
                "" => return Err(wrong()),
                "**" => segments.push(Segment::AnyNames),
                name => segments.push(Segment::Name(name.chars().collect())),
            }
            length
        };
        rest = &rest[length..];
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None if rest.is_empty() => return Ok(segments),
            None => return Err(wrong()),
        }
    }
}

/// Wildcards inside quotes are characters: they are moved where no text has them.
fn literal(c: char) -> char {
    match c {
        '*' => STAR,
        '?' => QUESTION,
        c => c,
    }
}

/// Private characters of Unicode that stand for quoted wildcards.
const STAR: char = '\u{10FFFD}';
const QUESTION: char = '\u{10FFFC}';

/// Whether a name is of a glob. Looks back to the last `*` only, so it takes at most the product of
/// both lengths.
fn matches(glob: &[char], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < name.len() {
        match glob.get(place) {
            Some('*') => {
                star = Some((place, at));
                place += 1;
            }
            Some(c) if *c == '?' || unquoted(*c) == name[at] => {
                place += 1;
                at += 1;
            }
            _ => match &mut star {
                Some((after, from)) => {
                    *from += 1;
                    (place, at) = (*after + 1, *from);
                }
                None => return false,
            },
        }
    }
    glob[place..].iter().all(|c| *c == '*')
}

fn unquoted(c: char) -> char {
    match c {
        STAR => '*',
        QUESTION => '?',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the path, name by name, is matched in the end.
    fn is_matched(pattern: &str, names: &[&str]) -> bool {
        let patterns = Patterns::parse(&[pattern.to_owned()]).unwrap();
        let mut standing = patterns.begin();
        let mut ended = false;
        for name in names {
            (standing, ended) = patterns.follow(&standing, name);
        }
        ended
    }

    #[test]
    fn names_wildcards_and_any_depth() {
        for (pattern, names, expected) in [
            ("user", &["user"][..], true),
            ("user", &["users"], false),
            ("user", &["user", "id"], false),
            ("user.id", &["user", "id"], true),
            ("user.*_id", &["user", "order_id"], true),
            ("user.*_id", &["user", "order_ids"], false),
            ("*", &["anything"], true),
            ("*.id", &["user", "id"], true),
            ("*.id", &["id"], false),
            ("**.id", &["id"], true),
            ("**.id", &["a", "b", "id"], true),
            ("a.**.b", &["a", "b"], true),
            ("a.**.b", &["a", "x", "b", "y", "b"], true),
            ("a.**.b", &["a", "x", "b", "y"], false),
            ("a.**", &["a", "x", "y"], true),
            ("a.**", &["a"], true),
            ("items[].price", &["items", "price"], true),
            ("\"first.name\"", &["first.name"], true),
            ("\"a*\"", &["ab"], false),
            ("\"a*\"", &["a*"], true),
            ("a?c", &["abc"], true),
            ("a?c", &["ac"], false),
            ("*a*b*", &["xxaxxbxx"], true),
            ("*a*b*", &["xxbxxaxx"], false),
        ] {
            assert_eq!(is_matched(pattern, names), expected, "{pattern} {names:?}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_an_error() {
        for text in ["", ".", "a.", ".a", "a..b", "\"a", "\"a\"b", "[]"] {
            assert!(Patterns::parse(&[text.to_owned()]).is_err(), "{text}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let pattern = "*a".repeat(40);
        assert!(!is_matched(
            &pattern,
            &[&("a".repeat(39) + &"b".repeat(4_000))]
        ));
    }
}
