//! `[content]`: from values to what decoders are told.
//!
//! Keys become options as the reference says; what is written here holds for every format.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use shardmill_engine::decode::{Compression, ContentOptions, ExpansionLimits, FormatChoice};

use super::definition;
use super::protobuf::DESCRIPTOR_SET;
use super::reference::{self, ContentSection, Default as KeyDefault, Key, NO_MEANING, SECTIONS};
use super::resolve::Resolver;
use super::source::ContentSettings;
use super::value::{Kind, Value};

const AVRO_SCHEMA: &str = "content.avro_record.schema";
const AVRO_SCHEMA_FILE: &str = "content.avro_record.schema_file";

impl Resolver<'_, '_> {
    pub(super) fn content(&mut self, folder: Option<&Path>) -> Option<ContentSettings> {
        let format = FormatChoice::from_word(&self.optional_text("content.format")?)?;
        let compression = Compression::from_word(&self.optional_text("content.compression")?)?;
        // The default stands for a format that is wrong: everything of another one would look wrong.
        if self.report.names("content.format") {
            return None;
        }
        self.report_foreign_sections(format);
        let base = ContentOptions {
            format,
            compression,
            expansion: ExpansionLimits {
                max_bytes: self.size("content.max_expanded_size")?,
                max_ratio: self.size("content.max_expansion_ratio")?,
            },
            ..ContentOptions::default()
        };
        let registry = self.registry(format, folder);
        let shape = self.shape();
        let options = self.options(base, folder);
        let (shape, hash_key) = shape?;
        let options = ContentOptions { shape, ..options? };
        if !self.keeps_no_text(&options) {
            return None;
        }
        Some(ContentSettings {
            options,
            hash_key,
            registry: registry?,
            wait_for_data: self.value("content.wait_for_data") == Some(Value::Bool(true)),
            max_depth: self.size("content.max_depth")?,
            max_event_size: self.size("content.max_event_size")?,
        })
    }

    /// Sections of other formats than the one that is chosen are not skipped in silence.
    fn report_foreign_sections(&mut self, format: FormatChoice) {
        for section in SECTIONS {
            if section.formats.contains(&format) {
                continue;
            }
            let Some(span) = self.first_span(section) else {
                continue;
            };
            let path = section.path;
            let words = section.formats.iter().map(|format| format.as_str());
            let words: Vec<String> = words.map(|word| format!("\"{word}\"")).collect();
            let words = words.join(" or ");
            let message = format!(
                "`[{path}]` has no meaning while `content.format` is \"{}\": it is for {words}",
                format.as_str()
            );
            let help = format!("take it out, or write `format = {words}` under `[content]`");
            self.report
                .add("config.wrong_value", path, span, message, Some(help));
        }
    }

    /// The place of the first value of a section; `None` where it has none.
    fn first_span(&self, section: &ContentSection) -> Option<Option<Range<usize>>> {
        let start = format!("{}.", section.path);
        let spans = self
            .values
            .below(&start)
            .map(|(_, given)| given.span.clone());
        spans.min_by_key(|span| span.as_ref().map_or(usize::MAX, |span| span.start))
    }

    /// The options with what the keys of their format say. `None` where that is not right.
    fn options(&mut self, base: ContentOptions, folder: Option<&Path>) -> Option<ContentOptions> {
        let mut options = serde_json::to_value(&base).ok()?;
        let mut all_right = true;
        let of_format = |section: &&ContentSection| section.formats.contains(&base.format);
        for section in SECTIONS.iter().filter(of_format) {
            all_right &= self.has_meaning(section);
            for (key, option) in section.keys() {
                let Some(values) = self.values_of(key, option, folder) else {
                    all_right = false;
                    continue;
                };
                for (path, option, value) in values {
                    all_right &= self.fits(section, &path, &option, &value);
                    put(&mut options, section, &option, value);
                }
            }
        }
        if !all_right {
            return None;
        }
        let options: ContentOptions = serde_json::from_value(options).ok()?;
        let Err(error) = options.check() else {
            return Some(options);
        };
        let section = SECTIONS.iter().find(of_format)?;
        let mut keys = section.keys();
        let key = keys.find(|(_, option)| error.option() == Some(*option));
        let path = key.map_or(section.path, |(key, _)| key.path);
        let span = self.span(path).or_else(|| self.first_span(section)?);
        let message = format!("`{path}` cannot be that: {error}");
        self.report
            .add("config.wrong_value", path, span, message, None);
        None
    }

    /// What a key says: values by the paths of their options. `None` where it must be written and is
    /// not.
    fn values_of(
        &mut self,
        key: &'static Key,
        option: &str,
        folder: Option<&Path>,
    ) -> Option<Vec<(String, String, Json)>> {
        let one = |value| vec![(key.path.to_owned(), option.to_owned(), value)];
        if !is_option(key.path) {
            return Some(Vec::new());
        }
        if key.path == AVRO_SCHEMA {
            return Some(one(self.avro_schema(folder)?));
        }
        if key.path == DESCRIPTOR_SET {
            return Some(one(self.descriptor_set(folder)?));
        }
        if let Some(parent) = key.path.strip_suffix('*') {
            let named = self.values.below(parent);
            let named = named.map(|(name, given)| {
                let option = format!("{}{name}", option.trim_end_matches('*'));
                (format!("{parent}{name}"), option, plain(&given.value))
            });
            return Some(named.collect());
        }
        match (self.value(key.path), key.kind) {
            (Some(Value::Number(count)), Kind::Tables) => Some(one(self.tables(key.path, count))),
            (Some(value), kind) => Some(one(option_of(kind, &value))),
            (None, _) if key.default == KeyDefault::Required => {
                self.report_missing(key);
                None
            }
            (None, _) => Some(Vec::new()),
        }
    }

    /// The tables of a list.
    fn tables(&self, path: &str, count: u64) -> Json {
        let tables = (0..count).map(|place| {
            let start = format!("{path}[{place}].");
            let values = self.values.below(&start);
            let members = values.map(|(name, given)| (name.to_owned(), plain(&given.value)));
            Json::Object(members.collect())
        });
        tables.collect()
    }

    /// Whether every key of a section that is written has a meaning beside the others.
    fn has_meaning(&mut self, section: &ContentSection) -> bool {
        let before = self.report.len();
        let mine = |path: &str| path.starts_with(&format!("{}.", section.path));
        for (path, other, value) in NO_MEANING.iter().filter(|(path, ..)| mine(path)) {
            let beside = self.value(other).map_or(json!([]), |value| plain(&value));
            let given = self.values.get(path);
            let is_written =
                given.is_some_and(|given| Some(&given.value) != default(path).as_ref());
            if is_written && serde_json::from_str(value).is_ok_and(|value: Json| value == beside) {
                let message = format!("`{path}` has no meaning while `{other}` is {value}");
                let span = self.span(path);
                self.report
                    .add("config.wrong_value", path, span, message, None);
            }
        }
        self.report.len() == before
    }

    /// Whether the decoder takes a value for an option. What is no expression is found here.
    fn fits(&mut self, section: &ContentSection, path: &str, option: &str, value: &Json) -> bool {
        let Ok(mut options) = serde_json::to_value(ContentOptions::default()) else {
            return false;
        };
        put(&mut options, section, option, value.clone());
        let Err(error) = serde_json::from_value::<ContentOptions>(options) else {
            return true;
        };
        // A list of tables lacks what was reported where it stands.
        if self.report.is_empty() || !value.is_array() {
            let message = format!("`{path}` cannot be that: {}", last_line(&error.to_string()));
            let span = self.span(path);
            self.report
                .add("config.wrong_value", path, span, message, None);
        }
        false
    }

    /// The schema of Avro values, written in the configuration or in a file of its own.
    fn avro_schema(&mut self, folder: Option<&Path>) -> Option<Json> {
        let file = self.optional_text(AVRO_SCHEMA_FILE);
        let message = match (self.optional_text(AVRO_SCHEMA), file) {
            (Some(schema), None) => return Some(schema.into()),
            (None, Some(file)) => {
                let path = folder.map_or_else(|| PathBuf::from(&file), |folder| folder.join(&file));
                match definition::text(&path) {
                    Ok(schema) => return Some(schema.into()),
                    Err(error) => format!("`{AVRO_SCHEMA_FILE}`: {file:?} cannot be read: {error}"),
                }
            }
            (Some(_), Some(_)) => {
                format!("`{AVRO_SCHEMA_FILE}` has no meaning beside `schema`: write one of them")
            }
            (None, None) => {
                reference::find(AVRO_SCHEMA).map(|key| self.report_missing(key))?;
                return None;
            }
        };
        let span = self.span(AVRO_SCHEMA_FILE);
        self.report
            .add("config.wrong_value", AVRO_SCHEMA_FILE, span, message, None);
        None
    }
}

/// Whether a key of a format is one of the decoder's options by itself. The others belong to another
/// key, or say how a registry is reached.
fn is_option(path: &str) -> bool {
    let of_registry = path.starts_with("content.avro_glue.")
        || (path.starts_with("content.avro_confluent.") && !path.ends_with(".url"));
    path != AVRO_SCHEMA_FILE && !path.contains(".*.") && !of_registry
}

/// What a key is where it is not written.
fn default(path: &str) -> Option<Value> {
    let key = reference::find(path)?;
    match key.default {
        KeyDefault::Value(text) => key.kind.parse(text).ok(),
        KeyDefault::Required | KeyDefault::Unset(_) => None,
    }
}

fn put(options: &mut Json, section: &ContentSection, option: &str, value: Json) {
    let place = match section.options {
        "" => options,
        name => &mut options[name],
    };
    match option.split_once('.') {
        Some((table, name)) => place[table][name] = value,
        None => place[option] = value,
    }
}

/// A value as the decoder's options have it: there an absent text is no empty one.
fn option_of(kind: Kind, value: &Value) -> Json {
    match (kind, value) {
        (Kind::TextOrNone | Kind::Character { .. }, Value::Text(text)) if text.is_empty() => {
            Json::Null
        }
        _ => plain(value),
    }
}

fn plain(value: &Value) -> Json {
    match value {
        Value::Text(text) => json!(text),
        Value::Texts(texts) => json!(texts),
        Value::Bool(yes) => json!(yes),
        Value::Number(number) => json!(number),
        // No option is a time.
        Value::Start(_) | Value::Time(_) => Json::Null,
    }
}

/// What is wrong with an expression stands below a drawing of it.
fn last_line(message: &str) -> &str {
    let line = message.lines().last().unwrap_or(message);
    line.trim().trim_start_matches("error: ")
}
