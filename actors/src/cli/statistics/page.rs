//! A page of text, line by line.

use std::fmt::Display;

use shardmill_engine::statistics::answer::DistinctAnswer;

use super::read::Span;
use crate::cli::output::{count, time};

/// Characters of the names before values.
const NAMES: usize = 16;

/// Text that grows by lines.
#[derive(Default)]
pub struct Page(String);

impl Page {
    pub fn line(&mut self, text: impl Display) {
        self.0.push_str(&text.to_string());
        self.0.push('\n');
    }

    /// A name and what is said of it.
    pub fn say(&mut self, name: &str, what: impl Display) {
        self.line(format_args!("  {name:<NAMES$} {what}"));
    }

    pub fn into_text(self) -> String {
        self.0
    }
}

/// A span of time for people; nothing where all of it is meant.
pub fn span_text(span: Span) -> String {
    match (span.from_ms.map(time), span.to_ms.map(time)) {
        (None, None) => String::new(),
        (Some(from), None) => format!(" from {from}"),
        (None, Some(to)) => format!(" before {to}"),
        (Some(from), Some(to)) => format!(" from {from} to {to}"),
    }
}

/// A number of different values; one that is not sure as such.
pub fn distinct_text(distinct: &DistinctAnswer) -> String {
    let sure = distinct.lower == distinct.upper;
    let about = match (distinct.sketched < distinct.values, sure) {
        (true, _) => ">",
        (false, false) => "~",
        (false, true) => "",
    };
    format!("{about}{}", count(distinct.estimate))
}
