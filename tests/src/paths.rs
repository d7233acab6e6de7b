//! Where tests keep what they install, log and write: all of it below `target/`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// The build folder that this program lies in.
pub fn target() -> PathBuf {
    let program = std::env::current_exe().expect("a program knows its own path");
    // Cargo marks the top of a build folder with this file.
    let top = program
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").exists());
    top.expect("tests run from cargo's build folder").into()
}

/// The folder of the tools that tests install.
pub fn tools() -> PathBuf {
    folder("test-tools")
}

/// A log file that no other run writes, named after what logs there.
pub fn new_log(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    folder("test-logs").join(format!("{name}-{process}-{number}.log"))
}

/// A new empty folder that is removed when the value is dropped.
pub fn new_folder() -> tempfile::TempDir {
    tempfile::tempdir_in(folder("test-work")).expect("a folder below target/ can be made")
}

/// A file of this crate's `tools/` folder.
pub fn tool_source(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tools")
        .join(name)
}

/// The folder of contents that other libraries made.
pub fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../engine/fixtures")
}

fn folder(name: &str) -> PathBuf {
    let folder = target().join(name);
    std::fs::create_dir_all(&folder).expect("a folder below target/ can be made");
    folder
}
