//! Writes the inputs that fuzzing begins from, made of `engine/fixtures`: a folder a family.

use std::path::PathBuf;
use std::{env, fs, io};

use shardmill_laws::FAMILIES;

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| io::Error::other("usage: seeds FOLDER"))?;
    for family in FAMILIES {
        let folder = folder.join(family.name);
        fs::create_dir_all(&folder)?;
        for (number, seed) in (family.seeds)().into_iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:03}")), seed)?;
        }
    }
    Ok(())
}
