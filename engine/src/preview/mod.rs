//! The preview: what a sample of a source's payloads looks like once it is decoded, and what its
//! contents are decided to be. Pure: whoever calls it brings the payloads.
//!
//! Everything in a [`Preview`] is bounded: values, rows, errors and columns are cut, so that it can
//! be printed and stored whatever the payloads hold.

mod columns;
mod decision;
mod excerpt;
mod kept;
mod rows;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use self::columns::{Column, Columns};
pub use self::decision::{decision, decodes_like, decodes_with, go_on_with};
pub use self::kept::kept;
pub use self::rows::MAX_ROWS;
use crate::decode::avro::{NoSchemas, SchemaLookup};
use crate::decode::{
    Compression, Confidence, ContentOptions, DecodeLimits, DecodedSample, Decoder, Detected,
    FormatChoice, HashKey, Hints, Inside, detect, format_of_content, open_payloads,
};
use crate::types::{Payload, Reject, SchemaId, SequenceNumber};

/// Bytes that the payloads of a sample may come to, before and after their compression is undone;
/// the payload that passes it is the last one.
pub const MAX_SAMPLE_BYTES: usize = 32 << 20;
/// Errors that are shown.
const MAX_ERRORS: usize = 20;
/// Fields of a first line that are shown.
const MAX_FIRST_LINE: usize = 200;

/// What a sample of a source looks like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    /// Payloads in the sample.
    pub sample_size: u64,
    /// Their bytes, as they came.
    pub sample_bytes: u64,
    /// Payloads of which nothing was rejected.
    pub parsed_successfully: u64,
    /// Rejects: pieces of payloads, or whole ones, that could not be decoded.
    pub number_of_errors: u64,
    /// How many rejects have which code.
    pub error_codes: BTreeMap<String, u64>,
    /// The first rejects.
    pub errors: Vec<PreviewError>,
    /// The compressions that payloads have, with how many have each.
    pub compressions: Vec<Seen>,
    /// The format of most contents; `None` where no payload holds anything.
    pub format: Option<String>,
    /// How sure that is: `said`, `certain`, `likely` or `fallback`.
    pub confidence: Option<Confidence>,
    /// Why.
    pub reason: String,
    /// The formats that contents are decoded as, with how many are.
    pub formats: Vec<Seen>,
    /// What was found of the first lines, where contents are CSV.
    pub header: Option<HeaderSeen>,
    /// Events in the sample.
    pub events: u64,
    /// The fields of the events.
    pub schema: Vec<Column>,
    /// Fields that are not in `schema`, because there are too many.
    pub more_fields: u64,
    /// The first events, their values cut.
    pub rows: Vec<serde_json::Value>,
}

/// A word and how often it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// A compression (`gzip`, `gzip+tar`, `none`) or a format.
    pub name: String,
    /// How many payloads, or contents.
    pub count: u64,
}

/// A piece of a payload that could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewError {
    /// The payload's place in the sample, from 1.
    pub payload: u64,
    /// The stable code of the reject.
    pub code: String,
    /// Why, for people.
    pub reason: String,
    /// The beginning of its bytes, with what cannot be printed escaped.
    pub excerpt: String,
    /// How many bytes it has.
    pub bytes: u64,
}

/// What was found of the first lines of CSV.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderSeen {
    /// Whether they look like headers.
    pub looks_like_header: bool,
    /// Why.
    pub reason: String,
    /// Whether they are taken for headers.
    pub used: bool,
    /// The first line, its fields cut.
    pub first_line: Vec<String>,
}

/// A preview, and what follows from it.
#[derive(Clone, Debug)]
pub struct Previewed {
    /// What to show.
    pub preview: Preview,
    /// What the contents are; `None` where no payload holds anything.
    pub detected: Option<Detected>,
    /// Schemas that must be looked up before this is what the payloads hold.
    pub awaited: BTreeSet<SchemaId>,
}

/// Decides what the payloads of a sample are, and decodes them as that. A registry of schemas has
/// none: [`preview_with`].
pub fn preview(
    payloads: &[Bytes],
    given: &ContentOptions,
    hints: Hints,
    limits: &DecodeLimits,
) -> Previewed {
    preview_with(payloads, given, hints, limits, Arc::new(NoSchemas), None)
}

/// As [`preview`], where a registry may have the schemas of payloads.
pub fn preview_with(
    payloads: &[Bytes],
    given: &ContentOptions,
    hints: Hints,
    limits: &DecodeLimits,
    lookup: Arc<dyn SchemaLookup>,
    hash_key: Option<HashKey>,
) -> Previewed {
    let insides = open_payloads(payloads, given, MAX_SAMPLE_BYTES);
    let contents: Vec<Bytes> = insides
        .iter()
        .flat_map(|inside| inside.contents.clone())
        .collect();
    let detected = detect(&contents, given, hints, limits);
    let options = detected
        .as_ref()
        .map_or(given, |detected| &detected.options);
    let formats = formats(&contents, options);
    let compressions = compressions(&insides);
    let payloads = numbered(&payloads[..insides.len()]);
    // They may be as large again as the payloads.
    drop((contents, insides));
    let mut decoder =
        Decoder::with_schemas(limits.clone(), options, lookup).with_hash_key(hash_key);
    let decoded = decoder.decode_sample(&payloads);
    let mut preview = report(&payloads, &decoded);
    preview.compressions = compressions;
    preview.formats = formats;
    match &detected {
        None => preview.reason = "no payload holds anything that can be looked at".to_owned(),
        Some(found) => {
            preview.format = Some(found.format.as_str().to_owned());
            preview.confidence = Some(found.confidence);
            preview.reason.clone_from(&found.reason);
            // It may be a line of values.
            let header = found.header.as_ref().filter(|_| !options.shape.hashes());
            preview.header = header.map(|header| HeaderSeen {
                looks_like_header: header.looks_like,
                reason: header.reason.clone(),
                used: found.options.delimited.has_header,
                first_line: first_line(&header.first_line),
            });
        }
    }
    Previewed {
        preview,
        detected,
        awaited: decoded.awaited,
    }
}

/// Payloads whose identity is their place, from 1.
fn numbered(payloads: &[Bytes]) -> Vec<Payload> {
    let numbered = payloads.iter().zip(1u64..).map(|(data, place)| Payload {
        sequence: SequenceNumber::from(place),
        subsequence: 0,
        partition_key: "".into(),
        arrival: 0,
        data: data.clone(),
    });
    numbered.collect()
}

fn report(payloads: &[Payload], decoded: &DecodedSample) -> Preview {
    let failed: HashSet<&SequenceNumber> = decoded
        .rejects
        .iter()
        .map(|reject| &reject.sequence)
        .collect();
    let mut error_codes = BTreeMap::new();
    for reject in &decoded.rejects {
        *error_codes
            .entry(reject.code.as_str().to_owned())
            .or_default() += 1;
    }
    let Columns {
        schema,
        more,
        events,
    } = columns::of(&decoded.rows);
    Preview {
        sample_size: payloads.len() as u64,
        sample_bytes: payloads
            .iter()
            .map(|payload| payload.data.len() as u64)
            .sum(),
        parsed_successfully: (payloads.len() - failed.len()) as u64,
        number_of_errors: decoded.rejects.len() as u64,
        error_codes,
        errors: decoded.rejects.iter().take(MAX_ERRORS).map(error).collect(),
        compressions: Vec::new(),
        format: None,
        confidence: None,
        reason: String::new(),
        formats: Vec::new(),
        header: None,
        events,
        schema,
        more_fields: more,
        rows: rows::of(&decoded.rows),
    }
}

fn error(reject: &Reject) -> PreviewError {
    PreviewError {
        // It is one of ours.
        payload: reject.sequence.as_str().parse().unwrap_or(0),
        code: reject.code.as_str().to_owned(),
        reason: excerpt::text(&reject.reason),
        excerpt: excerpt::bytes(&reject.data),
        bytes: reject.data.len() as u64,
    }
}

fn first_line(fields: &[String]) -> Vec<String> {
    let fields = fields.iter().take(MAX_FIRST_LINE);
    fields.map(|field| excerpt::text(field)).collect()
}

/// How payloads are compressed, those that are most first.
fn compressions(insides: &[Inside]) -> Vec<Seen> {
    count(insides.iter().map(|inside| match &*inside.compressions {
        [] if inside.failure.is_some() => "not readable".to_owned(),
        [] => Compression::None.as_str().to_owned(),
        undone => {
            let words: Vec<&str> = undone.iter().map(|one| one.as_str()).collect();
            words.join("+")
        }
    }))
}

/// What contents are decoded as, those that are most first.
fn formats(contents: &[Bytes], options: &ContentOptions) -> Vec<Seen> {
    let filled = contents
        .iter()
        .filter(|content| !content.trim_ascii().is_empty());
    count(filled.map(|content| {
        let format: FormatChoice = format_of_content(options, content);
        format.as_str().to_owned()
    }))
}

fn count(names: impl Iterator<Item = String>) -> Vec<Seen> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let seen = counts.into_iter().map(|(name, count)| Seen { name, count });
    let mut seen: Vec<Seen> = seen.collect();
    seen.sort_by_key(|seen| std::cmp::Reverse(seen.count));
    seen
}
