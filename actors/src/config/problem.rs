//! What is wrong with a configuration: all of it at once, each with its place.

use std::fmt;
use std::ops::Range;

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Stable code, such as `config.unknown_key`.
    pub code: &'static str,
    /// The key that it is about, as a path (`kinesis.shards`); empty if it is about none.
    pub key: String,
    /// What is wrong and what is allowed.
    pub message: String,
    /// What to do, where that is known.
    pub help: Option<String>,
    /// Where it stands; `None` for what does not stand in a text.
    pub at: Option<At>,
}

/// A place in a configuration text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    excerpt: String,
    width: usize,
}

/// A configuration that cannot be used. It names every problem that was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    origin: String,
    problems: Vec<Problem>,
}

impl ConfigError {
    /// Every problem, in the order of the text; never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The stable code of the first problem.
    pub fn code(&self) -> &'static str {
        self.problems
            .first()
            .map_or("config.syntax", |problem| problem.code)
    }

    /// The file, or what the text was called.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// A file that could not be read.
    pub(super) fn unreadable(origin: &str, error: &std::io::Error) -> Self {
        let problem = Problem {
            code: "config.read_failed",
            key: String::new(),
            message: format!("the file cannot be read: {error}"),
            help: None,
            at: None,
        };
        Self {
            origin: origin.to_owned(),
            problems: vec![problem],
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            problem.write(f, &self.origin)?;
        }
        Ok(())
    }
}

impl Problem {
    fn write(&self, f: &mut fmt::Formatter<'_>, origin: &str) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, self.message)?;
        match &self.at {
            None => write!(f, "\n  --> {origin}")?,
            Some(at) => {
                let number = at.line.to_string();
                let margin = " ".repeat(number.len());
                let before = " ".repeat(at.column - 1);
                let carets = "^".repeat(at.width);
                write!(f, "\n{margin} --> {origin}:{}:{}", at.line, at.column)?;
                write!(f, "\n{margin} |\n{number} | {}", at.excerpt)?;
                write!(f, "\n{margin} | {before}{carets}")?;
            }
        }
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

/// Collects problems of one text.
pub(super) struct Report<'t> {
    origin: String,
    text: &'t str,
    problems: Vec<(usize, Problem)>,
}

impl<'t> Report<'t> {
    pub(super) fn new(origin: &str, text: &'t str) -> Self {
        Self {
            origin: origin.to_owned(),
            text,
            problems: Vec::new(),
        }
    }

    /// Adds a problem with the bytes of the text that it is about.
    pub(super) fn add(
        &mut self,
        code: &'static str,
        key: &str,
        span: Option<Range<usize>>,
        message: String,
        help: Option<String>,
    ) {
        // Problems without a place come after those with one.
        let order = span.as_ref().map_or(usize::MAX, |span| span.start);
        let at = span.map(|span| locate(self.text, span));
        let problem = Problem {
            code,
            key: key.to_owned(),
            message,
            help,
            at,
        };
        self.problems.push((order, problem));
    }

    /// Whether a problem with this key was added.
    pub(super) fn names(&self, key: &str) -> bool {
        self.problems.iter().any(|(_, problem)| problem.key == key)
    }

    /// Whether a problem with this code was added.
    pub(super) fn has(&self, code: &str) -> bool {
        self.problems
            .iter()
            .any(|(_, problem)| problem.code == code)
    }

    pub(super) fn len(&self) -> usize {
        self.problems.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    pub(super) fn into_error(mut self) -> ConfigError {
        self.problems.sort_by_key(|(order, _)| *order);
        let problems = self
            .problems
            .into_iter()
            .map(|(_, problem)| problem)
            .collect();
        ConfigError {
            origin: self.origin,
            problems,
        }
    }
}

/// Finds line and column of a span and cuts out what an excerpt shows of it.
fn locate(text: &str, span: Range<usize>) -> At {
    let start = floor(text, span.start);
    let end = floor(text, span.end.max(span.start));
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let line = text[..start].matches('\n').count() + 1;
    let column = text[line_start..start].chars().count() + 1;
    let width = text[start..end.clamp(start, line_end)]
        .chars()
        .count()
        .max(1);
    // A tab would shift the carets.
    let excerpt = text[line_start..line_end].trim_end().replace('\t', " ");
    At {
        line,
        column,
        excerpt,
        width,
    }
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The candidate that `given` was most likely meant to be.
pub(crate) fn nearest<'c>(
    given: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let (likeness, first) = by_likeness(given, candidates).into_iter().next()?;
    (likeness > 0.8).then_some(first)
}

/// The candidates that are most like `given`, at most so many.
pub(super) fn likest<'c>(
    given: &str,
    candidates: impl IntoIterator<Item = &'c str>,
    most: usize,
) -> Vec<&'c str> {
    let candidates = by_likeness(given, candidates).into_iter().take(most);
    candidates.map(|(_, candidate)| candidate).collect()
}

/// Candidates with how much they are like `given`, the likest first.
fn by_likeness<'c>(
    given: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Vec<(f64, &'c str)> {
    let given = given.to_lowercase();
    let like = |candidate: &'c str| strsim::jaro_winkler(&given, &candidate.to_lowercase());
    let candidates = candidates.into_iter();
    let mut all: Vec<_> = candidates.map(|name| (like(name), name)).collect();
    all.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let text = "a = 1\nbé = \"x\"\n";
        let at = locate(text, text.find("\"x\"").unwrap()..text.len() - 1);
        assert_eq!((at.line, at.column, at.width), (2, 6, 3));
        assert_eq!(at.excerpt, "bé = \"x\"");
    }

    #[test]
    fn the_carets_stand_under_what_is_wrong() {
        let mut report = Report::new("source.toml", "name = 1\nshardz = 2\n");
        report.add(
            "config.unknown_key",
            "shardz",
            Some(9..15),
            "what is it".into(),
            None,
        );
        let shown = report.into_error().to_string();
        let expected = "error[config.unknown_key]: what is it\n  --> source.toml:2:1\n  |\n\
                        2 | shardz = 2\n  | ^^^^^^";
        assert_eq!(shown, expected);
    }

    #[test]
    fn the_nearest_key_is_found_and_a_far_one_is_not() {
        let keys = ["stream", "region", "read_from", "shards"];
        assert_eq!(nearest("steam", keys), Some("stream"));
        assert_eq!(nearest("readFrom", keys), Some("read_from"));
        assert_eq!(nearest("shard", keys), Some("shards"));
        assert_eq!(nearest("compression", keys), None);
    }

    proptest! {
        #[test]
        fn any_span_of_any_text_has_a_place(text in ".{0,30}", start in 0usize..40, len in 0usize..40) {
            let at = locate(&text, start..start + len);
            prop_assert!(at.line >= 1 && at.column >= 1 && at.width >= 1);
        }
    }
}
