//! A lane of a simulated process: closes windows, puts files, commits, lets children in, stops.

use bytes::Bytes;
use futures::future::{self, Either};
use shardmill_engine::log::{Commit, DataFile, LaneClaimer, LaneLog, LogError, names};
use shardmill_engine::ports::StoreError;
use shardmill_engine::types::{FileKind, LaneId, Window};
use shardmill_engine::window::{CommitFiles, LaneFault, LaneLimits};

use super::books::Identity;
use super::process::{Exit, Process};
use super::reader;
use super::statistics;
use super::tip::{Tip, commit_files};

/// Why a lane ended.
pub enum LaneEnd {
    /// It starts again.
    Restart(String),
    Log(LogError),
}

impl From<LogError> for LaneEnd {
    fn from(error: LogError) -> Self {
        LaneEnd::Log(error)
    }
}

impl From<LaneFault> for LaneEnd {
    fn from(fault: LaneFault) -> Self {
        // The simulated readers and decoders keep their word, so the flow has no reason to fault.
        panic!("{}: {fault}", fault.code());
    }
}

impl Process {
    /// Runs a lane, over all its incarnations, until the process stops.
    pub async fn run_lane(&self, mut log: LaneLog) -> Result<Exit, LogError> {
        loop {
            let (lane, claimer) = (log.claim().lane, log.claimer());
            self.begin_lane(&log);
            let drive = Box::pin(self.drive(&mut log));
            let end = match self.restart_after() {
                None => drive.await,
                Some(millis) => match future::select(drive, self.host.sleep(millis)).await {
                    Either::Left((end, _)) => end,
                    Either::Right(((), drive)) => {
                        drop(drive);
                        Err(LaneEnd::Restart("the dice".to_owned()))
                    }
                },
            };
            match end {
                Ok(()) => return Ok(Exit::Stopped),
                Err(LaneEnd::Log(error)) => return Err(error),
                Err(LaneEnd::Restart(why)) => {
                    self.world
                        .trace(|| format!("p{} lane {lane} restarts: {why}", self.number.0));
                    drop(log);
                    log = self.claim_again(lane, &claimer).await?;
                }
            }
        }
    }

    fn restart_after(&self) -> Option<u64> {
        let restarts = self.chance(self.habits.restart_lane);
        restarts.then(|| {
            self.world
                .random(|random| random.between(1, 60_000))
                .unsigned_abs()
        })
    }

    async fn claim_again(&self, lane: LaneId, claimer: &LaneClaimer) -> Result<LaneLog, LogError> {
        // Nothing of the old claim comes through from here on.
        self.shared().tips.remove(&lane);
        self.rest(2_000).await;
        let log = claimer.claim().await?;
        let mut shared = self.shared();
        shared.over.push(log.over());
        shared.lineage.lane_restarted(lane, log.state());
        Ok(log)
    }

    fn begin_lane(&self, log: &LaneLog) {
        let limits = LaneLimits {
            max_open_windows: self.habits.max_open_windows,
            end: self.habits.end,
            raw_copy: self.habits.raw_copy,
        };
        let kept = self.budget.keep(self.habits.fetch_bytes);
        let tip = Tip::new(log.claim(), log.state(), limits, kept);
        self.shared().tips.insert(log.claim().lane, tip);
        self.begin_readers();
    }

    /// Begins a reader for whatever has none yet, in any lane.
    fn begin_readers(&self) {
        let mut shared = self.shared();
        let tips = shared.tips.values_mut();
        let due: Vec<_> = tips
            .flat_map(|tip| {
                let claim = tip.flow.claim();
                std::mem::take(&mut tip.to_read)
                    .into_iter()
                    .map(move |from| (claim, from))
            })
            .collect();
        drop(shared);
        for (claim, from) in due {
            let task = reader::read(self.clone(), claim, from);
            self.world.spawn(self.number, Box::pin(task));
        }
    }

    /// Hands ends to the lineage and lets in what it offers, in all lanes.
    fn let_children_in(&self) {
        let mut shared = self.shared();
        let shared = &mut *shared;
        for (lane, tip) in &mut shared.tips {
            for end in tip.flow.ends_reached() {
                shared.lineage.read_to_end(*lane, &end);
            }
        }
        if shared.stopping {
            return;
        }
        for offer in shared.lineage.offers() {
            // A lane that is just starting again gets its offers anew.
            if let Some(tip) = shared.tips.get_mut(&offer.lane) {
                match tip.flow.enter(offer.entered) {
                    Ok(from) => {
                        tip.entered += 1;
                        tip.to_read.push(from);
                    }
                    Err(fault) => tip.note(Err(fault)),
                }
            }
        }
        for (lane, shard) in shared.lineage.forgettable() {
            if let Some(tip) = shared.tips.get_mut(&lane) {
                tip.flow.forget(shard);
            }
        }
    }

    fn with_tip<T>(&self, lane: LaneId, act: impl FnOnce(&mut Tip) -> T) -> T {
        let mut shared = self.shared();
        act(shared.tips.get_mut(&lane).expect("the lane is running"))
    }

    async fn drive(&self, log: &mut LaneLog) -> Result<(), LaneEnd> {
        let lane = log.claim().lane;
        let mut progress_at = self.host.now();
        loop {
            self.let_children_in();
            self.begin_readers();
            if let Some(fault) = self.with_tip(lane, |tip| tip.fault.take()) {
                return Err(fault.into());
            }
            if let Some(lost) = self.with_tip(lane, |tip| tip.lost.take()) {
                return Err(LaneEnd::Restart(lost));
            }
            let closing = self.with_tip(lane, |tip| {
                tip.look_for_closing();
                tip.closing.pop_front()
            });
            if let Some(window) = closing {
                self.commit_window(log, window).await?;
                continue;
            }
            if self.host.now() >= progress_at {
                progress_at = self.host.now() + self.habits.progress_every;
                self.progress(log).await?;
            }
            self.orders.obey(log).await.map_err(end_by)?;
            if self.chance(self.habits.stop) {
                self.shared().stopping = true;
            }
            if self.shared().stopping {
                return self.stop(log).await;
            }
            self.rest(self.habits.rest).await;
        }
    }

    async fn progress(&self, log: &mut LaneLog) -> Result<(), LaneEnd> {
        let lane = log.claim().lane;
        let others = self.others_closed();
        let commit = self.with_tip(lane, |tip| {
            if let Some(others) = others.filter(|_| !tip.flow.has_open_shards()) {
                tip.flow.close_idle_through(others);
            }
            tip.flow.progress()
        });
        match commit {
            Some(commit) => self.append(log, commit).await,
            None => Ok(()),
        }
    }

    async fn commit_window(&self, log: &mut LaneLog, window: Window) -> Result<(), LaneEnd> {
        let (files, content) = self.write(log, window).await?;
        let commit = self.with_tip(log.claim().lane, |tip| tip.flow.commit(window, files))?;
        self.append_with_statistics(log, window, commit, &content)
            .await
    }

    async fn append_with_statistics(
        &self,
        log: &mut LaneLog,
        window: Window,
        mut commit: Commit,
        (rows, rejects): &(Vec<Identity>, Vec<Identity>),
    ) -> Result<(), LaneEnd> {
        let (length, counts) = (self.habits.window_length, commit.counts());
        let pane = statistics::observe(window, length, counts, rows, rejects);
        commit.statistics = self.put_statistics(log, window, &pane).await?;
        self.append(log, commit).await
    }

    /// What a stop does once the reading is over: a part of the lowest open window may be committed.
    async fn stop(&self, log: &mut LaneLog) -> Result<(), LaneEnd> {
        let lane = log.claim().lane;
        for _ in 0..self.world.random(|random| random.between(0, 20)) {
            if self.with_tip(lane, |tip| tip.under_way == 0) {
                break;
            }
            self.rest(400).await;
        }
        self.let_children_in();
        let part = self.with_tip(lane, |tip| {
            let part = tip.flow.stop();
            tip.look_for_closing();
            part
        });
        while let Some(window) = self.with_tip(lane, |tip| tip.closing.pop_front()) {
            self.commit_window(log, window).await?;
        }
        if let Some(window) = part {
            let (files, content) = self.write(log, window).await?;
            let commit = self.with_tip(lane, |tip| tip.flow.partial_commit(window, files))?;
            self.append_with_statistics(log, window, commit, &content)
                .await?;
        }
        self.progress(log).await
    }

    async fn append(&self, log: &mut LaneLog, commit: Commit) -> Result<(), LaneEnd> {
        let lane = log.claim().lane;
        if let Some(cleaned) = self.shared().cleaned.get(&lane) {
            log.note_cleaned(*cleaned);
        }
        if let Err(error) = log.append(commit.clone()).await {
            return Err(end_by(error));
        }
        self.orders.note(lane, log.state());
        self.with_tip(lane, |tip| tip.flow.committed(&commit));
        self.shared().lineage.committed(lane, &commit);
        log.checkpoint_if_due().await.map_err(end_by)
    }

    /// Puts what the window's writer holds: rows and rejects.
    async fn write(
        &self,
        log: &LaneLog,
        window: Window,
    ) -> Result<(CommitFiles, (Vec<Identity>, Vec<Identity>)), LaneEnd> {
        let content = self.with_tip(log.claim().lane, |tip| tip.content(window));
        let (rows, rejects) = (content.rows, content.rejects);
        let raw = self.put_raw(log, window, &content.raw).await?;
        let files = self.put(log, FileKind::Data, window, &rows).await?;
        let rejected = self.put(log, FileKind::Rejects, window, &rejects).await?;
        Ok((commit_files(files, rejected, raw), (rows, rejects)))
    }

    /// Puts the frames of the raw copy as one file.
    async fn put_raw(
        &self,
        log: &LaneLog,
        window: Window,
        frames: &[(Bytes, u64)],
    ) -> Result<Vec<DataFile>, LaneEnd> {
        if frames.is_empty() {
            return Ok(Vec::new());
        }
        let name = names::file(
            FileKind::Raw,
            self.habits.window_length,
            log.claim(),
            window,
            0,
        );
        let body: Vec<u8> = frames
            .iter()
            .flat_map(|(frame, _)| frame.to_vec())
            .collect();
        let bytes = body.len() as u64;
        self.put_one(log, &name, Bytes::from(body)).await?;
        Ok(vec![DataFile {
            name,
            window,
            rows: frames.iter().map(|(_, payloads)| payloads).sum(),
            bytes,
            schema: None,
        }])
    }

    /// Puts identities as one file or two.
    async fn put(
        &self,
        log: &LaneLog,
        kind: FileKind,
        window: Window,
        identities: &[Identity],
    ) -> Result<Vec<DataFile>, LaneEnd> {
        if identities.is_empty() {
            return Ok(Vec::new());
        }
        let cut = match self.chance(4) {
            true => self.world.random(|random| random.below(identities.len())),
            false => 0,
        };
        let (first, second) = identities.split_at(cut);
        let mut files = Vec::new();
        for part in [first, second].into_iter().filter(|part| !part.is_empty()) {
            let number = u32::try_from(files.len()).expect("two parts");
            let name = names::file(kind, self.habits.window_length, log.claim(), window, number);
            let body = Bytes::from(serde_json::to_vec(part).expect("identities are JSON"));
            let bytes = body.len() as u64;
            self.put_one(log, &name, body).await?;
            files.push(DataFile {
                name,
                window,
                rows: part.len() as u64,
                bytes,
                schema: None,
            });
        }
        Ok(files)
    }

    /// Puts an object of the lane, guarded and asked again.
    pub async fn put_one(&self, log: &LaneLog, name: &str, body: Bytes) -> Result<(), LaneEnd> {
        loop {
            log.guard().await.map_err(end_by)?;
            match self.store.put_if_absent(name, body.clone()).await {
                // Nobody else writes that name: an earlier try took effect.
                Ok(()) | Err(StoreError::Exists { .. }) => return Ok(()),
                Err(_) => self.rest(400).await,
            }
        }
    }
}

/// A lost claim restarts the lane, unless another process has won.
fn end_by(error: LogError) -> LaneEnd {
    if error.is_fenced() {
        LaneEnd::Log(error)
    } else if matches!(error, LogError::Refused { .. } | LogError::Broken { .. }) {
        panic!("the log refuses what the flow made: {error}");
    } else {
        LaneEnd::Restart(error.to_string())
    }
}
