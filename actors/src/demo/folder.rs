//! The demonstration's folder: emptied only if a demonstration made it.

use std::fs;
use std::io;
use std::path::Path;

use super::{KINESIS_SHARDS, LANES, STREAM, endpoint};
use crate::error::Error;

/// The file that shows that a folder is a demonstration's.
const MARKER: &str = ".shardmill-demo";

/// The configuration that the demonstration leaves.
pub const SOURCE_FILE: &str = "source.toml";

/// Empties a folder that an earlier demonstration made, or makes one.
///
/// # Errors
/// `demo.folder_in_use` when it holds something else, `demo.folder` when the disk refuses.
pub fn prepare(folder: &Path) -> Result<(), Error> {
    let refused = |error: io::Error| {
        let message = format!("the folder {} cannot be used: {error}", folder.display());
        Error::new("demo.folder", message)
    };
    if folder.join(MARKER).is_file() {
        empty(folder).map_err(refused)?;
    } else if folder.exists() && fs::read_dir(folder).map_err(refused)?.next().is_some() {
        let message = format!(
            "the folder {} holds files that no demo made; name another with --dir DIR, or empty it",
            folder.display()
        );
        return Err(Error::new("demo.folder_in_use", message));
    }
    fs::create_dir_all(folder).map_err(refused)?;
    let note = "Made by `shardmill demo`, which empties this folder when it runs again.\n";
    fs::write(folder.join(MARKER), note).map_err(refused)
}

/// The marker goes last, so that a folder that was emptied in part is still known as a demo's.
fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() == MARKER {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Leaves the configuration of the source, so that `inspect`, `verify` and the rest can be tried.
///
/// # Errors
/// `demo.folder` when the disk refuses.
pub fn write_source(folder: &Path, endpoint_url: &str) -> Result<(), Error> {
    let path = folder.join(SOURCE_FILE);
    fs::write(&path, source_toml(endpoint_url)).map_err(|error| {
        Error::new(
            "demo.folder",
            format!("{} cannot be written: {error}", path.display()),
        )
    })
}

fn source_toml(endpoint_url: &str) -> String {
    let region = endpoint::REGION;
    format!(
        r#"# The source of `shardmill demo`. Its stream lived inside the demo's process and is gone; what it
# wrote is here:
#   shardmill inspect source.toml
#   shardmill verify source.toml
name = "{STREAM}"

[kinesis]
stream = "{STREAM}"
connection = "demo"
read_from = "start"
shards = {KINESIS_SHARDS}

[target]
url = "."
execution_parallelism = {LANES}

[connection.demo]
endpoint_url = "{endpoint_url}"
region = "{region}"
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DataSource;

    #[test]
    fn only_a_demos_folder_is_emptied() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("demo");
        prepare(&folder).unwrap();
        fs::create_dir(folder.join("data")).unwrap();
        fs::write(folder.join("data/old"), "old").unwrap();
        prepare(&folder).unwrap();
        assert!(!folder.join("data").exists());

        let others = parent.path().join("others");
        fs::create_dir(&others).unwrap();
        fs::write(others.join("thesis.txt"), "years of work").unwrap();
        assert_eq!(prepare(&others).unwrap_err().code(), "demo.folder_in_use");
        assert!(others.join("thesis.txt").exists());
    }

    #[test]
    fn the_configuration_it_leaves_is_one_that_run_takes() {
        let folder = tempfile::tempdir().unwrap();
        write_source(folder.path(), "http://127.0.0.1:4567").unwrap();
        let source = DataSource::from_file(folder.path().join(SOURCE_FILE)).unwrap();
        assert_eq!(source.name(), STREAM);
        assert_eq!(source.target().execution_parallelism, LANES);
    }
}
