//! `[[output]]`: from values to the settings of outputs, and outputs in Rust.

use std::path::Path;
use std::time::Duration;

use shardmill_engine::output::{AvroCompression, Definition, OutputFormat, TextCompression};
use shardmill_engine::parquet::{Compression, ParquetOptions};

use super::resolve::Resolver;
use super::source::{Connection, TargetSettings, TargetUrl};
use super::value::{StartFrom, Value};
use crate::expressions;

/// Bytes of the memory budget that one output needs: a row group of the source's files, and a file
/// of its own.
pub const OUTPUT_BYTES: u64 = 64 << 20;

/// Memory of the rows that make one row group of an output: a whole file is kept until it is put.
const ROW_GROUP_BYTES: usize = 16 << 20;

/// `[[output]]`: what is committed, with chosen columns and rows, on a target of its own.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OutputSettings {
    /// Its name.
    pub name: String,
    /// The bucket and prefix, or the folder, that holds outputs.
    pub url: TargetUrl,
    /// How to reach it.
    pub connection: Connection,
    /// Where it begins, if it is new.
    pub from: StartFrom,
    /// The format of its files.
    pub format: OutputFormat,
    /// Its columns and its filter.
    pub definition: Definition,
    /// How long its windows are kept; `None` keeps all.
    pub retention: Option<Duration>,
    /// How long the source's retention waits for it.
    pub max_lag: Duration,
}

/// An output in Rust: see [`DataSourceBuilder::output`](super::DataSourceBuilder::output). What is
/// `None` is as the reference page says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutputOptions {
    /// Its name.
    pub name: String,
    /// `s3://BUCKET/PREFIX`, or a local folder.
    pub url: String,
    /// How to reach it.
    pub connection: Option<Connection>,
    /// Where it begins, if it is new.
    pub from: Option<StartFrom>,
    /// `parquet`, `json`, `csv` or `avro`.
    pub format: Option<String>,
    /// What its format knows.
    pub compression: Option<String>,
    /// Paths, and SQL expressions with a name.
    pub columns: Option<Vec<String>>,
    /// An SQL expression.
    pub filter: Option<String>,
    /// How long its windows are kept.
    pub retention: Option<Duration>,
    /// How long the source's retention waits for it.
    pub max_lag: Option<Duration>,
}

impl OutputOptions {
    /// An output of all rows and columns, as Parquet.
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            ..Self::default()
        }
    }
}

impl Resolver<'_, '_> {
    pub(super) fn outputs(
        &mut self,
        source: Option<&str>,
        target: Option<&TargetSettings>,
        parquet: Option<&ParquetOptions>,
        folder: Option<&Path>,
    ) -> Option<Vec<OutputSettings>> {
        let Some(Value::Number(count)) = self.values.get("output").map(|given| given.value.clone())
        else {
            return Some(Vec::new());
        };
        let parquet = parquet.cloned().unwrap_or_default();
        let outputs: Vec<Option<OutputSettings>> = (0..count)
            .map(|place| self.output(&format!("output[{place}]"), &parquet, folder))
            .collect();
        for (place, output) in outputs.iter().enumerate() {
            let Some(output) = output else { continue };
            let before = outputs[..place].iter().flatten();
            let mut twice = before.filter(|other| other.name == output.name);
            if twice.next().is_some() {
                let path = format!("output[{place}].name");
                let message = format!("two outputs have the name \"{}\"", output.name);
                self.wrong(
                    &path,
                    message,
                    Some("give each a name of its own".to_owned()),
                );
            }
            if let (Some(source), Some(target)) = (source, target)
                && lies_in(&output.url, &output.name, &target.url, source)
            {
                let path = format!("output[{place}].url");
                let message = format!("`{path}` lies in the place of the source itself");
                self.wrong(
                    &path,
                    message,
                    Some("give the output a folder or prefix of its own".to_owned()),
                );
            }
        }
        outputs.into_iter().collect()
    }

    fn output(
        &mut self,
        path: &str,
        parquet: &ParquetOptions,
        folder: Option<&Path>,
    ) -> Option<OutputSettings> {
        let key = |name: &str| format!("{path}.{name}");
        // One that is not there has been reported where its table stands; not so in Rust.
        let name = self.required(&key("name"));
        let url = self.required(&key("url"));
        let url = url.and_then(|url| self.url(&key("url"), &url, folder));
        let connection = self.connection(&key("connection"));
        let from = match self.value(&key("from")) {
            Some(Value::Start(start)) => start,
            _ => StartFrom::Now,
        };
        let format = self.output_format(path, parquet);
        let definition = self.definition(path);
        let millis = |name: &str| match self.value(&key(name)) {
            Some(Value::Number(millis)) => Some(Duration::from_millis(millis)),
            _ => None,
        };
        let (retention, max_lag) = (millis("retention"), millis("max_lag"));
        Some(OutputSettings {
            name: name?,
            url: url?,
            connection: connection?,
            from,
            format: format?,
            definition: definition?,
            retention,
            max_lag: max_lag?,
        })
    }

    fn required(&mut self, path: &str) -> Option<String> {
        let text = self.optional_text(path);
        if text.is_none() && self.report.is_empty() {
            let message = format!("`{path}` is missing");
            self.report
                .add("config.missing_key", path, None, message, None);
        }
        text
    }

    fn output_format(&mut self, path: &str, parquet: &ParquetOptions) -> Option<OutputFormat> {
        let key = format!("{path}.compression");
        let format = self.optional_text(&format!("{path}.format"))?;
        let word = self.optional_text(&key);
        let made = format_of(&format, word.as_deref(), parquet);
        if made.is_none() {
            let word = word.unwrap_or_default();
            let message = format!("`{key}` cannot be \"{word}\" with the format \"{format}\"");
            let known = match format.as_str() {
                "parquet" => "zstd, gzip, snappy, lz4_raw, brotli, none",
                "avro" => "deflate, zstd, none",
                _ => "gzip, zstd, none",
            };
            self.wrong(&key, message, Some(format!("it knows {known}")));
        }
        made
    }

    /// Columns and filter, if they can be read as what they should be.
    fn definition(&mut self, path: &str) -> Option<Definition> {
        let columns = format!("{path}.columns");
        let filter = format!("{path}.filter");
        let definition = Definition {
            columns: match self.value(&columns) {
                Some(Value::Texts(texts)) => Some(texts),
                _ => None,
            },
            filter: self.optional_text(&filter),
        };
        let before = self.report.len();
        if definition.columns.as_ref().is_some_and(Vec::is_empty) {
            let message = format!("`{columns}` names no column");
            self.wrong(
                &columns,
                message,
                Some("leave it out to take all".to_owned()),
            );
        }
        for (key, problem) in expressions::check(&definition) {
            let key = match key {
                expressions::Part::Columns => &columns,
                expressions::Part::Filter => &filter,
            };
            let code = match problem.needs_feature {
                true => "config.no_sql",
                false => "config.expression",
            };
            let span = self.span(key);
            let message = format!("`{key}`: {}", problem.message);
            let help = problem.needs_feature.then(|| {
                "build shardmill with its feature `sql`, or name columns by their paths".to_owned()
            });
            self.report.add(code, key, span, message, help);
        }
        (self.report.len() == before).then_some(definition)
    }
}

fn format_of(format: &str, word: Option<&str>, parquet: &ParquetOptions) -> Option<OutputFormat> {
    let text = || {
        Some(match word.unwrap_or("gzip") {
            "gzip" => TextCompression::Gzip,
            "zstd" => TextCompression::Zstd,
            "none" => TextCompression::None,
            _ => return None,
        })
    };
    Some(match format {
        "json" => OutputFormat::Json(text()?),
        "csv" => OutputFormat::Csv(text()?),
        "avro" => OutputFormat::Avro(match word.unwrap_or("deflate") {
            "deflate" => AvroCompression::Deflate,
            "zstd" => AvroCompression::Zstd,
            "none" => AvroCompression::None,
            _ => return None,
        }),
        _ => OutputFormat::Parquet(ParquetOptions {
            compression: match word.unwrap_or("zstd") {
                "zstd" => Compression::Zstd(1),
                "gzip" => Compression::Gzip(6),
                "snappy" => Compression::Snappy,
                "lz4_raw" => Compression::Lz4Raw,
                "brotli" => Compression::Brotli(1),
                "none" => Compression::None,
                _ => return None,
            },
            row_group_bytes: parquet.row_group_bytes.min(ROW_GROUP_BYTES),
            bloom_filter_columns: Vec::new(),
            ..parquet.clone()
        }),
    })
}

/// The word that a format's compression has in the configuration.
pub(super) fn compression_word(format: &OutputFormat) -> &'static str {
    match format {
        OutputFormat::Parquet(options) => match options.compression {
            Compression::Zstd(_) => "zstd",
            Compression::Gzip(_) => "gzip",
            Compression::Snappy => "snappy",
            Compression::Lz4Raw => "lz4_raw",
            Compression::Brotli(_) => "brotli",
            Compression::None => "none",
        },
        OutputFormat::Json(compression) | OutputFormat::Csv(compression) => match compression {
            TextCompression::Gzip => "gzip",
            TextCompression::Zstd => "zstd",
            TextCompression::None => "none",
        },
        OutputFormat::Avro(compression) => match compression {
            AvroCompression::Deflate => "deflate",
            AvroCompression::Zstd => "zstd",
            AvroCompression::None => "none",
        },
    }
}

/// Whether an output's place is the source's own or lies in it, or holds it.
fn lies_in(url: &TargetUrl, name: &str, target: &TargetUrl, source: &str) -> bool {
    let place = |url: &TargetUrl, name: &str| match url {
        TargetUrl::Local(folder) => format!("file:{}/{name}/", folder.display()),
        TargetUrl::S3 { bucket, prefix } if prefix.is_empty() => format!("s3:{bucket}/{name}/"),
        TargetUrl::S3 { bucket, prefix } => format!("s3:{bucket}/{prefix}/{name}/"),
    };
    let (output, source) = (place(url, name), place(target, source));
    output.starts_with(&source) || source.starts_with(&output)
}
