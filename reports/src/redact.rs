//! Takes secrets out of everything that is written.
//!
//! Every secret is looked for as it is, in base64 (both alphabets, at every offset), URL-encoded and JSON-escaped; each occurrence
//! becomes `[redacted:NAME]`. One redactor stands in front of every sink. With no secrets nothing is looked at.

use std::borrow::Cow;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use serde_json::Value;

/// The shortest secret that is looked for, in bytes: anything shorter would tear harmless text apart.
pub const SHORTEST: usize = 4;

/// The shortest piece of base64 that is looked for, in characters.
const SHORTEST_BASE64: usize = 8;

/// Knows the secrets, and replaces them.
#[derive(Clone, Default)]
pub struct Redactor {
    /// What to look for and what to put there, longest first: a secret may hold another.
    needles: Vec<(String, String)>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the needles.
        f.debug_struct("Redactor").field("needles", &self.needles.len()).finish()
    }
}

impl Redactor {
    /// For these secrets, by name. Those shorter than [`SHORTEST`] are left out.
    pub fn new<N: AsRef<str>, S: AsRef<str>>(secrets: impl IntoIterator<Item = (N, S)>) -> Self {
        let mut redactor = Self::default();
        for (name, secret) in secrets {
            redactor.add(name.as_ref(), secret.as_ref());
        }
        redactor
    }

    /// Knows one secret more. Returns whether it is long enough to be looked for.
    pub fn add(&mut self, name: &str, secret: &str) -> bool {
        if secret.len() < SHORTEST {
            return false;
        }
        // The mask stands inside JSON, XML and URLs.
        let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '_' };
        let mask = format!("[redacted:{}]", name.chars().map(plain).collect::<String>());
        for needle in forms(secret) {
            if !self.needles.iter().any(|(known, _)| *known == needle) {
                self.needles.push((needle, mask.clone()));
            }
        }
        self.needles.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        true
    }

    /// Whether it knows no secret.
    pub fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// `text` without secrets.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for (needle, mask) in &self.needles {
            if let Some(clean) = self.replace(&text, needle, mask) {
                text = Cow::Owned(clean);
            }
        }
        text
    }

    /// `text` with `mask` wherever `needle` stands, unless in a mask: what is redacted twice is to read like what is redacted once, even
    /// if a secret is a word of a mask.
    fn replace(&self, text: &str, needle: &str, mask: &str) -> Option<String> {
        let mut clean = String::new();
        let (mut kept, mut from) = (0, 0);
        while let Some(found) = text[from..].find(needle) {
            let at = from + found;
            if self.is_in_a_mask(text, at, needle) {
                // Another occurrence may begin inside of this one, and end outside of the mask.
                from = at + text[at..].chars().next().map_or(1, char::len_utf8);
                continue;
            }
            clean.push_str(&text[kept..at]);
            clean.push_str(mask);
            (kept, from) = (at + needle.len(), at + needle.len());
        }
        (kept > 0).then(|| clean + &text[kept..])
    }

    fn is_in_a_mask(&self, text: &str, at: usize, needle: &str) -> bool {
        let begins = |mask: &str, offset: usize| {
            at.checked_sub(offset).is_some_and(|start| text.as_bytes()[start..].starts_with(mask.as_bytes()))
        };
        self.needles.iter().any(|(_, mask)| mask.match_indices(needle).any(|(offset, _)| begins(mask, offset)))
    }

    /// Takes secrets out of every string in `value`, keys included.
    pub fn redact_json(&self, value: &mut Value) {
        if self.is_empty() {
            return;
        }
        match value {
            Value::String(text) => {
                if let Cow::Owned(clean) = self.redact(text) {
                    *text = clean;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact_json(item)),
            Value::Object(entries) => {
                let keys: Vec<String> =
                    entries.keys().filter(|key| matches!(self.redact(key), Cow::Owned(_))).cloned().collect();
                for key in keys {
                    if let Some(value) = entries.remove(&key) {
                        entries.insert(self.redact(&key).into_owned(), value);
                    }
                }
                entries.values_mut().for_each(|value| self.redact_json(value));
            }
            Value::Number(number) => {
                if let Cow::Owned(clean) = self.redact(&number.to_string()) {
                    *value = Value::String(clean);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }
}

/// Every form in which a secret may turn up.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned()];
    // A secret with an end of line is often shown without.
    let trimmed = secret.trim();
    if trimmed.len() >= SHORTEST {
        forms.push(trimmed.to_owned());
    }
    forms.push(escaped(secret));
    forms.push(url_encoded(secret, false));
    forms.push(url_encoded(secret, true));
    for offset in 0..3 {
        // The secret inside something longer that was encoded as a whole: the characters that depend on it alone.
        let mut bytes = vec![0; offset];
        bytes.extend_from_slice(secret.as_bytes());
        let first = [0, 2, 3][offset];
        let whole = bytes.len() * 8 / 6;
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let encoded = engine.encode(&bytes);
            if let Some(inner) = encoded.get(first..whole).filter(|inner| inner.len() >= SHORTEST_BASE64) {
                forms.push(inner.to_owned());
            }
        }
    }
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        forms.push(engine.encode(secret));
    }
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// As it stands between the quotes of JSON.
fn escaped(secret: &str) -> String {
    let quoted = Value::String(secret.to_owned()).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// As it stands in a URL: everything encoded that is not unreserved in RFC 3986, with upper-case digits or lower-case ones.
fn url_encoded(secret: &str, lower: bool) -> String {
    use std::fmt::Write;

    let mut out = String::with_capacity(secret.len() * 3);
    for byte in secret.bytes() {
        // Writing to a string can't fail.
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ if lower => drop(write!(out, "%{byte:02x}")),
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_is_found() {
        let secret = "p\"a ss/wörd+\\9";
        let redactor = Redactor::new([("cloud", secret)]);
        for form in [
            secret.to_owned(),
            serde_json::to_string(secret).unwrap(),
            format!("https://x/?p={}", url_encoded(secret, false)),
            format!("Basic {}", STANDARD.encode(format!("admin:{secret}"))),
            STANDARD.encode(secret),
            URL_SAFE.encode(format!("{secret}:x")),
        ] {
            let clean = redactor.redact(&form);
            assert!(clean.contains("[redacted:cloud]"), "{form} -> {clean}");
        }
    }

    #[test]
    fn without_secrets_nothing_is_copied() {
        assert!(matches!(Redactor::default().redact("text"), Cow::Borrowed("text")));
        assert!(!Redactor::default().add("pin", "123"));
    }

    #[test]
    fn the_longer_secret_wins() {
        let redactor = Redactor::new([("short", "abcd"), ("long", "abcdefgh")]);
        assert_eq!(redactor.redact("abcdefgh abcd"), "[redacted:long] [redacted:short]");
    }

    #[test]
    fn a_secret_that_is_a_word_of_a_mask_is_masked_once() {
        let redactor = Redactor::new([("cloud-secret", "secret"), ("key", "redacted")]);
        let mask = "[redacted:cloud-secret]";
        for (text, clean) in [
            ("no secret here", format!("no {mask} here")),
            (mask, mask.to_owned()),
            ("[redacted:secret]", format!("[[redacted:key]:{mask}]")),
            ("[redacted:cloud-secretsecret]", format!("[[redacted:key]:cloud-{mask}{mask}]")),
        ] {
            let once = redactor.redact(text).into_owned();
            assert_eq!(once, clean, "{text}");
            assert_eq!(redactor.redact(&once), once, "{text}, twice");
        }
    }

    #[test]
    fn json_is_cleaned_in_keys_values_and_numbers() {
        let redactor = Redactor::new([("pin", "123456"), ("word", "hunter2")]);
        let mut value = serde_json::json!({"hunter2": ["x hunter2 y", {"n": 123_456}], "n": 7});
        redactor.redact_json(&mut value);
        assert_eq!(
            value,
            serde_json::json!({"[redacted:word]": ["x [redacted:word] y", {"n": "[redacted:pin]"}], "n": 7})
        );
    }

    #[test]
    fn it_does_not_show_what_it_knows() {
        let shown = format!("{:?}", Redactor::new([("word", "hunter2")]));
        assert!(!shown.contains("hunter2"));
    }

    proptest! {
        #[test]
        fn no_form_of_a_secret_is_left(
            secret in "[!-~äöü\\n ]{8,40}",
            before in "[a-z ]{0,12}",
            after in "[a-z ]{0,12}",
        ) {
            let redactor = Redactor::new([("it", &secret)]);
            let text = format!("{before}{secret}{after}");
            for form in [
                text.clone(),
                serde_json::to_string(&text).unwrap(),
                STANDARD.encode(&text),
                URL_SAFE.encode(&text),
                url_encoded(&text, false),
                url_encoded(&text, true),
            ] {
                let clean = redactor.redact(&form);
                prop_assert!(clean.contains("[redacted:it]"), "{} -> {}", form, clean);
                prop_assert!(!clean.contains(&secret));
            }
        }

        #[test]
        fn other_text_is_untouched(text in "[a-z ]{0,80}") {
            let redactor = Redactor::new([("it", "S3CRET/VALUE")]);
            prop_assert_eq!(redactor.redact(&text), Cow::Borrowed(text.as_str()));
        }
    }
}
