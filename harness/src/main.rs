//! The `levelfield` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    levelfield::cli::main()
}
