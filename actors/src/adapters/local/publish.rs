//! Put-if-absent on a file system, step by step, and the folders it needs.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, SystemTime};

use shardmill_engine::ports::StoreError;
use uuid::Uuid;

use super::{failed, is_absent, names};

/// How often a folder that somebody removes under our hands is made again.
const ATTEMPTS: u32 = 16;

/// How many folders are remembered as durable; an hour of data makes a few.
const REMEMBERED_FOLDERS: usize = 4096;

/// From which age on a temporary file without a living owner is removed.
pub(super) const STALE_AFTER: Duration = Duration::from_secs(3600);

/// What a put has done so far; crash tests stop a process at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The temporary file is there, empty.
    Created,
    /// The bytes are written.
    Written,
    /// The bytes are durable.
    Synced,
    /// The final name is there.
    Linked,
    /// The final name is durable.
    Durable,
    /// The temporary name is gone.
    Unlinked,
}

#[cfg(test)]
use super::tests::reached;

#[cfg(not(test))]
fn reached(_: Step) -> io::Result<()> {
    Ok(())
}

/// The root of a store and what is known of the folders below it.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    /// Folders that were made, or found, and whose entry in their parent is durable.
    durable: Mutex<HashSet<PathBuf>>,
    swept: Once,
}

impl Folder {
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            durable: Mutex::new(HashSet::new()),
            swept: Once::new(),
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn put_if_absent(&self, name: &str, body: &[u8]) -> Result<(), StoreError> {
        let path = names::path(&self.root, name)?;
        let temporary = names::put_file(&self.root, name, &new_id());
        let mut file = self.create_temporary(name, &temporary)?;
        let published = file
            .write_all(body)
            .map_err(|error| failed(name, "write", &temporary, &error))
            .and_then(|()| self.publish(name, &file, &temporary, &path));
        if published.is_err() {
            // Gone already unless the put failed before the link.
            let _ = fs::remove_file(&temporary);
        }
        published.map_err(|error| match error {
            // The bytes are still in the caller's hands: a second try writes them anew.
            StoreError::UploadLost { name, detail } => StoreError::Unavailable { name, detail },
            other => other,
        })
    }

    /// Makes a temporary file and locks it, which tells the sweep that its owner lives. On a file
    /// system without locks nothing is swept.
    pub(super) fn create_temporary(&self, name: &str, path: &Path) -> Result<File, StoreError> {
        self.swept.call_once(|| self.sweep());
        let folder = self.root.join(names::TEMPORARY);
        let create = || {
            self.ensure_folder(&folder)?;
            let file = OpenOptions::new().write(true).create_new(true).open(path)?;
            let _ = file.try_lock();
            reached(Step::Created)?;
            Ok(file)
        };
        let file = self
            .while_folders_vanish(&folder, create)
            .map_err(|error| failed(name, "create", path, &error))?;
        Ok(file)
    }

    /// Gives a written temporary file its final name unless that exists. May be called again after
    /// an error, unless that is `UploadLost`: then the bytes are gone.
    pub(super) fn publish(
        &self,
        name: &str,
        file: &File,
        temporary: &Path,
        path: &Path,
    ) -> Result<(), StoreError> {
        let lost = |detail: String| StoreError::UploadLost {
            name: name.to_owned(),
            detail,
        };
        // What the system could not write it may drop and forget: asked again it would say that all
        // is well.
        reached(Step::Written)
            .and_then(|()| file.sync_all())
            .and_then(|()| reached(Step::Synced))
            .map_err(|error| lost(failed(name, "make durable", temporary, &error).to_string()))?;
        let folder = path.parent().unwrap_or(&self.root);
        let link = || {
            self.ensure_folder(folder)?;
            match fs::hard_link(temporary, path) {
                Ok(()) => Ok(Link::Made),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Link::Taken),
                // Not the folder is missing: clean-up took the temporary file.
                Err(error) if is_absent(&error) && !temporary.exists() => Ok(Link::SourceGone),
                Err(error) => Err(error),
            }
        };
        let linked = self
            .while_folders_vanish(folder, link)
            .map_err(|error| failed(name, "link", path, &error))?;
        if let Link::SourceGone = linked {
            return Err(lost(format!("{temporary:?} was removed")));
        }
        // Also when another one won: what the caller concludes from that must outlive a power cut.
        reached(Step::Linked)
            .and_then(|()| sync_folder(folder))
            .and_then(|()| reached(Step::Durable))
            .map_err(|error| failed(name, "make durable", folder, &error))?;
        // After the folder, so that a second try finds the bytes. One that stays does no harm; it is
        // swept when it is old.
        let _ = fs::remove_file(temporary);
        let _ = reached(Step::Unlinked);
        match linked {
            Link::Made => Ok(()),
            _ => Err(StoreError::Exists {
                name: name.to_owned(),
            }),
        }
    }

    pub(super) fn delete(&self, name: &str) -> Result<(), StoreError> {
        let path = names::path(&self.root, name)?;
        match fs::remove_file(&path) {
            Ok(()) => self.remove_empty_parents(&path),
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(failed(name, "delete", &path, &error)),
        }
        Ok(())
    }

    /// Hours whose files are gone would otherwise be listed for ever. A folder that somebody puts
    /// into is not empty, or is made again by the put.
    fn remove_empty_parents(&self, path: &Path) {
        for parent in path.ancestors().skip(1) {
            if parent == self.root || fs::remove_dir(parent).is_err() {
                return;
            }
            self.forget(parent);
        }
    }

    /// Runs `action`, which makes `folder`, again while folders are removed in between.
    fn while_folders_vanish<T>(
        &self,
        folder: &Path,
        action: impl Fn() -> io::Result<T>,
    ) -> io::Result<T> {
        for _ in 1..ATTEMPTS {
            match action() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => self.forget_chain(folder),
                result => return result,
            }
        }
        action()
    }

    /// Makes a folder at or below the root, and every entry on the way to it durable.
    fn ensure_folder(&self, folder: &Path) -> io::Result<()> {
        if self.known().contains(folder) {
            return Ok(());
        }
        if folder == self.root {
            make_above(folder)?;
        } else {
            let parent = folder.parent().unwrap_or(&self.root);
            self.ensure_folder(parent)?;
            make_one(folder)?;
            // Also when it was there: whoever made it may not have come to this yet.
            sync_folder(parent)?;
        }
        let mut known = self.known();
        if known.len() >= REMEMBERED_FOLDERS {
            known.clear();
        }
        known.insert(folder.to_owned());
        Ok(())
    }

    fn forget(&self, folder: &Path) {
        self.known().remove(folder);
    }

    fn forget_chain(&self, folder: &Path) {
        let mut known = self.known();
        for ancestor in folder.ancestors() {
            known.remove(ancestor);
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        // A set of paths is whole whatever panicked.
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes temporary files that processes left which are dead. Best effort: what stays is
    /// invisible and is tried again at the next start.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(self.root.join(names::TEMPORARY)) else {
            return;
        };
        for entry in entries.flatten() {
            if is_stale(&entry).unwrap_or(false) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// What came of linking a temporary file to its final name.
enum Link {
    Made,
    Taken,
    SourceGone,
}

fn is_stale(entry: &fs::DirEntry) -> io::Result<bool> {
    let written = entry.metadata()?.modified()?;
    let age = SystemTime::now()
        .duration_since(written)
        .unwrap_or_default();
    if age < STALE_AFTER {
        return Ok(false);
    }
    match File::open(entry.path())?.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// A new id of a temporary file.
pub(super) fn new_id() -> String {
    Uuid::new_v4().simple().to_string()
}

fn make_one(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Makes a folder and its missing parents durable; parents that exist are not ours to touch.
fn make_above(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let Some(parent) = folder.parent() else {
        return Ok(());
    };
    make_above(parent)?;
    make_one(folder)?;
    sync_folder(parent)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
