//! docs/REPLAY.md: its commands are run as they stand there.

use std::path::Path;
use std::process::Command;

use shardmill_tests::cli;
use shardmill_tests::credentials;
use shardmill_tests::lake::Lake;
use shardmill_tests::node::Node;
use shardmill_tests::paths;
use shardmill_tests::process;
use shardmill_tests::scene::Scene;
use shardmill_tests::servers::Ferrokinesis;
use shardmill_tests::target::Target;

const NODE: &str = env!("CARGO_BIN_EXE_node");
const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");

fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let begin = format!("```{language}\n");
    let blocks = page.split(&begin).skip(1);
    let blocks: Vec<&str> = blocks.filter_map(|rest| rest.split("```").next()).collect();
    assert!(!blocks.is_empty(), "the page has {language}");
    blocks
}

#[tokio::test]
async fn the_commands_of_the_page_do_what_it_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/REPLAY.md");
    let page = std::fs::read_to_string(page).unwrap();
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 2, Target::local()).await;
    scene.source.raw_copy = true;
    scene.put(|events| events.mixed(300)).await;
    let mut node = Node::start(NODE, &scene.options());
    scene.finish(&mut node).await;

    let folder = paths::new_folder();
    let here = folder.path();
    std::fs::copy(scene.config(), here.join("source.toml")).unwrap();
    let own = blocks(&page, "toml");
    let own = own.iter().find(|block| block.contains("[files]")).unwrap();
    std::fs::write(here.join("backfill.toml"), own).unwrap();
    std::fs::create_dir_all(here.join("backup/2025")).unwrap();
    let mut lines = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut lines, b"{\"id\":1}\n{\"id\":2}\n").unwrap();
    std::fs::write(here.join("backup/2025/a.json.gz"), lines.finish().unwrap()).unwrap();
    std::fs::create_dir(here.join("bin")).unwrap();
    std::os::unix::fs::symlink(SHARDMILL, here.join("bin/shardmill")).unwrap();

    let path = std::env::var("PATH").unwrap();
    for block in blocks(&page, "sh") {
        let mut shell = Command::new("sh");
        shell.args(["-e", "-c", block]).current_dir(here);
        shell.envs(credentials::ENVIRONMENT);
        shell.env("PATH", format!("{}/bin:{path}", here.display()));
        process::run(block, shell, b"");
    }
    let (_copy, original) = scene.target.source("clicks").await;
    let beside = original.with_file_name("clicks-2");
    for place in [beside, here.join("elsewhere/clicks")] {
        let lake = Lake::read(&place).unwrap();
        lake.holds_exactly(&scene.ledger).unwrap();
    }
    let backfills = [
        original.with_file_name("clicks-backfill"),
        here.join("lake/backfill"),
    ];
    for place in backfills {
        assert_eq!(
            Lake::read(&place).unwrap().rows.len(),
            2,
            "{}",
            place.display()
        );
    }
    let config = here.join("backfill.toml");
    cli::verify(SHARDMILL, &config);
}
