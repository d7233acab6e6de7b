//! The `source.toml` of a test.

use std::path::{Path, PathBuf};

/// What differs from test to test; everything else has its default.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// The name of the source.
    pub name: String,
    /// The stream.
    pub stream: String,
    /// URL of the Kinesis server.
    pub kinesis: String,
    /// `target.url`: a folder or `s3://...`.
    pub target: String,
    /// URL of the S3 server, for a target there.
    pub s3: Option<String>,
    /// `kinesis.read_from`.
    pub read_from: String,
    /// `kinesis.end_read_at`.
    pub end: Option<String>,
    /// `kinesis.fan_out`.
    pub fan_out: Option<String>,
    /// `kinesis.shards`.
    pub shards: u32,
    /// `target.execution_parallelism`.
    pub lanes: u32,
    /// `target.store_raw_data`.
    pub raw_copy: bool,
    /// `engine.memory_budget`, in MiB.
    pub memory_mib: u32,
    /// `content.format`.
    pub format: String,
    /// More lines, table headers included.
    pub more: String,
}

impl SourceFile {
    /// A source named `clicks` from the start of a stream into a folder, with one reader and one
    /// lane.
    pub fn new(kinesis: &str, stream: &str, target: &Path) -> Self {
        Self {
            name: "clicks".into(),
            stream: stream.into(),
            kinesis: kinesis.into(),
            target: target.display().to_string(),
            s3: None,
            read_from: "start".into(),
            fan_out: None,
            end: None,
            shards: 1,
            lanes: 1,
            raw_copy: false,
            memory_mib: 256,
            format: "json".into(),
            more: String::new(),
        }
    }

    /// Writes it into `folder`; gives its path.
    pub fn write(&self, folder: &Path) -> PathBuf {
        let path = folder.join(format!("{}.toml", self.name));
        std::fs::write(&path, self.text()).expect("a file can be written");
        path
    }

    fn text(&self) -> String {
        let Self {
            name,
            stream,
            kinesis,
            target,
            read_from,
            fan_out,
            shards,
            lanes,
            raw_copy,
            memory_mib,
            format,
            more,
            ..
        } = self;
        let (uses_lake, lake) = match &self.s3 {
            None => (String::new(), String::new()),
            Some(url) => (
                "connection = \"lake\"\n".into(),
                format!("[connection.lake]\nendpoint_url = \"{url}\"\nregion = \"us-east-1\"\n"),
            ),
        };
        let end = self.end.as_ref();
        let end = end.map_or_else(String::new, |end| format!("end_read_at = \"{end}\"\n"));
        let fan_out = match fan_out {
            Some(consumer) => format!("fan_out = \"{consumer}\""),
            None => String::new(),
        };
        format!(
            r#"name = "{name}"

[kinesis]
stream = "{stream}"
connection = "local"
read_from = "{read_from}"
{end}shards = {shards}
{fan_out}

[content]
format = "{format}"

[target]
url = "{target}"
execution_parallelism = {lanes}
store_raw_data = {raw_copy}
{uses_lake}
[engine]
memory_budget = "{memory_mib} MiB"

[connection.local]
endpoint_url = "{kinesis}"
region = "us-east-1"

{lake}
{more}
"#
        )
    }
}
