//! How commands print: tables for people, one JSON object a line for programs.

use std::io::Write;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;
use shardmill_engine::types::{TimestampMs, Window, WindowLength};

use super::Failure;

/// Prints one line of standard output. A reader that has gone away (`| head`) is no error.
pub fn line(text: &str) {
    let _ = try_line(text);
}

/// Prints one line of standard output, for commands that end when nobody reads it any more.
pub fn try_line(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush())
}

/// Prints one JSON object on a line of its own.
pub fn json_line<T: Serialize>(object: &T) {
    match json_text(object) {
        Ok(text) => line(&text),
        Err(failure) => failure.show(false),
    }
}

/// A report as one line of JSON.
pub fn json_text<T: Serialize>(report: &T) -> Result<String, Failure> {
    serde_json::to_string(report).map_err(|error| {
        Failure::new(
            "cli.json",
            format!("a report cannot be written as JSON: {error}"),
        )
    })
}

/// A table with a header (or without one, if it is empty), its columns of numbers (by their places)
/// aligned to the right.
pub fn table(header: &[&str], numbers: &[usize], rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .add_rows(rows);
    if !header.is_empty() {
        table.set_header(header.to_vec());
    }
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
    grouped(&number.to_string())
}

/// Digits with a space between their thousands; a sign stays before them.
pub fn grouped(digits: &str) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits),
    };
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    out.push_str(sign);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// The first characters of a text, at most so many.
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// A number for people: whole ones by thousands, others to six digits.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() || size >= 1e15 || (size > 0.0 && size < 1e-4) {
        return format!("{value:.4e}");
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let whole = size.trunc();
    let places = match whole {
        0.0 => 6,
        whole => 5usize.saturating_sub(whole.log10() as usize),
    };
    let rounded = format!("{size:.places$}");
    let (whole, fraction) = rounded.split_once('.').unwrap_or((&rounded, ""));
    let whole = grouped(whole);
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

/// A share as a percentage.
pub fn percent(share: f64) -> String {
    match share * 100.0 {
        0.0 => "0%".to_owned(),
        percent if percent < 0.1 => "<0.1%".to_owned(),
        percent if percent > 99.9 && share < 1.0 => ">99.9%".to_owned(),
        percent if (10.0..99.5).contains(&percent) || share >= 1.0 => format!("{percent:.0}%"),
        percent => format!("{percent:.1}%"),
    }
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
        assert_eq!(grouped("-123456"), "-123 456");
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
    fn numbers_have_six_digits_and_no_zeros_behind() {
        for (value, expected) in [
            (0.0, "0"),
            (3.0, "3"),
            (-1_234_567.0, "-1 234 567"),
            (2.5, "2.5"),
            (0.000_123_456_7, "0.000123"),
            (1_234.567_8, "1 234.57"),
            (123_456.78, "123 457"),
            (9.999_999_9, "10"),
            (1e-7, "1.0000e-7"),
            (-2e20, "-2.0000e20"),
        ] {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn percentages_do_not_say_none_or_all_where_it_is_not_so() {
        for (share, expected) in [
            (0.0, "0%"),
            (0.000_1, "<0.1%"),
            (0.012, "1.2%"),
            (0.5, "50%"),
            (0.997, "99.7%"),
            (0.999_9, ">99.9%"),
            (1.0, "100%"),
        ] {
            assert_eq!(percent(share), expected);
        }
    }

    #[test]
    fn times_are_in_utc() {
        assert_eq!(time(1_795_341_600_000), "2026-11-22T10:00:00Z");
        assert_eq!(time(i64::MAX), format!("{} ms", i64::MAX));
    }
}
