//! Where a test's source writes to, and reading that back.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::lake::Lake;
use crate::servers::Moto;
use crate::{paths, s3};

/// The bucket of every test on S3; each has a server of its own.
pub const BUCKET: &str = "lake";

/// A target.
pub enum Target {
    /// A folder.
    Local(TempDir),
    /// A prefix of a bucket on moto.
    S3(Moto),
}

impl Target {
    /// A new folder.
    pub fn local() -> Self {
        Target::Local(paths::new_folder())
    }

    /// A bucket on a server of its own.
    pub async fn s3() -> Self {
        let server = Moto::start().await;
        server.bucket(BUCKET).await;
        Target::S3(server)
    }

    /// `target.url`.
    pub fn url(&self) -> String {
        match self {
            Target::Local(folder) => folder.path().display().to_string(),
            Target::S3(_) => format!("s3://{BUCKET}/events"),
        }
    }

    /// URL of the S3 server, where there is one.
    pub fn endpoint(&self) -> Option<String> {
        match self {
            Target::Local(_) => None,
            Target::S3(server) => Some(server.url()),
        }
    }

    /// The smallest parts that an upload may have, so that tests send several.
    pub fn least_part_size(&self) -> usize {
        match self {
            Target::Local(_) => 32 << 10,
            Target::S3(_) => 5 << 20,
        }
    }

    /// What is committed of the source `name` now.
    ///
    /// # Errors
    /// What [`Lake::read`] finds.
    pub async fn lake(&self, name: &str) -> Result<Lake, String> {
        let (_copy, folder) = self.source(name).await;
        Lake::read_if_there(&folder)
    }

    /// A folder with all objects of the source `name` as they are now. It may be a copy, which goes
    /// with the first value.
    pub async fn source(&self, name: &str) -> (Option<TempDir>, PathBuf) {
        match self {
            Target::Local(folder) => (None, folder.path().join(name)),
            Target::S3(server) => {
                let copy = paths::new_folder();
                let client = s3::client(&server.url());
                s3::copy(&client, BUCKET, &format!("events/{name}"), copy.path()).await;
                let folder = copy.path().to_owned();
                (Some(copy), folder)
            }
        }
    }
}

/// Names of all files below a source's `data/`, `rejects/`, `raw/` and `_statistics/`, committed or
/// not.
pub fn files_there(source: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders: Vec<_> = ["data", "rejects", "raw", "_statistics"]
        .map(|folder| source.join(folder))
        .into();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("a folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|end| end == "parquet" || end == "lz4")
            {
                let name = path.strip_prefix(source).expect("it lies below");
                files.push(name.to_string_lossy().into_owned());
            }
        }
    }
    files
}
