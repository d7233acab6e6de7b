//! The files of one commit: the rows of the source's commits, window by window.

use std::sync::Arc;

use super::OutputError;
use super::definition::OutputFormat;
use super::feed::SourceCommit;
use super::log::OutputLog;
use super::mill::{Finished, Mill, Turn};
use super::names;
use super::record::OutputFile;
use super::source_file::SourceFile;
use super::transform::RowTransform;
use crate::budget::Budget;
use crate::log::{DataFile, Objects, Put};
use crate::ports::{Compute, compute};
use crate::types::Window;

/// What it takes to make files.
pub(super) struct Producer<'p> {
    pub source: &'p Objects,
    pub log: &'p OutputLog,
    pub format: &'p OutputFormat,
    pub transform: &'p Arc<dyn RowTransform>,
    pub budget: &'p Budget,
    pub threads: &'p dyn Compute,
}

/// Files that are on the output's target and that no commit names yet.
#[derive(Default)]
pub(super) struct Produced {
    pub files: Vec<OutputFile>,
    pub source_rows: u64,
}

impl Producer<'_> {
    /// Puts the files of the windows from `start` on, one after the other. `commits` are in the
    /// order of their windows.
    pub(super) async fn run(
        &self,
        commits: &[SourceCommit],
        start: Option<Window>,
    ) -> Result<Produced, OutputError> {
        let mut produced = Produced::default();
        for of_window in commits.chunk_by(|a, b| a.window == b.window) {
            let window = of_window.first().and_then(|commit| commit.window);
            let Some(window) = window.filter(|window| Some(*window) >= start) else {
                continue;
            };
            let files = of_window.iter().flat_map(|commit| &commit.files);
            let files: Vec<&DataFile> = files.collect();
            self.window(window, &files, &mut produced).await?;
        }
        Ok(produced)
    }

    async fn window(
        &self,
        window: Window,
        files: &[&DataFile],
        produced: &mut Produced,
    ) -> Result<(), OutputError> {
        let name = &self.log.record().name;
        let mut mill = Mill::new(self.format, self.budget, name, window);
        let mut part = 0;
        for file in files {
            let source = SourceFile::new(self.source, file);
            let mut grain = source.open(file, &**self.transform).await?;
            loop {
                let work = move || {
                    let turn = mill.turn(&mut grain);
                    (mill, grain, turn)
                };
                let done = compute(self.threads, work).await;
                let (milled, ground, turn) = done.ok_or(OutputError::Panicked)?;
                (mill, grain) = (milled, ground);
                match turn? {
                    Turn::Needs(ranges) => {
                        let data = source.fetch(&ranges).await?;
                        let pushed = grain.reader.push(ranges, data);
                        pushed.map_err(|error| source.wrong(error.to_string()))?;
                    }
                    Turn::Full(full) => {
                        produced.files.push(self.put(window, part, full).await?);
                        part += 1;
                    }
                    Turn::Pause => {}
                    Turn::Over => break,
                }
            }
        }
        let finish = move || {
            let last = mill.finish();
            (mill.source_rows(), last)
        };
        let done = compute(self.threads, finish).await;
        let (source_rows, last) = done.ok_or(OutputError::Panicked)?;
        produced.source_rows += source_rows;
        if let Some(last) = last? {
            produced.files.push(self.put(window, part, last).await?);
        }
        Ok(())
    }

    async fn put(
        &self,
        window: Window,
        part: u32,
        file: Finished,
    ) -> Result<OutputFile, OutputError> {
        let log = self.log;
        let length = log.record().window_length_ms;
        let number = log.head() + 1;
        let extension = self.format.extension();
        let name = names::file(length, window, log.claim_number(), number, part, &extension);
        let bytes = file.bytes.len() as u64;
        log.guard().await?;
        if log.objects().put(&name, file.bytes.clone()).await? == Put::Exists {
            // Nobody else writes this name: what is there is an earlier try of this put, unless
            // whoever took the output over has deleted it since.
            match log.objects().get_bytes(&name).await? {
                Some(there) if there == file.bytes => {}
                Some(_) => return Err(OutputError::ForeignObject { name }),
                None => return Err(log.lost()),
            }
        }
        Ok(OutputFile {
            name,
            window,
            rows: file.rows,
            bytes,
        })
    }
}
