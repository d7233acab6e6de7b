//! Columnar files: Parquet and ORC. Their libraries panic on damage, which is caught, and abort on
//! some, which is looked for before.

use shardmill_engine::decode::{Compression, ContentOptions, Decided, FormatChoice};

use super::{Family, Seen};
use crate::decoding::{Case, seen};
use crate::fixtures;
use crate::input::Input;

/// Columnar files.
pub const FAMILY: Family = Family {
    name: "columnar",
    law,
    seeds,
};

const FORMATS: [FormatChoice; 3] = [FormatChoice::Parquet, FormatChoice::Orc, FormatChoice::Auto];

fn law(bytes: &[u8]) -> Seen {
    let input = Input::read(bytes);
    let options = ContentOptions {
        format: FORMATS[usize::from(input.choice) % FORMATS.len()],
        decided: Some(Decided::all(FormatChoice::Raw)),
        compression: Compression::None,
        ..ContentOptions::default()
    };
    seen(&Case::new(&options, &input).check())
}

fn seeds() -> Vec<Vec<u8>> {
    let parquet = fixtures::files("parquet", &["parquet"]);
    let orc = fixtures::files("orc", &["orc", "rejected"]);
    let mut seeds = Vec::new();
    for (choice, files) in [&parquet, &orc].into_iter().enumerate() {
        seeds.extend(files.iter().map(|file| Input::write(choice, 0, &[file])));
        seeds.push(Input::write(choice, 1, &[&files[1], &files[0], &files[2]]));
        seeds.push(Input::tightened(Input::write(choice, 0, &[&files[1]])));
    }
    seeds.push(Input::write(2, 1, &[&parquet[1], &orc[1], &parquet[1]]));
    seeds
}
