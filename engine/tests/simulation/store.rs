//! A target in memory with the exact semantics of the port, and what its users can see go wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use shardmill_engine::ports::{ListPage, Listed, PendingUpload, Store, StoreError, Upload};

use crate::executor::{Failures, ProcessNo, World};

/// Something that changed on the target.
pub enum Change<'a> {
    /// An object appeared.
    Put { name: &'a str, body: &'a Bytes },
    /// An object was deleted that was there.
    Deleted { name: &'a str },
}

/// Told of every change as it happens, with the objects after it.
pub type Observer = Box<dyn FnMut(Change<'_>, &Objects, i64) + Send>;

/// What is on the target.
pub type Objects = BTreeMap<String, Bytes>;

/// How the target breaks its word, to see that the checker notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// None: the target is as the port says.
    None,
    /// A conditional put overwrites.
    Overwrites,
    /// After a process has put a log entry, the next listing of checkpoints shows it none: as if
    /// it had left out to hold its claim against them.
    HidesCheckpointsOnce,
    /// The target is fine, but clocks of processes stand still: as if they had left out to look at
    /// the log after a pause.
    ClocksStand,
}

/// The target itself, shared by all processes.
#[derive(Clone)]
pub struct Target {
    state: Arc<Mutex<State>>,
}

struct State {
    objects: Objects,
    uploads: BTreeMap<u64, Pending>,
    next_upload: u64,
    observer: Option<Observer>,
    defect: Defect,
    /// Processes that put a log entry and have not listed checkpoints since.
    put_last: BTreeSet<ProcessNo>,
}

struct Pending {
    name: String,
    parts: Vec<u8>,
}

impl Target {
    pub fn new(defect: Defect) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                objects: Objects::new(),
                uploads: BTreeMap::new(),
                next_upload: 1,
                observer: None,
                defect,
                put_last: BTreeSet::new(),
            })),
        }
    }

    /// From now on `observer` is told of every change.
    pub fn observe(&self, observer: Observer) {
        self.lock().observer = Some(observer);
    }

    /// A look at all objects.
    pub fn with_objects<T>(&self, look: impl FnOnce(&Objects) -> T) -> T {
        look(&self.lock().objects)
    }

    /// How many uploads are neither completed nor aborted.
    pub fn pending_uploads(&self) -> Vec<String> {
        let state = self.lock();
        state.uploads.values().map(|u| u.name.clone()).collect()
    }

    /// The target as a process reaches it.
    pub fn for_process(&self, world: &World, process: ProcessNo) -> Arc<dyn Store> {
        Arc::new(SimulatedStore {
            target: self.clone(),
            world: world.clone(),
            process,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, name: &str, body: Bytes, now: i64) -> Result<(), StoreError> {
        if self.objects.contains_key(name) && self.defect != Defect::Overwrites {
            return Err(StoreError::Exists { name: name.into() });
        }
        self.objects.insert(name.into(), body.clone());
        let change = Change::Put { name, body: &body };
        if let Some(observer) = &mut self.observer {
            observer(change, &self.objects, now);
        }
        Ok(())
    }

    fn delete(&mut self, name: &str, now: i64) {
        if self.objects.remove(name).is_none() {
            return;
        }
        if let Some(observer) = &mut self.observer {
            observer(Change::Deleted { name }, &self.objects, now);
        }
    }

    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> ListPage {
        let from = after.filter(|after| *after > prefix).unwrap_or(prefix);
        let mut names = self
            .objects
            .range(from.to_owned()..)
            .filter(|(name, _)| after.is_none_or(|after| name.as_str() > after))
            .take_while(|(name, _)| name.starts_with(prefix));
        let objects = names
            .by_ref()
            .take(limit)
            .map(|(name, body)| Listed {
                name: name.clone(),
                len: body.len() as u64,
                modified: 0,
            })
            .collect();
        let more = names.next().is_some();
        ListPage { objects, more }
    }
}

struct SimulatedStore {
    target: Target,
    world: World,
    process: ProcessNo,
}

impl SimulatedStore {
    fn call<T: Send + 'static>(
        &self,
        what: &'static str,
        name: &str,
        is_write: bool,
        effect: impl FnOnce(&mut State, i64) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        call(
            &self.target,
            &self.world,
            self.process,
            (what, name),
            is_write,
            effect,
        )
    }
}

fn call<T: Send + 'static>(
    target: &Target,
    world: &World,
    process: ProcessNo,
    (what, name): (&'static str, &str),
    is_write: bool,
    effect: impl FnOnce(&mut State, i64) -> Result<T, StoreError> + Send + 'static,
) -> BoxFuture<'static, Result<T, StoreError>> {
    let target = target.clone();
    let at_work = world.clone();
    let trace_name = name.to_owned();
    let effect = move || {
        let now = at_work.now();
        let answer = effect(&mut target.lock(), now);
        at_work.trace(|| {
            let outcome = answer.as_ref().map(|_| "ok").map_err(|error| match error {
                StoreError::Exists { .. } => "exists",
                _ => "fails",
            });
            format!("p{} {what} {trace_name}: {outcome:?}", process.0)
        });
        answer
    };
    let error_name = name.to_owned();
    let conflict_name = name.to_owned();
    let failures = Failures {
        unavailable: Box::new(move || {
            Err(StoreError::Unavailable {
                name: error_name,
                detail: "simulated".into(),
            })
        }),
        conflict: is_write.then(|| -> Box<dyn FnOnce() -> _ + Send> {
            Box::new(move || {
                Err(StoreError::Conflict {
                    name: conflict_name,
                    detail: "simulated".into(),
                })
            })
        }),
    };
    world.call(process, effect, failures)
}

impl Store for SimulatedStore {
    fn put_if_absent<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let key = name.to_owned();
        let process = self.process;
        self.call("put", name, true, move |state, now| {
            state.put(&key, body, now)?;
            if key.starts_with("_commits/") {
                state.put_last.insert(process);
            }
            Ok(())
        })
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        let key = name.to_owned();
        self.call("get", name, false, move |state, _| {
            Ok(state.objects.get(&key).cloned())
        })
    }

    fn get_range<'a>(
        &'a self,
        name: &'a str,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Bytes, StoreError>> {
        let key = name.to_owned();
        self.call("get range", name, false, move |state, _| {
            let refused = |detail: &str| StoreError::Refused {
                name: key.clone(),
                detail: detail.into(),
            };
            let body = state.objects.get(&key).ok_or(refused("no such object"))?;
            let (from, to) = (range.start as usize, range.end as usize);
            if from > to || to > body.len() {
                return Err(refused("no such range"));
            }
            Ok(body.slice(from..to))
        })
    }

    fn head<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<u64>, StoreError>> {
        let key = name.to_owned();
        self.call("head", name, false, move |state, _| {
            Ok(state.objects.get(&key).map(|body| body.len() as u64))
        })
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<ListPage, StoreError>> {
        let key = prefix.to_owned();
        let after = after.map(str::to_owned);
        // Short pages, so that every listing of some length is read on.
        let process = self.process;
        self.call("list", prefix, false, move |state, _| {
            if key.starts_with("_checkpoints/")
                && state.put_last.remove(&process)
                && state.defect == Defect::HidesCheckpointsOnce
            {
                return Ok(ListPage::default());
            }
            Ok(state.list(&key, after.as_deref(), limit.min(7)))
        })
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        let key = name.to_owned();
        self.call("delete", name, true, move |state, now| {
            state.delete(&key, now);
            Ok(())
        })
    }

    fn begin_upload<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Upload>, StoreError>> {
        let key = name.to_owned();
        let begun = self.call("begin upload of", name, true, move |state, _| {
            let id = state.next_upload;
            state.next_upload += 1;
            let pending = Pending {
                name: key,
                parts: Vec::new(),
            };
            state.uploads.insert(id, pending);
            Ok(id)
        });
        let (target, world) = (self.target.clone(), self.world.clone());
        let (process, name) = (self.process, name.to_owned());
        Box::pin(async move {
            let id = begun.await?;
            let upload: Box<dyn Upload> = Box::new(SimulatedUpload {
                target,
                world,
                process,
                name,
                id,
                sent: 0,
            });
            Ok(upload)
        })
    }

    fn pending_uploads<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<PendingUpload>, StoreError>> {
        let key = prefix.to_owned();
        self.call("list uploads in", prefix, false, move |state, _| {
            let uploads = state.uploads.iter();
            let found = uploads.filter(|(_, pending)| pending.name.starts_with(&key));
            Ok(found
                .map(|(id, pending)| PendingUpload {
                    name: pending.name.clone(),
                    id: id.to_string(),
                })
                .collect())
        })
    }

    fn abort_upload<'a>(
        &'a self,
        upload: &'a PendingUpload,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let id = upload.id.parse::<u64>();
        self.call("abort", &upload.name, true, move |state, _| {
            if let Ok(id) = id {
                state.uploads.remove(&id);
            }
            Ok(())
        })
    }

    fn part_size(&self) -> usize {
        1
    }
}

struct SimulatedUpload {
    target: Target,
    world: World,
    process: ProcessNo,
    name: String,
    id: u64,
    /// Bytes of parts that are known to be there.
    sent: usize,
}

impl SimulatedUpload {
    fn call<T: Send + 'static>(
        &self,
        what: &'static str,
        effect: impl FnOnce(&mut State, i64) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let place = (what, self.name.as_str());
        call(&self.target, &self.world, self.process, place, true, effect)
    }

    fn lost(name: &str) -> StoreError {
        StoreError::UploadLost {
            name: name.into(),
            detail: "simulated".into(),
        }
    }
}

impl Upload for SimulatedUpload {
    fn put_part<'a>(&'a mut self, body: Bytes) -> BoxFuture<'a, Result<(), StoreError>> {
        let (id, name, sent) = (self.id, self.name.clone(), self.sent);
        let len = body.len();
        let call = self.call("put part of", move |state, _| {
            let pending = state.uploads.get_mut(&id);
            let pending = pending.ok_or_else(|| Self::lost(&name))?;
            // A part has a number: sent again, it takes the place of the first try.
            if pending.parts.len() == sent {
                pending.parts.extend_from_slice(&body);
            }
            Ok(())
        });
        Box::pin(async move {
            call.await?;
            self.sent += len;
            Ok(())
        })
    }

    fn complete_if_absent<'a>(&'a mut self) -> BoxFuture<'a, Result<(), StoreError>> {
        let (id, name) = (self.id, self.name.clone());
        self.call("complete", move |state, now| {
            let Some(pending) = state.uploads.get(&id) else {
                return Err(Self::lost(&name));
            };
            let body = Bytes::from(pending.parts.clone());
            state.put(&name, body, now)?;
            state.uploads.remove(&id);
            Ok(())
        })
    }

    fn abort<'a>(&'a mut self) -> BoxFuture<'a, Result<(), StoreError>> {
        let id = self.id;
        self.call("abort", move |state, _| {
            state.uploads.remove(&id);
            Ok(())
        })
    }
}
