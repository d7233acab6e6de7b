//! `--write`: a configuration of what was found.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use shardmill_engine::decode::{ContentOptions, Detected, FormatChoice};
use shardmill_engine::preview::Previewed;

use crate::cli::Failure;
use crate::config::{DataSource, Remarks, TargetUrl};

/// Refuses to replace a file.
pub(super) fn refuse_existing(path: &Path) -> Result<(), Failure> {
    match path.exists() {
        true => Err(exists(path)),
        false => Ok(()),
    }
}

fn exists(path: &Path) -> Failure {
    let path = path.display();
    let message = format!("{path} is there already: name another file, or replace it with --force");
    Failure::new("preview.file_exists", message)
}

/// Writes the file.
pub(super) fn write(
    path: &Path,
    source: &DataSource,
    from_file: bool,
    seen: &Previewed,
    force: bool,
) -> Result<(), Failure> {
    let text = text(source, from_file, seen);
    let written = open(path, force).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => exists(path),
        _ => {
            let message = format!("{} cannot be written: {error}", path.display());
            Failure::new("preview.write_failed", message)
        }
    })
}

fn open(path: &Path, force: bool) -> std::io::Result<File> {
    match force {
        true => File::create(path),
        false => OpenOptions::new().write(true).create_new(true).open(path),
    }
}

fn text(source: &DataSource, from_file: bool, seen: &Previewed) -> String {
    let report = &seen.preview;
    let mut remarks = Remarks::default();
    remarks.head.push(
        "A data source of Shardmill, written by `shardmill preview`. What was found is set; what \
         stands behind a # is as it is by default. See docs/CONFIGURATION.md."
            .to_owned(),
    );
    remarks.format.push(format!(
        "The sample: {} payloads, {} of them decoded without an error, {} errors.",
        report.sample_size, report.parsed_successfully, report.number_of_errors
    ));
    remarks
        .format
        .push(format!("The format: {}.", report.reason));
    if let Some(header) = &report.header {
        remarks
            .format
            .push(format!("The first lines: {}.", header.reason));
    }
    let mut source = source.clone();
    if from_file {
        // The file may lie elsewhere than the one that it is made from.
        source = with_whole_folder(source);
    }
    match &seen.detected {
        None => source,
        Some(detected) => {
            let several = report.formats.len() > 1;
            source.with_content_options(options(detected, several))
        }
    }
    .to_toml_with(&remarks)
}

/// The options to write. A stream of one format gets that by name, so that nothing is left to be
/// found out; a mixed one stays with `auto`.
fn options(detected: &Detected, several: bool) -> ContentOptions {
    let mut options = detected.options.clone();
    match (options.format, several) {
        (FormatChoice::Auto, true) => {
            // These are found out again.
            options.delimited.has_header = true;
            options.delimited.types.clear();
            options.form.types.clear();
            options.xml.types.clear();
        }
        (FormatChoice::Auto, false) => options.format = detected.format,
        _ => {}
    }
    options.decided = None;
    options
}

fn with_whole_folder(source: DataSource) -> DataSource {
    let TargetUrl::Local(folder) = &source.target().url else {
        return source;
    };
    match std::path::absolute(folder) {
        Ok(folder) => source.with_target_url(TargetUrl::Local(folder)),
        Err(_) => source,
    }
}
