//! The target: named objects that are put once.

use std::ops::Range;

use bytes::Bytes;
use futures::future::BoxFuture;

use crate::types::TimestampMs;

/// What can go wrong with a call to the target.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum StoreError {
    /// Put-if-absent found the name taken (S3: 412; local: EEXIST).
    #[error("`{name}` exists already")]
    Exists {
        /// The name.
        name: String,
    },
    /// Another request for the same name is under way (S3: 409). Ask again.
    #[error("`{name}`: a conflicting request is under way: {detail}")]
    Conflict {
        /// The name.
        name: String,
        /// What the target said.
        detail: String,
    },
    /// The parts of a multipart upload are gone (S3: NoSuchUpload, or 409 on Complete). The caller
    /// must look whether the object is there.
    #[error("the upload of `{name}` is gone: {detail}")]
    UploadLost {
        /// The name.
        name: String,
        /// What the target said.
        detail: String,
    },
    /// No answer, a time-out, 5xx, throttling: it may or may not have taken effect. Ask again.
    #[error("the target does not answer for `{name}`: {detail}")]
    Unavailable {
        /// The name.
        name: String,
        /// What happened.
        detail: String,
    },
    /// The target refuses: no permission, no such bucket, a full disk. Asking again helps only once
    /// somebody has changed something.
    #[error("the target refuses `{name}`: {detail}")]
    Refused {
        /// The name.
        name: String,
        /// What the target said.
        detail: String,
    },
}

impl StoreError {
    /// Whether the same call may be made again as it is.
    pub fn retryable(&self) -> bool {
        !matches!(
            self,
            StoreError::Exists { .. } | StoreError::UploadLost { .. }
        )
    }
}

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its whole name below the store's root.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
    /// When it was written, by the target's clock.
    pub modified: TimestampMs,
}

/// A page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPage {
    /// Objects in the order of their names (bytewise).
    pub objects: Vec<Listed>,
    /// Whether there are more after the last one.
    pub more: bool,
}

/// A multipart upload that was begun and neither completed nor aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingUpload {
    /// The name that it would get.
    pub name: String,
    /// The target's id of the upload.
    pub id: String,
}

/// Where files and state live. Names are paths with `/`, below the root that the adapter was made
/// with (the bucket and prefix, or the folder, of one source).
///
/// Reading what was put is consistent: after a put succeeded, `get`, `head` and `list` show it.
/// No call retries by itself: the caller knows what an answer means. Every call ends within a
/// bounded time (the adapter sets time-outs).
pub trait Store: Send + Sync + 'static {
    /// Puts a whole object unless the name exists. Atomic: nobody ever sees a part of it.
    fn put_if_absent<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Reads a whole object; `None` where there is none.
    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>>;

    /// Reads a range of bytes of an object that exists.
    fn get_range<'a>(
        &'a self,
        name: &'a str,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Bytes, StoreError>>;

    /// The length of an object; `None` where there is none.
    fn head<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<u64>, StoreError>>;

    /// Objects whose name begins with `prefix` and is greater than `after`, at most `limit` (the
    /// target may give fewer and set `more`).
    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<ListPage, StoreError>>;

    /// Deletes an object. That it is absent is a success.
    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Begins an upload in parts.
    fn begin_upload<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Upload>, StoreError>>;

    /// Uploads in parts that are neither completed nor aborted, for names that begin with `prefix`.
    fn pending_uploads<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<PendingUpload>, StoreError>>;

    /// Aborts such an upload. That it is gone is a success.
    fn abort_upload<'a>(
        &'a self,
        upload: &'a PendingUpload,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The size that parts of an upload should have, in bytes; every part but the last has at least
    /// this size.
    fn part_size(&self) -> usize;
}

/// An object on its way in parts. Nothing is visible before `complete_if_absent` succeeded.
/// Dropping it leaves the parts for clean-up to abort.
pub trait Upload: Send {
    /// Sends the next part. After an error the same bytes may be sent again.
    fn put_part<'a>(&'a mut self, body: Bytes) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Makes the object visible unless the name exists. May be called again after an error that is
    /// retryable.
    fn complete_if_absent<'a>(&'a mut self) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Gives the parts up.
    fn abort<'a>(&'a mut self) -> BoxFuture<'a, Result<(), StoreError>>;
}
