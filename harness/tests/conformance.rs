//! The behaviours of the two embedded clouds that are conformant, as trials of this very test run. `LEVELFIELD_CONFIG` names other targets.

use std::{io::Write as _, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let conformant = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance.yaml");
    match levelfield::libtest::main_on(&conformant) {
        Ok(conclusion) => conclusion.exit_code(),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}
