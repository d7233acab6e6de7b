//! `[content]`: which columns stay, and which are hashed.

use shardmill_engine::decode::{ContentOptions, HashKey, ShapeOptions, StoreJson};

use super::resolve::Resolver;
use super::value::Value;

const HASH_COLUMNS: &str = "content.hash_columns";
const HASH_KEY: &str = "content.hash_key";
const RAW_COPY: &str = "target.store_raw_data";

/// Options and the keys that they are made of.
const LISTS: [(&str, &str); 3] = [
    ("include", "content.include_columns"),
    ("exclude", "content.exclude_columns"),
    ("hash", HASH_COLUMNS),
];

impl Resolver<'_, '_> {
    /// What is said of columns, with the key of those that are hashed. `None` where that is not
    /// right.
    pub(super) fn shape(&mut self) -> Option<(ShapeOptions, Option<HashKey>)> {
        let [include, exclude, hash] = LISTS.map(|(_, path)| self.texts(path));
        let key = self.hash_key(!hash.is_empty())?;
        let shape = ShapeOptions {
            include,
            exclude,
            hash,
            hash_key_id: key.as_ref().map(HashKey::id),
        };
        let Err(error) = shape.check() else {
            return Some((shape, key));
        };
        let mut lists = LISTS.iter();
        let (_, path) = lists.find(|(option, _)| error.option() == Some(option))?;
        let span = self.span(path);
        let message = format!("`{path}`: {error}");
        self.report
            .add("config.wrong_value", path, span, message, None);
        None
    }

    /// The key, where one is needed.
    fn hash_key(&mut self, needed: bool) -> Option<Option<HashKey>> {
        let (path, message, help) = match (self.optional_text(HASH_KEY), needed) {
            (None, false) => return Some(None),
            (None, true) => (
                HASH_COLUMNS,
                "`content.hash_columns` needs a key to hash with".to_owned(),
                "write `hash_key = \"${SHARDMILL_HASH_KEY}\"` under `[content]`, and set the \
                 variable to at least 16 bytes that nobody can guess",
            ),
            (Some(_), false) => (
                HASH_KEY,
                "`content.hash_key` has no meaning without `content.hash_columns`".to_owned(),
                "take it out, or name the columns that it is for",
            ),
            (Some(text), true) => match HashKey::new(text.as_bytes()) {
                Some(key) => return Some(Some(key)),
                None => (
                    HASH_KEY,
                    "`content.hash_key` is too short: it must have at least 16 bytes".to_owned(),
                    "make one of random bytes, for example by `openssl rand -hex 32`",
                ),
            },
        };
        // One that is wrong has been reported already.
        if !self.report.names(path) {
            let span = self.span(path);
            self.report.add(
                "config.wrong_value",
                path,
                span,
                message,
                Some(help.to_owned()),
            );
        }
        None
    }

    /// What keeps payloads, or text of an event, would hold in clear what a column hashes.
    pub(super) fn keeps_no_text(&mut self, options: &ContentOptions) -> bool {
        let of_format = options.effective();
        let keeper = if !of_format.shape.hashes() {
            return true;
        } else if self.value(RAW_COPY) == Some(Value::Bool(true)) {
            RAW_COPY
        } else if of_format.json.store_json_as_string != StoreJson::No {
            "content.json.store_json_as_string"
        } else if of_format.json.keep_nested_text {
            "content.json.keep_nested_text"
        } else if of_format.cloudwatch.keep_message_text {
            "content.cloudwatch.keep_message_text"
        } else {
            return true;
        };
        let message = format!(
            "`{keeper}` keeps what was received, in which the values of `{HASH_COLUMNS}` would \
             stand in clear"
        );
        let help = Some("take one of them out".to_owned());
        let span = self.span(keeper);
        self.report
            .add("config.wrong_value", keeper, span, message, help);
        false
    }
}
