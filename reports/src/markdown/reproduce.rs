//! The command line that asks a target the same question again.

use crate::{record::Record, sanitize};

/// The command that asks the same question again.
pub fn reproduce(record: &Record) -> String {
    let run = &record.run;
    let word = |text: &str| {
        let text = sanitize::line(text).into_owned();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@".contains(c);
        if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
    };
    let mut command = "levelfield run".to_owned();
    for target in &record.targets {
        command.push_str(" --target ");
        command.push_str(&word(&target.name));
    }
    command.push_str(" --profile ");
    command.push_str(&word(&run.profile));
    if run.selection != "all()" {
        command.push_str(" --filter ");
        command.push_str(&word(&run.selection));
    }
    if run.rounds > 1 {
        command.push_str(" --repeat ");
        command.push_str(&run.rounds.to_string());
    }
    if let Some(partition) = &run.partition {
        command.push_str(" --partition ");
        command.push_str(&word(partition));
    }
    command
}
