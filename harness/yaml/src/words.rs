//! Puts what serde and the YAML parser say into the words of this project.

use crate::path::KeyPath;

/// Said of a text whose lists and mappings stand in each other without end.
pub(crate) const TOO_DEEP: &str = "nested too deeply";

/// What a message says, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// A key that the type does not have.
    UnknownKey { key: String, valid: Vec<String> },
    /// A word that is none of a closed set.
    UnknownValue { word: String, valid: Vec<String> },
    /// A key that the type needs.
    MissingKey(String),
    /// A key that stands twice in one mapping; its name, if it has one.
    Twice(Option<String>),
    /// A value of the wrong type: what was found and what was expected, in serde's words.
    WrongValue { found: String, expected: String },
    /// Something that no line of the file is to blame for.
    WholeFile(&'static str),
    /// Anything else, ready to be shown: the parser's own messages, and those of a type's own checks.
    Other(String),
}

/// Takes `message` apart.
pub(crate) fn read(message: &str) -> Said {
    if let Some((key, valid)) = choice(message, "unknown field `") {
        return Said::UnknownKey { key, valid };
    }
    if let Some((word, valid)) = choice(message, "unknown variant `") {
        return Said::UnknownValue { word, valid };
    }
    if let Some(key) = message.strip_prefix("missing field `").and_then(|m| m.strip_suffix('`')) {
        return Said::MissingKey(key.to_owned());
    }
    if let Some(key) = message.strip_prefix("duplicate field `").and_then(|m| m.strip_suffix('`')) {
        return Said::Twice(Some(key.to_owned()));
    }
    if let Some(entry) = message.strip_prefix("duplicate entry ") {
        let key = entry.strip_prefix("with key ").map(|key| key.trim_matches(['"', '`']).to_owned());
        return Said::Twice(key.or_else(|| (entry == "with null key").then(|| "null".to_owned())));
    }
    for prefix in ["invalid type: ", "invalid value: ", "invalid length "] {
        let parts = message.strip_prefix(prefix).and_then(|rest| rest.rsplit_once(", expected "));
        if let Some((found, expected)) = parts {
            return Said::WrongValue { found: found.to_owned(), expected: expected.to_owned() };
        }
    }
    match message {
        "recursion limit exceeded" => Said::Other(TOO_DEEP.to_owned()),
        "repetition limit exceeded" => Said::WholeFile("aliases repeat too much of the file"),
        "EOF while parsing a value" => Said::WholeFile("nothing in it"),
        other if other.starts_with("deserializing from YAML containing more than one document") => {
            Said::WholeFile("more than one document: remove the `---` between them")
        }
        other => Said::Other(other.to_owned()),
    }
}

/// The wrong word of ``unknown … `word`, expected one of `a`, `b` `` and the valid ones.
fn choice(message: &str, prefix: &str) -> Option<(String, Vec<String>)> {
    let rest = message.strip_prefix(prefix)?;
    let (word, valid) = rest.rsplit_once("`, expected ").or_else(|| rest.rsplit_once("`, there are no "))?;
    // Every second piece between backticks is a name.
    let valid = valid.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    Some((word.to_owned(), valid))
}

/// The sentence for a value of the wrong type.
pub(crate) fn wrong_value(place: &str, found: &str, expected: &str) -> String {
    format!("{place} must be {}, not {}", plain(expected), seen(found))
}

/// What a type expects, for people who don't write Rust.
fn plain(expected: &str) -> String {
    let words = match expected {
        "a string" => "text",
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "a map" => "a mapping of keys to values",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" | "u128" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" | "i128" => "a whole number",
        "f32" | "f64" => "a number",
        "a nonzero u8" | "a nonzero u16" | "a nonzero u32" | "a nonzero u64" | "a nonzero usize" => {
            "a whole number, 1 or more"
        }
        other if other.starts_with("struct ") || other.starts_with("internally tagged enum ") => {
            "a mapping of keys to values"
        }
        other if other.starts_with("enum ") || other == "variant identifier" => "one of a few words",
        other => other,
    };
    words.to_owned()
}

/// What stands in the text instead.
fn seen(found: &str) -> String {
    match found {
        "sequence" => "a list".to_owned(),
        "map" => "a mapping".to_owned(),
        "unit value" | "null" | "Option value" => "nothing".to_owned(),
        other => match other.split_once(' ') {
            Some(("string", text)) => format!("the text {text}"),
            Some(("integer" | "boolean", value)) => value.to_owned(),
            Some(("floating", value)) => value.trim_start_matches("point ").to_owned(),
            _ if other.parse::<usize>().is_ok() => format!("{other} of them"),
            _ => other.to_owned(),
        },
    }
}

/// The message of a parser error without the place that it repeats: `expected ':' at line 3 column 1, while …`.
pub(crate) fn without_place(message: &str, position: Option<(usize, usize)>) -> String {
    let Some((line, column)) = position else { return message.to_owned() };
    message.replacen(&format!(" at line {line} column {column}"), "", 1)
}

/// The message of a parser error without the key path that it begins with.
pub(crate) fn without_path<'m>(message: &'m str, path: &KeyPath) -> &'m str {
    let mut known = path.clone();
    while known.last().is_some() {
        if let Some(rest) = message.strip_prefix(&known.to_string()).and_then(|m| m.strip_prefix(": ")) {
            return rest;
        }
        known = known.parent();
    }
    // The parser writes unknown steps as `?` and never quotes keys; serde's own messages have a space before a colon can come.
    match message.split_once(": ") {
        Some((head, rest)) if !head.contains(' ') && !head.is_empty() => rest,
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_taken_apart() {
        let valid = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        for (message, expected) in [
            ("unknown field `x`, expected `a`", valid(&["a"])),
            ("unknown field `x`, expected `a` or `b`", valid(&["a", "b"])),
            ("unknown field `x`, expected one of `a`, `b`, `c`", valid(&["a", "b", "c"])),
            ("unknown field `x`, there are no fields", valid(&[])),
        ] {
            assert_eq!(read(message), Said::UnknownKey { key: "x".to_owned(), valid: expected }, "{message}");
        }
    }

    #[test]
    fn the_parsers_prefix_goes() {
        let path = KeyPath::from("m.b");
        assert_eq!(without_path("m.b: invalid type: map", &path), "invalid type: map");
        assert_eq!(without_path("m: missing field `x`", &path), "missing field `x`");
        assert_eq!(without_path("invalid type: map", &path), "invalid type: map");
        assert_eq!(without_path("a b.c: odd", &path), "a b.c: odd");
    }
}
