//! What a person sees for each kind of mistake.

#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

use std::{collections::BTreeMap, fmt::Write as _};

use levelfield_yaml::{MAX_BYTES, YamlSource, read_file, read_str};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[allow(dead_code, reason = "only the reading is of interest")]
struct Config {
    name: String,
    #[serde(default)]
    targets: Vec<Target>,
    #[serde(default)]
    limits: BTreeMap<String, u32>,
    #[serde(default)]
    strict: bool,
    #[serde(default)]
    source: Option<Source>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[allow(dead_code, reason = "only the reading is of interest")]
struct Target {
    name: String,
    r#use: Use,
    #[serde(default)]
    level: Level,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[allow(dead_code, reason = "only the reading is of interest")]
struct Use {
    flavor: Option<String>,
    image: Option<String>,
    network: Option<String>,
    port: Option<u16>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Level {
    #[default]
    Core,
    Extended,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "kebab-case")]
#[allow(dead_code, reason = "only the reading is of interest")]
enum Source {
    File { path: String },
    Web { url: String, retries: u32 },
}

const BAD: &[(&str, &str)] = &[
    ("broken: colon in a plain value", "name: one: two\n"),
    ("broken: bracket not closed", "name: one\ntargets: [1, 2\nlimits: {}\n"),
    ("broken: list item out of place", "name: one\ntargets:\n  - name: a\n - name: b\n"),
    ("broken: quote not closed", "name: \"one\nstrict: true\n"),
    ("broken: first character", "@name: one\n"),
    ("tabs", "name: one\nlimits:\n\tnodes: 3\n"),
    ("unknown key", "name: one\ncolour: red\n"),
    ("unknown key: a typo", "name: one\ntargets:\n  - name: a\n    use:\n      image: debian\n      flavour: small\n"),
    ("unknown key: underscore", "name: one\ntargets:\n  - {name: a, use: {Flavor: small}}\n"),
    ("unknown key named as its parent", "name: one\ntargets:\n  - name: a\n    use: {use: 1}\n"),
    ("unknown value", "name: one\ntargets:\n  - name: a\n    use: {}\n    level: extend\n"),
    ("wrong type: text for a number", "name: one\nlimits:\n  nodes: three\n"),
    ("wrong type: number too large", "name: one\ntargets:\n  - name: a\n    use:\n      port: 70000\n"),
    ("wrong type: yes", "name: one\nstrict: yes\n"),
    ("wrong type: list for text", "name: [one]\n"),
    ("wrong type: text for a list", "name: one\ntargets: a\n"),
    ("no mistake: nothing is an empty list", "name: one\ntargets:\n"),
    ("wrong type: the whole file", "- name: one\n"),
    ("missing key", "strict: true\n"),
    ("missing key, deep", "name: one\ntargets:\n  - name: a\n    use: {}\n  - use: {}\n"),
    ("duplicate key", "name: one\nstrict: true\nname: two\n"),
    ("duplicate key in a map", "name: one\nlimits:\n  nodes: 1\n  keys: 2\n  nodes: 3\n"),
    ("tagged: unknown tag", "name: one\nsource:\n  kind: webb\n  url: x\n"),
    ("tagged: unknown key", "name: one\nsource:\n  kind: web\n  url: x\n  retry: 3\n"),
    ("tagged: missing key", "name: one\nsource:\n  kind: web\n  url: x\n"),
    ("tagged: wrong type", "name: one\nsource:\n  kind: web\n  url: x\n  retries: often\n"),
    ("two documents", "name: one\n---\nname: two\n"),
    ("unknown anchor", "name: *one\n"),
    ("empty file", ""),
    ("only comments", "# nothing\n\n"),
    ("control character", "name: a\u{1b}[31mb\n"),
    ("terminal tricks in a key", "name: a\n\"b\\e[31m\\u202e\": 1\n"),
    ("windows line ends", "name: one\r\ncolor: red\r\n"),
    ("byte order mark", "\u{feff}nam: one\n"),
    ("wide characters before the mistake", "name: one\ntargets: [{name: \"größe→\", use: {flavour: x}}]\n"),
];

fn error_of(text: &str) -> String {
    match read_str::<Config>("levelfield.yaml", text) {
        Ok(config) => format!("no error: {config:?}"),
        Err(error) => error.to_string(),
    }
}

fn table(rows: impl IntoIterator<Item = (String, String)>) -> String {
    let mut out = String::new();
    for (title, shown) in rows {
        writeln!(out, "== {title}\n{shown}\n").unwrap();
    }
    out
}

#[test]
fn mistakes_in_texts() {
    insta::assert_snapshot!(table(BAD.iter().map(|(title, text)| ((*title).to_owned(), error_of(text)))));
}

/// Nine levels of nine aliases each: 387 million strings if anyone expanded them.
fn alias_bomb() -> String {
    let mut text = "name: &a0 lol\n".to_owned();
    for level in 1..=9 {
        let items = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(text, "k{level}: &a{level} [{items}]").unwrap();
    }
    text
}

#[test]
fn hostile_texts() {
    let deep = "[".repeat(100_000);
    let long_key = format!("name: one\n{}: 1\n", "k".repeat(2000));
    let late = format!("{{name: one, limits: {{a: 1, nodes: x, {}: 1}}}}", "c".repeat(300));
    let oversize = "#".repeat(MAX_BYTES + 1);
    let rows = [
        ("alias bomb", alias_bomb()),
        ("100,000 open brackets", deep),
        ("100,000 open braces", "{a: ".repeat(100_000)),
        ("100,000 nested items", "- ".repeat(100_000)),
        ("200 open brackets", "[".repeat(200)),
        ("long key", long_key),
        ("mistake within a long line", late),
        ("oversize", oversize),
    ];
    let begun = std::time::Instant::now();
    let shown = table(rows.into_iter().map(|(title, text)| (title.to_owned(), error_of(&text))));
    assert!(begun.elapsed().as_secs() < 30, "hostile texts took {:?}", begun.elapsed());
    insta::assert_snapshot!(shown);
}

#[test]
fn mistakes_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let rows = [
        ("not UTF-8", file("latin1.yaml", b"name: one\nlimits: {gr\xf6\xdfe: 1}\n")),
        ("oversize", file("big.yaml", &vec![b'#'; MAX_BYTES + 1])),
        ("binary", file("binary.yaml", b"\x7fELF\x02\x01\x01\0\0\0")),
        ("a folder", folder.path().to_owned()),
        ("not there", folder.path().join("absent.yaml")),
    ];
    let shown = rows.into_iter().map(|(title, path)| {
        let error = read_file::<Config>(&path).unwrap_err().to_string();
        (title.to_owned(), error.replace(&folder.path().display().to_string(), "FOLDER"))
    });
    insta::assert_snapshot!(table(shown));
}

const GOOD: &str = "\
name: one
targets:
  - name: a
    use:
      flavor: small
  - name: b
    use: {}
";

#[test]
fn mistakes_found_after_parsing() {
    let source = YamlSource::new("levelfield.yaml", GOOD);
    source.parse::<Config>().unwrap();
    let none: [&str; 0] = [];
    let rows = [
        ("a value", source.error_at("targets[0].use.flavor", "no flavor is named so", ["smal", "big"])),
        ("a mapping", source.error_at("targets[1]", "needs a network", none)),
        ("something absent", source.error_at("targets[1].use.network", "needs a network", none)),
        ("a key", source.error_at_key("targets[0].use", "not for this provider", ["user", "zone"])),
    ];
    insta::assert_snapshot!(table(rows.into_iter().map(|(title, error)| (title.to_owned(), error.to_string()))));
}

#[test]
fn mistakes_in_parts_read_later() {
    let source =
        YamlSource::new("suite.yaml", "behaviors:\n  - id: a\n    expect:\n      flavour: small\n      port: high\n");
    let rows = [
        ("unknown key", source.parse_at::<Use>("behaviors[0].expect").unwrap_err()),
        ("wrong type", source.parse_at::<BTreeMap<String, u32>>("behaviors[0].expect").unwrap_err()),
        ("missing", source.parse_at::<Config>("behaviors[0].absent").unwrap_err()),
    ];
    assert!(source.parse_at::<Use>("behaviors[0].absent").is_ok());
    insta::assert_snapshot!(table(rows.into_iter().map(|(title, error)| (title.to_owned(), error.to_string()))));
}

#[test]
fn the_parts_are_there_for_tools() {
    let error =
        read_str::<Config>("levelfield.yaml", "name: one\ntargets: [{name: a, use: {flavour: x}}]\n").unwrap_err();
    let position = error.position.unwrap();
    assert_eq!((error.file.as_str(), position.line, position.column), ("levelfield.yaml", 2, 27));
    assert_eq!(error.path.to_string(), "targets[0].use.flavour");
    assert_eq!(error.candidates, ["flavor", "image", "network", "port"]);
    assert_eq!(error.meant(), Some("flavor"));
}

/// Bytes that look like YAML more often than noise does.
fn yamlish() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("name".to_owned()),
        Just("targets".to_owned()),
        Just(": ".to_owned()),
        Just("\n".to_owned()),
        Just("  ".to_owned()),
        Just("- ".to_owned()),
        "[\\[\\]{},&*!|>'\"%@`#?a\t\r]",
        any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop_oneof![proptest::collection::vec(any::<u8>(), 0..200), yamlish()], path in ".{0,12}") {
        let none: [&str; 0] = [];
        match YamlSource::from_bytes("any.yaml", bytes) {
            Ok(source) => {
                if let Err(error) = source.parse::<Config>() {
                    let _ = error.to_string();
                }
                let _ = source.error_at(path.clone(), "wrong", none).to_string();
                let _ = source.error_at_key(path, "wrong", none).to_string();
            }
            Err(error) => prop_assert!(error.to_string().starts_with("any.yaml")),
        }
    }
}
