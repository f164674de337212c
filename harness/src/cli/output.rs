//! The one place that prints, without secrets. A reader that went away (a closed pipe) is no error.

use std::io::{self, IsTerminal as _, Write as _};

use levelfield_reports::{redact::Redactor, text::Style};

use super::{args::Color, failure::Failure};

/// Standard output and standard error.
pub(super) struct Output {
    out: Style,
    err: Style,
    /// In front of everything that is printed; whoever reads a secret tells it.
    pub(super) redactor: Redactor,
}

impl Output {
    pub(super) fn new(color: Color) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let style = |terminal: bool| match color {
            Color::Always => Style::Colored,
            Color::Auto if terminal && !plain => Style::Colored,
            Color::Auto | Color::Never => Style::Plain,
        };
        Self {
            out: style(io::stdout().is_terminal()),
            err: style(io::stderr().is_terminal()),
            redactor: Redactor::default(),
        }
    }

    /// The style of standard output.
    pub(super) fn style(&self) -> Style {
        self.out
    }

    /// Whether progress is shown as a live table.
    pub(super) fn is_live() -> bool {
        io::stderr().is_terminal() && std::env::var_os("CI").is_none()
    }

    /// Prints the result of a command.
    pub(super) fn print(&mut self, text: &str) {
        let text = self.redactor.redact(text);
        let mut out = io::stdout().lock();
        let _ = out.write_all(text.as_bytes());
        if !text.ends_with('\n') {
            let _ = out.write_all(b"\n");
        }
        let _ = out.flush();
    }

    /// Prints something beside the result.
    pub(super) fn note(&mut self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{}", self.redactor.redact(text));
    }

    /// Prints why a command failed.
    pub(super) fn error(&mut self, failure: &Failure) {
        let mut lines = failure.lines().into_iter();
        if let Some(first) = lines.next() {
            self.note(&format!("{} {first}", self.err.bad("error:")));
        }
        for cause in lines {
            self.note(&format!("  caused by: {cause}"));
        }
    }
}
