//! The pass that adds what the base writer cannot write.

use std::io;

use quick_xml::{
    Reader, Writer, XmlVersion,
    events::{BytesEnd, BytesStart, BytesText, Event},
};
use time::macros::format_description;

use super::case::Other;
use crate::{
    record::{Record, TargetRecord},
    sanitize,
};

/// What is added to a file.
pub(super) struct Extra {
    name: String,
    timestamp: String,
    properties: Vec<(String, String)>,
    suites: Vec<SuiteExtra>,
}

/// What is added to a `testsuite`.
pub(super) struct SuiteExtra {
    pub(super) skipped: usize,
    /// The attempts to add to each case.
    pub(super) cases: Vec<Vec<Other>>,
}

impl Extra {
    /// What `record` and `target` say in every suite.
    pub(super) fn of(record: &Record, target: &TargetRecord, suites: Vec<SuiteExtra>) -> Self {
        // UTC without a zone: readers disagree about zones.
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
        let timestamp = record.started.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default();
        let run = &record.run;
        let mut properties = vec![
            ("levelfield.run", run.id.clone()),
            ("levelfield.version", run.version.clone()),
            ("levelfield.guideline", run.guideline.clone()),
            ("levelfield.guideline-sha256", run.guideline_sha256.clone()),
            ("levelfield.profile", run.profile.clone()),
            ("levelfield.selection", run.selection.clone()),
            ("levelfield.complete", record.is_sealed().to_string()),
            ("levelfield.target", target.name.clone()),
            ("levelfield.provider", target.provider.clone()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect::<Vec<_>>();
        for (name, value) in target.fingerprint.iter().flat_map(|f| &f.facts) {
            properties.push((format!("levelfield.fingerprint.{name}"), value.clone()));
        }
        for (name, value) in &mut properties {
            *name = sanitize::line(name).into_owned();
            *value = sanitize::short_line(value, 500).into_owned();
        }
        Self { name: format!("levelfield {}", sanitize::line(&target.name)), timestamp, properties, suites }
    }
}

/// The counts of a file or a suite.
#[derive(Default)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    seconds: f64,
}

/// Adds `extra` to `plain`, which the base writer wrote.
pub(super) fn finish(plain: &[u8], extra: &Extra) -> io::Result<Vec<u8>> {
    let text = std::str::from_utf8(plain).map_err(io::Error::other)?;
    let mut reader = Reader::from_str(text);
    let mut out = Writer::new(Vec::with_capacity(plain.len() + plain.len() / 8));
    let mut suites = extra.suites.iter();
    let mut cases = [].iter();
    // The attempts that the open case still lacks.
    let mut lacking: &[Other] = &[];
    loop {
        match reader.read_event().map_err(io::Error::other)? {
            Event::Eof => return Ok(out.into_inner()),
            Event::Start(tag) if tag.name().as_ref() == "testsuites" => {
                out.write_event(Event::Start(root(text, extra)?))?;
            }
            Event::Empty(tag) if tag.name().as_ref() == "testsuites" => {
                out.write_event(Event::Empty(root(text, extra)?))?;
            }
            Event::Start(tag) if tag.name().as_ref() == "testsuite" => {
                newline(&mut out)?;
                let (added, rest) = match suites.next() {
                    Some(suite) => (suite.skipped, suite.cases.iter()),
                    None => (0, [].iter()),
                };
                cases = rest;
                out.write_event(Event::Start(suite(&tag, added, &extra.timestamp)?))?;
                properties(&mut out, &extra.properties)?;
            }
            Event::Start(tag) if tag.name().as_ref() == "testcase" => {
                newline(&mut out)?;
                lacking = cases.next().map_or(&[], Vec::as_slice);
                out.write_event(Event::Start(testcase(&tag)?))?;
            }
            Event::Empty(tag) if tag.name().as_ref() == "testcase" => {
                newline(&mut out)?;
                let lacking = cases.next().map_or(&[] as &[Other], Vec::as_slice);
                let tag = testcase(&tag)?;
                if lacking.is_empty() {
                    out.write_event(Event::Empty(tag))?;
                } else {
                    out.write_event(Event::Start(tag))?;
                    attempts(&mut out, lacking)?;
                    out.write_event(Event::End(BytesEnd::new("testcase")))?;
                }
            }
            Event::Start(tag) if tag.name().as_ref() == "system-out" => {
                attempts(&mut out, std::mem::take(&mut lacking))?;
                out.write_event(Event::Start(tag))?;
            }
            Event::End(tag) if tag.name().as_ref() == "testcase" => {
                attempts(&mut out, std::mem::take(&mut lacking))?;
                out.write_event(Event::End(tag))?;
            }
            Event::End(tag) if matches!(tag.name().as_ref(), "testsuite" | "testsuites") => {
                newline(&mut out)?;
                out.write_event(Event::End(tag))?;
            }
            event => out.write_event(event)?,
        }
    }
}

fn newline(out: &mut Writer<Vec<u8>>) -> io::Result<()> {
    out.write_event(Event::Text(BytesText::from_escaped("\n")))
}

/// The root, with the sums of all suites.
fn root(text: &str, extra: &Extra) -> io::Result<BytesStart<'static>> {
    let mut sum = Counts::default();
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event().map_err(io::Error::other)? {
            Event::Eof => break,
            Event::Start(tag) if tag.name().as_ref() == "testsuite" => {
                let counts = counts(&tag)?;
                sum.tests += counts.tests;
                sum.failures += counts.failures;
                sum.errors += counts.errors;
                sum.seconds += counts.seconds;
            }
            _ => {}
        }
    }
    let skipped: usize = extra.suites.iter().map(|s| s.skipped).sum();
    Ok(BytesStart::new("testsuites").with_attributes([
        ("name", extra.name.as_str()),
        ("tests", &sum.tests.to_string()),
        ("failures", &sum.failures.to_string()),
        ("errors", &sum.errors.to_string()),
        ("skipped", &skipped.to_string()),
        ("time", &format!("{:.3}", sum.seconds)),
    ]))
}

fn suite(tag: &BytesStart<'_>, skipped: usize, timestamp: &str) -> io::Result<BytesStart<'static>> {
    let counts = counts(tag)?;
    Ok(BytesStart::new("testsuite").with_attributes([
        ("name", value(tag, "name")?.as_str()),
        ("tests", &counts.tests.to_string()),
        ("failures", &counts.failures.to_string()),
        ("errors", &counts.errors.to_string()),
        ("skipped", &skipped.to_string()),
        ("time", &format!("{:.3}", counts.seconds)),
        ("timestamp", timestamp),
        ("hostname", &value(tag, "hostname")?),
    ]))
}

fn testcase(tag: &BytesStart<'_>) -> io::Result<BytesStart<'static>> {
    Ok(BytesStart::new("testcase").with_attributes([
        ("name", value(tag, "name")?.as_str()),
        ("classname", &value(tag, "classname")?),
        ("time", &format!("{:.3}", number(tag, "time")?)),
    ]))
}

fn counts(tag: &BytesStart<'_>) -> io::Result<Counts> {
    let count = |name| value(tag, name)?.parse().map_err(io::Error::other);
    Ok(Counts {
        tests: count("tests")?,
        failures: count("failures")?,
        errors: count("errors")?,
        seconds: number(tag, "time")?,
    })
}

fn number(tag: &BytesStart<'_>, name: &str) -> io::Result<f64> {
    value(tag, name)?.parse().map_err(io::Error::other)
}

/// An attribute's value; empty if there is none.
fn value(tag: &BytesStart<'_>, name: &str) -> io::Result<String> {
    let Some(attribute) = tag.try_get_attribute(name).map_err(io::Error::other)? else { return Ok(String::new()) };
    Ok(attribute.normalized_value(XmlVersion::Implicit1_0).map_err(io::Error::other)?.into_owned())
}

fn properties(out: &mut Writer<Vec<u8>>, properties: &[(String, String)]) -> io::Result<()> {
    newline(out)?;
    out.create_element("properties").write_inner_content(|out| {
        for (name, value) in properties {
            out.create_element("property")
                .with_attributes([("name", name.as_str()), ("value", value.as_str())])
                .write_empty()?;
        }
        Ok(())
    })?;
    Ok(())
}

fn attempts(out: &mut Writer<Vec<u8>>, attempts: &[Other]) -> io::Result<()> {
    for attempt in attempts {
        let time = format!("{:.3}", attempt.seconds.max(0.0));
        out.create_element(attempt.element)
            .with_attributes([
                ("message", attempt.message.as_str()),
                ("type", attempt.kind.as_str()),
                ("time", time.as_str()),
            ])
            .write_inner_content(|out| {
                out.create_element("stackTrace").write_text_content(BytesText::new(&attempt.message))?;
                Ok(())
            })?;
    }
    Ok(())
}
