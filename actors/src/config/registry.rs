//! The registry that has the schemas of messages: from values to settings, and back to TOML.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::resolve::Resolver;
use super::source::Connection;
use crate::config::ContentFormat;

const URL: &str = "content.avro_confluent.url";
const USER: &str = "content.avro_confluent.user";
const PASSWORD: &str = "content.avro_confluent.password";
const TOKEN: &str = "content.avro_confluent.token";
const SECRET_FILE: &str = "content.avro_confluent.secret_file";

/// `[content.avro_confluent]` or `[content.avro_glue]`: where the schemas of messages are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistrySettings {
    /// A registry of Confluent's kind.
    Confluent(ConfluentSettings),
    /// AWS Glue, in the region of the stream where nothing names another.
    Glue(Connection),
}

impl RegistrySettings {
    /// AWS Glue, reached as a stream is.
    pub(crate) fn glue_beside(stream: &Connection) -> Self {
        RegistrySettings::Glue(Connection {
            // That of the stream is not that of AWS Glue.
            endpoint_url: None,
            ..stream.clone()
        })
    }
}

/// `[content.avro_confluent]`: a registry of Confluent's kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfluentSettings {
    /// Its URL, without credentials.
    pub url: String,
    /// Who asks.
    pub credentials: RegistryCredentials,
}

/// Who asks a registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RegistryCredentials {
    /// Nobody in particular.
    #[default]
    None,
    /// A user, or an API key.
    Basic {
        /// The name.
        user: String,
        /// The password, or the API key's secret.
        password: Secret,
    },
    /// Who has this token.
    Bearer(Secret),
}

/// A secret. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// As it is.
    Value(String),
    /// What a file holds, without white space around it. It is read whenever it is needed.
    File(PathBuf),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Secret::Value(_) => f.write_str("(hidden)"),
            Secret::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

impl Resolver<'_, '_> {
    /// The registry of a format that has one. `None` where something is wrong.
    pub(super) fn registry(
        &mut self,
        format: ContentFormat,
        folder: Option<&Path>,
    ) -> Option<Option<RegistrySettings>> {
        Some(match format {
            ContentFormat::AvroConfluent => {
                let credentials = self.registry_credentials(folder);
                let url = self.registry_url();
                Some(RegistrySettings::Confluent(ConfluentSettings {
                    url: url?,
                    credentials: credentials?,
                }))
            }
            ContentFormat::AvroGlue => Some(RegistrySettings::Glue(
                self.connection("content.avro_glue.connection")?,
            )),
            _ => None,
        })
    }

    /// That it is missing is reported with the other keys of its section.
    fn registry_url(&mut self) -> Option<String> {
        let url = self.optional_text(URL)?;
        let (_, rest) = url.split_once("://")?;
        let host = rest.split('/').next().unwrap_or(rest);
        if host.contains('@') {
            let message = format!("`{URL}` must hold no credentials");
            let help = "write them as `user` and `password`, or as `token`".to_owned();
            let span = self.span(URL);
            self.report
                .add("config.wrong_value", URL, span, message, Some(help));
            return None;
        }
        Some(url)
    }

    fn registry_credentials(&mut self, folder: Option<&Path>) -> Option<RegistryCredentials> {
        let user = self.optional_text(USER);
        let file = self.optional_text(SECRET_FILE).map(|file| {
            let path = folder.map_or_else(|| PathBuf::from(&file), |folder| folder.join(&file));
            // Whole: what is written of it may lie elsewhere.
            let whole = std::path::absolute(&path).unwrap_or(path);
            (SECRET_FILE, Secret::File(whole))
        });
        let value =
            |path: &'static str, text: Option<String>| text.map(|text| (path, Secret::Value(text)));
        let password = value(PASSWORD, self.optional_text(PASSWORD));
        let token = value(TOKEN, self.optional_text(TOKEN));
        let mut given = [password, token, file].into_iter().flatten();
        let (secret, second) = (given.next(), given.next());
        let (at, message) = match (user, secret, second) {
            (_, Some((first, _)), Some((second, _))) => (
                second,
                format!("has no meaning beside `{}`: write one of them", name(first)),
            ),
            (Some(_), Some((TOKEN, _)), _) => (USER, "has no meaning beside `token`".to_owned()),
            (None, Some((PASSWORD, _)), _) => {
                (PASSWORD, "has no meaning without `user`".to_owned())
            }
            (Some(_), None, _) => (
                USER,
                "has no meaning without `password` or `secret_file`".to_owned(),
            ),
            (Some(user), ..) if user.contains(':') => (USER, "must hold no colon".to_owned()),
            (Some(user), Some((_, password)), _) => {
                return Some(RegistryCredentials::Basic { user, password });
            }
            (None, Some((_, token)), _) => return Some(RegistryCredentials::Bearer(token)),
            (None, None, _) => return Some(RegistryCredentials::None),
        };
        let span = self.span(at);
        let message = format!("`{at}` {message}");
        self.report
            .add("config.wrong_value", at, span, message, None);
        None
    }
}

fn name(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

impl ConfluentSettings {
    /// What is set, by the paths of its keys.
    pub(super) fn entries(&self) -> Vec<(&'static str, String)> {
        let mut entries = vec![(URL, self.url.clone())];
        let secret = match &self.credentials {
            RegistryCredentials::None => return entries,
            RegistryCredentials::Basic { user, password } => {
                entries.push((USER, user.clone()));
                (PASSWORD, password)
            }
            RegistryCredentials::Bearer(token) => (TOKEN, token),
        };
        entries.push(match secret {
            (path, Secret::Value(text)) => (path, text.clone()),
            (_, Secret::File(file)) => (SECRET_FILE, file.display().to_string()),
        });
        entries
    }

    /// The same as TOML. Variables take the place of secrets.
    pub(super) fn write(&self, values: &mut BTreeMap<String, String>) {
        for (path, text) in self.entries() {
            let value = match path {
                // It is one of the decoder's options.
                URL => continue,
                PASSWORD => "\"${SHARDMILL_REGISTRY_PASSWORD}\"".to_owned(),
                TOKEN => "\"${SHARDMILL_REGISTRY_TOKEN}\"".to_owned(),
                _ => super::written::toml(&text.into(), true),
            };
            values.insert(path.to_owned(), value);
        }
    }
}
