//! `[content.protobuf]`: from files to the descriptor set that decoders go by.
//!
//! The set goes into the source's options, narrowed to what its message takes: so it is stored with
//! the format decision, and what files hold later changes nothing until the configuration is read
//! again.

use std::path::{Path, PathBuf};

use protox::Compiler;
use serde_json::Value as Json;
use shardmill_engine::decode::protobuf;

use super::definition;
use super::problem::likest;
use super::reference;
use super::resolve::Resolver;
use super::value::Value;

pub(super) const DESCRIPTOR_SET: &str = "content.protobuf.descriptor_set";
const DESCRIPTOR_SET_FILE: &str = "content.protobuf.descriptor_set_file";
const PROTO_FILES: &str = "content.protobuf.proto_files";
const INCLUDE_PATHS: &str = "content.protobuf.include_paths";
const MESSAGE: &str = "content.protobuf.message";

/// Names of messages that a wrong one is told.
const MOST_NAMES: usize = 5;

impl Resolver<'_, '_> {
    /// The descriptor set, from wherever it is said to be. `None` where that is not right.
    pub(super) fn descriptor_set(&mut self, folder: Option<&Path>) -> Option<Json> {
        let (path, set) = self.given_set(folder)?;
        let message = self.optional_text(MESSAGE);
        let names = match set.and_then(|set| Ok((protobuf::message_names(&set)?, set))) {
            Ok((names, set)) => match message {
                // Reported with its own key.
                None => return None,
                Some(message) if names.contains(&message) => {
                    let narrow = protobuf::narrow(&set, &message);
                    return narrow.ok().map(Json::from);
                }
                Some(_) => names,
            },
            Err(reason) => {
                self.wrong(path, format!("`{path}` cannot be that: {reason}"), None);
                return None;
            }
        };
        self.unknown_message(&message.unwrap_or_default(), &names);
        None
    }

    /// The key that gives the set, and the set.
    fn given_set(
        &mut self,
        folder: Option<&Path>,
    ) -> Option<(&'static str, Result<Vec<u8>, String>)> {
        let given: Vec<&'static str> = [DESCRIPTOR_SET, DESCRIPTOR_SET_FILE, PROTO_FILES]
            .into_iter()
            .filter(|path| self.value(path).is_some())
            .collect();
        let path = match given[..] {
            [path] => path,
            [] => {
                reference::find(PROTO_FILES).map(|key| self.report_missing(key))?;
                return None;
            }
            [_, second, ..] => {
                let message = format!("`{second}` has no meaning beside `{}`", given[0]);
                self.wrong(second, message, Some("write one of them".to_owned()));
                return None;
            }
        };
        if path != PROTO_FILES && self.value(INCLUDE_PATHS).is_some() {
            let message = format!("`{INCLUDE_PATHS}` has no meaning without `proto_files`");
            self.wrong(INCLUDE_PATHS, message, None);
            return None;
        }
        let text = self.optional_text(path).unwrap_or_default();
        let set = match path {
            DESCRIPTOR_SET => protobuf::descriptor_set_of(&text),
            DESCRIPTOR_SET_FILE => {
                let bytes = definition::bytes(&below(folder, &text));
                bytes.map_err(|error| format!("{text:?} cannot be read: {error}"))
            }
            _ => {
                let (files, includes) = (self.texts(PROTO_FILES), self.texts(INCLUDE_PATHS));
                compiled(folder, &files, &includes)
            }
        };
        Some((path, set))
    }

    pub(super) fn texts(&self, path: &str) -> Vec<String> {
        match self.value(path) {
            Some(Value::Texts(texts)) => texts,
            _ => Vec::new(),
        }
    }

    fn unknown_message(&mut self, message: &str, names: &[String]) {
        let near = likest(message, names.iter().map(String::as_str), MOST_NAMES);
        let help = match near[..] {
            [] => "the descriptors have no message at all".to_owned(),
            _ => format!("messages with the likest names: {}", near.join(", ")),
        };
        let what = format!("`{MESSAGE}` is {message:?}, and there is no such message");
        self.wrong(MESSAGE, what, Some(help));
    }

    pub(super) fn wrong(&mut self, path: &str, message: String, help: Option<String>) {
        let span = self.span(path);
        self.report
            .add("config.wrong_value", path, span, message, help);
    }
}

/// A path as the configuration's folder has it.
fn below(folder: Option<&Path>, path: &str) -> PathBuf {
    folder.map_or_else(|| path.into(), |folder| folder.join(path))
}

/// The descriptor set of `.proto` files and all that they import.
fn compiled(
    folder: Option<&Path>,
    files: &[String],
    includes: &[String],
) -> Result<Vec<u8>, String> {
    if files.is_empty() {
        return Err("it names no file".to_owned());
    }
    let mut folders: Vec<PathBuf> = includes.iter().map(|path| below(folder, path)).collect();
    if folders.is_empty() {
        let parents = files.iter().map(|file| {
            let file = below(folder, file);
            file.parent().map(Path::to_owned).unwrap_or_default()
        });
        folders.extend(parents);
        folders.dedup();
    }
    if let Some(missing) = folders.iter().find(|path| !is_folder(path)) {
        return Err(format!("there is no folder {}", missing.display()));
    }
    let mut compiler = Compiler::new(&folders).map_err(said)?;
    compiler.include_imports(true);
    for file in files {
        // A name within an include path, or a path of its own.
        let path = below(folder, file);
        let path = if path.exists() { path } else { file.into() };
        compiler.open_file(path).map_err(said)?;
    }
    Ok(compiler.encode_file_descriptor_set())
}

fn is_folder(path: &Path) -> bool {
    path.as_os_str().is_empty() || path.is_dir()
}

/// What the compiler says, with file, line and column.
fn said(error: protox::Error) -> String {
    format!("{error:?}")
}
