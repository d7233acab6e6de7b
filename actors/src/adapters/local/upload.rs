//! Uploads in parts: one temporary file, linked to its name when it is complete.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use shardmill_engine::ports::{PendingUpload, StoreError, Upload};

use super::publish::{Folder, new_id};
use super::{failed, is_absent, names, off_thread, refused};

/// An upload on its way. Dropping it leaves the temporary file for [`abort`].
pub(super) struct LocalUpload {
    file: Arc<UploadFile>,
    /// Bytes that are written. Moved on only by a part that succeeded, so the same part sent again
    /// after an error, or after a time-out while the first try still writes, lands on its place.
    written: u64,
}

struct UploadFile {
    folder: Arc<Folder>,
    name: String,
    temporary: PathBuf,
    file: File,
    /// What came of completing it. Held meanwhile, so that a second try waits for the first.
    outcome: Mutex<Option<Result<(), StoreError>>>,
}

impl LocalUpload {
    pub(super) fn begin(folder: Arc<Folder>, name: &str) -> Result<Self, StoreError> {
        names::path(folder.root(), name)?;
        let temporary = names::upload_file(folder.root(), name, &new_id());
        let file = folder.create_temporary(name, &temporary)?;
        Ok(Self {
            file: Arc::new(UploadFile {
                folder,
                name: name.to_owned(),
                temporary,
                file,
                outcome: Mutex::new(None),
            }),
            written: 0,
        })
    }
}

impl UploadFile {
    fn write(&self, body: &[u8], at: u64) -> Result<(), StoreError> {
        self.file
            .write_all_at(body, at)
            .map_err(|error| failed(&self.name, "write", &self.temporary, &error))
    }

    fn complete(&self) -> Result<(), StoreError> {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = &*outcome {
            return outcome.clone();
        }
        let path = names::path(self.folder.root(), &self.name)?;
        let completed = self
            .folder
            .publish(&self.name, &self.file, &self.temporary, &path);
        if !matches!(&completed, Err(error) if error.retryable()) {
            *outcome = Some(completed.clone());
        }
        completed
    }
}

impl Upload for LocalUpload {
    fn put_part<'a>(&'a mut self, body: Bytes) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let (file, at, len) = (Arc::clone(&self.file), self.written, body.len() as u64);
            off_thread(&self.file.name, move || file.write(&body, at)).await?;
            self.written = at + len;
            Ok(())
        })
    }

    fn complete_if_absent<'a>(&'a mut self) -> BoxFuture<'a, Result<(), StoreError>> {
        let file = Arc::clone(&self.file);
        Box::pin(off_thread(&self.file.name, move || file.complete()))
    }

    fn abort<'a>(&'a mut self) -> BoxFuture<'a, Result<(), StoreError>> {
        let file = Arc::clone(&self.file);
        Box::pin(off_thread(&self.file.name, move || {
            remove(&file.name, &file.temporary)
        }))
    }
}

/// Uploads of any process that were neither completed nor aborted, by name.
pub(super) fn pending(folder: &Folder, prefix: &str) -> Result<Vec<PendingUpload>, StoreError> {
    let temporaries = folder.root().join(names::TEMPORARY);
    let entries = match fs::read_dir(&temporaries) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(failed(prefix, "list", &temporaries, &error)),
    };
    let mut uploads = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| failed(prefix, "list", &temporaries, &error))?;
        let file_name = entry.file_name();
        let upload = file_name.to_str().and_then(names::parse_upload_file);
        if let Some((name, id)) = upload.filter(|(name, _)| name.starts_with(prefix)) {
            uploads.push(PendingUpload { name, id });
        }
    }
    uploads.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    Ok(uploads)
}

/// Removes what an upload has written, whether its process lives or not: a process that is paused
/// then finds its parts gone.
pub(super) fn abort(folder: &Folder, upload: &PendingUpload) -> Result<(), StoreError> {
    if !names::is_id(&upload.id) {
        let detail = format!("`{}` is no id of an upload", upload.id);
        return Err(refused(&upload.name, detail));
    }
    let temporary = names::upload_file(folder.root(), &upload.name, &upload.id);
    remove(&upload.name, &temporary)
}

fn remove(name: &str, temporary: &std::path::Path) -> Result<(), StoreError> {
    match fs::remove_file(temporary) {
        Ok(()) => Ok(()),
        Err(error) if is_absent(&error) => Ok(()),
        Err(error) => Err(failed(name, "delete", temporary, &error)),
    }
}
