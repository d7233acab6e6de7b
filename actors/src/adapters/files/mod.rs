//! Sources that are no stream: the raw copy of a data source, and ordinary files.

mod glob;
mod ordinary;
mod place;

use std::sync::Arc;

use shardmill_engine::ports::{Store, Stream};
use shardmill_engine::replay::RawStream;

use self::ordinary::OrdinaryFiles;
use self::place::{Place, PlaceError};
use super::open::OpenError;
use super::{LocalStore, S3Options, S3Store, SystemHost, sdk_config};
use crate::config::{DataSource, FilesSettings, FilesSource, TargetUrl};

/// Opens what a source reads in place of a stream.
pub(super) async fn open(
    source: &DataSource,
    files: &FilesSettings,
) -> Result<Arc<dyn Stream>, OpenError> {
    match &files.source {
        FilesSource::RawCopy(url) => {
            let store = raw_copy(source, files, url).await?;
            let stream = RawStream::open(store, Arc::new(SystemHost)).await;
            let stream = stream.map_err(|error| OpenError::RawCopy {
                place: url.to_string(),
                error,
            })?;
            Ok(Arc::new(stream))
        }
        FilesSource::Local(path) => ordinary(source, files, Place::local(path)).await,
        FilesSource::S3 { bucket, path } => {
            let (root, wanted) = Place::in_bucket(path);
            let options = S3Options::new(bucket, root);
            let store = Arc::new(bucket_of(source, files, options).await?);
            ordinary(source, files, Place::S3 { store, wanted }).await
        }
    }
}

/// Ordinary files.
async fn ordinary(
    source: &DataSource,
    files: &FilesSettings,
    place: Place,
) -> Result<Arc<dyn Stream>, OpenError> {
    let failed = |code, why: String| OpenError::Files {
        code,
        detail: format!("{}: {why}", files.source),
    };
    let content = source.content().options.clone();
    let opened = OrdinaryFiles::open(place, content).await;
    let opened = opened.map_err(|error| match error {
        PlaceError::TooMany => failed("files.too_many", error.to_string()),
        PlaceError::Unreadable(..) => failed("files.unreadable", error.to_string()),
    })?;
    if opened.is_empty() {
        let why = "no file is there; see whether the path or the pattern is right".to_owned();
        return Err(failed("files.not_found", why));
    }
    Ok(Arc::new(opened))
}

/// Where the data source lies whose raw copy is read.
async fn raw_copy(
    source: &DataSource,
    files: &FilesSettings,
    url: &TargetUrl,
) -> Result<Arc<dyn Store>, OpenError> {
    Ok(match url {
        TargetUrl::Local(folder) => Arc::new(LocalStore::new(folder).map_err(OpenError::Folder)?),
        TargetUrl::S3 { bucket, prefix } => {
            let options = S3Options::new(bucket, prefix);
            Arc::new(bucket_of(source, files, options).await?)
        }
    })
}

/// A bucket of `[files]`.
async fn bucket_of(
    source: &DataSource,
    files: &FilesSettings,
    mut options: S3Options,
) -> Result<S3Store, OpenError> {
    let sdk = sdk_config(&files.connection).await;
    let sdk = sdk.map_err(|error| OpenError::Connection {
        side: "files",
        error,
    })?;
    options.checksums = source.target().checksums;
    Ok(S3Store::new(&sdk, options))
}
