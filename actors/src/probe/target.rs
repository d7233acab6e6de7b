//! What committing needs of a target: above all a put that fails when the name exists.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;
use shardmill_engine::ports::{Store, StoreError};

use super::{Name, Side, Step, Steps};
use crate::permissions;

const LIST: Name = Name {
    step: "list",
    rights: &[&permissions::LIST_BUCKET],
};
const PUT: Name = Name {
    step: "put",
    rights: &[&permissions::PUT_OBJECT],
};
const GET: Name = Name {
    step: "get",
    rights: &[&permissions::GET_OBJECT],
};
const CONDITIONAL_PUT: Name = Name {
    step: "conditional_put",
    rights: &[&permissions::PUT_OBJECT],
};
const ONE_WINNER: Name = Name {
    step: "one_winner",
    rights: &[&permissions::PUT_OBJECT],
};
const MULTIPART: Name = Name {
    step: "multipart",
    rights: &[&permissions::PUT_OBJECT],
};
const CONDITIONAL_COMPLETE: Name = Name {
    step: "conditional_complete",
    rights: &[&permissions::PUT_OBJECT],
};
const PENDING: Name = Name {
    step: "list_and_abort_uploads",
    rights: &[&permissions::LIST_UPLOADS, &permissions::ABORT_UPLOAD],
};
const DELETE: Name = Name {
    step: "delete",
    rights: &[&permissions::DELETE_OBJECT],
};

/// All of them.
#[cfg(test)]
pub(super) const STEPS: &[Name] = &[
    LIST,
    PUT,
    GET,
    CONDITIONAL_PUT,
    ONE_WINNER,
    MULTIPART,
    CONDITIONAL_COMPLETE,
    PENDING,
    DELETE,
];

/// Puts that race for one name.
const RACERS: usize = 8;

/// Tries every call that committing and cleaning up make, with small objects under
/// `_check/RUN/`, and deletes them again. `run` is a name that nobody else uses.
pub async fn probe_target(store: Arc<dyn Store>, run: &str) -> Vec<Step> {
    let folder = format!("_check/{run}/");
    let probe = Probe {
        store: &*store,
        folder,
    };
    let mut steps = Steps::new(Side::Target);
    probe.list(&mut steps).await;
    if probe.put(&mut steps).await {
        probe.get(&mut steps).await;
        probe.conditional_put(&mut steps).await;
        probe.one_winner(&mut steps).await;
        if probe.multipart(&mut steps).await {
            probe.conditional_complete(&mut steps).await;
            probe.pending(&mut steps).await;
        } else {
            steps.not_tried(&[CONDITIONAL_COMPLETE, PENDING]);
        }
        probe.delete(&mut steps).await;
    } else {
        steps.not_tried(&[
            GET,
            CONDITIONAL_PUT,
            ONE_WINNER,
            MULTIPART,
            CONDITIONAL_COMPLETE,
            PENDING,
            DELETE,
        ]);
    }
    steps.done
}

struct Probe<'s> {
    store: &'s dyn Store,
    folder: String,
}

const FIRST: &[u8] = b"the first body";
const SECOND: &[u8] = b"another body";

impl Probe<'_> {
    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.folder)
    }

    async fn list(&self, steps: &mut Steps) {
        match self.store.list("_check/", None, 10).await {
            Ok(_) => steps.ok(LIST, "the target can be listed"),
            Err(error) => fail(steps, LIST, &error),
        }
    }

    async fn put(&self, steps: &mut Steps) -> bool {
        let put = self
            .store
            .put_if_absent(&self.name("put"), Bytes::from_static(FIRST))
            .await;
        match put {
            Ok(()) => steps.ok(PUT, format!("put `{}`", self.name("put"))),
            Err(ref error) => fail(steps, PUT, error),
        }
        put.is_ok()
    }

    async fn get(&self, steps: &mut Steps) {
        let name = self.name("put");
        let whole = self.store.get(&name).await;
        let part = self.store.get_range(&name, 4..9).await;
        let length = self.store.head(&name).await;
        match (whole, part, length) {
            (Ok(Some(whole)), Ok(part), Ok(Some(length))) => {
                let right = whole == FIRST && part == FIRST[4..9] && length == FIRST.len() as u64;
                if right {
                    steps.ok(GET, "read back in whole and in part");
                } else {
                    let help = "this server changes what is stored: use another";
                    steps.failed(GET, "what is read is not what was put", help);
                }
            }
            (Err(error), _, _) | (_, Err(error), _) | (_, _, Err(error)) => {
                fail(steps, GET, &error);
            }
            _ => steps.failed(
                GET,
                "an object is not there right after its put",
                "reading after a put must be consistent: use another server",
            ),
        }
    }

    async fn conditional_put(&self, steps: &mut Steps) {
        let name = self.name("put");
        let again = self
            .store
            .put_if_absent(&name, Bytes::from_static(SECOND))
            .await;
        let kept = matches!(self.store.get(&name).await, Ok(Some(body)) if body == FIRST);
        match again {
            Err(StoreError::Exists { .. }) if kept => {
                steps.ok(CONDITIONAL_PUT, "a second put of a name is refused");
            }
            Ok(()) | Err(StoreError::Exists { .. }) => {
                steps.failed(
                    CONDITIONAL_PUT,
                    "a second put of a name overwrote it",
                    UNSAFE,
                );
            }
            Err(error) => fail(steps, CONDITIONAL_PUT, &error),
        }
    }

    /// Puts at the same moment: a server that looks first and writes then lets several win.
    async fn one_winner(&self, steps: &mut Steps) {
        let name = self.name("race");
        let puts = (0..RACERS).map(|racer| {
            let body = Bytes::from(format!("racer {racer}"));
            self.store.put_if_absent(&name, body)
        });
        let answers = join_all(puts).await;
        let winners = answers.iter().filter(|answer| answer.is_ok()).count();
        let strange = answers.iter().find_map(|answer| match answer {
            Err(StoreError::Refused { .. }) => answer.as_ref().err(),
            _ => None,
        });
        match (winners, strange) {
            (_, Some(error)) => fail(steps, ONE_WINNER, error),
            (1, None) => steps.ok(ONE_WINNER, format!("one of {RACERS} puts at once won")),
            // All may have met a conflict: then the name is free or one of them did it.
            (0, None) => steps.failed(
                ONE_WINNER,
                format!(
                    "none of {RACERS} puts at once succeeded: {:?}",
                    answers.first()
                ),
                "try again",
            ),
            (several, None) => {
                let detail = format!("{several} of {RACERS} puts of one name at once succeeded");
                steps.failed(ONE_WINNER, detail, UNSAFE);
            }
        }
    }

    async fn upload(&self, name: &str, body: &'static [u8]) -> Result<(), StoreError> {
        let mut upload = self.store.begin_upload(name).await?;
        let done = match upload.put_part(Bytes::from_static(body)).await {
            Ok(()) => upload.complete_if_absent().await,
            Err(error) => Err(error),
        };
        if done.is_err() {
            // Whether that works is a step of its own.
            let _ = upload.abort().await;
        }
        done
    }

    async fn multipart(&self, steps: &mut Steps) -> bool {
        let name = self.name("multipart");
        match self.upload(&name, FIRST).await {
            Err(error) => {
                fail(steps, MULTIPART, &error);
                false
            }
            Ok(()) => {
                let right = matches!(self.store.get(&name).await, Ok(Some(body)) if body == FIRST);
                if right {
                    steps.ok(MULTIPART, "an upload in parts");
                } else {
                    let help = "this server cannot be used";
                    steps.failed(MULTIPART, "an upload in parts is not what was sent", help);
                }
                right
            }
        }
    }

    async fn conditional_complete(&self, steps: &mut Steps) {
        let name = self.name("multipart");
        let again = self.upload(&name, SECOND).await;
        let kept = matches!(self.store.get(&name).await, Ok(Some(body)) if body == FIRST);
        match again {
            Err(StoreError::Exists { .. }) if kept => {
                steps.ok(
                    CONDITIONAL_COMPLETE,
                    "completing an upload of a taken name is refused",
                );
            }
            Ok(()) | Err(StoreError::Exists { .. }) => steps.failed(
                CONDITIONAL_COMPLETE,
                "completing an upload of a taken name overwrote it",
                UNSAFE,
            ),
            Err(error) => fail(steps, CONDITIONAL_COMPLETE, &error),
        }
    }

    async fn pending(&self, steps: &mut Steps) {
        match self.try_pending().await {
            Ok(true) => steps.ok(PENDING, "an unfinished upload is listed and aborted"),
            Ok(false) => steps.failed(
                PENDING,
                "an unfinished upload is not listed, or is listed after it was aborted",
                "set a lifecycle rule on the bucket that aborts incomplete uploads after a day",
            ),
            Err(error) => fail(steps, PENDING, &error),
        }
    }

    /// Whether an unfinished upload is listed until it is aborted.
    async fn try_pending(&self) -> Result<bool, StoreError> {
        let name = self.name("pending");
        let mut upload = self.store.begin_upload(&name).await?;
        upload.put_part(Bytes::from_static(FIRST)).await?;
        drop(upload);
        let before = self.store.pending_uploads(&self.folder).await?;
        let Some(pending) = before.iter().find(|pending| pending.name == name) else {
            return Ok(false);
        };
        self.store.abort_upload(pending).await?;
        let after = self.store.pending_uploads(&self.folder).await?;
        Ok(after.iter().all(|pending| pending.name != name))
    }

    async fn delete(&self, steps: &mut Steps) {
        for name in ["put", "race", "multipart"] {
            if let Err(error) = self.store.delete(&self.name(name)).await {
                return fail(steps, DELETE, &error);
            }
        }
        match self.store.head(&self.name("put")).await {
            Ok(None) => steps.ok(DELETE, "what was put is deleted again"),
            Ok(Some(_)) => steps.failed(
                DELETE,
                "a deleted object is still there",
                format!("delete `{}` by hand", self.folder),
            ),
            Err(error) => fail(steps, DELETE, &error),
        }
    }
}

const UNSAFE: &str = "this server does not honour If-None-Match: two processes could overwrite \
                      one another's commits. Use AWS S3, or a server that honours it";

fn fail(steps: &mut Steps, name: Name, error: &StoreError) {
    let help = match error {
        StoreError::Refused { .. } => format!(
            "allow {} for the prefix; in a local folder, let this user read and write",
            name.permission()
        ),
        StoreError::Unavailable { .. } => {
            "see whether the endpoint can be reached from here and credentials are set".to_owned()
        }
        StoreError::Exists { .. } | StoreError::Conflict { .. } | StoreError::UploadLost { .. } => {
            "try again; if it stays, this server does not speak S3 as AWS does".to_owned()
        }
    };
    steps.failed(name, error.to_string(), help);
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
