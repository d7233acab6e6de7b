//! What an error of Kinesis means for reading.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::event_stream::RawMessage;
use shardmill_engine::ports::StreamError;

use crate::adapters::dispatch::{Failure, chain, is_throttle};

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
    /// SubscribeToShard at or after a sequence number.
    SubscribeAfter,
    /// SubscribeToShard at a time.
    SubscribeAt,
    /// SubscribeToShard at TRIM_HORIZON.
    SubscribeHorizon,
    Summary,
    DescribeConsumer,
    RegisterConsumer,
}

impl Call {
    fn name(self) -> &'static str {
        match self {
            Call::List | Call::ListAt => "ListShards",
            Call::IteratorAfter | Call::IteratorAt | Call::IteratorHorizon => "GetShardIterator",
            Call::Records => "GetRecords",
            Call::SubscribeAfter | Call::SubscribeAt | Call::SubscribeHorizon => "SubscribeToShard",
            Call::Summary => "DescribeStreamSummary",
            Call::DescribeConsumer => "DescribeStreamConsumer",
            Call::RegisterConsumer => "RegisterStreamConsumer",
        }
    }
}

pub(super) fn stream_error<E>(call: Call, error: SdkError<E, HttpResponse>) -> StreamError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    classify(call, Failure::of(error))
}

/// Why there is no subscription, or no longer one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) error: StreamError,
    /// Somebody has it, or had it a moment ago: ResourceInUse.
    pub(super) in_use: bool,
}

impl Refusal {
    pub(super) fn plain(error: StreamError) -> Self {
        Self {
            error,
            in_use: false,
        }
    }

    /// A call that could not even be made.
    pub(super) fn not_made(call: Call, error: &(dyn Error + 'static)) -> Self {
        Self::plain(classify(call, Failure::NotSent(chain(error))))
    }
}

const IN_USE: &str = "ResourceInUseException";

/// What SubscribeToShard answered instead of a subscription.
pub(super) fn refusal<E>(call: Call, error: SdkError<E, HttpResponse>) -> Refusal
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let in_use = error.code() == Some(IN_USE);
    let error = stream_error(call, error);
    Refusal { error, in_use }
}

/// What came instead of an event.
pub(super) fn event_error<E>(error: SdkError<E, RawMessage>) -> Refusal
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let mut in_use = false;
    let failure = match &error {
        SdkError::ServiceError(context) => {
            let meta = context.err().meta();
            // The SDK does not put it into what it makes of the event.
            let code = exception_type(context.raw()).or(meta.code());
            let code = code.unwrap_or_default().to_owned();
            let message = meta.message().unwrap_or_default();
            in_use = code == IN_USE;
            // An event has no status: its code alone says what it means.
            Failure::Answered {
                status: 400,
                text: format!("{code}: {message} (an event)"),
                code,
            }
        }
        error => Failure::Unanswered(chain(error)),
    };
    Refusal {
        error: classify(Call::SubscribeHorizon, failure),
        in_use,
    }
}

fn exception_type(message: &RawMessage) -> Option<&str> {
    let RawMessage::Decoded(message) = message else {
        return None;
    };
    let mut headers = message.headers().iter();
    let header = headers.find(|header| header.name().as_str() == ":exception-type")?;
    header.value().as_string().ok().map(|text| text.as_str())
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
        "ExpiredNextTokenException" | IN_USE => StreamError::Unavailable(text),
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
        Call::IteratorAfter | Call::SubscribeAfter => StreamError::PositionRefused(text),
        Call::Records => StreamError::IteratorExpired(text),
        // A time that Kinesis takes to be in the future: the clocks of its servers differ, and "now"
        // is what one of them said. It passes.
        Call::ListAt | Call::IteratorAt | Call::SubscribeAt => StreamError::Unavailable(text),
        Call::List
        | Call::IteratorHorizon
        | Call::SubscribeHorizon
        | Call::Summary
        | Call::DescribeConsumer
        | Call::RegisterConsumer => StreamError::Refused(text),
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
