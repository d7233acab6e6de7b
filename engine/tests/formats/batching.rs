//! I10: what payloads become does not depend on how they are read.

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use shardmill_engine::decode::{
    ContentOptions, DecodeLimits, Decoder, FormatChoice, Hints, detect,
};
use shardmill_engine::preview::{decision, decodes_with};

use crate::cases::{Found, all, decode, decoder};

/// One way to read payloads: their order, where batches end, and where the process starts again.
#[derive(Clone, Debug)]
struct Reading {
    order: Vec<Index>,
    batches: Vec<(usize, bool)>,
}

fn reading() -> impl Strategy<Value = Reading> {
    let order = prop::collection::vec(any::<Index>(), 64);
    let batches = prop::collection::vec((1_usize..6, any::<bool>()), 64);
    (order, batches).prop_map(|(order, batches)| Reading { order, batches })
}

/// The decoder of a process that has read the source's stored decision.
fn started(options: &ContentOptions) -> Decoder {
    let stored = serde_json::to_string(&decision(options, "a test")).unwrap();
    let options = decodes_with(&serde_json::from_str(&stored).unwrap()).unwrap();
    decoder(&options)
}

fn read(options: &ContentOptions, mut payloads: Vec<(i64, Bytes)>, how: &Reading) -> Found {
    for (place, to) in how.order.iter().enumerate().take(payloads.len()) {
        let to = to.index(payloads.len());
        payloads.swap(place, to);
    }
    let (mut decoder, mut found) = (started(options), Found::default());
    let mut batches = how.batches.iter().cycle();
    let mut left = &payloads[..];
    while let Some((len, restart)) = batches.next().filter(|_| !left.is_empty()) {
        let (batch, rest) = left.split_at((*len).min(left.len()));
        if *restart {
            decoder = started(options);
        }
        decode(&mut decoder, batch, &mut found);
        left = rest;
    }
    found
}

/// The content under every compression, and as many that are cut somewhere.
fn numbered(contents: impl Iterator<Item = Bytes>, cuts: &[Index]) -> Vec<(i64, Bytes)> {
    let whole: Vec<Bytes> = contents.collect();
    let cut = |(content, cut): (&Bytes, &Index)| content.slice(..cut.index(content.len()));
    let cut: Vec<Bytes> = whole.iter().zip(cuts.iter().cycle()).map(cut).collect();
    (0..).zip(whole.into_iter().chain(cut)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn i10_each_format_gives_the_same_in_any_batches_order_and_restart(
        how in reading(),
        cuts in prop::collection::vec(any::<Index>(), 16),
    ) {
        for (format, case) in all() {
            let payloads = numbered(case.payloads(), &cuts);
            let mut at_once = Found::default();
            decode(&mut started(&case.options), &payloads, &mut at_once);
            prop_assert!(at_once.rows.len() >= case.rows.len(), "{}", format);
            let found = read(&case.options, payloads, &how);
            prop_assert_eq!(found, at_once, "{}", format);
        }
    }

    #[test]
    fn i10_a_mixed_stream_gives_the_same_in_any_batches_order_and_restart(
        how in reading(),
        cuts in prop::collection::vec(any::<Index>(), 16),
    ) {
        let cases = all();
        let contents: Vec<Bytes> = cases.values().flat_map(|case| case.payloads()).collect();
        let given = ContentOptions {
            format: FormatChoice::Auto,
            ..ContentOptions::default()
        };
        let sample = [cases["csv"].payload("none"), cases["json"].payload("none")];
        let detected = detect(&sample, &given, Hints::default(), &DecodeLimits::default());
        let options = detected.unwrap().options;
        let payloads = numbered(contents.into_iter(), &cuts);
        let mut at_once = Found::default();
        decode(&mut started(&options), &payloads, &mut at_once);
        let found = read(&options, payloads, &how);
        prop_assert_eq!(found, at_once);
    }
}
