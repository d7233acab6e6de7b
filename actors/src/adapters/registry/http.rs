//! One call over HTTP, by the SDK's own machinery: its connections, proxies and signatures.

use std::fmt;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::timeout::TimeoutConfig;
use shardmill_engine::ports::RegistryError;

use crate::adapters::connection::{APP_NAME, CONNECT_TIMEOUT};
use crate::adapters::dispatch::Failure;

/// How long a call may take in all.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// What is asked.
pub(super) struct Ask {
    pub(super) method: &'static str,
    /// Path and query below the endpoint.
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

/// The SDK may log it: headers hold secrets.
impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// What was answered, whatever the status.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Answer {
    /// The beginning of the body, for people.
    pub(super) fn excerpt(&self) -> String {
        const MOST: usize = 200;
        let shown = self.body.trim().chars().filter(|c| !c.is_control());
        shown.take(MOST).collect()
    }
}

/// Calls to one endpoint.
#[derive(Clone, Debug)]
pub(super) struct Client(Operation<Ask, Answer, ErrorMetadata>);

impl Client {
    /// One that signs as `auth` says, or not at all.
    pub(super) fn new(name: &'static str, url: &str, auth: Option<StaticRuntimePlugin>) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let builder = Operation::builder()
            .service_name(name)
            .operation_name("GetSchema")
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(url)
            .no_retry()
            .timeout_config(timeouts);
        let builder = match auth {
            Some(auth) => builder.runtime_plugin(auth),
            None => builder.no_auth(),
        };
        Self(builder.serializer(request).deserializer(answer).build())
    }

    /// Makes one call.
    pub(super) async fn call(&self, ask: Ask) -> Result<Answer, RegistryError> {
        let called = self.0.invoke(ask).await;
        called.map_err(|error| match Failure::of(error) {
            Failure::NotSent(text) => RegistryError::Refused(text),
            Failure::Answered { text, .. } | Failure::Unanswered(text) => {
                RegistryError::Unavailable(text)
            }
        })
    }
}

fn request(ask: Ask) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(ask.body));
    request.set_method(ask.method)?;
    request.set_uri(ask.path)?;
    let headers = request.headers_mut();
    headers.insert("user-agent", APP_NAME);
    for (name, value) in ask.headers {
        headers.try_insert(name, value)?;
    }
    Ok(request)
}

fn answer(response: &HttpResponse) -> Result<Answer, OrchestratorError<ErrorMetadata>> {
    let body = response.body().bytes().unwrap_or_default();
    Ok(Answer {
        status: response.status().as_u16(),
        body: String::from_utf8_lossy(body).into_owned(),
    })
}
