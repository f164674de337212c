//! The HTML report: whole, safe, self-contained, honest about what it leaves out, and fast.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod sample;

use std::{collections::HashSet, time::Instant};

use levelfield_reports::html::{self, Limits, NoEvidence};
use quick_xml::{Reader, events::Event};
use sample::Sample;

fn page(sample: &Sample) -> String {
    let mut out = Vec::new();
    html::write(&sample.record, &sample.evidence, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn page_within(sample: &Sample, limits: &Limits) -> String {
    let mut out = Vec::new();
    html::write_within(&sample.record, &sample.evidence, limits, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Every sort of page that there is.
fn pages() -> Vec<(&'static str, String)> {
    vec![
        ("rich", page(&sample::rich())),
        ("conformant", page(&sample::conformant())),
        ("unsealed", page(&sample::unsealed())),
        ("50 rounds", page(&sample::many_rounds(50))),
        ("hostile", page(&sample::hostile())),
        ("large", page(&sample::large(45, 60, 7))),
        ("cut", page_within(&sample::large(45, 60, 7), &tight())),
        ("empty", {
            let mut sample = sample::conformant();
            sample.record.targets.clear();
            sample.record.behaviors.clear();
            page(&sample)
        }),
    ]
}

fn tight() -> Limits {
    Limits {
        evidence_item: 10,
        evidence_total: 100,
        full_failures: 20,
        full_passes: 0,
        lines: 30,
        matrix_cells: 200,
        columns: 5,
        strip: 3,
        attempts: 1,
        rows: 4,
    }
}

/// The page's elements in order: name and attributes. Fails where the page is not well-formed.
fn elements(page: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut reader = Reader::from_str(page);
    let mut elements = Vec::new();
    let mut open = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(element) => {
                open.push(element.name().as_ref().to_owned());
                elements.push(attributes(&element));
            }
            Event::Empty(element) => elements.push(attributes(&element)),
            Event::End(element) => assert_eq!(open.pop().as_deref(), Some(element.name().as_ref())),
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(open.is_empty(), "not closed: {open:?}");
    elements
}

fn attributes(element: &quick_xml::events::BytesStart<'_>) -> (String, Vec<(String, String)>) {
    let attributes = element
        .attributes()
        .map(|attribute| {
            let attribute = attribute.unwrap();
            (attribute.key.as_ref().to_owned(), attribute.value.to_string())
        })
        .collect();
    (element.name().as_ref().to_owned(), attributes)
}

#[test]
fn every_page_is_well_formed_and_its_links_lead_somewhere() {
    for (name, page) in pages() {
        let elements = elements(&page);
        let all = |key: &str| -> Vec<&str> {
            elements.iter().flat_map(|(_, a)| a).filter(|(k, _)| k == key).map(|(_, v)| v.as_str()).collect()
        };
        let ids: HashSet<&str> = all("id").into_iter().collect();
        assert_eq!(ids.len(), all("id").len(), "{name}: an id is there twice");
        for link in all("href").iter().filter_map(|href| href.strip_prefix('#')) {
            assert!(ids.contains(link), "{name}: nothing is at #{link}");
        }
        for label in all("aria-labelledby") {
            assert!(ids.contains(label), "{name}: nothing is called {label}");
        }
    }
}

#[test]
fn no_page_reaches_out() {
    for (name, page) in pages() {
        for (element, attributes) in elements(&page) {
            for (key, value) in attributes {
                assert!(
                    !matches!(key.as_str(), "src" | "srcset" | "data" | "poster" | "action" | "background" | "style"),
                    "{name}: {element} has {key}"
                );
                assert!(!key.starts_with("on"), "{name}: {element} has {key}");
                if key == "href" && !value.starts_with('#') {
                    assert_eq!(element, "a", "{name}");
                    assert!(value.starts_with("https://") || value.starts_with("http://"), "{name}: {value}");
                }
            }
            assert!(
                !matches!(element.as_str(), "link" | "img" | "iframe" | "object" | "embed" | "base"),
                "{name}: {element}"
            );
        }
        assert!(!page.contains("url(") && !page.contains("@import"), "{name}");
        assert!(page.contains("default-src 'none'"), "{name}");
    }
}

#[test]
fn hostile_text_stays_text() {
    let page = page(&sample::hostile());
    let scripts = elements(&page).iter().filter(|(name, _)| name == "script").count();
    assert_eq!(scripts, 1);
    assert_eq!(page.matches("</script>").count(), 1);
    assert_eq!(page.matches("</style>").count(), 1);
    assert!(page.contains("&lt;/script&gt;"));
    let forbidden =
        |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c) || c == '\u{ffff}';
    assert_eq!(page.find(forbidden), None);
}

#[test]
fn script_and_style_are_xml_too() {
    for text in [include_str!("../../src/html/script.js"), include_str!("../../src/html/style.css")] {
        assert!(!text.contains(['<', '&']));
    }
}

/// The headline with its class.
fn headline(page: &str) -> (String, String) {
    let after = |mark: &str, end: char| {
        let from = page.find(mark).unwrap() + mark.len();
        page[from..].split(end).next().unwrap().to_owned()
    };
    (after("<header class=\"masthead ", '"'), after("<h1><span>", '<'))
}

#[test]
fn the_headline_says_it_and_only_a_sealed_whole_run_is_green() {
    let said = |sample: &Sample| headline(&page(sample));
    let pair = |class: &str, words: &str| (class.to_owned(), words.to_owned());
    assert_eq!(said(&sample::conformant()), pair("pass", "conformant"));
    assert_eq!(said(&sample::rich()), pair("fail", "not conformant"));
    assert_eq!(said(&sample::unsealed()), pair("inconclusive", "incomplete"));
    let mut part = sample::conformant();
    part.record.run.selection = "suite(login)".into();
    assert_eq!(said(&part), pair("part", "the selected part passes"));
    let mut cut_short = sample::conformant();
    cut_short.record.status = levelfield_reports::record::RunStatus::Incomplete;
    let text = page(&cut_short);
    assert_eq!(headline(&text), pair("inconclusive", "incomplete"));
    assert!(text.contains("class=\"unsealed\"") && !text.contains("standing pass"));
}

#[test]
fn the_signature_has_a_word_for_every_target() {
    let page = page(&sample::rich());
    for (target, marks) in [
        ("aws-like", ["YES"; 8]),
        ("openstack-common", ["YES", "YES", "NO", "YES", "NO", "PARTIAL", "PARTIAL", "YES"]),
        ("openstack-good", ["YES"; 8]),
    ] {
        let cell = format!("<td data-label=\"{target}\">");
        let cells = page.split(&cell).skip(1);
        let words: Vec<&str> =
            cells.map(|cell| cell.split("</span>").next().unwrap().rsplit('>').next().unwrap()).collect();
        assert_eq!(words, marks, "{target}");
    }
}

#[test]
fn differences_set_off_the_words_that_differ() {
    let page = page(&sample::rich());
    assert!(page.contains("<td>−</td><td>PasswordAuthentication <em>no</em></td>"));
    assert!(page.contains("<td>+</td><td>PasswordAuthentication <em>yes</em></td>"));
    assert!(page.contains("<td> </td><td>KbdInteractiveAuthentication no</td>"));
}

#[test]
fn evidence_is_one_click_away_or_named() {
    let sample = sample::rich();
    let embedded = page(&sample);
    assert!(embedded.contains("&lt;ok&gt; &amp; fine"));
    let mut out = Vec::new();
    html::write(&sample.record, &NoEvidence, &mut out).unwrap();
    let named = String::from_utf8(out).unwrap();
    let hash = &sample.record.targets[0].results[0].attempts[0].readings[0].evidence;
    assert!(named.contains(&format!("evidence/{hash}.json")));
    assert!(!named.contains("<details class=\"evidence\""));
}

#[test]
fn what_is_left_out_is_stated() {
    let page = page_within(&sample::large(45, 60, 7), &tight());
    for note in [
        "The first 4 of 45 targets are shown",
        "5 of 45 targets are shown here as columns; 40 more are under",
        "are shown. All of them are in the matrix",
        "rows are shown. The others are under “Behaviours”",
        "The page is full: ",
    ] {
        assert!(page.contains(note), "{note}");
    }
    let rounds = page_within(&sample::many_rounds(50), &tight());
    assert!(rounds.contains("The first 3 of 50 attempts are shown. The rate counts them all."));
    assert!(rounds.contains("more attempts are not spelled out here, 12 of them not a pass; run.json has them all."));
}

#[test]
fn rounds_are_a_rate_with_its_interval() {
    let page = page(&sample::many_rounds(50));
    assert!(
        page.contains("<b>37 of 50</b> decided rounds pass (74\u{a0}%); 95 % confidence 60.4\u{a0}% to 84.1\u{a0}%")
    );
}

#[test]
fn the_same_record_gives_the_same_page() {
    assert_eq!(page(&sample::rich()), page(&sample::rich()));
}

#[test]
fn the_text_of_a_small_page() {
    let mut sample = sample::conformant();
    sample.record.targets[0].results.truncate(2);
    let kept: Vec<String> = sample.record.targets[0].results.iter().map(|result| result.id.clone()).collect();
    sample.record.behaviors.retain(|id, _| kept.contains(id));
    let page = page(&sample);
    let main = &page[page.find("<header").unwrap()..page.find("<footer").unwrap()];
    let mut text = String::new();
    for piece in main.split('<').filter_map(|piece| piece.split_once('>')).map(|(_, text)| text.trim()) {
        if !piece.is_empty() {
            text.push_str(piece);
            text.push('\n');
        }
    }
    insta::assert_snapshot!(text);
}

/// Run with `--release -- --ignored`: a debug build is ten times slower.
#[test]
#[ignore = "measures time, and means something in a release build only"]
fn a_hundred_thousand_results_take_two_seconds_at_most() {
    for (targets, behaviors, fail_every) in [(3, 33_334, 97), (1000, 100, 97), (10, 10_000, 1)] {
        let sample = sample::large(targets, behaviors, fail_every);
        let begun = Instant::now();
        let page = page(&sample);
        let took = begun.elapsed();
        println!("{targets} targets, {behaviors} behaviours: {took:?}, {} KiB", page.len() / 1024);
        assert!(took.as_secs_f64() < 2.0, "{took:?}");
        assert!(page.len() < 60 * 1024 * 1024);
    }
    let sample = sample::many_rounds(2000);
    let begun = Instant::now();
    let page = page(&sample);
    println!("128,000 attempts: {:?}, {} KiB", begun.elapsed(), page.len() / 1024);
    assert!(begun.elapsed().as_secs_f64() < 2.0);
}
