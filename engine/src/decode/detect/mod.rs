//! What the contents of a source are, found out from a sample of them.
//!
//! It is done once for a source; the decision is stored and decoders follow it (I10). Each content is
//! looked at by itself first: magic bytes, JSON and XML are plain to see ([`plain`]). What is text and
//! plainly of no format is looked at together: a form, lines of fields, or just lines. Formats that
//! nothing tells apart for certain (single Avro values, Protobuf, patterns, fixed width) are never
//! guessed; bytes that could be those are raw bytes, and somebody has to choose.

mod cells;
mod delimited;
mod form;
mod header;
mod inside;
mod plain;
mod tally;
mod types;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use self::header::Header;
pub use self::inside::{Inside, open_payloads};
pub(super) use self::plain::{may_be_envelope, plainly};
use self::tally::Tally;
use super::DecodeLimits;
use super::delimited::Mark;
use super::options::{ContentOptions, Decided, FormatChoice};
use super::xml::record_path;

/// What is known before a sample is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// The format of all contents; its options are still decided by the sample.
    pub format: Option<FormatChoice>,
    /// Whether contents of CSV begin with a header.
    pub header: Option<bool>,
}

/// How sure a decision is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// The format was named.
    Said,
    /// The bytes say it.
    Certain,
    /// It fits the whole sample, and would hardly do so by chance.
    Likely,
    /// Nothing else fits.
    Fallback,
}

/// What a sample has shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Detected {
    /// The options to decode with: those that were given, and what the sample has decided.
    pub options: ContentOptions,
    /// The format of most contents.
    pub format: FormatChoice,
    /// How sure that is.
    pub confidence: Confidence,
    /// Why, for people.
    pub reason: String,
    /// What was found of the first lines, where contents are CSV or TSV.
    pub header: Option<Header>,
}

impl Detected {
    /// Whether this may be decided without asking anybody. Bytes that nothing is known of may well
    /// be of a format that has to be named.
    pub fn is_decided(&self) -> bool {
        (self.confidence, self.format) != (Confidence::Fallback, FormatChoice::Raw)
    }
}

/// Decides what the contents of a sample are; `None` where none of them holds anything. Where
/// `given` names a format it stays as it is, with all its options.
pub fn detect(
    sample: &[Bytes],
    given: &ContentOptions,
    hints: Hints,
    limits: &DecodeLimits,
) -> Option<Detected> {
    let tally = Tally::of(sample);
    if tally.total == 0 {
        return None;
    }
    let detection = Detection {
        sample,
        given,
        hints,
        limits,
    };
    if let Some(format) = hints.format.filter(|format| *format != FormatChoice::Auto) {
        return Some(detection.named(format));
    }
    if given.format != FormatChoice::Auto {
        return Some(detection.as_given());
    }
    Some(detection.of(&tally))
}

/// What goes into a decision.
struct Detection<'a> {
    sample: &'a [Bytes],
    given: &'a ContentOptions,
    hints: Hints,
    limits: &'a DecodeLimits,
}

/// A format with its options, and why.
struct Guess {
    format: FormatChoice,
    confidence: Confidence,
    reason: String,
    header: Option<Header>,
}

impl Guess {
    fn new(format: FormatChoice, confidence: Confidence, reason: String) -> Self {
        Self {
            format,
            confidence,
            reason,
            header: None,
        }
    }
}

impl Detection<'_> {
    /// A format that is configured with its options: nothing is decided.
    fn as_given(&self) -> Detected {
        let mut options = self.given.clone();
        let format = options.format;
        let mut header = None;
        if let Some(delimiter) = usual_delimiter(format) {
            let contents = self.everything();
            let only = options.delimited.delimiter.map_or(delimiter, |mark| mark.0);
            header = delimited::guess(&contents, &options.delimited, Some(only))
                .map(|guess| guess.header);
            if let Some(has_header) = self.hints.header {
                options.delimited.has_header = has_header;
            }
        }
        Detected {
            options,
            format,
            confidence: Confidence::Said,
            reason: "content.format says so".to_owned(),
            header,
        }
    }

    /// A format that was named, whose options the sample decides.
    fn named(&self, format: FormatChoice) -> Detected {
        let mut options = self.given.clone();
        options.decided = None;
        let contents = self.everything();
        let mut header = None;
        match format {
            FormatChoice::Csv | FormatChoice::Tsv => {
                let said = self.given.delimited.delimiter.map(|mark| mark.0);
                let tabs = (format == FormatChoice::Tsv).then_some(b'\t');
                let best = || delimited::guess(&contents, &options.delimited, None);
                let found = match said.or(tabs) {
                    Some(only) => delimited::guess(&contents, &options.delimited, Some(only)),
                    None => best()
                        .or_else(|| delimited::guess(&contents, &options.delimited, Some(b','))),
                };
                if let Some(found) = found {
                    self.settle_delimited(&found, &contents, format, &mut options);
                    header = Some(found.header);
                }
            }
            format => self.settle(format, &contents, &mut options),
        }
        options.format = format;
        Detected {
            options,
            format,
            confidence: Confidence::Said,
            reason: "it was named".to_owned(),
            header,
        }
    }

    /// The decision where nothing is said.
    fn of(&self, tally: &Tally<'_>) -> Detected {
        let mut options = self.given.clone();
        let text = &tally.text;
        let (main, rest) = match tally.most() {
            Some(format) => {
                let share = tally.count(format);
                let guess = Guess::new(format, Confidence::Certain, plain_reason(format, tally));
                self.settle(format, &self.plainly_of(format), &mut options);
                // Text among it is decoded as such where it is clearly more than an accident.
                let enough = text.len() >= 2 && text.len() * 10 >= share;
                let beside = enough.then(|| self.text(text, &mut options)).flatten();
                (guess, beside)
            }
            None if tally.binary > text.len() => (binary(tally), None),
            None => {
                let guess = self
                    .text(text, &mut options)
                    .unwrap_or_else(|| lines(text.len()));
                for (format, _) in tally.others(guess.format) {
                    self.settle(format, &self.plainly_of(format), &mut options);
                }
                (guess, None)
            }
        };
        let rest_format = rest.as_ref().map_or(main.format, |rest| rest.format);
        options.decided = Some(Decided {
            format: main.format,
            rest: rest_format,
        });
        let mut reason = main.reason;
        if let Some(rest) = &rest {
            reason.push_str(&format!(
                "; the text among it is {}: {}",
                rest.format.title(),
                rest.reason
            ));
        }
        let others = tally.others(main.format).into_iter();
        let others = others.map(|(format, count)| format!("{count} are {}", format.title()));
        let others: Vec<String> = others.collect();
        if !others.is_empty() {
            reason.push_str(&format!("; {}, and are decoded as that", others.join(", ")));
        }
        Detected {
            options,
            format: main.format,
            confidence: main.confidence,
            reason,
            header: main.header.or(rest.and_then(|rest| rest.header)),
        }
    }

    /// What text is that is plainly of no format; `None` where it is just lines.
    fn text(&self, text: &[&Bytes], options: &mut ContentOptions) -> Option<Guess> {
        if let Some(lines) = form::lines_of_forms(text) {
            self.settle(FormatChoice::Form, text, options);
            let reason = format!("each of {lines} lines is name=value pairs with & between them");
            let format = FormatChoice::Form;
            return Some(Guess::new(format, Confidence::Likely, reason));
        }
        let said = self.given.delimited.delimiter.map(|mark| mark.0);
        let found = delimited::guess(text, &options.delimited, None)
            .filter(|found| said.is_none_or(|said| said == found.delimiter))?;
        let format = match found.delimiter {
            b'\t' => FormatChoice::Tsv,
            _ => FormatChoice::Csv,
        };
        self.settle_delimited(&found, text, format, options);
        let (alike, all) = found.lines;
        let between = char::from(found.delimiter);
        let header = match options.delimited.has_header {
            true => "a header first",
            false => "no header",
        };
        let reason = format!(
            "{alike} of {all} lines have {} fields with {between:?} between them, {header}",
            found.columns
        );
        Some(Guess {
            format,
            confidence: Confidence::Likely,
            reason,
            header: Some(found.header),
        })
    }

    /// Puts what was found of lines of fields into the options.
    fn settle_delimited(
        &self,
        found: &delimited::Guess,
        contents: &[&Bytes],
        format: FormatChoice,
        options: &mut ContentOptions,
    ) {
        let delimited = &mut options.delimited;
        let usual = usual_delimiter(format);
        delimited.delimiter = match delimited.delimiter {
            None if usual == Some(found.delimiter) => None,
            _ => Some(Mark(found.delimiter)),
        };
        // Where names are given, or no header is said to be there, what was said counts.
        let decides = delimited.columns.is_none() && delimited.has_header;
        if let Some(said) = self.hints.header {
            delimited.has_header = said;
        } else if decides {
            delimited.has_header = found.header.looks_like;
        }
        if delimited.infer {
            let types = types::types_of(contents, options, format, self.limits);
            let said = &mut options.delimited.types;
            types.into_iter().for_each(|(name, decided)| {
                said.entry(name).or_insert(decided);
            });
        }
    }

    /// Puts what contents of a format show into its options.
    fn settle(&self, format: FormatChoice, contents: &[&Bytes], options: &mut ContentOptions) {
        let types =
            |options: &ContentOptions| types::types_of(contents, options, format, self.limits);
        match format {
            FormatChoice::Xml => {
                if options.xml.record.is_none() {
                    options.xml.record = record_path(contents.iter().copied());
                }
                if options.xml.infer {
                    for (name, decided) in types(options) {
                        options.xml.types.entry(name).or_insert(decided);
                    }
                }
            }
            FormatChoice::Form if options.form.infer => {
                for (name, decided) in types(options) {
                    options.form.types.entry(name).or_insert(decided);
                }
            }
            _ => {}
        }
    }

    /// The contents that are plainly of a format.
    fn plainly_of(&self, format: FormatChoice) -> Vec<&Bytes> {
        let contents = self.sample.iter();
        contents
            .filter(|content| plainly(content) == Some(format))
            .collect()
    }

    fn everything(&self) -> Vec<&Bytes> {
        self.sample.iter().collect()
    }
}

/// The delimiter of a format that has one.
fn usual_delimiter(format: FormatChoice) -> Option<u8> {
    match format {
        FormatChoice::Csv => Some(b','),
        FormatChoice::Tsv => Some(b'\t'),
        _ => None,
    }
}

fn plain_reason(format: FormatChoice, tally: &Tally<'_>) -> String {
    let (count, all) = (tally.count(format), tally.total);
    let how = match format {
        FormatChoice::Json => "begin as JSON objects do",
        FormatChoice::CloudWatch => "are JSON with a list of logEvents",
        FormatChoice::Xml => "begin and end as XML elements do",
        _ => "begin with the mark of that format",
    };
    format!("{count} of {all} contents {how}")
}

fn binary(tally: &Tally<'_>) -> Guess {
    let reason = format!(
        "{} of {} contents are bytes that no format can be known by; single Avro values and \
         Protobuf look like that: name the format, or \"raw\" to keep the bytes as they are",
        tally.binary, tally.total
    );
    Guess::new(FormatChoice::Raw, Confidence::Fallback, reason)
}

fn lines(contents: usize) -> Guess {
    let reason = format!(
        "{contents} contents are text, but neither lines with the same number of fields nor \
         anything else that is known"
    );
    Guess::new(FormatChoice::Lines, Confidence::Fallback, reason)
}
