//! The source and its fields, for people.

use shardmill_engine::statistics::answer::{FieldSummary, Shown, SourceAnswer, WindowAnswer};

use super::page::{Page, distinct_text, span_text};
use super::read::Span;
use crate::cli::bars::{bar, sparkline};
use crate::cli::output::{count, cut, duration, number, percent, table, time};
use crate::config::{DataSource, format_size};

/// Characters of a bar of density.
const BAR: usize = 10;
/// Characters of a value.
const VALUE: usize = 24;
/// From this share of all values on the most frequent one is shown.
const FREQUENT: f64 = 0.01;
/// Columns of the sparkline.
const COLUMNS: usize = 60;

/// The whole page.
pub fn page(
    source: &DataSource,
    span: Span,
    answer: &SourceAnswer,
    fields: &[FieldSummary],
) -> String {
    let mut page = Page::default();
    let (name, as_of) = (source.name(), time(answer.as_of_ms));
    page.line(format_args!(
        "{name}{}, what is committed at {as_of}",
        span_text(span)
    ));
    counts(&mut page, answer);
    if let Some(minutes) = minutes(&answer.windows, source.window_length().millis()) {
        page.line(format_args!("\n{minutes}"));
    }
    if fields.is_empty() {
        page.line("\nNo field is known.");
        return page.into_text();
    }
    page.line("\nFields (density: share of events that have a value)");
    let header = [
        "field",
        "density",
        "",
        "types",
        "distinct",
        "min",
        "median",
        "max",
        "most frequent",
    ];
    let rows = fields.iter().map(row);
    page.line(table(&header, &[2, 4, 6], rows.collect()));
    page.into_text()
}

fn counts(page: &mut Page, answer: &SourceAnswer) {
    let counts = &answer.counts;
    page.say("events", count(counts.events));
    page.say(
        "payloads",
        format_args!(
            "{} of {} in {} Kinesis records",
            count(counts.payloads),
            format_size(counts.bytes),
            count(counts.records)
        ),
    );
    if counts.empty > 0 {
        page.say("empty payloads", count(counts.empty));
    }
    if counts.rejects > 0 {
        let codes = answer.rejects_by_code.iter();
        let codes: Vec<String> = codes
            .map(|(code, rejects)| format!("{code} ({})", count(*rejects)))
            .collect();
        let codes = codes.join(", ");
        page.say(
            "rejects",
            format_args!("{}: {codes}", count(counts.rejects)),
        );
    }
    if answer.live.events > 0 {
        let share = percent(answer.live.share);
        page.say(
            "not committed",
            format_args!("{} events, {share}", count(answer.live.events)),
        );
    }
    if answer.counted_only > 0 {
        page.say(
            "only counted",
            format_args!(
                "{} events; the fields miss them",
                count(answer.counted_only)
            ),
        );
    }
    let given_up = answer.given_up;
    if given_up.fields + given_up.sketches > 0 {
        page.say(
            "given up",
            format_args!(
                "{} fields, {} times the sketches of one (statistics.max_fields, \
                 statistics.max_bytes_per_window)",
                count(given_up.fields),
                count(given_up.sketches)
            ),
        );
    }
}

/// Events a minute, or of several minutes a column where they are many.
fn minutes(windows: &[WindowAnswer], length: i64) -> Option<String> {
    let (first, last) = (windows.first()?.start_ms, windows.last()?.start_ms);
    let all = (last - first) / length + 1;
    let each = (all as usize).div_ceil(COLUMNS);
    let mut columns = vec![0u64; (all as usize).div_ceil(each)];
    for window in windows {
        let place = ((window.start_ms - first) / length) as usize / each;
        columns[place] += window.counts.events;
    }
    let most = count(columns.iter().copied().max().unwrap_or(0));
    let column = duration(length * each as i64);
    Some(format!(
        "Events by {column} of arrival, at most {most}\n  {}  {} to {}",
        sparkline(&columns),
        time(first),
        time(last + length)
    ))
}

fn row(field: &FieldSummary) -> Vec<String> {
    let cell = |shown: &Option<Shown>| {
        shown
            .as_ref()
            .map_or_else(String::new, |own| value(own, VALUE))
    };
    let median = field.quantiles.map(|own| number(own.p50));
    let top = field
        .top
        .as_ref()
        .map(|top| (top, top.count as f64 / field.values.max(1) as f64));
    let top = top.filter(|(top, share)| top.count > 1 && *share >= FREQUENT);
    let top = top.map(|(top, share)| {
        let shown: String = top.value.chars().map(one_line).collect();
        format!("{} {}", cut(&shown, VALUE), percent(share))
    });
    vec![
        field.path.clone(),
        bar(field.density, BAR),
        percent(field.density),
        types(field),
        field
            .distinct
            .as_ref()
            .map(distinct_text)
            .unwrap_or_default(),
        cell(&field.min),
        median.unwrap_or_default(),
        cell(&field.max),
        top.unwrap_or_default(),
    ]
}

/// A value on one line, at most so many characters of it.
pub fn value(shown: &Shown, most: usize) -> String {
    match shown {
        Shown::Integer(value) => value.to_string(),
        Shown::Float(value) => number(*value),
        Shown::Text(text) => {
            let line: String = text.chars().map(one_line).collect();
            cut(&line, most)
        }
    }
}

/// A character that does not break a table.
pub fn one_line(c: char) -> char {
    if c.is_control() { '\u{fffd}' } else { c }
}

fn types(field: &FieldSummary) -> String {
    if let [only] = field.types.as_slice() {
        return only.kind.as_str().to_owned();
    }
    let all = field.values.max(1) as f64;
    let types = field.types.iter().map(|typed| {
        let share = percent(typed.values as f64 / all);
        format!("{} {share}", typed.kind.as_str())
    });
    types.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use shardmill_engine::statistics::answer::CountsAnswer;

    use super::*;

    fn window(minute: i64, events: u64) -> WindowAnswer {
        let counts = CountsAnswer {
            events,
            ..CountsAnswer::default()
        };
        WindowAnswer {
            start_ms: 1_795_341_600_000 + minute * 60_000,
            counts,
        }
    }

    #[test]
    fn minutes_without_events_are_shown() {
        let shown = minutes(&[window(0, 100), window(3, 50)], 60_000).unwrap();
        assert_eq!(
            shown,
            "Events by 1 min of arrival, at most 100\n  \
             █··▅  2026-11-22T10:00:00Z to 2026-11-22T10:04:00Z"
        );
        assert_eq!(minutes(&[], 60_000), None);
    }

    #[test]
    fn many_minutes_share_columns() {
        let windows: Vec<WindowAnswer> = (0..120).map(|minute| window(minute, 1)).collect();
        let shown = minutes(&windows, 60_000).unwrap();
        assert!(
            shown.contains("by 2 min of arrival, at most 2\n"),
            "{shown}"
        );
        assert_eq!(shown.matches('█').count(), 60, "{shown}");
    }
}
