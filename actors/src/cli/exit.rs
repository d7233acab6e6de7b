//! Exit codes, and failures as the command line shows them.

use std::process::ExitCode;

use serde::Serialize;

use crate::config::ConfigError;

/// How a command ended. The numbers are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what it was asked.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// The command line or a configuration is wrong; nothing was done.
    Usage = 2,
    /// Another process has taken the source over.
    Fenced = 3,
    /// `verify` found that the target does not hold what its log says.
    Violation = 4,
    /// A second signal stopped it at once.
    Interrupted = 130,
}

/// The codes for the help of every command and for the docs.
pub const EXIT_CODES: &[(Exit, &str)] = &[
    (Exit::Done, "done"),
    (Exit::Failed, "failed; the message says what to do"),
    (
        Exit::Usage,
        "the command line or a configuration file is wrong; nothing was done",
    ),
    (
        Exit::Fenced,
        "another process has taken the source over; this one changed nothing since",
    ),
    (
        Exit::Violation,
        "verify: the target does not hold what its log says",
    ),
    (
        Exit::Interrupted,
        "stopped at once by a second signal; the next run goes on exactly",
    ),
];

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// The stable code of the error.
    pub code: &'static str,
    /// What happened and what to do next.
    pub message: String,
}

/// A failure as `--json` prints it, on the last line of standard output.
#[derive(Serialize)]
struct FailureJson<'f> {
    event: &'static str,
    code: &'f str,
    message: &'f str,
    exit_code: u8,
}

impl Failure {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Failed,
            code,
            message: message.into(),
        }
    }

    /// Shows it: for people on standard error, for programs on standard output.
    pub fn show(&self, json: bool) {
        if json {
            let shown = FailureJson {
                event: "error",
                code: self.code,
                message: &self.message,
                exit_code: self.exit as u8,
            };
            super::output::json_line(&shown);
        }
        if self.message.starts_with("error[") {
            // The problems of a configuration file carry their codes themselves.
            eprintln!("{}", self.message);
        } else {
            eprintln!("error[{}]: {}", self.code, self.message);
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self {
            exit: Exit::Usage,
            code: error.code(),
            message: error.to_string(),
        }
    }
}
