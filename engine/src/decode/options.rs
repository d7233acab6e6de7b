//! What payloads are said to be: plain values, for the configuration and the stored decision.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::delimited::DelimitedOptions;
use super::fixed_width::FixedWidthOptions;
use super::form::FormOptions;
use super::json::{CloudWatchOptions, JsonOptions};
use super::lines::LinesOptions;
use super::pattern::RegexOptions;
use super::protobuf::ProtobufOptions;
use super::raw::RawOptions;
use super::shape::ShapeOptions;
use super::xml::XmlOptions;

/// What a decoder is told of the payloads of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContentOptions {
    /// The format of contents.
    pub format: FormatChoice,
    /// What was decided of a source by a sample of it. It counts where `format` is
    /// [`FormatChoice::Auto`]; without it `Auto` takes contents for JSON that are not plainly of
    /// another format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
    /// How payloads are compressed.
    pub compression: Compression,
    /// What undoing the compression of one payload may take.
    pub expansion: ExpansionLimits,
    /// What holds for JSON.
    pub json: JsonOptions,
    /// What holds for envelopes of CloudWatch Logs.
    pub cloudwatch: CloudWatchOptions,
    /// What holds for CSV and TSV.
    #[serde(rename = "csv")]
    pub delimited: DelimitedOptions,
    /// What holds for lines.
    pub lines: LinesOptions,
    /// What holds for raw bytes.
    pub raw: RawOptions,
    /// What holds for fixed width.
    pub fixed_width: FixedWidthOptions,
    /// What holds for regular expressions.
    pub regex: RegexOptions,
    /// What holds for forms.
    pub form: FormOptions,
    /// What holds for XML.
    pub xml: XmlOptions,
    /// What holds for Protobuf.
    pub protobuf: ProtobufOptions,
    /// The JSON of the schema of [`FormatChoice::AvroRecord`]; [`super::avro::check_schema`] says
    /// whether it is one.
    pub avro_schema: Option<Arc<str>>,
    /// The registry that has the schemas of [`FormatChoice::AvroConfluent`]. Ids are its own: those
    /// of another one mean other schemas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<Arc<str>>,
    /// Which columns stay, and which are hashed.
    #[serde(skip_serializing_if = "ShapeOptions::is_empty")]
    pub shape: ShapeOptions,
}

impl ContentOptions {
    /// Checks what the types of the options alone do not, for the format that is chosen.
    ///
    /// # Errors
    /// Where options contradict one another.
    pub fn check(&self) -> Result<(), OptionError> {
        self.shape.check()?;
        match self.format {
            FormatChoice::Auto => {
                self.json.check()?;
                self.delimited.check_with(',')?;
                self.xml.check()
            }
            FormatChoice::Csv => self.delimited.check_with(','),
            FormatChoice::Tsv => self.delimited.check_with('\t'),
            FormatChoice::FixedWidth => self.fixed_width.check(),
            FormatChoice::Regex => self.regex.check(),
            FormatChoice::Xml => self.xml.check(),
            FormatChoice::Json => self.json.check(),
            FormatChoice::Protobuf => self.protobuf.check(),
            FormatChoice::AvroRecord => {
                let schema = self.avro_schema.as_deref().unwrap_or_default();
                super::avro::check_schema(schema)
                    .map_err(|reason| OptionError::new(reason).at("avro_schema"))
            }
            FormatChoice::CloudWatch
            | FormatChoice::Lines
            | FormatChoice::Raw
            | FormatChoice::Form
            | FormatChoice::Avro
            | FormatChoice::AvroConfluent
            | FormatChoice::AvroGlue
            | FormatChoice::Orc
            | FormatChoice::Parquet => Ok(()),
        }
    }
}

impl ContentOptions {
    /// The same without what makes no difference for its format: two that decode alike are equal so.
    #[must_use]
    pub fn effective(&self) -> Self {
        let mut kept = Self {
            format: self.format,
            compression: self.compression,
            expansion: self.expansion,
            shape: self.shape.clone(),
            ..Self::default()
        };
        let this = self.clone();
        match self.format {
            // Everything that can be told may come up.
            FormatChoice::Auto => {
                kept.decided = this.decided;
                kept.json = this.json;
                kept.cloudwatch = this.cloudwatch;
                kept.delimited = this.delimited;
                kept.lines = this.lines;
                kept.raw = this.raw;
                kept.form = this.form;
                kept.xml = this.xml;
            }
            FormatChoice::Json => kept.json = this.json,
            FormatChoice::CloudWatch => kept.cloudwatch = this.cloudwatch,
            FormatChoice::Csv | FormatChoice::Tsv => kept.delimited = this.delimited,
            FormatChoice::FixedWidth => kept.fixed_width = this.fixed_width,
            FormatChoice::Regex => kept.regex = this.regex,
            FormatChoice::Form => kept.form = this.form,
            FormatChoice::Xml => kept.xml = this.xml,
            FormatChoice::Lines => kept.lines = this.lines,
            FormatChoice::Raw => kept.raw = this.raw,
            FormatChoice::Protobuf => kept.protobuf = this.protobuf,
            FormatChoice::AvroRecord => kept.avro_schema = this.avro_schema,
            FormatChoice::AvroConfluent => kept.registry = this.registry,
            FormatChoice::Avro
            | FormatChoice::AvroGlue
            | FormatChoice::Orc
            | FormatChoice::Parquet => {}
        }
        kept
    }
}

/// What contents of a source are, as a sample of them has shown. A content that is plainly of a
/// format (by its first and last bytes) is decoded as that all the same, so that streams may be mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The format of most contents.
    pub format: FormatChoice,
    /// What contents are that are not plainly of any format.
    pub rest: FormatChoice,
}

impl Decided {
    /// Everything is of one format, unless it plainly is not.
    pub fn all(format: FormatChoice) -> Self {
        Self {
            format,
            rest: format,
        }
    }
}

/// Why an option cannot be what it was said to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct OptionError {
    reason: String,
    option: Option<&'static str>,
}

impl OptionError {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            option: None,
        }
    }

    /// The same of an option, by its name among those of its format.
    pub(super) fn at(self, option: &'static str) -> Self {
        Self {
            option: Some(option),
            ..self
        }
    }

    /// The name of the option among those of its format, where it is about one.
    pub fn option(&self) -> Option<&'static str> {
        self.option
    }
}

/// A format of contents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormatChoice {
    /// Each content as its bytes say, and as was decided by a sample where they do not say it.
    Auto,
    /// JSON: one or several documents.
    #[default]
    Json,
    /// JSON envelopes of CloudWatch Logs: each log event is an event.
    #[serde(rename = "cloudwatch")]
    CloudWatch,
    /// Lines of fields with commas between them.
    Csv,
    /// Lines of fields with tabs between them.
    Tsv,
    /// Lines of fields at fixed places.
    FixedWidth,
    /// Text that a regular expression takes apart.
    Regex,
    /// Forms as browsers send them: `application/x-www-form-urlencoded`.
    Form,
    /// XML documents.
    Xml,
    /// Lines as they are.
    Lines,
    /// Contents as they are.
    Raw,
    /// Avro container files.
    Avro,
    /// A single Avro value a content, of the schema `avro_schema`.
    AvroRecord,
    /// A single Avro value a content, whose schema a registry of Confluent's kind has.
    AvroConfluent,
    /// A single Avro value a content, whose schema AWS Glue has.
    AvroGlue,
    /// ORC files.
    Orc,
    /// Parquet files.
    Parquet,
    /// Protobuf messages, of the message of a descriptor set.
    Protobuf,
}

impl FormatChoice {
    /// Every choice, in the order of the reference page.
    pub const ALL: [FormatChoice; 18] = [
        FormatChoice::Auto,
        FormatChoice::Json,
        FormatChoice::CloudWatch,
        FormatChoice::Csv,
        FormatChoice::Tsv,
        FormatChoice::FixedWidth,
        FormatChoice::Regex,
        FormatChoice::Form,
        FormatChoice::Xml,
        FormatChoice::Lines,
        FormatChoice::Raw,
        FormatChoice::Avro,
        FormatChoice::AvroRecord,
        FormatChoice::AvroConfluent,
        FormatChoice::AvroGlue,
        FormatChoice::Orc,
        FormatChoice::Parquet,
        FormatChoice::Protobuf,
    ];

    /// The word that stands for it in the configuration and in stored decisions.
    pub fn as_str(self) -> &'static str {
        match self {
            FormatChoice::Auto => "auto",
            FormatChoice::Json => "json",
            FormatChoice::CloudWatch => "cloudwatch",
            FormatChoice::Csv => "csv",
            FormatChoice::Tsv => "tsv",
            FormatChoice::FixedWidth => "fixed_width",
            FormatChoice::Regex => "regex",
            FormatChoice::Form => "form",
            FormatChoice::Xml => "xml",
            FormatChoice::Lines => "lines",
            FormatChoice::Raw => "raw",
            FormatChoice::Avro => "avro",
            FormatChoice::AvroRecord => "avro_record",
            FormatChoice::AvroConfluent => "avro_confluent",
            FormatChoice::AvroGlue => "avro_glue",
            FormatChoice::Orc => "orc",
            FormatChoice::Parquet => "parquet",
            FormatChoice::Protobuf => "protobuf",
        }
    }

    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            FormatChoice::Auto => "any format that can be told",
            FormatChoice::Json => "JSON",
            FormatChoice::CloudWatch => "CloudWatch Logs envelopes",
            FormatChoice::Csv => "CSV",
            FormatChoice::Tsv => "TSV",
            FormatChoice::FixedWidth => "fixed width",
            FormatChoice::Regex => "text of a pattern",
            FormatChoice::Form => "forms",
            FormatChoice::Xml => "XML",
            FormatChoice::Lines => "lines of text",
            FormatChoice::Raw => "raw bytes",
            FormatChoice::Avro => "Avro files",
            FormatChoice::AvroRecord => "Avro values",
            FormatChoice::AvroConfluent => "Avro values of a Confluent registry",
            FormatChoice::AvroGlue => "Avro values of AWS Glue",
            FormatChoice::Orc => "ORC files",
            FormatChoice::Parquet => "Parquet files",
            FormatChoice::Protobuf => "Protobuf messages",
        }
    }

    /// The choice that a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.as_str() == word)
    }
}

/// How payloads are compressed, or put into an archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Each payload as its bytes say, one compression within another too.
    #[default]
    Auto,
    /// Not at all.
    None,
    /// gzip: one or several members.
    Gzip,
    /// zlib: deflate with zlib's header and checksum.
    Zlib,
    /// Zstandard: one or several frames.
    Zstd,
    /// LZ4 frames, one or several.
    Lz4,
    /// Snappy's framing format.
    Snappy,
    /// Snappy without framing: one block with its length before it.
    SnappyRaw,
    /// bzip2: one or several streams.
    Bzip2,
    /// xz: one or several streams.
    Xz,
    /// A zip archive: each of its files is a content.
    Zip,
    /// A tar archive: each of its regular files is a content.
    Tar,
}

impl Compression {
    /// Every choice, in the order of the reference page.
    pub const ALL: [Compression; 12] = [
        Compression::Auto,
        Compression::None,
        Compression::Gzip,
        Compression::Zlib,
        Compression::Zstd,
        Compression::Lz4,
        Compression::Snappy,
        Compression::SnappyRaw,
        Compression::Bzip2,
        Compression::Xz,
        Compression::Zip,
        Compression::Tar,
    ];

    /// The word that stands for it in the configuration and in stored decisions.
    pub fn as_str(self) -> &'static str {
        match self {
            Compression::Auto => "auto",
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Zlib => "zlib",
            Compression::Zstd => "zstd",
            Compression::Lz4 => "lz4",
            Compression::Snappy => "snappy",
            Compression::SnappyRaw => "snappy_raw",
            Compression::Bzip2 => "bzip2",
            Compression::Xz => "xz",
            Compression::Zip => "zip",
            Compression::Tar => "tar",
        }
    }

    /// The choice that a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.as_str() == word)
    }
}

/// What undoing the compression of one payload may take. Past either limit it is a reject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpansionLimits {
    /// Bytes of everything that comes out of a payload, over all its layers.
    pub max_bytes: usize,
    /// Bytes that may come out for each byte of the payload. Looked at once more than 16 KiB have
    /// come out: below that no ratio does harm.
    pub max_ratio: usize,
}

impl Default for ExpansionLimits {
    fn default() -> Self {
        Self {
            max_bytes: 64 << 20,
            max_ratio: 200,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_is_stored_and_what_is_read() {
        for choice in Compression::ALL {
            assert_eq!(Compression::from_word(choice.as_str()), Some(choice));
            let stored = serde_json::to_string(&choice).unwrap();
            assert_eq!(stored, format!("\"{}\"", choice.as_str()));
        }
        for choice in FormatChoice::ALL {
            assert_eq!(FormatChoice::from_word(choice.as_str()), Some(choice));
            let stored = serde_json::to_string(&choice).unwrap();
            assert_eq!(stored, format!("\"{}\"", choice.as_str()));
        }
        assert_eq!(Compression::from_word("rar"), None);
    }
}
