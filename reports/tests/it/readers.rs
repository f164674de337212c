//! How the readers of `JUnit` files read them, in small: each by the rules in its own code.

use std::collections::{BTreeMap, HashSet};

use quick_xml::{Reader, XmlVersion, events::Event};

/// An element and what is in it.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) children: Vec<Element>,
    pub(crate) text: String,
}

impl Element {
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|c| c.name == name)
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |c| c.name == name)
    }

    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    pub(crate) fn count(&self, name: &str) -> usize {
        self.attribute(name).parse().unwrap()
    }
}

/// Parses strictly: names match, entities are known, no character that XML 1.0 forbids.
pub(crate) fn parse(xml: &[u8]) -> Element {
    let text = std::str::from_utf8(xml).unwrap();
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}');
    assert!(text.chars().all(allowed));
    let mut reader = Reader::from_str(text);
    let mut stack = vec![Element::default()];
    let open = |tag: &quick_xml::events::BytesStart<'_>| Element {
        name: tag.name().as_ref().to_owned(),
        attributes: tag
            .attributes()
            .map(|a| a.unwrap())
            .map(|a| {
                let value = a.normalized_value(XmlVersion::Implicit1_0).unwrap().into_owned();
                (a.key.as_ref().to_owned(), value)
            })
            .collect(),
        ..Element::default()
    };
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => stack.push(open(&tag)),
            Event::Empty(tag) => stack.last_mut().unwrap().children.push(open(&tag)),
            Event::End(_) => {
                let done = stack.pop().unwrap();
                stack.last_mut().unwrap().children.push(done);
            }
            Event::Text(text) => {
                assert!(!text.contains("]]>"), "XML forbids this in text");
                stack.last_mut().unwrap().text.push_str(&text.xml10_content());
            }
            Event::CData(text) => stack.last_mut().unwrap().text.push_str(&text.xml10_content()),
            Event::GeneralRef(name) => {
                let c = match name.resolve_char_ref().unwrap() {
                    Some(c) => c,
                    None => match &*name.xml10_content() {
                        "lt" => '<',
                        "gt" => '>',
                        "amp" => '&',
                        "quot" => '"',
                        "apos" => '\'',
                        other => panic!("unknown entity {other}"),
                    },
                };
                stack.last_mut().unwrap().text.push(c);
            }
            Event::Decl(_) => {}
            Event::Eof => break,
            other => panic!("unexpected {other:?}"),
        }
    }
    let mut root = stack.pop().unwrap();
    assert!(stack.is_empty() && root.children.len() == 1);
    root.children.pop().unwrap()
}

/// What a reader takes a case for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Passed,
    Failed,
    Error,
    Skipped,
}

/// States by class and name.
pub(crate) type States = BTreeMap<(String, String), State>;

fn key(case: &Element) -> (String, String) {
    (case.attribute("classname").to_owned(), case.attribute("name").to_owned())
}

fn cases(files: &[Element]) -> impl Iterator<Item = &Element> {
    files.iter().flat_map(|root| root.all("testsuite")).flat_map(|suite| suite.all("testcase"))
}

/// Jenkins' junit plugin: `skipped` beats all, a failure or an error is a failure, and a suite that comes twice with one name, id
/// and time is dropped as a duplicate.
pub(crate) fn jenkins(files: &[Element]) -> States {
    let mut seen = HashSet::new();
    let mut states = States::new();
    for suite in files.iter().flat_map(|root| root.all("testsuite")) {
        if !seen.insert((suite.attribute("name"), suite.attribute("id"), suite.attribute("timestamp"))) {
            continue;
        }
        for case in suite.all("testcase") {
            let state = if case.child("skipped").is_some() {
                State::Skipped
            } else if case.child("error").is_some() || case.child("failure").is_some() {
                State::Failed
            } else {
                State::Passed
            };
            states.insert(key(case), state);
        }
    }
    states
}

/// GitLab: the first of failure, error and skipped; later cases of one class and name are dropped.
pub(crate) fn gitlab(files: &[Element]) -> States {
    let mut states = States::new();
    for case in cases(files) {
        let state = if case.child("failure").is_some() {
            State::Failed
        } else if case.child("error").is_some() {
            State::Error
        } else if case.child("skipped").is_some() {
            State::Skipped
        } else {
            State::Passed
        };
        states.entry(key(case)).or_insert(state);
    }
    states
}

/// GitHub's dorny/test-reporter: skipped first, then failure or error.
pub(crate) fn dorny(files: &[Element]) -> States {
    let state = |case: &Element| match () {
        () if case.child("skipped").is_some() => State::Skipped,
        () if case.child("failure").or(case.child("error")).is_some() => State::Failed,
        () => State::Passed,
    };
    cases(files).map(|case| (key(case), state(case))).collect()
}

/// GitHub's mikepenz/action-junit-report: failure or error first, then skipped; more than one `failure` counts more than once.
pub(crate) fn mikepenz(files: &[Element]) -> States {
    let state = |case: &Element| {
        assert!(case.all("failure").count() + case.all("error").count() <= 1);
        match () {
            () if case.child("failure").is_some() => State::Failed,
            () if case.child("error").is_some() => State::Error,
            () if case.child("skipped").is_some() => State::Skipped,
            () => State::Passed,
        }
    };
    cases(files).map(|case| (key(case), state(case))).collect()
}

/// GitHub's `EnricoMi`/publish-unit-test-result-action: the counts come from the suites' attributes, the cases from their elements,
/// and both must agree.
pub(crate) fn enricomi(files: &[Element]) -> States {
    let states = mikepenz(files);
    for root in files {
        let mut sums = [0; 4];
        for suite in root.all("testsuite") {
            let has = |name: &'static str| suite.all("testcase").filter(|c| c.child(name).is_some()).count();
            let counts = [suite.all("testcase").count(), has("failure"), has("error"), has("skipped")];
            for (sum, (count, name)) in
                sums.iter_mut().zip(counts.into_iter().zip(["tests", "failures", "errors", "skipped"]))
            {
                assert_eq!(suite.count(name), count, "{name} of {}", suite.attribute("name"));
                *sum += count;
            }
        }
        assert_eq!(["tests", "failures", "errors", "skipped"].map(|name| root.count(name)), sums);
    }
    states
}
