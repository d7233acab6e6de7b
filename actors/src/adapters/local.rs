//! The target as a folder: the names of the log protocol are files.
//!
//! Put-if-absent is a hard link. The bytes are written to a temporary file of the same file system
//! and made durable, then linked to the final name: the file system lets one link of a name win and
//! never shows a part. Temporary files stand in `_tmp/` of the root, which is no name of an object.
//!
//! File work blocks, so all of it runs on the blocking threads of the tokio runtime.

mod listing;
mod names;
mod publish;
#[cfg(test)]
mod tests;
mod upload;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use shardmill_engine::ports::{ListPage, PendingUpload, Store, StoreError, Upload};
use tokio::runtime::Handle;

use publish::Folder;
use upload::LocalUpload;

/// The size of parts. A part is a write to one file, so small ones cost little, and what waits to
/// be a part counts against the memory budget.
const PART_SIZE: usize = 1 << 20;

/// How long a call may hang in the file system (a network disk that is gone) before it counts as
/// unanswered. What it began may still take effect, as with any store.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);

/// A store over a folder. Cheap to clone; any number of processes may share the folder.
#[derive(Clone, Debug)]
pub struct LocalStore {
    folder: Arc<Folder>,
}

impl LocalStore {
    /// A store over `root`. Nothing is read or made before the first call; the first put makes the
    /// folder.
    pub fn new(root: impl AsRef<Path>) -> io::Result<Self> {
        let root = std::path::absolute(root)?;
        Ok(Self {
            folder: Arc::new(Folder::new(root)),
        })
    }

    /// The folder, as an absolute path.
    pub fn root(&self) -> &Path {
        self.folder.root()
    }

    /// Where an object of this name stands as a file.
    pub fn path_of(&self, name: &str) -> Result<PathBuf, StoreError> {
        names::path(self.root(), name)
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&Arc<Folder>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let folder = Arc::clone(&self.folder);
        off_thread(name, move || work(&folder)).await
    }
}

impl Store for LocalStore {
    fn put_if_absent<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let target = name.to_owned();
        Box::pin(self.off_thread(name, move |folder| folder.put_if_absent(&target, &body)))
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        let target = name.to_owned();
        Box::pin(self.off_thread(name, move |folder| {
            let path = names::path(folder.root(), &target)?;
            match std::fs::read(&path) {
                Ok(bytes) => Ok(Some(bytes.into())),
                Err(error) if is_absent(&error) => Ok(None),
                Err(error) => Err(failed(&target, "read", &path, &error)),
            }
        }))
    }

    fn get_range<'a>(
        &'a self,
        name: &'a str,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Bytes, StoreError>> {
        let target = name.to_owned();
        Box::pin(self.off_thread(name, move |folder| {
            let path = names::path(folder.root(), &target)?;
            read_range(&path, &range).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => {
                    refused(&target, format!("{path:?} is shorter than bytes {range:?}"))
                }
                _ if is_absent(&error) => refused(&target, format!("there is no file {path:?}")),
                _ => failed(&target, "read", &path, &error),
            })
        }))
    }

    fn head<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<u64>, StoreError>> {
        let target = name.to_owned();
        Box::pin(self.off_thread(name, move |folder| {
            let path = names::path(folder.root(), &target)?;
            match std::fs::metadata(&path) {
                Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
                Ok(_) => Ok(None),
                Err(error) if is_absent(&error) => Ok(None),
                Err(error) => Err(failed(&target, "look at", &path, &error)),
            }
        }))
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<ListPage, StoreError>> {
        let wanted = prefix.to_owned();
        let after = after.map(str::to_owned);
        Box::pin(self.off_thread(prefix, move |folder| {
            listing::list(folder.root(), &wanted, after.as_deref(), limit)
        }))
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        let target = name.to_owned();
        Box::pin(self.off_thread(name, move |folder| folder.delete(&target)))
    }

    fn begin_upload<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Upload>, StoreError>> {
        let target = name.to_owned();
        Box::pin(self.off_thread(name, move |folder| {
            let upload = LocalUpload::begin(Arc::clone(folder), &target)?;
            Ok(Box::new(upload) as Box<dyn Upload>)
        }))
    }

    fn pending_uploads<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<PendingUpload>, StoreError>> {
        let wanted = prefix.to_owned();
        Box::pin(self.off_thread(prefix, move |folder| upload::pending(folder, &wanted)))
    }

    fn abort_upload<'a>(
        &'a self,
        upload: &'a PendingUpload,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let target = upload.clone();
        Box::pin(self.off_thread(&upload.name, move |folder| upload::abort(folder, &target)))
    }

    fn part_size(&self) -> usize {
        PART_SIZE
    }
}

/// Runs file work where it may block. Outside of a runtime there is no thread to spare.
async fn off_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let Ok(runtime) = Handle::try_current() else {
        return work();
    };
    let unavailable = |detail: String| StoreError::Unavailable {
        name: name.to_owned(),
        detail,
    };
    match tokio::time::timeout(CALL_TIMEOUT, runtime.spawn_blocking(work)).await {
        Ok(Ok(result)) => result,
        Ok(Err(join)) => Err(unavailable(format!("the file work ended early: {join}"))),
        Err(_) => Err(unavailable(format!(
            "the file system has not answered for {} s",
            CALL_TIMEOUT.as_secs()
        ))),
    }
}

fn read_range(path: &Path, range: &Range<u64>) -> io::Result<Bytes> {
    let file = File::open(path)?;
    let wanted = range.end.saturating_sub(range.start);
    // Checked first: a range from a damaged file must not make us allocate what is not there.
    if range.end > file.metadata()?.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut bytes = vec![0; usize::try_from(wanted).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, range.start)?;
    Ok(bytes.into())
}

/// Whether the error says that there is no object: no file, a folder, or a file where the name has
/// a folder.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory
    )
}

fn refused(name: &str, detail: String) -> StoreError {
    StoreError::Refused {
        name: name.to_owned(),
        detail,
    }
}

/// Says what could not be done to which path, and what to do where somebody must.
fn failed(name: &str, verb: &str, path: &Path, error: &io::Error) -> StoreError {
    use io::ErrorKind as Kind;
    let advice = match error.kind() {
        Kind::StorageFull => "free space on that disk",
        Kind::QuotaExceeded => "raise the disk quota or free space",
        Kind::PermissionDenied if verb == "link" => {
            "use a file system that has hard links, and give this process the permission"
        }
        Kind::PermissionDenied => "give this process the permission, or use another folder",
        Kind::ReadOnlyFilesystem => "mount the file system writable",
        Kind::CrossesDevices => "keep all folders of the target on one file system",
        Kind::Unsupported => "use a file system that has hard links",
        Kind::InvalidFilename => "use a shorter path",
        Kind::NotADirectory => "a file stands where a folder is needed: move it away",
        Kind::FileTooLarge => "raise the limit on file sizes",
        _ => {
            return StoreError::Unavailable {
                name: name.to_owned(),
                detail: format!("cannot {verb} {path:?}: {error}"),
            };
        }
    };
    refused(name, format!("cannot {verb} {path:?}: {error}; {advice}"))
}
