//! The behaviours as a libtest-compatible executable; see the `libtest` module of the library.

use std::{io::Write as _, process::ExitCode};

fn main() -> ExitCode {
    match levelfield::libtest::main() {
        Ok(conclusion) => conclusion.exit_code(),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}
