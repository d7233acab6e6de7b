//! Asking before something goes that nobody brings back.

use std::io::{BufRead, IsTerminal, Write};

use super::Failure;

/// Asks on the terminal; `yes` answers for whoever has said so before.
pub fn confirm(question: &str, yes: bool, json: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let not_confirmed = |message: &str| Err(Failure::new("cli.not_confirmed", message));
    if json || !std::io::stdin().is_terminal() {
        return not_confirmed(
            "nothing was done: this asks before it deletes. Run it in a terminal, or say --yes",
        );
    }
    eprint!("{question} [y/N] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    // An answer that cannot be read is no.
    let _ = std::io::stdin().lock().read_line(&mut answer);
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => not_confirmed("nothing was done"),
    }
}
