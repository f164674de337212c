//! Writes one report of each sort into a folder, to be looked at: `cargo run --example html_gallery -- FOLDER`.

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/html/sample.rs"]
mod sample;

use std::{fs::File, path::PathBuf};

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    for (name, sample) in [
        ("rich", sample::rich()),
        ("conformant", sample::conformant()),
        ("unsealed", sample::unsealed()),
        ("rounds-50", sample::many_rounds(50)),
        ("rounds-1000", sample::many_rounds(1000)),
        ("hostile", sample::hostile()),
        ("large", sample::large(10, 500, 97)),
    ] {
        let mut file = File::create(folder.join(format!("{name}.html")))?;
        levelfield_reports::html::write(&sample.record, &sample.evidence, &mut file)?;
    }
    Ok(())
}
