//! What the command line takes.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Simulates serverless platforms: fast, exactly, and the same on every machine.
#[derive(Debug, Parser)]
#[command(name = "isotherm", version, arg_required_else_help = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run an experiment and show what happened.
    Run(RunArguments),
    /// Check that the dates of a folder of scenarios are those of the reference.
    Conform(ConformArguments),
}

/// `isotherm run`
#[derive(Debug, Args)]
pub struct RunArguments {
    /// The experiment (TOML).
    pub file: PathBuf,
    /// Where the results go [default: results/NAME].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Use this seed instead of the file's.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Print nothing but errors.
    #[arg(long, conflicts_with = "json")]
    pub quiet: bool,
    /// Print the summary as JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// `isotherm conform`
#[derive(Debug, Args)]
pub struct ConformArguments {
    /// The folder of scenarios.
    pub folder: PathBuf,
    /// Print how long each scenario took.
    #[arg(long)]
    pub times: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }
}
