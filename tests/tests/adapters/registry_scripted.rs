//! Registries of schemas: what is asked, with which credentials, and what each answer means.

use std::path::PathBuf;

use serde_json::{Value, json};
use shardmill::adapters::{ConfluentRegistry, GlueRegistry};
use shardmill::config::{ConfluentSettings, RegistryCredentials, Secret};
use shardmill_engine::ports::{RegistryError, SchemaRegistry};
use shardmill_engine::types::{Registered, SchemaId};
use shardmill_tests::paths;
use shardmill_tests::schema_registry::TestRegistry;
use shardmill_tests::scripted::{Answer, Scripted};
use shardmill_tests::sdk;

const ID: SchemaId = SchemaId::Confluent(7);
const GLUE: [u8; 16] = *b"\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef";

fn confluent(url: &str, credentials: RegistryCredentials) -> ConfluentRegistry {
    ConfluentRegistry::new(&ConfluentSettings {
        url: url.to_owned(),
        credentials,
    })
}

fn secret(text: &str) -> Secret {
    Secret::Value(text.to_owned())
}

async fn asked_with(credentials: RegistryCredentials) -> Option<String> {
    let server = Scripted::start([Answer::new(200, r#"{"schema": "\"int\""}"#)]).await;
    let url = format!("{}/below/", server.url());
    let found = confluent(&url, credentials).schema(ID).await;
    assert!(matches!(found, Ok(Registered::Schema(_))), "{found:?}");
    let [request] = &server.requests()[..] else {
        panic!("one request is made");
    };
    assert_eq!(request.line, "GET /below/schemas/ids/7");
    request.headers.get("authorization").cloned()
}

#[tokio::test]
async fn who_asks_is_said_as_the_settings_have_it() {
    assert_eq!(asked_with(RegistryCredentials::None).await, None);
    let basic = RegistryCredentials::Basic {
        user: "reader".into(),
        password: secret("pass:word"),
    };
    // "reader:pass:word"
    let expected = "Basic cmVhZGVyOnBhc3M6d29yZA==";
    assert_eq!(asked_with(basic).await.as_deref(), Some(expected));
    let bearer = RegistryCredentials::Bearer(secret("token"));
    assert_eq!(asked_with(bearer).await.as_deref(), Some("Bearer token"));
}

#[tokio::test]
async fn a_secret_in_a_file_may_be_renewed() {
    let folder = paths::new_folder();
    let file = folder.path().join("token");
    let server = Scripted::start(vec![Answer::new(200, r#"{"schema": "\"int\""}"#); 2]).await;
    let credentials = RegistryCredentials::Bearer(Secret::File(file.clone()));
    let registry = confluent(&server.url(), credentials);
    let missing = registry.schema(ID).await.unwrap_err();
    assert!(matches!(missing, RegistryError::Refused(_)), "{missing}");
    for token in ["first", "second"] {
        std::fs::write(&file, format!("{token}\n")).unwrap();
        registry.schema(ID).await.unwrap();
    }
    let requests = server.requests();
    let sent: Vec<&str> = requests
        .iter()
        .map(|request| request.headers["authorization"].as_str())
        .collect();
    assert_eq!(sent, ["Bearer first", "Bearer second"]);
}

#[tokio::test]
async fn secrets_are_in_no_text() {
    let credentials = RegistryCredentials::Basic {
        user: "reader".into(),
        password: secret("hunter2"),
    };
    let settings = format!("{credentials:?}");
    let registry = confluent("http://127.0.0.1:1", credentials);
    let error = registry.schema(ID).await.unwrap_err();
    // A line end cannot be sent in a header.
    let broken = confluent(
        "http://127.0.0.1:1",
        RegistryCredentials::Bearer(secret("hunter2\n")),
    );
    let unsent = broken.schema(ID).await.unwrap_err();
    for text in [
        settings,
        format!("{registry:?} {error} {error:?} {unsent} {unsent:?}"),
        format!("{:?}", Secret::File(PathBuf::from("x"))),
    ] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn no_trouble_says_anything_of_a_schema() {
    for answer in [
        Answer::Cut,
        Answer::Half {
            status: 200,
            body: r#"{"schema": "\"int\""}"#.into(),
        },
        Answer::new(503, "<html>busy</html>"),
        Answer::new(404, "<html>no such page</html>"),
    ] {
        let server = Scripted::start([answer.clone(), Answer::new(200, "{}")]).await;
        let registry = confluent(&server.url(), RegistryCredentials::None);
        let error = registry.schema(ID).await.unwrap_err();
        assert!(matches!(error, RegistryError::Unavailable(_)), "{answer:?}");
        assert_eq!(server.requests().len(), 1, "an adapter never retries");
    }
}

fn refers(schema: Value, to: &[(&str, u32)]) -> Value {
    let references: Vec<Value> = to
        .iter()
        .map(|(subject, version)| json!({"name": "x", "subject": subject, "version": version}))
        .collect();
    json!({"schema": schema.to_string(), "references": references})
}

fn record(name: &str, field: &str) -> Value {
    json!({"type": "record", "name": name, "fields": [{"name": "f", "type": field}]})
}

#[tokio::test]
async fn schemas_that_one_refers_to_come_before_it() {
    let server = TestRegistry::start().await;
    let subject = |name: &str, version: u32, schema: Value| {
        server.has(&format!("/subjects/{name}/versions/{version}"), schema);
    };
    server.has(
        "/schemas/ids/7",
        refers(record("Top", "Left"), &[("left side", 1), ("right", 3)]),
    );
    subject(
        "left%20side",
        1,
        refers(record("Left", "Base"), &[("base", 2)]),
    );
    // It also refers to itself, which nobody should do.
    subject(
        "right",
        3,
        refers(record("Right", "Base"), &[("base", 2), ("right", 3)]),
    );
    subject("base", 2, refers(record("Base", "int"), &[]));
    let registry = confluent(&server.url(), RegistryCredentials::None);
    let Registered::Schema(schema) = registry.schema(ID).await.unwrap() else {
        panic!("it is a schema");
    };
    let names: Vec<Value> = schema
        .references
        .iter()
        .map(|text| serde_json::from_str::<Value>(text).unwrap()["name"].clone())
        .collect();
    assert_eq!(names, ["Base", "Left", "Right"]);
    assert!(schema.text.contains("Top"));
    assert_eq!(server.asked().len(), 4, "each is asked for once");
}

#[tokio::test]
async fn what_is_referred_to_may_be_missing_or_of_another_type() {
    let server = TestRegistry::start().await;
    let registry = confluent(&server.url(), RegistryCredentials::None);
    server.has("/schemas/ids/7", refers(record("Top", "P"), &[("p", 1)]));
    let why = "it refers to version 1 of \"p\", which is not in the registry";
    let missing = registry.schema(ID).await.unwrap();
    assert_eq!(missing, Registered::Unusable(why.to_owned()));
    server.has(
        "/subjects/p/versions/1",
        json!({"schema": "message P {}", "schemaType": "PROTOBUF"}),
    );
    let Registered::Unusable(why) = registry.schema(ID).await.unwrap() else {
        panic!("it cannot be used");
    };
    assert!(why.contains("PROTOBUF"), "{why}");
}

#[tokio::test]
async fn glue_is_asked_as_aws_wants_it() {
    let body = r#"{"SchemaDefinition": "\"int\"", "DataFormat": "AVRO"}"#;
    let server = Scripted::start([Answer::new(200, body)]).await;
    let registry = GlueRegistry::new(&sdk::config(&server.url()).await).unwrap();
    let found = registry.schema(SchemaId::Glue(GLUE)).await.unwrap();
    let Registered::Schema(schema) = found else {
        panic!("{found:?}");
    };
    assert_eq!((&*schema.text, schema.references.len()), ("\"int\"", 0));
    let [request] = &server.requests()[..] else {
        panic!("one request is made");
    };
    assert_eq!(request.line, "POST /");
    assert_eq!(request.headers["x-amz-target"], "AWSGlue.GetSchemaVersion");
    let content_type = &request.headers["content-type"];
    assert_eq!(content_type, "application/x-amz-json-1.1");
    assert_eq!(
        request.body,
        r#"{"SchemaVersionId":"01234567-89ab-cdef-0123-456789abcdef"}"#
    );
    let authorization = &request.headers["authorization"];
    let signed = authorization.starts_with("AWS4-HMAC-SHA256 Credential=test/")
        && authorization.contains("/us-east-1/glue/aws4_request")
        && authorization.contains("x-amz-target");
    assert!(signed, "{authorization}");
}

#[tokio::test]
async fn glue_in_trouble_is_asked_once() {
    let server = Scripted::start([Answer::Cut, Answer::new(200, "{}")]).await;
    let registry = GlueRegistry::new(&sdk::config(&server.url()).await).unwrap();
    let error = registry.schema(SchemaId::Glue(GLUE)).await.unwrap_err();
    assert!(matches!(error, RegistryError::Unavailable(_)), "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn each_registry_has_only_its_own_ids() {
    let server = TestRegistry::start().await;
    let glue = GlueRegistry::new(&sdk::config(&server.url()).await).unwrap();
    let confluent = confluent(&server.url(), RegistryCredentials::None);
    assert_eq!(glue.schema(ID).await, Ok(Registered::Unknown));
    let of_glue = confluent.schema(SchemaId::Glue(GLUE)).await;
    assert_eq!(of_glue, Ok(Registered::Unknown));
    assert_eq!(server.asked(), []);
    // What `check` asks for is nowhere.
    assert_eq!(glue.schema(glue.no_schema()).await, Ok(Registered::Unknown));
    let nowhere = confluent.schema(confluent.no_schema()).await;
    assert_eq!(nowhere, Ok(Registered::Unknown));
    assert_eq!(server.asked().len(), 2);
}
