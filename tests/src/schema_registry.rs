//! A schema registry: Confluent's interface and the one call of AWS Glue, by a script of schemas, with
//! troubles that the test decides.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The path, or for AWS Glue the id of the schema version.
    pub what: String,
    /// The header `Authorization`.
    pub authorization: String,
    /// The status of the answer.
    pub status: u16,
}

#[derive(Default)]
struct Script {
    /// Bodies of Confluent's interface, by path.
    paths: BTreeMap<String, Value>,
    /// Bodies of AWS Glue, by id.
    versions: BTreeMap<String, Value>,
    /// The status of every answer while there is trouble.
    trouble: Option<u16>,
    asked: Vec<Asked>,
}

/// A registry; it ends with this value.
pub struct TestRegistry {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    serving: JoinHandle<()>,
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TestRegistry {
    /// Starts one without schemas.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound port");
        let script = Arc::new(Mutex::new(Script::default()));
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&script));
        let serving = tokio::spawn(async move {
            // It ends with this value.
            let _ = axum::serve(listener, router).await;
        });
        Self {
            address,
            script,
            serving,
        }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What Confluent's interface has at a path.
    pub fn has(&self, path: &str, body: Value) {
        lock(&self.script).paths.insert(path.to_owned(), body);
    }

    /// The schema of Avro that Confluent's interface has under an id.
    pub fn has_schema(&self, id: u32, schema: &str) {
        self.has(&format!("/schemas/ids/{id}"), json!({ "schema": schema }));
    }

    /// The schema that AWS Glue has under an id.
    pub fn has_version(&self, id: &str, format: &str, schema: &str) {
        let version = json!({
            "SchemaVersionId": id, "SchemaDefinition": schema, "DataFormat": format,
            "Status": "AVAILABLE", "VersionNumber": 1,
        });
        lock(&self.script).versions.insert(id.to_owned(), version);
    }

    /// Answers everything with this status from now on; `None` ends that.
    pub fn trouble(&self, status: Option<u16>) {
        lock(&self.script).trouble = status;
    }

    /// The requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.script).asked.clone()
    }
}

impl Drop for TestRegistry {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(
    State(script): State<Arc<Mutex<Script>>>,
    request: Request<Body>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap_or_default();
    let header = |name: &str| {
        let value = head.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    };
    let of_glue = header("x-amz-target") == "AWSGlue.GetSchemaVersion";
    let what = match of_glue {
        true => {
            let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
            asked["SchemaVersionId"].as_str().unwrap_or("").to_owned()
        }
        false => head.uri.path().to_owned(),
    };
    let mut script = lock(&script);
    let found = match of_glue {
        true => script.versions.get(&what).cloned(),
        false => script.paths.get(&what).cloned(),
    };
    let (status, body) = match (script.trouble, found, of_glue) {
        (Some(status), ..) => (
            status,
            json!({ "error_code": u32::from(status) * 100, "message": "in trouble" }),
        ),
        (None, Some(body), _) => (200, body),
        (None, None, true) => (
            400,
            json!({ "__type": "EntityNotFoundException", "Message": "no such version" }),
        ),
        (None, None, false) => (
            404,
            json!({ "error_code": 40403, "message": "Schema not found" }),
        ),
    };
    script.asked.push(Asked {
        what,
        authorization: header("authorization").to_owned(),
        status,
    });
    Response::builder()
        .status(StatusCode::from_u16(status).expect("a status"))
        .body(body.to_string().into())
        .expect("an answer")
}
