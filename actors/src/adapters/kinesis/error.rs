//! What an error of Kinesis means for reading.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use shardmill_engine::ports::StreamError;

use crate::adapters::dispatch::{Failure, is_throttle};

/// The call that failed: the same code means different things.
#[derive(Clone, Copy, Debug)]
pub(super) enum Call {
    List,
    /// ListShards with a time in its filter.
    ListAt,
    /// GetShardIterator after a sequence number.
    IteratorAfter,
    /// GetShardIterator at a time.
    IteratorAt,
    /// GetShardIterator at TRIM_HORIZON.
    IteratorHorizon,
    Records,
}

impl Call {
    fn name(self) -> &'static str {
        match self {
            Call::List | Call::ListAt => "ListShards",
            Call::IteratorAfter | Call::IteratorAt | Call::IteratorHorizon => "GetShardIterator",
            Call::Records => "GetRecords",
        }
    }
}

pub(super) fn stream_error<E>(call: Call, error: SdkError<E, HttpResponse>) -> StreamError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    classify(call, Failure::of(error))
}

/// Whether the server may not have understood the call, or we not its answer, for the protocol that
/// was spoken. It may be something else: only another try in another protocol can tell.
pub(super) fn is_foreign_protocol<E: ProvideErrorMetadata>(
    error: &SdkError<E, HttpResponse>,
) -> bool {
    let no_protocol_of_its = |status: u16| matches!(status, 400 | 404 | 406 | 415);
    match error {
        SdkError::ResponseError(context) => {
            let answer = context.raw();
            super::cbor::is_cbor(answer) || no_protocol_of_its(answer.status().as_u16())
        }
        SdkError::ServiceError(context) => match context.err().code() {
            Some(code) => matches!(
                code,
                "SerializationException" | "UnknownOperationException" | "UnsupportedMediaType"
            ),
            None => no_protocol_of_its(context.raw().status().as_u16()),
        },
        _ => false,
    }
}

fn classify(call: Call, failure: Failure) -> StreamError {
    let told = |text: String| format!("{}: {text}", call.name());
    let (status, code, text) = match failure {
        Failure::Unanswered(text) => return StreamError::Unavailable(told(text)),
        Failure::NotSent(text) => return StreamError::Refused(told(text)),
        Failure::Answered { status, code, text } => (status, code, told(text)),
    };
    match code.as_str() {
        code if is_throttle(code) => StreamError::Throttled(text),
        "ExpiredIteratorException" => StreamError::IteratorExpired(text),
        "InvalidArgumentException" | "ValidationException" => invalid_argument(call, text),
        "ResourceNotFoundException" => StreamError::NotFound(text),
        // The listing took longer than a page's token lives, or the stream is being created or
        // changed: the same call works later.
        "ExpiredNextTokenException" | "ResourceInUseException" => StreamError::Unavailable(text),
        "InternalFailureException" | "InternalFailure" | "ServiceUnavailable" => {
            StreamError::Unavailable(text)
        }
        _ => match status {
            429 => StreamError::Throttled(text),
            408 | 500.. => StreamError::Unavailable(text),
            // An answer that is not Kinesis's, with a status that says all is well.
            200..=299 => StreamError::Unavailable(text),
            _ => StreamError::Refused(text),
        },
    }
}

/// Each call has one argument that can go bad.
fn invalid_argument(call: Call, text: String) -> StreamError {
    match call {
        Call::IteratorAfter => StreamError::PositionRefused(text),
        Call::Records => StreamError::IteratorExpired(text),
        // A time that Kinesis takes to be in the future: the clocks of its servers differ, and "now"
        // is what one of them said. It passes.
        Call::ListAt | Call::IteratorAt => StreamError::Unavailable(text),
        Call::List | Call::IteratorHorizon => StreamError::Refused(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(call: Call, status: u16, code: &str) -> StreamError {
        let failure = Failure::Answered {
            status,
            code: code.to_owned(),
            text: "why".to_owned(),
        };
        classify(call, failure)
    }

    #[test]
    fn throttling_is_not_an_outage_whatever_its_status() {
        for (status, code) in [
            (400, "ProvisionedThroughputExceededException"),
            (400, "LimitExceededException"),
            (400, "KMSThrottlingException"),
            (400, "ThrottlingException"),
            (429, ""),
        ] {
            let error = answered(Call::Records, status, code);
            assert!(
                matches!(error, StreamError::Throttled(_)),
                "{code}: {error}"
            );
        }
    }

    #[test]
    fn a_bad_argument_is_what_the_call_was_made_with() {
        let code = "InvalidArgumentException";
        assert!(matches!(
            answered(Call::IteratorAfter, 400, code),
            StreamError::PositionRefused(_)
        ));
        assert!(matches!(
            answered(Call::Records, 400, code),
            StreamError::IteratorExpired(_)
        ));
        assert!(matches!(
            answered(Call::List, 400, code),
            StreamError::Refused(_)
        ));
        // A time in the future comes to pass.
        for call in [Call::ListAt, Call::IteratorAt] {
            let error = answered(call, 400, code);
            assert!(matches!(error, StreamError::Unavailable(_)), "{call:?}");
        }
    }

    #[test]
    fn keys_and_permissions_need_somebody() {
        for code in [
            "AccessDeniedException",
            "KMSAccessDeniedException",
            "KMSDisabledException",
            "KMSInvalidStateException",
            "KMSNotFoundException",
            "KMSOptInRequired",
            "UnrecognizedClientException",
            "ExpiredTokenException",
        ] {
            let error = answered(Call::Records, 400, code);
            assert!(matches!(error, StreamError::Refused(_)), "{code}: {error}");
        }
    }

    #[test]
    fn what_may_pass_is_asked_again() {
        for (status, code) in [
            (500, "InternalFailureException"),
            (503, ""),
            (408, ""),
            (200, ""),
            (400, "ExpiredNextTokenException"),
            (400, "ResourceInUseException"),
        ] {
            let error = answered(Call::List, status, code);
            assert!(
                matches!(error, StreamError::Unavailable(_)),
                "{code}: {error}"
            );
        }
        let cut = classify(Call::Records, Failure::Unanswered("cut".to_owned()));
        assert_eq!(cut, StreamError::Unavailable("GetRecords: cut".to_owned()));
    }
}
