//! From TOML to values: which keys stand there, are they known, may they have what they have.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::environment::{FillError, fill};
use super::problem::{Report, nearest};
use super::reference::{self, Default as KeyDefault, Key, PLANNED, join};
use super::value::{Kind, Raw, Refusal, Value};

/// Values by path (`kinesis.shards`, `connection.prod.region`, and `list[0].name` in a list of
/// tables), each with its place.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    given: BTreeMap<String, Given>,
    connections: BTreeSet<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Given {
    pub value: Value,
    /// The bytes of the value in the text.
    pub span: Option<Range<usize>>,
}

impl Values {
    /// Reads a text. What is wrong goes into the report; the rest is read all the same.
    pub(super) fn read(
        text: &str,
        lookup: &dyn Fn(&str) -> Option<String>,
        report: &mut Report<'_>,
    ) -> Self {
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let message = format!("this is not TOML: {}", error.message());
            report.add("config.syntax", "", error.span(), message, None);
        }
        let mut values = Values::default();
        let mut walk = Walk {
            values: &mut values,
            lookup,
            report,
        };
        walk.table(document.get_ref(), "", "");
        values
    }

    /// The value at a path, where one was given and is allowed.
    pub(super) fn get(&self, path: &str) -> Option<&Given> {
        self.given.get(path)
    }

    /// The values whose paths begin so, each with the rest of its path.
    pub(super) fn below(&self, start: &str) -> impl Iterator<Item = (&str, &Given)> {
        self.given
            .range(start.to_owned()..)
            .map_while(move |(path, given)| Some((path.strip_prefix(start)?, given)))
    }

    /// The names of the `[connection.NAME]` tables.
    pub(super) fn connections(&self) -> impl Iterator<Item = &str> {
        self.connections.iter().map(String::as_str)
    }

    /// Names a connection.
    pub(super) fn put_connection(&mut self, name: &str) {
        self.connections.insert(name.to_owned());
    }

    /// Puts a value that does not come from a text.
    pub(super) fn put(&mut self, path: &str, value: Value) {
        self.given
            .insert(path.to_owned(), Given { value, span: None });
    }
}

struct Walk<'w, 't> {
    values: &'w mut Values,
    lookup: &'w dyn Fn(&str) -> Option<String>,
    report: &'w mut Report<'t>,
}

impl Walk<'_, '_> {
    /// `section` is the path as the reference has it: there `*` stands for names of the user's.
    fn table(&mut self, table: &DeTable<'_>, parent: &str, section: &str) {
        for (name, value) in table.iter() {
            let path = join(parent, name.get_ref());
            let pattern = reference::pattern(section, name.get_ref());
            if let Some(key) = reference::find(&pattern) {
                self.value(key, &path, value);
            } else if reference::is_section(&pattern) {
                self.section(&path, &pattern, value);
                if section == "connection" {
                    self.values.put_connection(name.get_ref());
                }
            } else {
                self.unknown(section, name.get_ref(), &path, name.span());
            }
        }
    }

    fn section(&mut self, path: &str, pattern: &str, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(inner) => self.table(inner, path, pattern),
            other => {
                let message = format!(
                    "`{path}` is a section, not {}: write `[{path}]` and its keys below",
                    article(other.type_str())
                );
                self.report
                    .add("config.wrong_type", path, Some(value.span()), message, None);
            }
        }
    }

    fn unknown(&mut self, section: &str, name: &str, path: &str, span: Range<usize>) {
        if let Some((_, what)) = PLANNED.iter().find(|(planned, _)| *planned == path) {
            let message =
                format!("`{path}` does not work in this version: {what} is still to come");
            let help = Some("take it out".to_owned());
            return self
                .report
                .add("config.not_yet", path, Some(span), message, help);
        }
        let here: Vec<&str> = reference::keys_in(section)
            .chain(reference::sections_in(section))
            .collect();
        let near =
            reference::known_as(section, name).or_else(|| nearest(name, here.iter().copied()));
        let help = match near {
            Some(near) => format!("did you mean `{near}`? {}", allowed_here(&here)),
            None => match reference::elsewhere(name) {
                Some(path) => format!("there is `{path}`"),
                None => allowed_here(&here),
            },
        };
        let message = format!("there is no key `{path}`");
        self.report
            .add("config.unknown_key", path, Some(span), message, Some(help));
    }

    fn value(&mut self, key: &Key, path: &str, value: &Spanned<DeValue<'_>>) {
        let span = value.span();
        if key.kind == Kind::Tables
            && let DeValue::Array(items) = value.get_ref()
        {
            return self.tables(key, path, items, span);
        }
        let Some(raw) = self.raw(key.kind, path, value) else {
            return;
        };
        match key.kind.read(&raw) {
            Ok(value) => {
                self.values.given.insert(
                    path.to_owned(),
                    Given {
                        value,
                        span: Some(span),
                    },
                );
            }
            Err(refusal) => self.refuse(key, path, span, &raw, refusal),
        }
    }

    /// A list of tables: each is a section of its own.
    fn tables(&mut self, key: &Key, path: &str, items: &DeArray<'_>, span: Range<usize>) {
        let section = join(key.path, "*");
        for (place, item) in items.iter().enumerate() {
            let path = format!("{path}[{place}]");
            let DeValue::Table(table) = item.get_ref() else {
                let message = format!(
                    "`{path}` must be a table such as {}, not {}",
                    reference::example_of(&section),
                    article(item.get_ref().type_str())
                );
                self.report
                    .add("config.wrong_type", &path, Some(item.span()), message, None);
                continue;
            };
            self.table(table, &path, &section);
            for name in reference::keys_in(&section) {
                let key = reference::find(&join(&section, name));
                let key = key.filter(|key| key.default == KeyDefault::Required);
                if let Some(key) = key
                    && !table.contains_key(name)
                {
                    let message = format!(
                        "`{}` is missing: it must be {}",
                        join(&path, name),
                        key.kind.allowed()
                    );
                    let help = Some(format!("write {}", reference::example_of(&section)));
                    self.report.add(
                        "config.missing_key",
                        &path,
                        Some(item.span()),
                        message,
                        help,
                    );
                }
            }
        }
        let value = Value::Number(items.len() as u64);
        let span = Some(span);
        self.values
            .given
            .insert(path.to_owned(), Given { value, span });
    }

    /// The value as read, environment variables put in. `None` if that failed and is reported.
    fn raw(&mut self, kind: Kind, path: &str, value: &Spanned<DeValue<'_>>) -> Option<Raw> {
        Some(match value.get_ref() {
            DeValue::String(text) if !kind.is_filled() => Raw::Text {
                text: text.clone().into_owned(),
                filled: false,
            },
            DeValue::String(text) => match fill(text, self.lookup) {
                Ok(None) => Raw::Text {
                    text: text.clone().into_owned(),
                    filled: false,
                },
                Ok(Some((text, filled))) => Raw::Text { text, filled },
                Err(error) => {
                    self.not_filled(path, value.span(), &error);
                    return None;
                }
            },
            DeValue::Integer(number) => {
                Raw::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok())
            }
            DeValue::Boolean(yes) => Raw::Bool(*yes),
            DeValue::Array(items) => {
                let mut texts = Vec::with_capacity(items.len());
                for item in items {
                    match self.raw(kind, path, item)? {
                        Raw::Text { text, .. } => texts.push(text),
                        _ => return Some(Raw::Other("array of other things")),
                    }
                }
                Raw::Texts(texts)
            }
            DeValue::Datetime(datetime) => Raw::Datetime(datetime.to_string()),
            other => Raw::Other(other.type_str()),
        })
    }

    fn not_filled(&mut self, path: &str, span: Range<usize>, error: &FillError) {
        let (code, message, help) = match error {
            FillError::Unset(name) => (
                "config.unset_variable",
                format!("`{path}` needs the environment variable {name}, which is not set"),
                format!("set it, or give it a default: `${{{name}:-value}}`"),
            ),
            FillError::Malformed => (
                "config.wrong_value",
                format!("`{path}` has a `$` that begins no variable"),
                "write `${NAME}` or `${NAME:-default}`; `$$` stands for a dollar sign".to_owned(),
            ),
        };
        self.report.add(code, path, Some(span), message, Some(help));
    }

    fn refuse(&mut self, key: &Key, path: &str, span: Range<usize>, raw: &Raw, why: Refusal) {
        let allowed = key.kind.allowed();
        let (code, what) = match why {
            Refusal::WrongType => ("config.wrong_type", raw.describe_type()),
            Refusal::WrongValue => ("config.wrong_value", raw.describe(key.kind)),
        };
        let message = format!("`{path}` must be {allowed}, not {what}");
        let help = match raw {
            Raw::Text {
                text,
                filled: false,
            } => nearest(text, key.kind.words().iter().copied())
                .map(|near| format!("did you mean \"{near}\"?")),
            _ => None,
        };
        self.report.add(code, path, Some(span), message, help);
    }
}

impl Raw {
    fn describe_type(&self) -> Cow<'static, str> {
        match self {
            Raw::Text { .. } => "a text".into(),
            Raw::Integer(_) => "a number".into(),
            Raw::Bool(_) => "a boolean".into(),
            Raw::Texts(_) => "a list".into(),
            Raw::Datetime(_) => "a date".into(),
            Raw::Other(name) => article(name).into(),
        }
    }

    /// The value for a message. What the environment filled in may be a secret: it is not shown.
    fn describe(&self, kind: Kind) -> Cow<'static, str> {
        match self {
            Raw::Text { .. } if kind == Kind::Secret => "this".into(),
            Raw::Text { filled: true, .. } => "what the environment makes of it".into(),
            Raw::Text { text, .. } => format!("{text:?}").into(),
            Raw::Integer(Some(number)) => number.to_string().into(),
            Raw::Integer(None) => "so large a number".into(),
            Raw::Bool(yes) => yes.to_string().into(),
            Raw::Texts(_) => "a list with an empty text".into(),
            Raw::Datetime(text) => text.clone().into(),
            Raw::Other(name) => article(name).into(),
        }
    }
}

fn article(type_name: &str) -> String {
    match type_name.as_bytes().first() {
        Some(b'a' | b'e' | b'i' | b'o' | b'u') => format!("an {type_name}"),
        _ => format!("a {type_name}"),
    }
}

fn allowed_here(names: &[&str]) -> String {
    format!("allowed here: {}", names.join(", "))
}
