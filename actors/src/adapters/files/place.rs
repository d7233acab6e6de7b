//! Where files lie: a folder of this machine or a bucket; listing them, and reading one.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use shardmill_engine::ports::{Listed, Store};
use tokio::runtime::Handle;

use super::glob::{Glob, is_glob, split};
use crate::adapters::S3Store;

/// Files of a source, at most.
pub(super) const MAX_FILES: usize = 20_000;
/// The first and the largest range that is asked of a bucket.
const FIRST_RANGE: u64 = 128 << 10;
const LARGEST_RANGE: u64 = 4 << 20;

/// Where files lie.
#[derive(Clone)]
pub(super) enum Place {
    Local { root: PathBuf, wanted: Wanted },
    S3 { store: Arc<S3Store>, wanted: Wanted },
}

/// Which files below a root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All but those whose path has a part that begins with `.` or `_`: leftovers of other programs.
    All,
    /// This one, or those below a folder of this name.
    Under(String),
    Matching(Glob),
}

/// What is wrong with a place.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlaceError {
    #[error("{0} cannot be read: {1}")]
    Unreadable(String, String),
    #[error("more than {MAX_FILES} files are there: split them into several sources")]
    TooMany,
}

impl Wanted {
    fn has(&self, path: &str) -> bool {
        let hidden = |part: &str| part.starts_with(['.', '_']);
        match self {
            Wanted::All => !path.split('/').any(hidden),
            Wanted::Under(name) => match path.strip_prefix(name.as_str()) {
                Some("") => true,
                Some(rest) => rest.starts_with('/') && !rest.split('/').any(hidden),
                None => false,
            },
            Wanted::Matching(glob) => glob.matches(path),
        }
    }

    /// What all their paths begin with.
    fn prefix(&self) -> &str {
        match self {
            Wanted::All | Wanted::Matching(_) => "",
            Wanted::Under(name) => name,
        }
    }
}

impl Place {
    /// A folder, a file or a glob of this machine.
    pub(super) fn local(path: &Path) -> Self {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let text = path.to_string_lossy().into_owned();
        if !path.exists() && is_glob(&text) {
            let (root, pattern) = split(&text);
            return Place::Local {
                root: PathBuf::from(root),
                wanted: Wanted::Matching(Glob::new(pattern)),
            };
        }
        match (path.is_file(), path.parent(), path.file_name()) {
            (true, Some(folder), Some(name)) => Place::Local {
                root: folder.to_owned(),
                wanted: Wanted::Under(name.to_string_lossy().into_owned()),
            },
            _ => Place::Local {
                root: path,
                wanted: Wanted::All,
            },
        }
    }

    /// What of a path in a bucket the names of its files are below, and which of these.
    pub(super) fn in_bucket(path: &str) -> (&str, Wanted) {
        if is_glob(path) {
            let (root, pattern) = split(path);
            return (root, Wanted::Matching(Glob::new(pattern)));
        }
        match path.rsplit_once('/') {
            _ if path.is_empty() => (path, Wanted::All),
            Some((_, "")) => (path, Wanted::All),
            Some((root, name)) => (root, Wanted::Under(name.to_owned())),
            None => ("", Wanted::Under(path.to_owned())),
        }
    }

    /// The files in the order of their names.
    pub(super) async fn list(&self) -> Result<Vec<Listed>, PlaceError> {
        let mut files = match self {
            Place::Local { root, wanted } => {
                let (root, wanted) = (root.clone(), wanted.clone());
                let listed = tokio::task::spawn_blocking(move || walk(&root, &wanted)).await;
                listed.map_err(|error| {
                    PlaceError::Unreadable("the folder".to_owned(), error.to_string())
                })??
            }
            Place::S3 { store, wanted } => list_bucket(store, wanted).await?,
        };
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    /// The file of this name as it is now; `None` where it is gone.
    pub(super) async fn look(&self, name: &str) -> Result<Option<Listed>, PlaceError> {
        match self {
            Place::Local { root, .. } => Ok(of_path(&root.join(name), name.to_owned()).ok()),
            Place::S3 { store, .. } => {
                let page = store.list(name, None, 1).await;
                let page = page
                    .map_err(|error| PlaceError::Unreadable(name.to_owned(), error.to_string()))?;
                Ok(page.objects.into_iter().find(|found| found.name == name))
            }
        }
    }

    /// Opens a file for reading off the runtime's threads.
    pub(super) fn open(&self, file: &Listed) -> io::Result<Arc<OpenFile>> {
        let bytes = match self {
            Place::Local { root, .. } => Where::Local(File::open(root.join(&file.name))?),
            Place::S3 { store, .. } => Where::S3(Arc::clone(store), Handle::current()),
        };
        Ok(Arc::new(OpenFile {
            name: file.name.clone(),
            len: file.len,
            bytes,
            read_through: AtomicU64::new(0),
            trouble: Mutex::default(),
        }))
    }
}

fn walk(root: &Path, wanted: &Wanted) -> Result<Vec<Listed>, PlaceError> {
    let unreadable = |path: &Path, why: io::Error| {
        PlaceError::Unreadable(path.display().to_string(), why.to_string())
    };
    let (mut files, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|why| unreadable(&folder, why))?;
        for entry in entries {
            let entry = entry.map_err(|why| unreadable(&folder, why))?;
            let path = entry.path();
            // A link to a folder may lead back: it is not followed.
            let kind = entry.file_type().map_err(|why| unreadable(&path, why))?;
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy();
            if !path.is_file() || !wanted.has(&name) {
                continue;
            }
            let name = name.into_owned();
            files.push(of_path(&path, name).map_err(|why| unreadable(&path, why))?);
            if files.len() > MAX_FILES {
                return Err(PlaceError::TooMany);
            }
        }
    }
    Ok(files)
}

fn of_path(path: &Path, name: String) -> io::Result<Listed> {
    let metadata = std::fs::metadata(path)?;
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH);
    let millis = modified.map_or(0, |since| since.as_millis());
    Ok(Listed {
        name,
        len: metadata.len(),
        modified: i64::try_from(millis).unwrap_or(i64::MAX),
    })
}

async fn list_bucket(store: &S3Store, wanted: &Wanted) -> Result<Vec<Listed>, PlaceError> {
    let mut files: Vec<Listed> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.list(wanted.prefix(), after.as_deref(), 1_000).await;
        let page = page
            .map_err(|error| PlaceError::Unreadable("the bucket".to_owned(), error.to_string()))?;
        after = page.objects.last().map(|last| last.name.clone());
        files.extend(
            page.objects
                .into_iter()
                .filter(|file| wanted.has(&file.name)),
        );
        if files.len() > MAX_FILES {
            return Err(PlaceError::TooMany);
        }
        if !page.more {
            return Ok(files);
        }
    }
}

/// A file that is being read.
pub(super) struct OpenFile {
    name: String,
    len: u64,
    bytes: Where,
    /// The furthest byte that was asked for.
    read_through: AtomicU64,
    /// Why the last read failed, where it was not the file's fault.
    trouble: Mutex<Option<String>>,
}

enum Where {
    Local(File),
    S3(Arc<S3Store>, Handle),
}

impl OpenFile {
    /// How far it has been read.
    pub(super) fn read_through(&self) -> u64 {
        self.read_through.load(Ordering::Relaxed)
    }

    /// What kept it from being read, if that was not the file itself.
    pub(super) fn trouble(&self) -> Option<String> {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.take()
    }

    /// Reads a range that lies in the file. Blocks.
    fn range(&self, start: u64, length: u64) -> io::Result<Bytes> {
        self.read_through
            .fetch_max(start + length, Ordering::Relaxed);
        let read = match &self.bytes {
            Where::Local(file) => {
                let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
                let read = file.read_exact_at(&mut bytes, start);
                read.map(|()| Bytes::from(bytes))
            }
            Where::S3(store, runtime) => {
                let range = store.get_range(&self.name, start..start + length);
                runtime.block_on(range).map_err(io::Error::other)
            }
        };
        read.inspect_err(|error| {
            let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
            *trouble = Some(error.to_string());
        })
    }
}

/// What reads a file from its beginning, or in ranges.
#[derive(Clone)]
pub(super) struct Reading(pub(super) Arc<OpenFile>);

/// A file, read from somewhere on.
pub(super) struct ReadFrom {
    file: Arc<OpenFile>,
    at: u64,
    held: Bytes,
    next_range: u64,
}

impl Read for ReadFrom {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.held.is_empty() {
            let length = self.next_range.min(self.file.len.saturating_sub(self.at));
            if length == 0 {
                return Ok(0);
            }
            self.held = self.file.range(self.at, length)?;
            self.at += length;
            self.next_range = (self.next_range * 2).min(LARGEST_RANGE);
        }
        let read = buffer.len().min(self.held.len());
        buffer[..read].copy_from_slice(&self.held.split_to(read));
        Ok(read)
    }
}

impl Length for Reading {
    fn len(&self) -> u64 {
        self.0.len
    }
}

impl ChunkReader for Reading {
    type T = ReadFrom;

    fn get_read(&self, start: u64) -> Result<ReadFrom, ParquetError> {
        Ok(ReadFrom {
            file: Arc::clone(&self.0),
            at: start,
            held: Bytes::new(),
            next_range: FIRST_RANGE,
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let length = length as u64;
        match start.checked_add(length) {
            Some(end) if end <= self.0.len => Ok(self.0.range(start, length)?),
            _ => Err(ParquetError::EOF(format!(
                "bytes {start} to {start}+{length} of {}",
                self.0.len
            ))),
        }
    }
}
