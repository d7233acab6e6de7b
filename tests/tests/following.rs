//! Who follows the log sees every committed file once, while it grows and across epochs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use shardmill::adapters::{LocalStore, SystemHost};
use shardmill_engine::log::{EntryBody, Followed, Follower};
use shardmill_tests::node::Node;
use shardmill_tests::scene::Scene;
use shardmill_tests::servers::Ferrokinesis;
use shardmill_tests::target::Target;

const NODE: &str = env!("CARGO_BIN_EXE_node");

/// What a follower has seen.
#[derive(Default)]
struct Seen {
    files: BTreeSet<String>,
    epochs: u64,
    complete: Option<i64>,
}

impl Seen {
    /// Reads on.
    async fn follow(&mut self, follower: &mut Follower) {
        loop {
            let news = follower.poll().await.expect("the log can be read");
            for followed in &news {
                match followed {
                    Followed::Epoch(_) => self.epochs += 1,
                    Followed::Skipped { .. } => panic!("nothing was deleted: {followed:?}"),
                    Followed::Entry(_, entry) => self.entry(&entry.body),
                }
            }
            let complete = follower.complete_through().map(|window| window.0);
            assert!(
                complete >= self.complete,
                "{complete:?} after {:?}",
                self.complete
            );
            self.complete = complete;
            if news.is_empty() {
                return;
            }
        }
    }

    fn entry(&mut self, body: &EntryBody) {
        let EntryBody::Commit(commit) = body else {
            return;
        };
        for file in commit.files.iter().chain(&commit.rejects) {
            let new = self.files.insert(file.name.clone());
            assert!(new, "{} was seen twice", file.name);
        }
    }
}

#[tokio::test]
async fn a_follower_sees_every_file_once_while_the_source_runs_and_its_lanes_change() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 4, Target::local()).await;
    scene.source.shards = 4;
    let (_copy, source) = scene.target.source(&scene.source.name).await;
    let store = Arc::new(LocalStore::new(&source).expect("a folder"));
    let mut follower = Follower::new(store, Arc::new(SystemHost));
    let mut seen = Seen::default();
    // Before there is anything.
    seen.follow(&mut follower).await;
    assert_eq!(seen.epochs, 0);

    for (epoch, lanes) in [(1, 2), (2, 3), (3, 1)] {
        scene.source.lanes = lanes;
        let mut node = Node::start(NODE, &scene.options());
        for _ in 0..4 {
            scene.put(|events| events.mixed(100)).await;
            tokio::time::sleep(Duration::from_millis(600)).await;
            seen.follow(&mut follower).await;
        }
        let lake = scene.finish(&mut node).await;
        seen.follow(&mut follower).await;
        assert_eq!(seen.epochs, epoch);
        assert_eq!(seen.files, lake.files);
        assert!(seen.complete <= lake.complete);
    }
}
