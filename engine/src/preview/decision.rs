//! Between what decoders are told and what the target remembers of it.

use serde_json::Value;

use crate::decode::{Compression, ContentOptions, FormatChoice};
use crate::log::FormatDecision;

/// The decision to store: all options that change what rows are, and why.
pub fn decision(options: &ContentOptions, reason: impl Into<String>) -> FormatDecision {
    let options = options.effective();
    let format = match (options.format, options.decided) {
        (FormatChoice::Auto, Some(decided)) => decided.format,
        (format, _) => format,
    };
    FormatDecision {
        content: format.as_str().to_owned(),
        compression: options.compression.as_str().to_owned(),
        // Plain values: they are always JSON.
        options: serde_json::to_value(&options).ok(),
        reason: reason.into(),
    }
}

/// What a stored decision tells decoders.
///
/// # Errors
/// What cannot be read of it; a newer version may have written it.
pub fn decodes_with(decision: &FormatDecision) -> Result<ContentOptions, String> {
    if let Some(options) = decision
        .options
        .as_ref()
        .filter(|options| **options != Value::Null)
    {
        return serde_json::from_value(options.clone()).map_err(|error| error.to_string());
    }
    // Decisions of the first versions were two words.
    let unknown = |what: &str, word: &str| format!("{what} {word:?} is not known");
    let format = FormatChoice::from_word(&decision.content)
        .ok_or_else(|| unknown("the format", &decision.content))?;
    let compression = Compression::from_word(&decision.compression)
        .ok_or_else(|| unknown("the compression", &decision.compression))?;
    Ok(ContentOptions {
        format,
        compression,
        ..ContentOptions::default()
    })
}

/// Whether payloads become the same rows by a stored decision and by options.
pub fn decodes_like(decision: &FormatDecision, options: &ContentOptions) -> bool {
    decodes_with(decision).is_ok_and(|stored| stored.effective() == options.effective())
}

/// What a source goes on with under `auto`: what was decided, with the compression, the limits and
/// the shape of the configuration.
///
/// # Errors
/// As [`decodes_with`].
pub fn go_on_with(
    decision: &FormatDecision,
    given: &ContentOptions,
) -> Result<ContentOptions, String> {
    Ok(ContentOptions {
        compression: given.compression,
        expansion: given.expansion,
        shape: given.shape.clone(),
        ..decodes_with(decision)?
    })
}
