//! The probe against a target that is right, and against ones that are not.

use std::ops::Range;

use futures::FutureExt;
use futures::future::BoxFuture;
use shardmill_engine::ports::{ListPage, PendingUpload, Upload};

use super::super::Outcome;
use super::*;
use crate::adapters::LocalStore;

/// What a target does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// A put overwrites.
    PutOverwrites,
    /// A put looks whether the name is free and then writes, so that several win a race.
    PutLooksFirst,
    /// Completing an upload overwrites.
    CompleteOverwrites,
    /// No permission to list.
    NoList,
    /// No permission to put.
    NoPut,
    /// No permission to delete.
    NoDelete,
    /// Uploads cannot be listed.
    NoPending,
}

struct Faulty {
    inner: LocalStore,
    fault: Fault,
}

fn refused<T>(name: &str) -> Result<T, StoreError> {
    Err(StoreError::Refused {
        name: name.to_owned(),
        detail: "AccessDenied".to_owned(),
    })
}

impl Store for Faulty {
    fn put_if_absent<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            match self.fault {
                Fault::NoPut => return refused(name),
                Fault::PutOverwrites => self.inner.delete(name).await?,
                Fault::PutLooksFirst => {
                    if self.inner.head(name).await?.is_some() {
                        return Err(StoreError::Exists {
                            name: name.to_owned(),
                        });
                    }
                    // All that race have looked before the first one writes.
                    tokio::task::yield_now().await;
                    return match self.inner.put_if_absent(name, body).await {
                        Err(StoreError::Exists { .. }) => Ok(()),
                        answer => answer,
                    };
                }
                _ => {}
            }
            self.inner.put_if_absent(name, body).await
        }
        .boxed()
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        self.inner.get(name)
    }

    fn get_range<'a>(
        &'a self,
        name: &'a str,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Bytes, StoreError>> {
        self.inner.get_range(name, range)
    }

    fn head<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<u64>, StoreError>> {
        self.inner.head(name)
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<ListPage, StoreError>> {
        match self.fault {
            Fault::NoList => async move { refused(prefix) }.boxed(),
            _ => self.inner.list(prefix, after, limit),
        }
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        match self.fault {
            Fault::NoDelete => async move { refused(name) }.boxed(),
            _ => self.inner.delete(name),
        }
    }

    fn begin_upload<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Upload>, StoreError>> {
        async move {
            if self.fault == Fault::CompleteOverwrites {
                self.inner.delete(name).await?;
            }
            self.inner.begin_upload(name).await
        }
        .boxed()
    }

    fn pending_uploads<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<PendingUpload>, StoreError>> {
        match self.fault {
            Fault::NoPending => async { Ok(Vec::new()) }.boxed(),
            _ => self.inner.pending_uploads(prefix),
        }
    }

    fn abort_upload<'a>(
        &'a self,
        upload: &'a PendingUpload,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.inner.abort_upload(upload)
    }

    fn part_size(&self) -> usize {
        self.inner.part_size()
    }
}

/// The steps that are not ok, and the objects that are left.
async fn not_ok(fault: Fault) -> (Vec<(&'static str, Outcome)>, usize) {
    let folder = tempfile::tempdir().unwrap();
    let inner = LocalStore::new(folder.path()).unwrap();
    let store = Arc::new(Faulty {
        inner: inner.clone(),
        fault,
    });
    let steps = probe_target(store, "run").await;
    assert_eq!(steps.len(), 9, "{steps:?}");
    let failed = |step: &&Step| step.outcome == Outcome::Failed;
    assert!(steps.iter().filter(failed).all(|step| step.help.is_some()));
    let found = steps.iter().filter(|step| step.outcome != Outcome::Ok);
    let found = found.map(|step| (step.step, step.outcome)).collect();
    let left = inner.list("", None, 100).await.unwrap().objects.len();
    (found, left)
}

#[tokio::test]
async fn a_target_that_is_right_passes_and_nothing_is_left() {
    assert_eq!(not_ok(Fault::None).await, (Vec::new(), 0));
}

#[tokio::test]
async fn a_target_that_overwrites_is_found_out() {
    let failed = |step| (vec![(step, Outcome::Failed)], 0);
    let (found, _) = not_ok(Fault::PutOverwrites).await;
    assert!(
        found.contains(&("conditional_put", Outcome::Failed)),
        "{found:?}"
    );
    assert_eq!(not_ok(Fault::PutLooksFirst).await, failed("one_winner"));
    assert_eq!(
        not_ok(Fault::CompleteOverwrites).await,
        failed("conditional_complete")
    );
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let failed = |step| vec![(step, Outcome::Failed)];
    assert_eq!(not_ok(Fault::NoList).await.0, failed("list"));
    assert_eq!(not_ok(Fault::NoDelete).await.0, failed("delete"));
    assert_eq!(
        not_ok(Fault::NoPending).await.0,
        failed("list_and_abort_uploads")
    );
}

#[tokio::test]
async fn what_builds_on_a_put_is_not_tried_without_one() {
    let (found, left) = not_ok(Fault::NoPut).await;
    assert_eq!(found[0], ("put", Outcome::Failed));
    assert!(
        found[1..]
            .iter()
            .all(|(_, outcome)| *outcome == Outcome::NotTried)
    );
    assert_eq!((found.len(), left), (8, 0));
}
