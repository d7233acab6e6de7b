//! What an error of S3 means for the log protocol.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use shardmill_engine::ports::StoreError;

use crate::adapters::dispatch::{Failure, is_throttle};

/// The call that failed: the same answer means different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Reading, listing, deleting.
    Read,
    Put,
    /// CreateMultipartUpload, UploadPart, AbortMultipartUpload.
    Part,
    Complete,
}

pub(super) fn store_error<E>(call: Call, name: &str, error: SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    classify(call, name, Failure::of(error))
}

fn classify(call: Call, name: &str, failure: Failure) -> StoreError {
    let name = name.to_owned();
    let (status, code, detail) = match failure {
        Failure::Unanswered(detail) => return StoreError::Unavailable { name, detail },
        Failure::NotSent(detail) => return StoreError::Refused { name, detail },
        Failure::Answered { status, code, text } => (status, code, text),
    };
    match (code.as_str(), status) {
        // By code first: an error inside an answer with status 200 has no other sign.
        ("PreconditionFailed", _) => StoreError::Exists { name },
        ("NoSuchUpload" | "InvalidPart", _) => StoreError::UploadLost { name, detail },
        ("ConditionalRequestConflict" | "OperationAborted", _) | (_, 409) => match call {
            Call::Complete => StoreError::UploadLost { name, detail },
            _ => StoreError::Conflict { name, detail },
        },
        ("NotImplemented", _) | (_, 501) => advised(
            name,
            detail,
            "the server must know conditional writes (If-None-Match on PutObject and on \
             CompleteMultipartUpload)",
        ),
        (code, _) if is_throttle(code) || passes(code) => StoreError::Unavailable { name, detail },
        (_, 412) => StoreError::Exists { name },
        (_, 200..=299 | 408 | 429 | 500..) => StoreError::Unavailable { name, detail },
        ("NoSuchBucket", _) => advised(name, detail, "create the bucket or correct its name"),
        ("RequestTimeTooSkewed", _) => advised(name, detail, "set this machine's clock right"),
        (_, 301 | 307 | 308) => advised(
            name,
            detail,
            "the bucket is in another region: set the connection's `region`",
        ),
        (_, 403) if call == Call::Read => advised(
            name,
            detail,
            "without s3:ListBucket S3 answers so for an object that is not there, too",
        ),
        _ => StoreError::Refused { name, detail },
    }
}

/// Codes with status 400 and 200 that say nothing about the request: it was broken on the way, or
/// the server could not.
fn passes(code: &str) -> bool {
    matches!(
        code,
        "RequestTimeout"
            | "InternalError"
            | "ServiceUnavailable"
            | "IncompleteBody"
            | "BadDigest"
            | "XAmzContentChecksumMismatch"
            | "XAmzContentSHA256Mismatch"
    )
}

fn advised(name: String, detail: String, advice: &str) -> StoreError {
    StoreError::Refused {
        name,
        detail: format!("{detail}; {advice}"),
    }
}

/// `None` where the answer is that there is no such object.
pub(super) fn absent_or<T, E>(
    name: &str,
    error: SdkError<E, HttpResponse>,
) -> Result<Option<T>, StoreError>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let failure = Failure::of(error);
    match &failure {
        // HEAD has no body; the SDK makes the second code of its status. A 404 without either is
        // not S3's.
        Failure::Answered {
            status: 404, code, ..
        } if code == "NoSuchKey" || code == "NotFound" => Ok(None),
        _ => Err(classify(Call::Read, name, failure)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(call: Call, status: u16, code: &str) -> StoreError {
        let failure = Failure::Answered {
            status,
            code: code.to_owned(),
            text: "why".to_owned(),
        };
        classify(call, "data/x", failure)
    }

    #[test]
    fn a_taken_name_is_told_from_a_conflict() {
        for call in [Call::Put, Call::Complete] {
            for (status, code) in [
                (412, "PreconditionFailed"),
                (412, ""),
                (200, "PreconditionFailed"),
            ] {
                let error = answered(call, status, code);
                assert!(
                    matches!(error, StoreError::Exists { .. }),
                    "{call:?} {status} {code}"
                );
            }
        }
        for (status, code) in [
            (409, "ConditionalRequestConflict"),
            (409, "OperationAborted"),
            (409, ""),
            (200, "ConditionalRequestConflict"),
        ] {
            let put = answered(Call::Put, status, code);
            assert!(
                matches!(put, StoreError::Conflict { .. }),
                "{status} {code}"
            );
            let complete = answered(Call::Complete, status, code);
            assert!(
                matches!(complete, StoreError::UploadLost { .. }),
                "{status} {code}"
            );
        }
    }

    #[test]
    fn lost_parts_are_not_asked_for_again() {
        for code in ["NoSuchUpload", "InvalidPart"] {
            for call in [Call::Part, Call::Complete] {
                assert!(!answered(call, 404, code).retryable(), "{code}");
            }
        }
    }

    #[test]
    fn what_says_nothing_about_the_request_is_asked_again() {
        for (status, code) in [
            (200, "InternalError"),
            (200, ""),
            (500, "InternalError"),
            (503, "SlowDown"),
            (503, ""),
            (429, ""),
            (400, "RequestTimeout"),
            (400, "BadDigest"),
        ] {
            let error = answered(Call::Complete, status, code);
            assert!(
                matches!(error, StoreError::Unavailable { .. }),
                "{status} {code}"
            );
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let StoreError::Refused { detail, .. } = answered(Call::Read, 403, "") else {
            panic!("403 is not refused");
        };
        assert!(detail.contains("s3:ListBucket"), "{detail}");
        for (status, code, advice) in [
            (404, "NoSuchBucket", "create the bucket"),
            (501, "NotImplemented", "If-None-Match"),
            (301, "PermanentRedirect", "region"),
            (403, "RequestTimeTooSkewed", "clock"),
            (403, "AccessDenied", "why"),
            (400, "ExpiredToken", "why"),
        ] {
            let StoreError::Refused { detail, .. } = answered(Call::Put, status, code) else {
                panic!("{code} is not refused");
            };
            assert!(detail.contains(advice), "{code}: {detail}");
        }
    }
}
