//! Third-party programs in pinned versions, installed once into `target/test-tools`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::{paths, process};

/// The Python of a virtual environment that holds everything in `tools/requirements.txt`.
pub fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let folder = install("python", "requirements.txt", |folder, list| {
            let mut make = Command::new("python3");
            make.args(["-m", "venv", "--clear"]).arg(folder);
            process::run("python3 -m venv", make, b"");
            let mut pip = Command::new(folder.join("bin/python"));
            pip.args(["-m", "pip", "install", "--quiet", "--no-input"])
                .args(["--disable-pip-version-check", "--no-deps", "-r"])
                .arg(list);
            process::run("pip install", pip, b"");
        });
        folder.join("bin/python")
    })
}

/// The folder of the npm package `kinesis-local`.
pub fn kinesis_local() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = install("node", "package.json", |folder, list| {
            std::fs::create_dir_all(folder).expect("a folder below target/ can be made");
            std::fs::copy(list, folder.join("package.json")).expect("package.json can be copied");
            let mut npm = Command::new("npm");
            npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts"])
                .args(["--no-package-lock", "--loglevel=error"])
                .current_dir(folder);
            process::run("npm install", npm, b"");
        });
        folder.join("node_modules/kinesis-local")
    })
}

/// A command that runs a script of `tools/` with [`python`].
pub fn script(name: &str) -> Command {
    let mut command = Command::new(python());
    command.arg(paths::tool_source(name));
    command
}

/// Runs `make` unless the folder holds what `list` asks for. Test programs that run at the same
/// time wait for one another.
fn install(name: &str, list: &str, make: impl FnOnce(&Path, &Path)) -> PathBuf {
    let folder = paths::tools().join(name);
    let list = paths::tool_source(list);
    let wanted = std::fs::read(&list).expect("the list of packages is there");
    let lock = File::create(paths::tools().join(format!("{name}.lock"))).expect("a lock file");
    lock.lock().expect("the lock can be taken");
    let stamp = paths::tools().join(format!("{name}.installed"));
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return folder;
    }
    // A half-done install is not taken for a whole one.
    let _ = std::fs::remove_file(&stamp);
    let _ = std::fs::remove_dir_all(&folder);
    make(&folder, &list);
    std::fs::write(&stamp, wanted).expect("the stamp can be written");
    folder
}
