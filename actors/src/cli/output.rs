//! How commands print: tables for people, one JSON object a line for programs.

use std::io::Write;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;
use shardmill_engine::types::{TimestampMs, Window, WindowLength};

/// Prints one line of standard output. A reader that has gone away (`| head`) is no error.
pub fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Prints one JSON object on a line of its own.
pub fn json_line<T: Serialize>(object: &T) {
    match serde_json::to_string(object) {
        Ok(text) => line(&text),
        Err(error) => eprintln!("error[cli.json]: a report cannot be written as JSON: {error}"),
    }
}

/// A table with a header, its columns of numbers (by their places) aligned to the right.
pub fn table(header: &[&str], numbers: &[usize], rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header.to_vec())
        .add_rows(rows);
    for place in numbers {
        if let Some(column) = table.column_mut(*place) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A time as `2026-11-22T10:00:00Z`, or with its milliseconds.
pub fn time(millis: TimestampMs) -> String {
    match jiff::Timestamp::from_millisecond(millis) {
        Ok(time) => time.to_string(),
        Err(_) => format!("{millis} ms"),
    }
}

/// The time at which a window begins.
pub fn window_start(length: WindowLength, window: Window) -> String {
    time(length.start_of(window))
}

/// A number with a space between its thousands.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// A length of time in the two largest units that say something.
pub fn duration(millis: i64) -> String {
    let millis = u64::try_from(millis).unwrap_or(0);
    let parts = [
        (millis / 86_400_000, "d"),
        (millis / 3_600_000 % 24, "h"),
        (millis / 60_000 % 60, "min"),
        (millis / 1_000 % 60, "s"),
    ];
    let said = parts.iter().skip_while(|(number, _)| *number == 0).take(2);
    let said: Vec<String> = said
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number} {unit}"))
        .collect();
    match said.is_empty() {
        true => format!("{millis} ms"),
        false => said.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1 000");
        assert_eq!(count(1_234_567), "1 234 567");
    }

    #[test]
    fn durations_have_two_units() {
        assert_eq!(duration(0), "0 ms");
        assert_eq!(duration(999), "999 ms");
        assert_eq!(duration(61_000), "1 min 1 s");
        assert_eq!(duration(3_600_000), "1 h");
        assert_eq!(duration(90_061_000), "1 d 1 h");
    }

    #[test]
    fn times_are_in_utc() {
        assert_eq!(time(1_795_341_600_000), "2026-11-22T10:00:00Z");
        assert_eq!(time(i64::MAX), format!("{} ms", i64::MAX));
    }
}
