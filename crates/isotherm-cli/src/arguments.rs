//! What the command line takes.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const AFTER_HELP: &str = "\
Begin with:  isotherm run examples/quickstart.toml

Exit codes: 0 done; 1 the simulation could not go on, results could not be written, or not all
scenarios conform; 2 bad input or usage.";

const AFTER_RUN: &str = "\
The results are two files, which appear when they are whole: invocations.csv, one line per invocation
in the order in which they ended, and summary.json, the numbers of the table. An experiment with a
[sweep] is run once for each combination of values, and each run has a folder of its own in DIR.
The same file and seed give the same bytes, on any machine and from any folder.";

const AFTER_CONFORM: &str = "\
FOLDER has scenarios in cases/*.json and the platforms they name beside that folder, as in conformance/.
One line is printed for each scenario that differs: the first date that does, what was expected, what
came out. The last line counts. Exit codes: 0 all conform; 1 some differ; 2 a scenario is broken.";

/// Simulates serverless platforms: fast, exactly, and the same on every machine.
#[derive(Debug, Parser)]
#[command(name = "isotherm", version, arg_required_else_help = true, after_help = AFTER_HELP)]
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
#[command(after_help = AFTER_RUN)]
pub struct RunArguments {
    /// The experiment (TOML); paths in it are relative to it.
    pub file: PathBuf,
    /// Where the results go [default: results/NAME].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Use this seed instead of the file's.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Print nothing but errors: no table, no warnings.
    #[arg(long, conflicts_with = "json")]
    pub quiet: bool,
    /// Print the summary as JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// `isotherm conform`
#[derive(Debug, Args)]
#[command(after_help = AFTER_CONFORM)]
pub struct ConformArguments {
    /// The folder of scenarios.
    pub folder: PathBuf,
    /// Print a line for every scenario, with its wall time.
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
