//! The error of the public API.

use std::fmt;

/// What went wrong, with a stable code that scripts and dashboards can match on
/// (`docs/OPERATIONS.md` lists them all).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: &'static str,
    message: String,
}

impl Error {
    /// An error with its code and a message that says what happened, to what, and what to do next.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// That the system gives no more threads.
    pub(crate) fn no_thread(error: std::io::Error) -> Self {
        let message = format!("could not start a thread: {error}; raise the limit of threads");
        Self::new("engine.threads", message)
    }

    /// The stable code, dotted, like `log.fenced`.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The message without the code.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether another process has taken the source over.
    pub fn is_fenced(&self) -> bool {
        self.code == "log.fenced"
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}
