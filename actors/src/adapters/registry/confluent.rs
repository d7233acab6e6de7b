//! A schema registry of Confluent's kind: Confluent's own, Karapace, Redpanda's, Apicurio's.

use std::collections::HashSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use serde::Deserialize;
use shardmill_engine::ports::{RegistryError, SchemaRegistry};
use shardmill_engine::types::{AvroSchema, Registered, SchemaId};

use super::http::{Answer, Ask, Client};
use super::{MAX_SCHEMA_BYTES, unusable_type};
use crate::config::{ConfluentSettings, RegistryCredentials, Secret};

/// Schemas that one schema may refer to, those that they refer to included.
const MAX_REFERENCES: usize = 200;

/// The registry's own words for "there is none".
const SUBJECT_NOT_FOUND: u32 = 40401;
const VERSION_NOT_FOUND: u32 = 40402;
const SCHEMA_NOT_FOUND: u32 = 40403;

/// A registry of Confluent's kind, by its REST interface.
#[derive(Debug)]
pub struct ConfluentRegistry {
    client: Client,
    credentials: RegistryCredentials,
}

/// A schema as the registry answers it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    schema: String,
    /// Absent for Avro.
    schema_type: Option<String>,
    #[serde(default)]
    references: Vec<Reference>,
}

#[derive(Clone, Deserialize, PartialEq, Eq, Hash)]
struct Reference {
    subject: String,
    version: u32,
}

#[derive(Deserialize)]
struct Refusal {
    error_code: u32,
    #[serde(default)]
    message: String,
}

/// What a path holds.
enum Found {
    Told(Told),
    /// The registry says itself that there is nothing.
    Nothing,
}

impl ConfluentRegistry {
    /// The registry that the settings name. Makes no call.
    pub fn new(settings: &ConfluentSettings) -> Self {
        Self {
            client: Client::new("schema registry", settings.url.trim_end_matches('/'), None),
            credentials: settings.credentials.clone(),
        }
    }

    async fn look_up(&self, id: u32) -> Result<Registered, RegistryError> {
        let path = format!("/schemas/ids/{id}");
        let told = match self.get(path, &[SCHEMA_NOT_FOUND]).await? {
            Found::Told(told) => told,
            Found::Nothing => return Ok(Registered::Unknown),
        };
        if let Some(unusable) = unusable(&told) {
            return Ok(Registered::Unusable(unusable));
        }
        Ok(match self.references(&told).await? {
            Ok(references) => Registered::Schema(AvroSchema {
                text: told.schema.into(),
                references,
            }),
            Err(why) => Registered::Unusable(why),
        })
    }

    /// The schemas that one refers to, each after those that it refers to itself; or why they cannot
    /// be had.
    async fn references(&self, of: &Told) -> Result<Result<Vec<Arc<str>>, String>, RegistryError> {
        enum Step {
            Ask(Reference),
            Take(String),
        }
        let mut steps: Vec<Step> = of.references.iter().rev().cloned().map(Step::Ask).collect();
        let mut seen = HashSet::new();
        let mut texts: Vec<Arc<str>> = Vec::new();
        let mut bytes = of.schema.len();
        while let Some(step) = steps.pop() {
            let reference = match step {
                Step::Take(text) => {
                    texts.push(text.into());
                    continue;
                }
                // One that refers to itself is met again here too.
                Step::Ask(reference) if !seen.insert(reference.clone()) => continue,
                Step::Ask(reference) => reference,
            };
            let Reference { subject, version } = &reference;
            let path = format!("/subjects/{}/versions/{version}", in_path(subject));
            let absent = [SUBJECT_NOT_FOUND, VERSION_NOT_FOUND, SCHEMA_NOT_FOUND];
            let what = format!("it refers to version {version} of {subject:?}");
            let told = match self.get(path, &absent).await? {
                Found::Told(told) => told,
                Found::Nothing => return Ok(Err(format!("{what}, which is not in the registry"))),
            };
            bytes += told.schema.len();
            if let Some(unusable) = unusable(&told) {
                return Ok(Err(format!("{what}: {unusable}")));
            }
            if seen.len() > MAX_REFERENCES || bytes > MAX_SCHEMA_BYTES {
                return Ok(Err("it refers to too many schemas".to_owned()));
            }
            steps.push(Step::Take(told.schema));
            steps.extend(told.references.into_iter().rev().map(Step::Ask));
        }
        Ok(Ok(texts))
    }

    /// Gets a schema; `absent` are the registry's codes for "there is none".
    async fn get(&self, path: String, absent: &[u32]) -> Result<Found, RegistryError> {
        let mut headers = vec![(
            "accept",
            "application/vnd.schemaregistry.v1+json, application/json".to_owned(),
        )];
        if let Some(authorization) = self.authorization().await? {
            headers.push(("authorization", authorization));
        }
        let ask = Ask {
            method: "GET",
            path,
            headers,
            body: String::new(),
        };
        let answer = self.client.call(ask).await?;
        read(&answer, absent)
    }

    /// The header that says who asks. What stands in a file is read each time: it may be renewed.
    async fn authorization(&self) -> Result<Option<String>, RegistryError> {
        let (user, secret) = match &self.credentials {
            RegistryCredentials::None => return Ok(None),
            RegistryCredentials::Basic { user, password } => (Some(user), password),
            RegistryCredentials::Bearer(token) => (None, token),
        };
        let secret = read_secret(secret).await?;
        Ok(Some(match user {
            Some(user) => format!("Basic {}", STANDARD.encode(format!("{user}:{secret}"))),
            None => format!("Bearer {secret}"),
        }))
    }
}

impl SchemaRegistry for ConfluentRegistry {
    fn schema(&self, id: SchemaId) -> BoxFuture<'_, Result<Registered, RegistryError>> {
        Box::pin(async move {
            match id {
                SchemaId::Confluent(id) => self.look_up(id).await,
                SchemaId::Glue(_) => Ok(Registered::Unknown),
            }
        })
    }

    fn no_schema(&self) -> SchemaId {
        SchemaId::Confluent(0)
    }
}

async fn read_secret(secret: &Secret) -> Result<String, RegistryError> {
    match secret {
        Secret::Value(text) => Ok(text.clone()),
        Secret::File(path) => {
            let text = tokio::fs::read_to_string(path).await.map_err(|error| {
                let path = path.display();
                RegistryError::Refused(format!("the secret in {path} cannot be read: {error}"))
            })?;
            Ok(text.trim().to_owned())
        }
    }
}

/// What an answer means. Only a registry's own words count as "there is none": a proxy, or a wrong
/// URL, answers 404 too.
fn read(answer: &Answer, absent: &[u32]) -> Result<Found, RegistryError> {
    let refusal: Option<Refusal> = serde_json::from_str(&answer.body).ok();
    let said = match &refusal {
        Some(refusal) => format!("HTTP {}: {}", answer.status, refusal.message),
        None => format!("HTTP {}: {}", answer.status, answer.excerpt()),
    };
    match (answer.status, refusal) {
        (200, _) => {
            let told = serde_json::from_str(&answer.body);
            let no_registry = |error| {
                let text = format!("it does not answer as a schema registry does: {error}");
                RegistryError::Unavailable(text)
            };
            told.map(Found::Told).map_err(no_registry)
        }
        (404, Some(refusal)) if absent.contains(&refusal.error_code) => Ok(Found::Nothing),
        (404, _) => Err(RegistryError::Unavailable(format!(
            "{said}; no schema registry answers so: see whether the URL is right"
        ))),
        (401 | 403, _) => Err(RegistryError::Refused(said)),
        (429, _) => Err(RegistryError::Throttled(said)),
        _ => Err(RegistryError::Unavailable(said)),
    }
}

/// Why Avro values cannot be read by a schema, as far as the registry tells.
fn unusable(told: &Told) -> Option<String> {
    match told.schema_type.as_deref() {
        None | Some("AVRO") if told.schema.len() <= MAX_SCHEMA_BYTES => None,
        None | Some("AVRO") => Some(super::too_large(told.schema.len())),
        Some(other) => Some(unusable_type(other)),
    }
}

/// A text as one part of a path.
fn in_path(text: &str) -> String {
    use std::fmt::Write as _;
    let mut path = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                path.push(char::from(byte));
            }
            other => {
                let _ = write!(path, "%{other:02X}");
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> Result<Found, RegistryError> {
        let body = body.to_owned();
        read(&Answer { status, body }, &[SCHEMA_NOT_FOUND])
    }

    #[test]
    fn only_the_registrys_own_word_says_that_there_is_no_schema() {
        let absent = r#"{"error_code": 40403, "message": "Schema 7 not found"}"#;
        assert!(matches!(answered(404, absent), Ok(Found::Nothing)));
        for (status, body) in [
            (404, "<html>Not Found</html>"),
            (
                404,
                r#"{"error_code": 404, "message": "HTTP 404 Not Found"}"#,
            ),
            (404, ""),
            (200, "<html>Welcome</html>"),
            (200, "{}"),
            (302, ""),
            (500, absent),
            (503, r#"{"error_code": 50301, "message": "no leader"}"#),
        ] {
            let error = answered(status, body).err();
            assert!(
                matches!(error, Some(RegistryError::Unavailable(_))),
                "{status} {body}: {error:?}"
            );
        }
    }

    #[test]
    fn who_may_not_ask_and_who_asks_too_often_is_told_apart() {
        let no = r#"{"error_code": 40101, "message": "Unauthorized"}"#;
        for status in [401, 403] {
            let Err(RegistryError::Refused(said)) = answered(status, no) else {
                panic!("{status} is a refusal");
            };
            assert_eq!(said, format!("HTTP {status}: Unauthorized"));
        }
        assert!(matches!(
            answered(429, "slow down"),
            Err(RegistryError::Throttled(_))
        ));
    }

    #[test]
    fn only_schemas_of_avro_are_used() {
        let told = |body: &str| match answered(200, body) {
            Ok(Found::Told(told)) => told,
            _ => panic!("{body} is a schema"),
        };
        assert_eq!(unusable(&told(r#"{"schema": "\"int\""}"#)), None);
        let avro = r#"{"schema": "\"int\"", "schemaType": "AVRO", "references": []}"#;
        assert_eq!(unusable(&told(avro)), None);
        let other = told(r#"{"schema": "{}", "schemaType": "JSON"}"#);
        let why = unusable(&other).unwrap();
        assert_eq!(why, "it is a schema of the type JSON, not of Avro");
    }

    #[test]
    fn subjects_are_one_part_of_a_path() {
        assert_eq!(in_path("a.b-c_d~9"), "a.b-c_d~9");
        assert_eq!(in_path("a/b c:ü"), "a%2Fb%20c%3A%C3%BC");
    }
}
