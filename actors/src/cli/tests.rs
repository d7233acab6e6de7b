//! The command line as a whole: it parses, and its help says what it must.

use clap::CommandFactory;

use super::*;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn the_help_lists_every_exit_code() {
    let help = Cli::command().render_long_help().to_string();
    for (exit, meaning) in EXIT_CODES {
        assert!(
            help.contains(&format!("  {:<5}{meaning}", *exit as u8)),
            "{exit:?}:\n{help}"
        );
    }
}

#[test]
fn every_command_has_an_example_that_parses() {
    for command in Cli::command().get_subcommands() {
        let help = command.clone().render_long_help().to_string();
        let example = help
            .split("Example: ")
            .nth(1)
            .unwrap_or_else(|| panic!("{help}"));
        let example = example.split("\n\n").next().unwrap().split_whitespace();
        if let Err(error) = Cli::try_parse_from(example) {
            panic!("{}: {error}", command.get_name());
        }
    }
}

#[test]
fn wrong_arguments_are_refused() {
    for arguments in [
        &["shardmill"][..],
        &["shardmill", "run"],
        &["shardmill", "verifi", "x"],
    ] {
        let error = Cli::try_parse_from(arguments).unwrap_err();
        assert_eq!(error.exit_code(), Exit::Usage as i32, "{arguments:?}");
    }
}
