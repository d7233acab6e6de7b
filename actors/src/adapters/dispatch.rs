//! What came of a call to AWS, in the few words that the ports need.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// Why a call did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The service answered with an error.
    Answered {
        /// The HTTP status. 200 is possible: S3 may put an error into a good answer.
        status: u16,
        /// The error's code; empty where the answer was not the service's (a proxy, a broken body).
        code: String,
        /// What the service said.
        text: String,
    },
    /// The call may or may not have reached the service.
    Unanswered(String),
    /// The call was not sent and will not be until somebody changes something.
    NotSent(String),
}

impl Failure {
    pub(super) fn of<E>(error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match error {
            SdkError::ServiceError(context) => {
                let meta = context.err().meta();
                let code = meta.code().unwrap_or_default().to_owned();
                let status = context.raw().status().as_u16();
                let text = match (meta.code(), meta.message()) {
                    (Some(code), Some(message)) => format!("{code}: {message} (HTTP {status})"),
                    (Some(code), None) => format!("{code} (HTTP {status})"),
                    (None, _) => format!("HTTP {status}: {}", chain(context.err())),
                };
                Failure::Answered { status, code, text }
            }
            error if lacks_credentials(&error) => Failure::NotSent(chain(&error)),
            SdkError::ConstructionFailure(_) => Failure::NotSent(chain(&error)),
            error => Failure::Unanswered(chain(&error)),
        }
    }
}

/// Error codes by which AWS services say "not now"; some come with status 400.
pub(super) fn is_throttle(code: &str) -> bool {
    matches!(
        code,
        "ProvisionedThroughputExceededException"
            | "LimitExceededException"
            | "KMSThrottlingException"
            | "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "BandwidthLimitExceeded"
            | "SlowDown"
    )
}

/// Credentials that are missing or wrongly configured do not come by asking again; those that
/// could not be fetched may.
fn lacks_credentials(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| {
        matches!(
            cause.downcast_ref::<CredentialsError>(),
            Some(CredentialsError::CredentialsNotLoaded(_))
                | Some(CredentialsError::InvalidConfiguration(_))
        )
    })
}

/// The whole story of an error: the outermost words of the SDK alone say "dispatch failure".
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    for cause in causes(error) {
        let text = cause.to_string();
        if !texts.last().is_some_and(|last| last.contains(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        (*error).source()
    })
}
