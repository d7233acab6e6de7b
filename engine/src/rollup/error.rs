//! What can go wrong with roll-ups, with stable codes.

use crate::log::LogError;

/// Why statistics could not be found or rolled up. The data is not touched by any of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RollupError {
    /// The log or the target.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A pane could not be encoded.
    #[error("`{name}` cannot be encoded: {detail}; please report it")]
    Encode {
        /// The name that it would have.
        name: String,
        /// What the encoder says.
        detail: String,
    },
}

impl RollupError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            RollupError::Log(error) => error.code(),
            RollupError::Encode { .. } => "rollup.encode",
        }
    }
}
