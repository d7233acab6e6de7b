//! Is the first line of CSV a header?

use std::collections::HashSet;

use super::cells::Cell;
use super::delimited::Table;

/// What was found of the first lines of CSV.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether they look like headers.
    pub looks_like: bool,
    /// Why, for people.
    pub reason: String,
    /// The first line of the first content.
    pub first_line: Vec<String>,
}

/// Words that columns are called by, in whole or in part.
const USUAL_NAMES: &[&str] = &[
    "id",
    "name",
    "time",
    "timestamp",
    "date",
    "type",
    "key",
    "value",
    "user",
    "email",
    "status",
    "count",
    "price",
    "amount",
    "url",
    "ip",
    "country",
    "city",
    "code",
    "level",
    "message",
    "age",
    "event",
    "session",
    "device",
    "category",
    "product",
    "quantity",
    "total",
    "currency",
    "lat",
    "lon",
    "latitude",
    "longitude",
    "title",
    "description",
    "created",
    "updated",
    "first",
    "last",
    "address",
    "phone",
    "state",
    "zip",
    "number",
    "host",
    "path",
    "method",
    "size",
    "duration",
];

impl Header {
    /// Looks at the lines of all contents.
    pub(super) fn of(table: &Table, columns: usize) -> Self {
        let first_line = table.firsts.first().map(|(line, _)| line.clone());
        let (looks_like, reason) = judge(table, columns);
        Self {
            looks_like,
            reason,
            first_line: first_line.unwrap_or_default(),
        }
    }
}

fn judge(table: &Table, columns: usize) -> (bool, String) {
    let no = |reason: &str| (false, reason.to_owned());
    let yes = |reason: String| (true, reason);
    let Some((first, _)) = table.firsts.first() else {
        return no("there is no line");
    };
    if table.firsts.iter().all(|(_, after)| *after == 0) {
        return no("no payload has a second line, so none can begin with a header");
    }
    let kinds = &table.lines[table.first_lines[0]];
    if kinds.iter().any(|cell| cell.is_typed()) {
        return no("the first line has numbers, dates or booleans in it");
    }
    if first.iter().any(|name| name.trim().is_empty()) || !all_different(first) {
        return no("the first line has fields that are empty or equal, as names would not be");
    }
    let same = table
        .firsts
        .iter()
        .filter(|(line, _)| line == first)
        .count();
    if same < table.firsts.len() {
        return no("the first lines of the payloads differ");
    }
    if same > 1 {
        return yes(format!(
            "each of {same} payloads begins with the same line, and it holds names"
        ));
    }
    let typed = (0..columns).filter(|column| {
        let cells = table.column(*column);
        let known = cells.iter().filter(|cell| **cell != Cell::Empty).count();
        known > 0 && cells.iter().filter(|cell| cell.is_typed()).count() * 10 >= known * 9
    });
    let typed = typed.count();
    if typed > 0 {
        return yes(format!(
            "the first line is text, and {typed} of {columns} columns hold numbers, dates or \
             booleans below it"
        ));
    }
    let usual = first.iter().filter(|name| is_usual(name)).count();
    if usual * 2 >= first.len() && first.iter().all(|name| is_name(name)) {
        return yes("the first line holds names that columns often have".to_owned());
    }
    no("the first line is text like the lines below it")
}

fn all_different(names: &[String]) -> bool {
    let mut seen = HashSet::new();
    names.iter().all(|name| seen.insert(name.trim()))
}

/// Letters, digits and marks that names have, beginning with a letter or `_`.
fn is_name(text: &str) -> bool {
    let text = text.trim();
    let first = |c: char| c.is_alphabetic() || c == '_';
    let other = |c: char| c.is_alphanumeric() || "_-. /()%#".contains(c);
    text.len() <= 64 && text.starts_with(first) && text.chars().all(other)
}

/// Whether one of the words of a name is a usual one: `user_id`, `userId`, `User ID`.
fn is_usual(name: &str) -> bool {
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in name.trim().chars() {
        let begins = !c.is_alphanumeric() || (c.is_uppercase() && lower);
        if begins {
            words.push(String::new());
        }
        lower = c.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
    }
    words
        .iter()
        .any(|word| USUAL_NAMES.contains(&word.as_str()))
}
