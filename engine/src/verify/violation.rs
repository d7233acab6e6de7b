//! What verification finds.

use crate::log::LogError;
use crate::ports::StoreError;

/// What is wrong with the target: the first thing found, with the object that shows it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{object}`: {detail}")]
pub struct Violation {
    /// The stable code, such as `verify.row_count`.
    pub code: &'static str,
    /// The name of the object below the source.
    pub object: String,
    /// What is wrong with it.
    pub detail: String,
}

impl Violation {
    pub(crate) fn new(code: &'static str, object: &str, detail: String) -> Self {
        let object = object.to_owned();
        Self {
            code,
            object,
            detail,
        }
    }
}

/// Why verification ended early.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The target does not hold what its log says, or the log does not hold together.
    #[error("{0}")]
    Violation(Violation),
    /// The log could not be read.
    #[error("{0}")]
    Log(LogError),
    /// The target did not answer.
    #[error("{0}; run `verify` again")]
    Store(StoreError),
}

impl VerifyError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            VerifyError::Violation(violation) => violation.code,
            VerifyError::Log(error) => error.code(),
            VerifyError::Store(_) => "verify.target_unavailable",
        }
    }

    /// Whether the target is wrong, rather than out of reach.
    pub fn is_violation(&self) -> bool {
        match self {
            VerifyError::Violation(_) => true,
            VerifyError::Log(error) => matches!(
                error,
                LogError::Broken { .. } | LogError::Damaged { .. } | LogError::Missing { .. }
            ),
            VerifyError::Store(_) => false,
        }
    }
}

impl From<Violation> for VerifyError {
    fn from(violation: Violation) -> Self {
        VerifyError::Violation(violation)
    }
}

impl From<LogError> for VerifyError {
    fn from(error: LogError) -> Self {
        VerifyError::Log(error)
    }
}

impl From<StoreError> for VerifyError {
    fn from(error: StoreError) -> Self {
        VerifyError::Store(error)
    }
}
