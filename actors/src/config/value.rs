//! Values of keys: which are allowed, and how their text is read.

use std::time::Duration;

use shardmill_engine::decode::Mark;
use shardmill_engine::types::TimestampMs;

use super::consumer::ConsumerId;

/// Where a new data source begins to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartFrom {
    /// At the oldest record that the stream keeps.
    Start,
    /// At the time, by Kinesis's clock, at which the data source is made.
    Now,
    /// At this arrival time, in milliseconds since the Unix epoch.
    At(TimestampMs),
}

/// What a key's value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text that is not empty.
    Text,
    /// A text; an empty one stands for none.
    TextOrNone,
    /// A text that is taken as it stands: no environment variables are put in. It says what it is.
    Verbatim(&'static str),
    /// A character that structures text; where it is `optional`, an empty text stands for none.
    Character { optional: bool },
    /// A list of texts, none of them empty.
    Texts,
    /// A list of texts, empty ones too.
    AnyTexts,
    /// A list of texts, none of them empty, that are taken as they stand.
    Expressions,
    /// A list of tables, each with the keys of the section below.
    Tables,
    /// `true` or `false`.
    Bool,
    /// A text that is never shown.
    Secret,
    /// A name that can be a folder's.
    Name,
    /// Name or ARN of a stream.
    Stream,
    /// Name or ARN of a consumer of a stream.
    Consumer,
    /// An `http://` or `https://` URL.
    Url,
    /// A whole number, both ends included.
    Integer { min: u64, max: u64 },
    /// A number of bytes, both ends included.
    Size { min: u64, max: u64 },
    /// A length of time, both ends included, in milliseconds.
    Duration { min_ms: u64, max_ms: u64 },
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// A [`StartFrom`].
    StartFrom,
    /// A point in time.
    Time,
}

/// A value as it stands in TOML.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    /// A string. `filled` if an environment variable is in it: then it may stand for a number.
    Text { text: String, filled: bool },
    /// An integer; `None` if it is beyond what any key takes.
    Integer(Option<i64>),
    /// `true` or `false`.
    Bool(bool),
    /// A list of texts.
    Texts(Vec<String>),
    /// A date with a time, as written.
    Datetime(String),
    /// Anything else, by its name in TOML.
    Other(&'static str),
}

/// A value that is allowed for its key.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Texts(Vec<String>),
    Bool(bool),
    /// An integer, a size in bytes, a duration in milliseconds, or how many tables there are.
    Number(u64),
    Start(StartFrom),
    Time(TimestampMs),
}

/// Why a value is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// TOML of another type.
    WrongType,
    /// The type is right, the value is not.
    WrongValue,
}

impl Kind {
    /// What is allowed, as the end of "it must be ...".
    pub fn allowed(&self) -> String {
        match *self {
            Kind::Text | Kind::Secret => "a text".to_owned(),
            Kind::TextOrNone => "a text, or \"\" for none".to_owned(),
            Kind::Verbatim(what) => what.to_owned(),
            Kind::Character { optional } => {
                let none = if optional { ", or \"\" for none" } else { "" };
                format!("one character of ASCII that is no line end{none}")
            }
            Kind::Texts | Kind::AnyTexts | Kind::Expressions => "a list of texts".to_owned(),
            Kind::Tables => "a list of tables".to_owned(),
            Kind::Bool => "true or false".to_owned(),
            Kind::Name => {
                "a name of 1 to 64 letters, digits, `_`, `-` or `.` that begins with a letter or \
                 digit"
                    .to_owned()
            }
            Kind::Stream => "the name or the ARN of a stream".to_owned(),
            Kind::Consumer => "the name or the ARN of a consumer".to_owned(),
            Kind::Url => "a URL that begins with `http://` or `https://`".to_owned(),
            Kind::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Kind::Size { min, max } => format!(
                "a size from {} to {}, such as \"64 MiB\" or a number of bytes",
                format_size(min),
                format_size(max)
            ),
            Kind::Duration { min_ms, max_ms } => format!(
                "a time from {} to {}, such as \"30 s\" or \"2 min\"",
                humantime::format_duration(Duration::from_millis(min_ms)),
                humantime::format_duration(Duration::from_millis(max_ms))
            ),
            Kind::Choice(words) => {
                let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                match quoted.split_last() {
                    Some((last, rest)) if !rest.is_empty() => {
                        format!("{} or {last}", rest.join(", "))
                    }
                    _ => quoted.concat(),
                }
            }
            Kind::Time => "a time with its offset, such as \"2026-11-22T10:00:00Z\"".to_owned(),
            Kind::StartFrom => {
                "\"start\", \"now\", or a time with its offset, such as \"2026-11-22T10:00:00Z\""
                    .to_owned()
            }
        }
    }

    /// The words to choose from, where there are some.
    pub(super) fn words(&self) -> &'static [&'static str] {
        match self {
            Kind::Choice(words) => words,
            Kind::StartFrom => &["start", "now"],
            _ => &[],
        }
    }

    /// The text of a default as TOML: quoted unless it is a number.
    pub(super) fn as_toml(&self, text: &str) -> String {
        let quoted = || format!("\"{}\"", text.replace('"', "\\\""));
        match self {
            Kind::Integer { .. } | Kind::Bool => text.to_owned(),
            Kind::AnyTexts => format!("[{}]", quoted()),
            _ => quoted(),
        }
    }

    /// Whether environment variables are put in.
    pub(super) fn is_filled(&self) -> bool {
        !matches!(self, Kind::Verbatim(_) | Kind::Expressions)
    }

    /// Reads a value of TOML.
    pub(super) fn read(&self, raw: &Raw) -> Result<Value, Refusal> {
        match (raw, self) {
            (Raw::Text { text, filled: true }, _) => self.parse(text),
            (
                Raw::Text { filled: false, .. },
                Kind::Integer { .. }
                | Kind::Bool
                | Kind::Texts
                | Kind::AnyTexts
                | Kind::Expressions
                | Kind::Tables,
            ) => Err(Refusal::WrongType),
            (Raw::Text { text, .. }, _) => self.parse(text),
            (Raw::Integer(number), Kind::Integer { .. } | Kind::Size { .. }) => number
                .and_then(|number| u64::try_from(number).ok())
                .and_then(|number| self.in_range(number))
                .ok_or(Refusal::WrongValue),
            (Raw::Datetime(text), Kind::StartFrom | Kind::Time) => self.parse(text),
            (Raw::Bool(yes), Kind::Bool) => Ok(Value::Bool(*yes)),
            (Raw::Texts(texts), Kind::Texts | Kind::Expressions) => {
                match texts.iter().any(String::is_empty) {
                    true => Err(Refusal::WrongValue),
                    false => Ok(Value::Texts(texts.clone())),
                }
            }
            (Raw::Texts(texts), Kind::AnyTexts) => Ok(Value::Texts(texts.clone())),
            _ => Err(Refusal::WrongType),
        }
    }

    /// Reads a text: of a string, of a default, or what environment variables made of it.
    pub(super) fn parse(&self, text: &str) -> Result<Value, Refusal> {
        let value = match *self {
            Kind::Text | Kind::Secret | Kind::Verbatim(_) => {
                (!text.is_empty()).then(|| Value::Text(text.to_owned()))
            }
            Kind::TextOrNone => Some(Value::Text(text.to_owned())),
            Kind::Character { optional } => {
                let is_right = if text.is_empty() {
                    optional
                } else {
                    is_mark(text)
                };
                is_right.then(|| Value::Text(text.to_owned()))
            }
            Kind::AnyTexts => Some(Value::Texts(text.split(',').map(str::to_owned).collect())),
            // How many there are; their keys are values of their own.
            Kind::Tables => None,
            Kind::Expressions => (!text.is_empty()).then(|| Value::Texts(vec![text.to_owned()])),
            Kind::Bool => text.parse().ok().map(Value::Bool),
            // One text from the environment is a list of one, or several between commas.
            Kind::Texts => {
                let texts = text.split(',').map(|text| text.trim().to_owned());
                let texts: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
                Some(Value::Texts(texts))
            }
            Kind::Name => is_name(text).then(|| Value::Text(text.to_owned())),
            Kind::Stream => is_stream(text).then(|| Value::Text(text.to_owned())),
            Kind::Consumer => {
                ConsumerId::parse(text).map(|consumer| Value::Text(consumer.to_string()))
            }
            Kind::Url => is_url(text).then(|| Value::Text(text.to_owned())),
            Kind::Choice(words) => words.contains(&text).then(|| Value::Text(text.to_owned())),
            Kind::Integer { .. } => text.parse().ok().and_then(|number| self.in_range(number)),
            Kind::Size { .. } => parse_size(text).and_then(|bytes| self.in_range(bytes)),
            Kind::Duration { .. } => humantime::parse_duration(text)
                .ok()
                .and_then(|time| u64::try_from(time.as_millis()).ok())
                .and_then(|millis| self.in_range(millis)),
            Kind::StartFrom => parse_start(text).map(Value::Start),
            Kind::Time => parse_time(text).map(Value::Time),
        };
        value.ok_or(Refusal::WrongValue)
    }

    /// Checks a number that does not come from a text.
    pub(super) fn number(&self, number: u64) -> Result<Value, Refusal> {
        self.in_range(number).ok_or(Refusal::WrongValue)
    }

    fn in_range(&self, number: u64) -> Option<Value> {
        let (min, max) = match *self {
            Kind::Integer { min, max } | Kind::Size { min, max } => (min, max),
            Kind::Duration { min_ms, max_ms } => (min_ms, max_ms),
            _ => return None,
        };
        (min..=max)
            .contains(&number)
            .then_some(Value::Number(number))
    }
}

/// Whether text can be made of parts with this between them.
fn is_mark(text: &str) -> bool {
    let mut characters = text.chars();
    let first = characters.next();
    characters.next().is_none() && first.is_some_and(|mark| Mark::try_from(mark).is_ok())
}

fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    text.len() <= 64
        && text
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric())
        && text.bytes().all(allowed)
}

/// Stream names are those of the Kinesis API; an ARN must end in one.
pub(super) fn is_stream(text: &str) -> bool {
    let name = match text.strip_prefix("arn:") {
        Some(arn) => match arn.split_once(":stream/") {
            Some((head, name)) if head.contains(":kinesis:") => name,
            _ => return false,
        },
        None => text,
    };
    (1..=128).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
}

fn is_url(text: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .filter_map(|scheme| text.strip_prefix(scheme))
        .any(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
}

fn parse_start(text: &str) -> Option<StartFrom> {
    match text {
        "start" => Some(StartFrom::Start),
        "now" => Some(StartFrom::Now),
        time => parse_time(time).map(StartFrom::At),
    }
}

fn parse_time(text: &str) -> Option<TimestampMs> {
    let millis = text.parse::<jiff::Timestamp>().ok()?.as_millisecond();
    (millis >= 0).then_some(millis)
}

const UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads `256 MiB`, `1.5 GB` or `1048576`: bytes.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (_, factor) = UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = whole.parse().ok()?;
    let mut bytes = whole.checked_mul(*factor)?;
    if number.contains('.') {
        // Nine digits are more than enough and keep the product in range.
        if fraction.is_empty() || fraction.len() > 9 {
            return None;
        }
        let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
        let part = u128::from(*factor) * fraction.parse::<u128>().ok()? / scale;
        bytes = bytes.checked_add(u64::try_from(part).ok()?)?;
    }
    Some(bytes)
}

/// Writes bytes with the largest unit that keeps one decimal: `256 MiB`, `1.5 GiB`.
pub fn format_size(bytes: u64) -> String {
    let units = [
        ("TiB", 1u64 << 40),
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
    ];
    let Some((unit, factor)) = units.into_iter().find(|(_, factor)| bytes >= *factor) else {
        return format!("{bytes} B");
    };
    // Rounded to tenths without floats, so that what is written is what is meant.
    let tenths = (u128::from(bytes) * 10 + u128::from(factor) / 2) / u128::from(factor);
    match tenths % 10 {
        0 => format!("{} {unit}", tenths / 10),
        tenth => format!("{}.{tenth} {unit}", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        assert_eq!(parse_size("256 MiB"), Some(256 << 20));
        assert_eq!(parse_size("256mib"), Some(256 << 20));
        assert_eq!(parse_size("1.5 kB"), Some(1_500));
        assert_eq!(parse_size("0.5 GiB"), Some(512 << 20));
        assert_eq!(parse_size("4096"), Some(4_096));
        for text in [
            "",
            "MiB",
            "1 MiBs",
            "-1 MiB",
            "1.2.3 MiB",
            "1. MiB",
            "99999999999 TiB",
        ] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_written_with_the_largest_unit() {
        assert_eq!(format_size(256 << 20), "256 MiB");
        assert_eq!(format_size((3 << 30) / 2), "1.5 GiB");
        assert_eq!(format_size(1_000), "1000 B");
    }

    #[test]
    fn a_start_is_a_word_or_a_time_with_an_offset() {
        assert_eq!(parse_start("now"), Some(StartFrom::Now));
        assert_eq!(
            parse_start("1970-01-01T00:00:01.5Z"),
            Some(StartFrom::At(1_500))
        );
        assert_eq!(
            parse_start("1970-01-01T01:00:00+01:00"),
            Some(StartFrom::At(0))
        );
        for text in [
            "",
            "latest",
            "2026-11-22",
            "2026-11-22T10:00:00",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(parse_start(text), None, "{text}");
        }
    }

    #[test]
    fn names_cannot_leave_their_folder() {
        for text in [
            "",
            "_state",
            ".hidden",
            "a/b",
            "..",
            "a=b",
            "a b",
            &"x".repeat(65),
        ] {
            assert!(!is_name(text), "{text}");
        }
        assert!(is_name("clicks-2.eu_west"));
    }

    #[test]
    fn a_stream_is_a_name_or_an_arn() {
        assert!(is_stream("clickstream"));
        assert!(is_stream(
            "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks"
        ));
        for text in [
            "",
            "a/b",
            "arn:aws:s3:::lake",
            "arn:aws:kinesis:eu-west-1:1:stream/",
        ] {
            assert!(!is_stream(text), "{text}");
        }
    }

    #[test]
    fn a_quoted_number_is_a_number_only_if_the_environment_filled_it_in() {
        let kind = Kind::Integer { min: 1, max: 9 };
        let raw = |filled| Raw::Text {
            text: "4".into(),
            filled,
        };
        assert_eq!(kind.read(&raw(true)), Ok(Value::Number(4)));
        assert_eq!(kind.read(&raw(false)), Err(Refusal::WrongType));
        assert_eq!(kind.read(&Raw::Integer(Some(10))), Err(Refusal::WrongValue));
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in ".{0,40}") {
            let _ = parse_size(&text);
            let _ = Kind::Duration { min_ms: 0, max_ms: 1 }.parse(&text);
            let _ = Kind::StartFrom.parse(&text);
            let _ = is_stream(&text);
        }

        #[test]
        fn whole_sizes_survive_writing_and_reading(mib in 1u64..1023) {
            prop_assert_eq!(parse_size(&format_size(mib << 20)), Some(mib << 20));
        }
    }
}
