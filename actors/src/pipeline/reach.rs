//! The first calls to a stream: again until it answers, as long as a start has patience.

use std::future::Future;

use shardmill_engine::ports::StreamError;

use super::context::SourceContext;
use crate::error::Error;

/// The first wait between two tries to reach the stream, milliseconds; it doubles up to
/// [`LONGEST_WAIT_MS`].
const FIRST_WAIT_MS: u64 = 500;
const LONGEST_WAIT_MS: u64 = 8_000;

/// Calls the stream until it answers; gives up after the patience of the settings, and at once
/// where asking again cannot help.
pub(super) async fn reach<T, F, Fut>(
    context: &SourceContext,
    what: &str,
    call: F,
) -> Result<T, Error>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, StreamError>>,
{
    let settings = &context.settings;
    let patience = i64::try_from(settings.start_patience.as_millis()).unwrap_or(i64::MAX);
    let give_up = context.host.now().saturating_add(patience);
    let mut wait = FIRST_WAIT_MS;
    loop {
        let error = match call().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let hopeless = matches!(
            error,
            StreamError::NotFound(_) | StreamError::Refused(_) | StreamError::Unusable { .. }
        );
        if hopeless || context.host.now() >= give_up {
            return Err(not_reached(&settings.stream, what, &error));
        }
        tracing::warn!(source = %settings.name, %error, "could not {what} yet; trying again");
        context
            .host
            .sleep(wait / 2 + context.host.random() % (wait / 2 + 1))
            .await;
        wait = LONGEST_WAIT_MS.min(wait * 2);
    }
}

/// The error of a stream of which something could not be had.
pub(crate) fn not_reached(stream: &str, what: &str, error: &StreamError) -> Error {
    if let StreamError::Unusable { code, detail } = error {
        return Error::new(code, format!("could not {what}: {detail}"));
    }
    let code = match error {
        StreamError::NotFound(_) => "stream.not_found",
        StreamError::Refused(_) => "stream.refused",
        _ => "stream.unavailable",
    };
    let message = format!(
        "could not {what} (stream {stream}): {error}; check the stream's name, region, endpoint \
         and credentials: `shardmill check` tries each of them"
    );
    Error::new(code, message)
}
