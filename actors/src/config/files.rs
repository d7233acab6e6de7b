//! `[files]`: a source of files in place of a stream.

use std::path::{Path, PathBuf};

use super::builder::DataSourceBuilder;
use super::resolve::{Resolver, parse_url};
use super::source::{Connection, KinesisSettings, TargetUrl};
use super::value::{StartFrom, Value};

/// `[files]`: what is read in place of a stream.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FilesSettings {
    /// What is read.
    pub source: FilesSource,
    /// How to reach the bucket, where it is one.
    pub connection: Connection,
}

/// What a source of files reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilesSource {
    /// Files of this machine: a folder, a file or a glob.
    Local(PathBuf),
    /// Files of a bucket.
    S3 {
        /// The bucket.
        bucket: String,
        /// What keys begin with, or a glob of them.
        path: String,
    },
    /// The raw copy of a data source, whose place with its name this is.
    RawCopy(TargetUrl),
}

impl std::fmt::Display for FilesSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FilesSource::Local(path) => path.display().fmt(f),
            FilesSource::S3 { bucket, path } => write!(f, "s3://{bucket}/{path}"),
            FilesSource::RawCopy(url) => url.fmt(f),
        }
    }
}

impl FilesSource {
    /// Reads what stands for `path`.
    ///
    /// # Errors
    /// The end of a sentence that begins with what was read.
    pub(crate) fn parse_path(text: &str, folder: Option<&Path>) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
            // The bucket is checked as a target's is.
            parse_url(&format!("s3://{bucket}"), None)?;
            return Ok(FilesSource::S3 {
                bucket: bucket.to_owned(),
                path: path.to_owned(),
            });
        }
        match parse_url(text, folder)? {
            TargetUrl::Local(path) => Ok(FilesSource::Local(path)),
            TargetUrl::S3 { bucket, prefix } => Ok(FilesSource::S3 {
                bucket,
                path: prefix,
            }),
        }
    }

    /// Reads what stands for `raw_copy`.
    ///
    /// # Errors
    /// As [`Self::parse_path`].
    pub(crate) fn parse_raw_copy(text: &str, folder: Option<&Path>) -> Result<Self, String> {
        parse_url(text, folder).map(FilesSource::RawCopy)
    }
}

impl FilesSettings {
    /// Whether they are ordinary files, and no raw copy.
    pub(crate) fn are_ordinary(&self) -> bool {
        !matches!(self.source, FilesSource::RawCopy(_))
    }

    /// What stands for the stream: a stream's name is a part of what is remembered with a source.
    pub(super) fn as_stream(&self, read_from: StartFrom, shards: u32) -> KinesisSettings {
        KinesisSettings {
            stream: self.source.to_string(),
            connection: Connection::default(),
            read_from,
            end_read_at: None,
            fan_out: None,
            accept_gap: false,
            shards,
        }
    }
}

impl DataSourceBuilder {
    /// Files in place of a stream: a folder, a file or a glob, of this machine or of a bucket.
    pub fn files(self, path: impl Into<String>) -> Self {
        self.text("files.path", path)
    }

    /// The raw copy of a data source in place of a stream, by its place with its name.
    pub fn raw_copy(self, url: impl Into<String>) -> Self {
        self.text("files.raw_copy", url)
    }

    /// How to reach the bucket of the files.
    pub fn files_connection(self, connection: &Connection) -> Self {
        self.text("files.connection", "files")
            .connection("files", connection)
    }

    /// Where a new data source of files begins.
    pub fn files_read_from(self, start: StartFrom) -> Self {
        self.value("files.read_from", Value::Start(start))
    }

    /// Parallel readers of files.
    pub fn files_shards(self, shards: u32) -> Self {
        self.number("files.shards", u64::from(shards))
    }
}

impl Resolver<'_, '_> {
    /// Whether `[files]` says what is read. Both, or a key of `[kinesis]` beside it, is an error.
    pub(super) fn reads_files(&mut self) -> bool {
        let first = |section| self.values.below(section).next();
        let (Some((name, given)), stream) = (first("files."), first("kinesis.")) else {
            return false;
        };
        if stream.is_some() {
            let path = format!("files.{name}");
            let message = "`[files]` and `[kinesis]` both say what is read".to_owned();
            let help = Some("keep one of the two sections".to_owned());
            let span = given.span.clone();
            self.report
                .add("config.wrong_value", &path, span, message, help);
        }
        true
    }

    /// The settings of `[files]`, and what stands for the stream.
    pub(super) fn files(
        &mut self,
        folder: Option<&Path>,
    ) -> Option<(FilesSettings, KinesisSettings)> {
        let path = self.optional_text("files.path");
        let raw_copy = self.optional_text("files.raw_copy");
        let connection = self.connection("files.connection");
        let shards = self.small("files.shards")?;
        let (key, source) = match (&path, &raw_copy) {
            (Some(path), None) => ("files.path", FilesSource::parse_path(path, folder)),
            (None, Some(url)) => ("files.raw_copy", FilesSource::parse_raw_copy(url, folder)),
            (path, _) => {
                let message = match path {
                    Some(_) => "`files.path` and `files.raw_copy` both say what is read",
                    None => "`[files]` needs `path` or `raw_copy`",
                };
                let span = self.span("files.raw_copy");
                let help = Some("write one of the two".to_owned());
                self.report.add(
                    "config.wrong_value",
                    "files.path",
                    span,
                    message.to_owned(),
                    help,
                );
                return None;
            }
        };
        let source = match source {
            Ok(source) => Some(source),
            Err(message) => {
                let (message, span) = (format!("`{key}` {message}"), self.span(key));
                self.report
                    .add("config.wrong_value", key, span, message, None);
                None
            }
        };
        let read_from = match self.value("files.read_from") {
            Some(Value::Start(StartFrom::Now)) => {
                let message =
                    "`files.read_from` is \"start\" or a time: files do not go on".to_owned();
                let span = self.span("files.read_from");
                self.report
                    .add("config.wrong_value", "files.read_from", span, message, None);
                return None;
            }
            Some(Value::Start(start)) => start,
            _ => StartFrom::Start,
        };
        let files = FilesSettings {
            source: source?,
            connection: connection?,
        };
        let stream = files.as_stream(read_from, shards);
        Some((files, stream))
    }
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
