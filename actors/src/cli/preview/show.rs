//! A preview for people.

use serde_json::Value;
use shardmill_engine::preview::{Column, HeaderSeen, Preview, Seen};

use crate::cli::bars::bar;
use crate::cli::output::{count, cut, line, table};

/// Characters of a bar of density.
const BAR: usize = 10;
/// Characters of a value in the table of rows.
const MAX_CELL: usize = 40;
/// Columns of the table of rows.
const MAX_COLUMNS: usize = 8;

/// Prints a report.
pub fn show(preview: &Preview) {
    let number = |name: &str, number: u64| line(&format!("  {name:<20} {}", count(number)));
    number("sample size", preview.sample_size);
    number("parsed successfully", preview.parsed_successfully);
    number("number of errors", preview.number_of_errors);
    number("events", preview.events);
    line(&format!(
        "  {:<20} {}",
        "compression",
        seen(&preview.compressions)
    ));
    let format = preview.format.as_deref().unwrap_or("not known");
    line(&format!("  {:<20} {format}", "format"));
    line(&format!("  {:<20} {}", "because", preview.reason));
    if preview.formats.len() > 1 {
        line(&format!(
            "  {:<20} {}",
            "contents decoded as",
            seen(&preview.formats)
        ));
    }
    if let Some(header) = &preview.header {
        show_header(header);
    }
    show_errors(preview);
    if !preview.schema.is_empty() {
        line("\nSchema (share of events that have a value)");
        let mut rows = Vec::new();
        tree(&preview.schema, "", &mut rows);
        line(&table(&["field", "type", "density", ""], &[3], rows).to_string());
        if preview.more_fields > 0 {
            line(&format!("  and {} more fields", count(preview.more_fields)));
        }
    }
    show_rows(preview);
}

fn seen(seen: &[Seen]) -> String {
    let seen = seen.iter();
    let seen = seen.map(|Seen { name, count }| format!("{name} ({count})"));
    seen.collect::<Vec<_>>().join(", ")
}

fn show_header(header: &HeaderSeen) {
    let looks = match header.looks_like_header {
        true => "looks like a header",
        false => "looks like data",
    };
    line(&format!(
        "  {:<20} {looks}: {}",
        "first line", header.reason
    ));
    if header.looks_like_header != header.used {
        let used = match header.used {
            true => "a header all the same",
            false => "data all the same",
        };
        line(&format!("  {:<20} {used}", "taken for"));
    }
}

fn show_errors(preview: &Preview) {
    if preview.errors.is_empty() {
        return;
    }
    let codes = preview.error_codes.iter();
    let codes: Vec<String> = codes
        .map(|(code, count)| format!("{code} ({count})"))
        .collect();
    line(&format!("\nErrors: {}", codes.join(", ")));
    let rows = preview.errors.iter().map(|error| {
        vec![
            error.payload.to_string(),
            error.code.clone(),
            error.reason.clone(),
            error.excerpt.clone(),
        ]
    });
    line(
        &table(
            &["payload", "code", "reason", "begins with"],
            &[0],
            rows.collect(),
        )
        .to_string(),
    );
}

/// The fields, each below the one that it is in.
fn tree(columns: &[Column], indent: &str, rows: &mut Vec<Vec<String>>) {
    for (place, column) in columns.iter().enumerate() {
        let last = place + 1 == columns.len();
        let (branch, below) = match (indent.is_empty(), last) {
            (true, _) => ("", "  "),
            (false, true) => ("└ ", "  "),
            (false, false) => ("├ ", "│ "),
        };
        rows.push(vec![
            format!("{}{branch}{}", indent.replacen("  ", "", 1), column.name),
            column.data_type.clone(),
            bar(column.density, BAR),
            format!("{:.0}%", column.density * 100.0),
        ]);
        tree(&column.fields, &format!("{indent}{below}"), rows);
    }
}

/// The first events, in columns where they have few.
fn show_rows(preview: &Preview) {
    if preview.rows.is_empty() {
        return;
    }
    line("\nFirst events");
    let names: Vec<&str> = preview.schema.iter().map(|column| &*column.name).collect();
    if names.len() > MAX_COLUMNS {
        for row in &preview.rows {
            line(&format!("  {}", cut(&row.to_string(), 4 * MAX_CELL)));
        }
        return;
    }
    let rows = preview.rows.iter().map(|row| {
        let cells = names.iter().map(|name| match row.get(*name) {
            None => String::new(),
            Some(Value::String(text)) => cut(text, MAX_CELL),
            Some(value) => cut(&value.to_string(), MAX_CELL),
        });
        cells.collect()
    });
    line(&table(&names, &[], rows.collect()).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_shows_what_is_in_what() {
        let column = |name: &str, fields| Column {
            name: name.to_owned(),
            data_type: "object".to_owned(),
            density: 1.0,
            fields,
        };
        let deep = column(
            "b",
            vec![column("c", vec![column("d", vec![])]), column("e", vec![])],
        );
        let mut rows = Vec::new();
        tree(&[column("a", vec![]), deep], "", &mut rows);
        let names: Vec<&str> = rows.iter().map(|row| &*row[0]).collect();
        assert_eq!(names, ["a", "b", "├ c", "│ └ d", "└ e"]);
    }
}
