//! Objects of statistics and roll-ups, read and put.

use std::pin::pin;
use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};

use super::covers::{COVERS_KEY, RollupRecord};
use super::{CommitPane, Counted, RollupError, Settings};
use crate::log::{FORMAT_VERSION, LogError, Objects, Put, names};
use crate::ports::{Host, Store};
use crate::statistics::{DamagedPane, Pane};
use crate::types::{Level, Window};

/// How many objects of statistics are asked for at once.
const AT_ONCE: usize = 8;

/// The objects of a source.
#[derive(Clone)]
pub(super) struct Shelf {
    pub store: Arc<dyn Store>,
    pub host: Arc<dyn Host>,
    pub objects: Objects,
    pub settings: Settings,
}

impl Shelf {
    pub(super) fn new(store: Arc<dyn Store>, host: Arc<dyn Host>, settings: Settings) -> Self {
        Self {
            objects: Objects::starting(Arc::clone(&store), Arc::clone(&host)),
            store,
            host,
            settings,
        }
    }

    pub(super) fn empty(&self) -> Pane {
        Pane::new(self.settings.limits.clone())
    }

    /// The numbers from `from` up to, not including, `to` of which there are roll-ups, lowest first.
    pub(super) async fn numbers(
        &self,
        level: Level,
        from: i64,
        to: i64,
    ) -> Result<Vec<u64>, LogError> {
        let folder = names::rollup_folder(level);
        let before = u64::try_from(from)
            .ok()
            .and_then(|from| from.checked_sub(1));
        let mut after = before.map(|before| names::rollup(level, before));
        let mut numbers = Vec::new();
        loop {
            let page = self.objects.list(&folder, after.as_deref()).await?;
            for object in &page.objects {
                let Some(number) = names::rollup_number(&object.name) else {
                    continue;
                };
                if i64::try_from(number).is_ok_and(|number| number >= to) {
                    return Ok(numbers);
                }
                numbers.push(number);
            }
            match page.objects.last() {
                Some(last) if page.more => after = Some(last.name.clone()),
                _ => return Ok(numbers),
            }
        }
    }

    /// A roll-up; `None` where there is none that can be read.
    pub(super) async fn rollup(
        &self,
        level: Level,
        number: u64,
    ) -> Result<Option<(Pane, RollupRecord)>, LogError> {
        let name = names::rollup(level, number);
        let Some(body) = self.objects.get_bytes(&name).await? else {
            tracing::warn!(
                object = name,
                "a roll-up is gone; it is made anew in memory"
            );
            return Ok(None);
        };
        let read = Pane::decode(body, self.settings.limits.clone());
        let read = read.and_then(|(pane, metadata)| Ok((pane, record(&metadata)?)));
        if let Err(error) = &read {
            refuse_newer(&name, error)?;
        }
        match read {
            Ok((pane, record)) if (record.level, record.number) == (level, number) => {
                Ok(Some((pane, record)))
            }
            Ok((_, record)) => {
                let (level, number) = (record.level, record.number);
                tracing::warn!(object = name, ?level, number, "a roll-up of another time");
                Ok(None)
            }
            Err(error) => {
                tracing::warn!(object = name, %error, "a roll-up cannot be read; it is made anew in memory");
                Ok(None)
            }
        }
    }

    /// Puts a roll-up if it is absent.
    pub(super) async fn put_rollup(
        &self,
        pane: &Pane,
        record: &RollupRecord,
    ) -> Result<Put, RollupError> {
        let name = names::rollup(record.level, record.number);
        let encode = |detail: String| RollupError::Encode {
            name: name.clone(),
            detail,
        };
        let covers = serde_json::to_string(record).map_err(|error| encode(error.to_string()))?;
        let body = pane.encode(&[(COVERS_KEY.to_owned(), covers)]);
        let body = body.map_err(|error| encode(error.to_string()))?;
        Ok(self.objects.put(&name, body.into()).await?)
    }

    /// Hands the panes of commits to `take`, in order; of how many the statistics were missing. What
    /// is expired is not looked for.
    pub(super) async fn each_pane(
        &self,
        commits: impl IntoIterator<Item = Counted>,
        expired: Option<Window>,
        mut take: impl FnMut(CommitPane),
    ) -> Result<u64, LogError> {
        let read = commits.into_iter().map(|commit| self.pane(commit, expired));
        let mut read = pin!(stream::iter(read).buffered(AT_ONCE));
        let mut all_missing = 0;
        while let Some((pane, missing)) = read.try_next().await? {
            all_missing += u64::from(missing);
            take(pane);
        }
        Ok(all_missing)
    }

    async fn pane(
        &self,
        commit: Counted,
        expired: Option<Window>,
    ) -> Result<(CommitPane, bool), LogError> {
        let is_expired = Some(commit.window) <= expired;
        let mut missing = false;
        let mut read = None;
        if let Some(object) = commit.statistics.as_ref().filter(|_| !is_expired) {
            read = self.decoded(&object.name).await?;
            missing = read.is_none();
        }
        let pane = read.unwrap_or_else(|| {
            let mut pane = self.empty();
            pane.observe_counts(commit.window, commit.counts);
            pane
        });
        let Counted { at, window, .. } = commit;
        let pane = Arc::new(pane);
        Ok((CommitPane { at, window, pane }, missing))
    }

    async fn decoded(&self, name: &str) -> Result<Option<Pane>, LogError> {
        let Some(body) = self.objects.get_bytes(name).await? else {
            tracing::error!(
                object = name,
                "statistics that a commit names are not there"
            );
            return Ok(None);
        };
        match Pane::decode(body, self.settings.limits.clone()) {
            Ok((pane, _)) => Ok(Some(pane)),
            Err(error) => {
                refuse_newer(name, &error)?;
                tracing::error!(object = name, %error, "statistics that a commit names are damaged");
                Ok(None)
            }
        }
    }
}

/// The record in a roll-up's footer.
pub(super) fn record(metadata: &[(String, String)]) -> Result<RollupRecord, DamagedPane> {
    let damaged = DamagedPane::Damaged;
    let text = metadata.iter().find(|(key, _)| key == COVERS_KEY);
    let (_, text) = text.ok_or_else(|| damaged(format!("its footer has no {COVERS_KEY}")))?;
    let record: Result<RollupRecord, _> = serde_json::from_str(text);
    let record = record.map_err(|error| damaged(error.to_string()))?;
    if record.format_version > FORMAT_VERSION {
        return Err(DamagedPane::Newer {
            found: record.format_version,
            known: FORMAT_VERSION,
        });
    }
    let ordered = record
        .covers
        .iter()
        .all(|cover| cover.from <= cover.through);
    match ordered && !record.covers.is_empty() {
        true => Ok(record),
        false => Err(damaged("what it covers makes no sense".to_owned())),
    }
}

/// What a newer version wrote is refused: what it says must not be left out in silence.
fn refuse_newer(name: &str, error: &DamagedPane) -> Result<(), LogError> {
    match *error {
        DamagedPane::Newer { found, known } => Err(LogError::NewerFormat {
            name: name.to_owned(),
            found,
            known,
        }),
        DamagedPane::Damaged(_) => Ok(()),
    }
}
