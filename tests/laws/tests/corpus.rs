//! The laws, on the inputs that fuzzing has kept (`fuzz/corpus`) and on those that it begins from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use shardmill_laws::{FAMILIES, Family, Seen, family};

/// Bytes of all kept inputs together.
const MAX_CORPUS: u64 = 1 << 20;

fn kept(family: &Family) -> Vec<(String, Vec<u8>)> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let entries = fs::read_dir(corpus.join(family.name)).expect("the family's corpus");
    let mut inputs: Vec<_> = entries
        .map(|entry| {
            let entry = entry.expect("an entry");
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).expect("an input"))
        })
        .collect();
    inputs.sort();
    inputs
}

/// What was found holds: the law, on every kept input and every seed.
fn replay(family: &Family) {
    let seeds = (family.seeds)();
    let mut good = Seen::default();
    for seed in &seeds {
        let seen = family.check(seed);
        good.events += seen.events;
        good.rejects += seen.rejects;
    }
    assert!(good.events > 0, "no seed is read as what it is");
    let kept = kept(family);
    assert!(kept.len() >= 20, "only {} inputs were kept", kept.len());
    for (name, input) in kept {
        let outcome = std::panic::catch_unwind(|| family.check(&input));
        assert!(outcome.is_ok(), "fuzz/corpus/{}/{name}", family.name);
    }
}

#[test]
fn json() {
    replay(&family::json::FAMILY);
}

#[test]
fn text() {
    replay(&family::text::FAMILY);
}

#[test]
fn avro() {
    replay(&family::avro::FAMILY);
}

#[test]
fn columnar() {
    replay(&family::columnar::FAMILY);
}

#[test]
fn protobuf_xml() {
    replay(&family::protobuf_xml::FAMILY);
}

#[test]
fn expand() {
    replay(&family::expand::FAMILY);
}

#[test]
fn kpl() {
    replay(&family::kpl::FAMILY);
}

#[test]
fn config() {
    replay(&family::config::FAMILY);
}

/// Each of the options that an input may choose has a seed that is events under it.
#[test]
fn seeds_are_read_as_what_they_are() {
    let families = [
        &family::json::FAMILY,
        &family::text::FAMILY,
        &family::protobuf_xml::FAMILY,
    ];
    for family in families {
        let mut events: BTreeMap<u8, usize> = BTreeMap::new();
        for seed in (family.seeds)() {
            *events.entry(seed[0]).or_default() += family.check(&seed).events;
        }
        let mute = events.iter().find(|(_, events)| **events == 0);
        assert_eq!(mute, None, "{}", family.name);
    }
}

#[test]
fn every_family_has_a_target_and_the_corpus_stays_small() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let names = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(fuzz.join(folder)).expect("a folder of fuzz/");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let stems = paths.map(|path| {
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        });
        stems.collect()
    };
    let families: BTreeSet<String> = FAMILIES
        .iter()
        .map(|family| family.name.to_owned())
        .collect();
    assert_eq!(names("fuzz_targets"), families);
    assert_eq!(names("corpus"), families);
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).expect("the manifest");
    for family in &families {
        assert!(
            manifest.contains(&format!("name = \"{family}\"")),
            "{family}"
        );
    }
    let bytes: usize = FAMILIES
        .iter()
        .flat_map(|family| kept(family))
        .map(|(_, input)| input.len())
        .sum();
    assert!((bytes as u64) < MAX_CORPUS, "the corpus has {bytes} bytes");
}
