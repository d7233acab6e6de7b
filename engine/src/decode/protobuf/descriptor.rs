//! Descriptor sets: what is known of messages.

use std::collections::HashSet;
use std::panic::catch_unwind;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use prost_reflect::prost::Message as _;
use prost_reflect::prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};
use prost_reflect::{DescriptorPool, MessageDescriptor};

/// Reads a descriptor set (`google.protobuf.FileDescriptorSet`, as compilers write it).
pub(super) fn read(bytes: &[u8]) -> Result<FileDescriptorSet, String> {
    FileDescriptorSet::decode(bytes).map_err(|error| format!("it is no descriptor set: {error}"))
}

/// The bytes of a descriptor set in base64.
pub(super) fn bytes_of(text: &str) -> Result<Vec<u8>, String> {
    let bytes = BASE64.decode(text.trim());
    bytes.map_err(|error| format!("it is not base64: {error}"))
}

pub(super) fn write_text(set: &FileDescriptorSet) -> String {
    BASE64.encode(set.encode_to_vec())
}

/// Finds a message by its full name.
pub(super) fn message(set: FileDescriptorSet, name: &str) -> Result<MessageDescriptor, NoMessage> {
    if let Some((file, import)) = missing_import(&set) {
        return Err(NoMessage::Damaged(format!(
            "{file} imports {import}, which is not in it (protoc puts it in with --include_imports)"
        )));
    }
    // The library is for sets of compilers: one that was tampered with may make it panic.
    let pool = catch_unwind(|| DescriptorPool::from_file_descriptor_set(set));
    let pool = pool.map_err(|_| NoMessage::Damaged("no compiler writes it so".to_owned()))?;
    let pool = pool.map_err(|error| NoMessage::Damaged(error.to_string()))?;
    let message = pool.get_message_by_name(name);
    message.ok_or(NoMessage::Unknown)
}

/// A file and one that it imports and that is not there.
fn missing_import(set: &FileDescriptorSet) -> Option<(&str, &str)> {
    let names: HashSet<&str> = set.file.iter().map(FileDescriptorProto::name).collect();
    set.file.iter().find_map(|file| {
        let mut imports = file.dependency.iter();
        let missing = imports.find(|import| !names.contains(import.as_str()))?;
        Some((file.name(), missing.as_str()))
    })
}

/// Why a message is not found.
#[derive(Debug)]
pub(super) enum NoMessage {
    /// The descriptors do not hold together.
    Damaged(String),
    /// There is none of this name.
    Unknown,
}

/// The full names of all messages, but for the entries of maps.
pub(super) fn names(set: &FileDescriptorSet) -> Vec<String> {
    let mut names = Vec::new();
    for file in &set.file {
        for message in &file.message_type {
            add_names(message, file.package(), &mut names);
        }
    }
    names
}

fn add_names(message: &DescriptorProto, parent: &str, names: &mut Vec<String>) {
    let is_entry = message.options.as_ref().is_some_and(|o| o.map_entry());
    if is_entry {
        return;
    }
    let name = match parent {
        "" => message.name().to_owned(),
        _ => format!("{parent}.{}", message.name()),
    };
    for nested in &message.nested_type {
        add_names(nested, &name, names);
    }
    names.push(name);
}

/// Only what decoding a message takes: the file of the message, files that extend messages, and
/// what those import; no services, comments or options of one's own. Files stand in the order of
/// their names' imports, so that equal definitions give equal bytes.
pub(super) fn narrowed(mut set: FileDescriptorSet, message: &str) -> FileDescriptorSet {
    let wanted = |file: &FileDescriptorProto| {
        let part = FileDescriptorSet {
            file: vec![file.clone()],
        };
        names(&part).iter().any(|name| name == message) || has_extensions(file)
    };
    let roots: Vec<String> = set
        .file
        .iter()
        .filter(|file| wanted(file))
        .map(|file| file.name().to_owned())
        .collect();
    let mut needed: HashSet<String> = HashSet::new();
    let mut open = roots;
    while let Some(name) = open.pop() {
        if !needed.insert(name.clone()) {
            continue;
        }
        let files = set.file.iter().filter(|file| file.name() == name);
        open.extend(files.flat_map(|file| file.dependency.iter().cloned()));
    }
    set.file.retain(|file| needed.contains(file.name()));
    for file in &mut set.file {
        file.source_code_info = None;
        file.service.clear();
        file.options = None;
    }
    set.file = in_order(set.file);
    set
}

/// Files after those that they import, else by their names. Files that import one another, which no
/// compiler writes, come last.
fn in_order(mut files: Vec<FileDescriptorProto>) -> Vec<FileDescriptorProto> {
    files.sort_by(|a, b| a.name().cmp(b.name()));
    let all: HashSet<String> = files.iter().map(|file| file.name().to_owned()).collect();
    let mut done: HashSet<String> = HashSet::new();
    let mut ordered = Vec::with_capacity(files.len());
    loop {
        let ready = |file: &FileDescriptorProto| {
            let mut imports = file.dependency.iter();
            imports.all(|import| done.contains(import) || !all.contains(import))
        };
        let (now, later): (Vec<_>, Vec<_>) = files.into_iter().partition(ready);
        if now.is_empty() {
            ordered.extend(later);
            return ordered;
        }
        done.extend(now.iter().map(|file| file.name().to_owned()));
        ordered.extend(now);
        files = later;
    }
}

/// Whether a file has extensions of messages, not of the options of descriptors.
fn has_extensions(file: &FileDescriptorProto) -> bool {
    fn in_message(message: &DescriptorProto) -> bool {
        extends(&message.extension) || message.nested_type.iter().any(in_message)
    }
    fn extends(extensions: &[prost_reflect::prost_types::FieldDescriptorProto]) -> bool {
        let mut extensions = extensions.iter();
        extensions.any(|field| !field.extendee().starts_with(".google.protobuf."))
    }
    extends(&file.extension) || file.message_type.iter().any(in_message)
}
