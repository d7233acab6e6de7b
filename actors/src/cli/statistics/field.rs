//! One field, for people.

use shardmill_engine::statistics::answer::{
    FieldAnswer, Quantiles, Shown, Spread, TopAnswer, TypeAnswer,
};

use super::histogram::bins;
use super::page::{Page, distinct_text, span_text};
use super::read::Span;
use super::source::{one_line, value};
use crate::cli::bars::{bar, blocks};
use crate::cli::output::{count, cut, grouped, number, percent, table, time};
use crate::config::DataSource;

/// Characters of a bar of density.
const BAR: usize = 20;
/// Characters of the longest other bar.
const LONGEST: usize = 40;
/// Bars of a histogram.
const BINS: usize = 16;
/// How many of the most frequent values are shown.
const TOP: usize = 20;
/// Characters of a value in a table.
const VALUE: usize = 40;
/// Characters of a value on a line of its own.
const LONG: usize = 70;

/// The whole page; `all` is how many events there are.
pub fn page(source: &DataSource, span: Span, answer: &FieldAnswer, all: u64) -> String {
    let mut page = Page::default();
    page.line(format_args!(
        "{} of {}{}, what is committed at {}",
        answer.path,
        source.name(),
        span_text(span),
        time(answer.as_of_ms)
    ));
    presence(&mut page, answer, all);
    if let [_, _, ..] = answer.types.as_slice() {
        page.line("\nTypes of its values");
        let header = ["type", "values", "", "distinct", "min", "max"];
        let rows = answer.types.iter().map(type_row);
        page.line(table(&header, &[1, 2, 3], rows.collect()));
    }
    spread(&mut page, "Numbers", answer.numbers.as_ref());
    spread(&mut page, "Lengths in bytes", answer.lengths.as_ref());
    spread(&mut page, "Sizes", answer.sizes.as_ref());
    if let Some(top) = answer.top.as_ref() {
        most_frequent(&mut page, top, answer.values);
    }
    page.into_text()
}

fn presence(page: &mut Page, answer: &FieldAnswer, all: u64) {
    page.say(
        "events",
        format_args!(
            "{} of {}  {} {}",
            count(answer.events),
            count(all),
            bar(answer.density, BAR),
            percent(answer.density)
        ),
    );
    if answer.missed > 0 {
        let missed = count(answer.missed);
        page.say(
            "missed",
            format_args!("up to {missed} events that it was not tracked in"),
        );
    }
    page.say(
        "values",
        format_args!(
            "{} in {} places ({}), {} null",
            count(answer.values),
            count(answer.places),
            percent(answer.density_in_parent),
            count(answer.nulls)
        ),
    );
    if let Some(distinct) = &answer.distinct {
        let mut text = distinct_text(distinct);
        if distinct.lower < distinct.upper {
            let (lower, upper) = (count(distinct.lower), count(distinct.upper));
            text.push_str(&format!(", most likely {lower} to {upper}"));
        }
        if distinct.sketched < distinct.values {
            let (seen, all) = (count(distinct.sketched), count(distinct.values));
            text.push_str(&format!("; of {seen} of {all} values"));
        }
        page.say("distinct", text);
    }
    if let [only] = answer.types.as_slice() {
        page.say("type", only.kind.as_str());
        if let (Some(min), Some(max), None) = (&only.min, &only.max, &answer.numbers) {
            page.say("lowest", value(min, LONG));
            page.say("highest", value(max, LONG));
        }
    }
    if let Some(booleans) = &answer.booleans {
        let (yes, no) = (count(booleans.yes), count(booleans.no));
        page.say("booleans", format_args!("{yes} true, {no} false"));
    }
    if let (Some(first), Some(last)) = (answer.first_seen_ms, answer.last_seen_ms) {
        page.say("seen", format_args!("{} to {}", time(first), time(last)));
    }
    for (place, latest) in answer.latest.iter().enumerate() {
        let name = if place == 0 { "latest" } else { "" };
        let line: String = latest.value.chars().map(one_line).collect();
        page.say(name, cut(&line, LONG));
    }
}

fn type_row(typed: &TypeAnswer) -> Vec<String> {
    let cell = |shown: &Option<Shown>| {
        shown
            .as_ref()
            .map_or_else(String::new, |own| value(own, VALUE))
    };
    let distinct = typed.distinct.as_ref().map(distinct_text);
    vec![
        typed.kind.as_str().to_owned(),
        count(typed.values),
        percent(typed.share),
        distinct.unwrap_or_default(),
        cell(&typed.min),
        cell(&typed.max),
    ]
}

fn spread(page: &mut Page, title: &str, spread: Option<&Spread>) {
    let Some(spread) = spread else { return };
    page.line(format_args!("\n{title}"));
    page.say("count", count(spread.count));
    page.say("lowest", number(spread.min));
    page.say("highest", number(spread.max));
    match &spread.sum_exact {
        Some(exact) => page.say("sum", format_args!("{} (exact)", grouped(exact))),
        None => page.say("sum", number(spread.sum)),
    }
    page.say("mean", number(spread.mean));
    page.say("deviation", number(spread.standard_deviation));
    if let Some(quantiles) = spread.quantiles {
        let header = Quantiles::NAMES.map(|name| name.replace('_', "."));
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        let row = quantiles.values().map(number).to_vec();
        let places: Vec<usize> = (0..header.len()).collect();
        page.line(table(&header, &places, vec![row]));
    }
    if spread.sketched < spread.count {
        let (seen, all) = (count(spread.sketched), count(spread.count));
        page.say(
            "",
            format_args!("quantiles and bars are of {seen} of {all}"),
        );
    }
    page.line("");
    let bins = bins(spread, BINS);
    let bars = bins
        .iter()
        .map(|bin| (bin.label.clone(), bin.count, count(bin.count)));
    page.line(bar_chart(bars.collect()));
}

fn most_frequent(page: &mut Page, top: &TopAnswer, values: u64) {
    let mut frequent = top.values.iter().filter(|own| own.count > 1).peekable();
    if frequent.peek().is_none() {
        return;
    }
    page.line("\nMost frequent");
    let bars = frequent.take(TOP).map(|own| {
        let line: String = own.value.chars().map(one_line).collect();
        let share = percent(own.count as f64 / values.max(1) as f64);
        let mut said = format!("{} {share}", count(own.count));
        if own.at_most > own.count {
            said.push_str(&format!(", at most {}", count(own.at_most)));
        }
        (cut(&line, VALUE), own.count, said)
    });
    page.line(bar_chart(bars.collect()));
    if top.others_at_most > 0 {
        let most = count(top.others_at_most);
        page.line(format_args!(
            "  any other value is there at most {most} times"
        ));
    }
}

/// Names with bars and what is said behind them.
fn bar_chart(bars: Vec<(String, u64, String)>) -> String {
    let longest = bars.iter().map(|(_, count, _)| *count).max();
    let longest = longest.unwrap_or(0).max(1) as f64;
    let rows = bars.into_iter().map(|(name, count, said)| {
        let bar = blocks(count as f64 / longest, LONGEST);
        vec![name, said, bar]
    });
    let mut table = table(&[], &[], rows.collect());
    table.force_no_tty();
    table.to_string()
}
