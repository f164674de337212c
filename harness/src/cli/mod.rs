//! The command line: reads arguments, calls one command, and turns what comes back into an exit code.

mod args;
mod failure;
mod judge;
mod output;
mod reap;
mod report;
mod run;
mod show;
mod sim;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

pub use args::{Cli, Command};
use failure::Failure;
use levelfield_reports::overall::Outcome;
use output::Output;

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors to clap either: both print to standard output.
            let _ = error.print();
            let code = if error.use_stderr() { Outcome::Usage.exit_code() } else { 0 };
            return ExitCode::from(code);
        }
    };
    levelfield_kit::open_files::raise_limit();
    let mut output = Output::new(cli.color);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&mut output, &Failure::usage(error)),
    };
    let code = match runtime.block_on(dispatch(cli, &mut output)) {
        Ok(outcome) => ExitCode::from(outcome.exit_code()),
        Err(failure) => fail(&mut output, &failure),
    };
    // Blocking tasks that wait for a peer that never answers must not hold the exit.
    runtime.shutdown_background();
    code
}

fn fail(output: &mut Output, failure: &Failure) -> ExitCode {
    output.error(failure);
    ExitCode::from(failure.outcome().exit_code())
}

async fn dispatch(cli: Cli, output: &mut Output) -> Result<Outcome, Failure> {
    let config = cli.config.as_deref();
    match cli.command {
        Command::Run(args) => run::run(&args, config, output).await,
        Command::Plan(args) => run::plan(&args, config, output).await,
        Command::Resume(args) => run::resume(&args, output).await,
        Command::Reap(args) => reap::reap(&args, config, output).await,
        Command::List(args) => show::list(&args, output),
        Command::Explain(args) => show::explain(&args, output),
        Command::Standard(args) => show::standard(&args, output),
        Command::Target(args) => show::target(&args, config, output).await,
        Command::Judge(args) => judge::judge(&args, output),
        Command::Report(args) => report::report(&args, output),
        Command::Compare(args) => report::compare(&args, output),
        Command::Merge(args) => report::merge(&args, output),
        Command::Baseline(args) => report::baseline(&args, output),
        Command::Schema(args) => show::schema(&args, output),
        Command::Sim(args) => sim::sim(&args, output).await,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "levelfield", &mut std::io::stdout());
            Ok(Outcome::Good)
        }
        Command::Man { out } => show::man(&out, output),
    }
}
