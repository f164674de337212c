//! A comparison as text, Markdown, HTML and JSON: one list of tables, four ways to show it.

use std::fmt::Write;

use super::{Changed, Comparison};
use crate::{markdown::escape, sanitize, text::Style};

/// One table: a title, and rows of cells, the first row being the head.
struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Comparison {
    /// For the terminal.
    pub fn to_text(&self, style: Style) -> String {
        let mut out = String::new();
        for table in self.tables() {
            let cell = |text: &str| sanitize::short_line(text, 80).into_owned();
            let rows: Vec<Vec<String>> = table.rows.iter().map(|row| row.iter().map(|c| cell(c)).collect()).collect();
            let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
            let widths: Vec<usize> = (0..columns)
                .map(|i| rows.iter().filter_map(|r| r.get(i)).map(|c| c.chars().count()).max().unwrap_or_default())
                .collect();
            let _ = writeln!(out, "{}", style.bold(&sanitize::short_line(&table.title, 400)));
            // A table of nothing but its head says no more than its title.
            for row in rows.into_iter().take(if table.rows.len() > 1 { usize::MAX } else { 0 }) {
                let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
                let line = cells.collect::<Vec<_>>().join("  ");
                let _ = writeln!(out, "  {}", line.trim_end());
            }
            out.push('\n');
        }
        out
    }

    /// As Markdown.
    pub fn to_markdown(&self) -> String {
        let mut out = "# Comparison\n\n".to_owned();
        for table in self.tables() {
            let _ = writeln!(out, "## {}\n", escape::inline(&table.title));
            for (number, row) in table.rows.iter().enumerate() {
                let cells: Vec<String> = row.iter().map(|c| escape::inline(c)).collect();
                let _ = writeln!(out, "| {} |", cells.join(" | "));
                if number == 0 {
                    let _ = writeln!(out, "|{}", " --- |".repeat(row.len()));
                }
            }
            out.push('\n');
        }
        out
    }

    /// As one HTML page that needs nothing else.
    pub fn to_html(&self) -> String {
        let mut out = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>Levelfield: comparison</title>\n<style>\n\
             :root { color-scheme: light dark }\n\
             body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem }\n\
             div { overflow-x: auto }\n\
             table { border-collapse: collapse }\n\
             th, td { text-align: left; vertical-align: top; padding: .25rem .75rem; border-bottom: 1px solid #8884 }\n\
             </style>\n</head>\n<body>\n<h1>Comparison</h1>\n"
            .to_owned();
        for table in self.tables() {
            let _ = writeln!(out, "<h2>{}</h2>\n<div><table>", html(&table.title));
            for (number, row) in table.rows.iter().enumerate() {
                out.push_str("<tr>");
                for (column, cell) in row.iter().enumerate() {
                    let _ = match (number, column) {
                        (0, _) => write!(out, "<th scope=\"col\">{}</th>", html(cell)),
                        (_, 0) => write!(out, "<th scope=\"row\">{}</th>", html(cell)),
                        _ => write!(out, "<td>{}</td>", html(cell)),
                    };
                }
                out.push_str("</tr>\n");
            }
            out.push_str("</table></div>\n");
        }
        out.push_str("</body>\n</html>\n");
        out
    }

    /// As indented JSON, all of it.
    ///
    /// # Errors
    /// None in practice: every part of a comparison can be JSON.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    fn tables(&self) -> Vec<Table> {
        let mut tables = vec![self.overview(), self.step_table()];
        let different: Vec<_> = self.behaviors.iter().filter(|line| !line.alike).collect();
        let alike = self.behaviors.len() - different.len();
        if !different.is_empty() {
            let rows = different.iter().map(|line| {
                let cells = line.verdicts.iter().map(|v| v.clone().unwrap_or_else(|| "absent".to_owned()));
                std::iter::once(line.id.clone()).chain(cells).collect()
            });
            let title = format!("Verdicts that differ ({alike} others are alike)");
            tables.push(self.table(&title, "behaviour", rows.collect()));
        }
        if !self.stamps.is_empty() {
            let rows = self.stamps.iter().map(|line| {
                let cells = line.medians.iter().map(|m| m.map_or("-".to_owned(), |s| format!("{s:.2}")));
                std::iter::once(line.stamp.title().to_owned()).chain(cells).collect()
            });
            tables.push(self.table("Median seconds from request to", "stamp", rows.collect()));
        }
        if !self.deviations.is_empty() {
            let rows = self.deviations.iter().map(|line| {
                let cells = line.seen.iter().map(|seen| if *seen { "yes" } else { "-" }.to_owned());
                let first = format!("{}: {}", line.behavior, line.pattern);
                std::iter::once(first).chain(cells).collect()
            });
            tables.push(self.table("Deviations", "behaviour and pattern", rows.collect()));
            let rows = self.deviations.iter().map(|l| vec![l.pattern.clone(), l.effect.clone(), l.work_around.clone()]);
            let head = ["pattern", "what it costs automation", "work-around"].map(str::to_owned).to_vec();
            let mut rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
            rows.dedup();
            tables.push(Table { title: "What deviations cost".to_owned(), rows });
        }
        tables.extend(self.change_tables());
        tables
    }

    /// A table with a column for each target.
    fn table(&self, title: &str, first: &str, rows: Vec<Vec<String>>) -> Table {
        let several = self.columns.iter().any(|c| c.run != self.columns[0].run);
        let name = |c: &super::Column| if several { format!("{} ({})", c.target, c.run) } else { c.target.clone() };
        let head = std::iter::once(first.to_owned()).chain(self.columns.iter().map(name)).collect();
        Table { title: title.to_owned(), rows: std::iter::once(head).chain(rows).collect() }
    }

    fn overview(&self) -> Table {
        let head = ["target", "provider", "run", "guideline", "standing"].map(str::to_owned).to_vec();
        let rows = self.columns.iter().map(|c| {
            vec![c.target.clone(), c.provider.clone(), c.run.clone(), c.guideline.clone(), c.standing.to_owned()]
        });
        Table { title: "Compared".to_owned(), rows: std::iter::once(head).chain(rows).collect() }
    }

    fn step_table(&self) -> Table {
        let rows = self.steps.iter().map(|line| {
            let marks = line.marks.iter().map(|mark| mark.word().to_owned());
            std::iter::once(format!("{} {}", line.step, line.title)).chain(marks).collect()
        });
        self.table("The eight steps", "step", rows.collect())
    }

    fn change_tables(&self) -> impl Iterator<Item = Table> {
        self.changes.iter().map(|change| {
            let mut rows = vec![["", "behaviour", "was", "is"].map(str::to_owned).to_vec()];
            let mut list = |what: &str, changed: &[Changed]| {
                rows.extend(
                    changed.iter().map(|c| vec![what.to_owned(), c.behavior.clone(), c.was.clone(), c.now.clone()]),
                );
            };
            list("new failure", &change.new_failures);
            list("fixed", &change.fixed);
            list("changed", &change.other);
            for id in &change.other_evidence {
                let words = [String::new(), "same verdict on other evidence".to_owned()];
                rows.push(["evidence".to_owned(), id.clone()].into_iter().chain(words).collect());
            }
            let quiet = if change.is_quiet() { ": no verdict changed" } else { "" };
            Table { title: format!("{}, from {} to {}{quiet}", change.target, change.from, change.to), rows }
        })
    }
}

/// For the inside of an element.
fn html(text: &str) -> String {
    let text = sanitize::short_line(text, 600);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}
