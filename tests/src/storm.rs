//! The crash storm: a node is started and killed again and again while a stream is written, split
//! and merged. At the end everything that was put has to be committed once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use crate::kinesis::TestStream;
use crate::lake::Lake;
use crate::ledger::Ledger;
use crate::node::{KillAt, Node, NodeOptions, Phase};
use crate::paths;
use crate::source::SourceFile;
use crate::target::{self, Target};
use crate::traffic::Traffic;
use crate::wait::{self, Reached};

/// How long a node may live before it is killed from outside, wherever it is.
const LIFE: Duration = Duration::from_secs(8);

/// How long nothing may be committed while something is left at the end.
const PATIENCE: Duration = Duration::from_secs(180);

/// Kills between two looks at the target and two changes of the stream.
const LOOK_EVERY: usize = 10;
const RESHARD_EVERY: usize = 5;

/// Open Kinesis shards while the storm lasts.
const OPEN_SHARDS: (usize, usize) = (4, 7);

/// What a storm is told.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program of a node.
    pub program: &'static str,
    /// URL of the Kinesis server.
    pub kinesis: String,
    /// Kills, at least.
    pub kills: usize,
    /// Kills in each phase, at least.
    pub kills_by_phase: usize,
    /// Whether a raw copy is kept.
    pub raw_copy: bool,
    /// Whether each start decides anew between polling and enhanced fan-out.
    pub fan_out: bool,
    /// Kinesis records in a batch; ten batches are put a second.
    pub batch: usize,
    /// Decides everything that is left to chance.
    pub seed: u64,
}

/// A storm that is over, with the source as it left it.
pub struct Aftermath {
    /// How often the node was killed, and when.
    pub report: Report,
    /// What is committed.
    pub lake: Lake,
    /// The `source.toml`.
    pub config: PathBuf,
    /// Where `config` lies.
    pub folder: TempDir,
}

/// Kills by phase; `None` for those from outside.
#[derive(Debug, Default)]
pub struct Report {
    kills: BTreeMap<Option<Phase>, usize>,
    starts: usize,
    reshards: usize,
}

/// Starts and kills nodes as planned, lets the last one finish, and compares.
///
/// # Panics
/// When a node ends by itself, when what is committed is ever wrong, or when it is not all there at
/// the end. The message names the seed.
pub async fn run(plan: Plan, target: &Target) -> Aftermath {
    let seed = plan.seed;
    println!("the storm's seed is {seed}");
    let stream = TestStream::create(&plan.kinesis, "storm", 4).await;
    let folder = paths::new_folder();
    let source = SourceFile {
        target: target.url(),
        s3: target.endpoint(),
        shards: 4,
        // Enough for the most lanes that a start may choose.
        memory_mib: 320,
        raw_copy: plan.raw_copy,
        ..SourceFile::new(&plan.kinesis, stream.name(), folder.path())
    };
    let mut storm = Storm {
        traffic: Traffic::start(stream, plan.batch, seed),
        random: StdRng::seed_from_u64(seed),
        report: Report::default(),
        plan,
        target,
        source,
        folder,
    };
    while !storm.is_enough() {
        storm.life().await;
        if storm.report.starts.is_multiple_of(LOOK_EVERY) {
            storm.look().await;
        }
        if storm.report.starts.is_multiple_of(RESHARD_EVERY) {
            let what = storm.traffic.reshard(OPEN_SHARDS.0, OPEN_SHARDS.1).await;
            println!("{what}");
            storm.report.reshards += 1;
        }
    }
    storm.calm_down().await
}

struct Storm<'a> {
    plan: Plan,
    target: &'a Target,
    source: SourceFile,
    folder: TempDir,
    traffic: Traffic,
    random: StdRng,
    report: Report,
}

impl Storm<'_> {
    fn is_enough(&self) -> bool {
        let Plan {
            kills,
            kills_by_phase,
            seed,
            ..
        } = self.plan;
        let rarest = self.report.at(self.report.rarest());
        assert!(
            self.report.starts < 4 * kills + 20,
            "some phase is never met (seed {seed}):\n{}",
            self.report
        );
        self.report.total() >= kills && rarest >= kills_by_phase
    }

    /// One start of a node, to its violent end.
    async fn life(&mut self) {
        let mut options = self.options();
        let outside = self.random.random_ratio(1, 9);
        let limit = if outside {
            options.kill = None;
            Duration::from_millis(self.random.random_range(50..4_000))
        } else {
            LIFE
        };
        let mut node = Node::start(self.plan.program, &options);
        self.report.starts += 1;
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = node.process().ended() {
                break status;
            }
            if begun.elapsed() > limit {
                break node.kill().await;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        assert_eq!(
            status.signal(),
            Some(libc::SIGKILL),
            "a node ended by itself (seed {}, {options:?}):\n{}",
            self.plan.seed,
            node.process().last_words()
        );
        *self.report.kills.entry(node.killed_at()).or_default() += 1;
    }

    /// A node that dies at the phase that was met least often so far.
    fn options(&mut self) -> NodeOptions {
        let phase = self.report.rarest();
        let random = &mut self.random;
        if phase == Phase::ChangeOfLanes || random.random_ratio(1, 4) {
            let others = [1, 2, 3].into_iter().filter(|n| *n != self.source.lanes);
            let others: Vec<u32> = others.collect();
            self.source.lanes = others[random.random_range(0..others.len())];
        }
        if self.plan.fan_out {
            let by = random.random_ratio(2, 3).then(|| "storm".to_owned());
            self.source.fan_out = by;
        }
        let most = match phase {
            Phase::BeforeUpload | Phase::Uploaded => 8,
            Phase::DuringPut | Phase::AfterPut => 5,
            Phase::Claim | Phase::ChangeOfLanes => 3,
            Phase::CleanUp => 4,
            Phase::Checkpoint | Phase::Retention => 0,
        };
        let kill = KillAt {
            phase,
            after: random.random_range(0..=most),
            seed: random.random(),
        };
        NodeOptions {
            kill: Some(kill),
            store_faults: [0.0, 0.02, 0.1][random.random_range(0..3)],
            stream_faults: [0.0, 0.02, 0.1][random.random_range(0..3)],
            seed: random.random(),
            part_size: self.target.least_part_size(),
            ..NodeOptions::new(self.source.write(self.folder.path()))
        }
    }

    /// What is committed so far is a part of what was put.
    async fn look(&self) {
        let lake = self.target.lake(&self.source.name).await;
        let lake = lake.unwrap_or_else(|finding| self.wrong(&finding));
        // Taken after the lake was read, so it has all that can be in there.
        let ledger = self.traffic.ledger().await;
        lake.holds_part_of(&ledger)
            .unwrap_or_else(|finding| self.wrong(&finding));
        println!("{} starts: {lake}", self.report.starts);
        self.traffic.has_read(payloads_of(&lake) as usize);
    }

    fn wrong(&self, finding: &str) -> ! {
        panic!(
            "{finding} (seed {}, after {} starts)",
            self.plan.seed, self.report.starts
        )
    }

    /// A last node commits what is left and stops; nothing else is there then.
    async fn calm_down(mut self) -> Aftermath {
        let options = NodeOptions {
            part_size: self.target.least_part_size(),
            ..NodeOptions::new(self.source.write(self.folder.path()))
        };
        let config = options.config.clone();
        let mut node = Node::start(self.plan.program, &options);
        let ledger = self.traffic.stop().await;
        let (target, name) = (self.target, self.source.name.clone());
        let what = format!("all is committed (seed {})", self.plan.seed);
        wait::while_it_grows(&what, PATIENCE, async || {
            assert_eq!(
                node.process().ended(),
                None,
                "{}",
                node.process().last_words()
            );
            is_complete(target, &name, &ledger).await
        })
        .await;
        let status = node.stop(Duration::from_secs(60)).await;
        assert!(
            status.success(),
            "{status}:\n{}",
            node.process().last_words()
        );
        self.report.starts += 1;

        let (_copy, source) = target.source(&name).await;
        let lake = Lake::read(&source).unwrap_or_else(|finding| panic!("{finding} ({what})"));
        lake.holds_exactly(&ledger)
            .unwrap_or_else(|finding| panic!("{finding} ({what})"));
        let kept = if self.plan.raw_copy { ledger.len() } else { 0 };
        assert_eq!(lake.raw.len(), kept, "payloads of the raw copy ({what})");
        let there: BTreeSet<String> = target::files_there(&source).into_iter().collect();
        let named = &lake.files | &lake.statistics;
        let unnamed: Vec<_> = there.difference(&named).collect();
        assert!(unnamed.is_empty(), "left behind: {unnamed:?} ({what})");
        Aftermath {
            report: self.report,
            lake,
            config,
            folder: self.folder,
        }
    }
}

async fn is_complete(target: &Target, name: &str, ledger: &Ledger) -> Result<(), Reached> {
    let lake = target.lake(name).await;
    let lake = lake.unwrap_or_else(|finding| panic!("{finding}"));
    let count = payloads_of(&lake);
    if count == ledger.len() as u64 {
        return Ok(());
    }
    let said = format!("{count} of {} payloads; {lake}", ledger.len());
    Err(Reached { count, said })
}

/// Payloads that are accounted for: as rows, as rejects, or as nothing.
fn payloads_of(lake: &Lake) -> u64 {
    lake.counts.values().map(|counts| counts.payloads).sum()
}

impl Report {
    /// All kills.
    pub fn total(&self) -> usize {
        self.kills.values().sum()
    }

    /// Kills at a phase.
    pub fn at(&self, phase: Phase) -> usize {
        self.kills.get(&Some(phase)).copied().unwrap_or(0)
    }

    fn rarest(&self) -> Phase {
        let rarest = Phase::ALL.into_iter().min_by_key(|phase| self.at(*phase));
        rarest.expect("there are phases")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for phase in Phase::ALL {
            let name = format!("{phase:?}");
            writeln!(f, "{name:>15} {:5}", self.at(phase))?;
        }
        let outside = self.kills.get(&None).copied().unwrap_or(0);
        writeln!(f, "{:>15} {outside:5}", "anywhere")?;
        writeln!(f, "{:>15} {:5}", "all kills", self.total())?;
        writeln!(f, "{:>15} {:5}", "starts", self.starts)?;
        writeln!(f, "{:>15} {:5}", "splits, merges", self.reshards)
    }
}
