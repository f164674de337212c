//! What was read, asked for one value at a time.

use std::path::PathBuf;

use super::{
    error::CloudsError,
    keys::{self, Verdict},
    layer::{Entry, Layer, Origin},
    surroundings::Surroundings,
};

/// The keys of one cloud, and what messages need to know about it.
pub(super) struct Settings<'a> {
    /// The cloud's name.
    pub(super) name: String,
    /// All of its keys, those of `auth` gathered.
    pub(super) layer: Layer,
    /// Where the cloud stands; none if the variables are the cloud.
    pub(super) origin: Option<Origin>,
    pub(super) surroundings: &'a Surroundings,
}

impl Settings<'_> {
    /// A key of the cloud.
    pub(super) fn top(&self, key: &str) -> Result<Option<(String, &Entry)>, CloudsError> {
        text(self.layer.top.get(key), key)
    }

    /// A key of its `auth`.
    pub(super) fn auth(&self, key: &str) -> Result<Option<(String, &Entry)>, CloudsError> {
        text(self.layer.auth.get(key), key)
    }

    /// A key of its `auth`, without the place where it was read.
    pub(super) fn auth_text(&self, key: &str) -> Result<Option<String>, CloudsError> {
        Ok(self.auth(key)?.map(|(text, _)| text))
    }

    /// A path, with the home folder in place of `~`.
    pub(super) fn path(&self, key: &str) -> Result<Option<PathBuf>, CloudsError> {
        let Some((text, entry)) = self.top(key)? else { return Ok(None) };
        let path = self.surroundings.resolve(&text);
        // Opening it says more than its permissions do.
        let problem = match std::fs::File::open(&path).and_then(|file| file.metadata()) {
            Ok(is) if is.is_dir() => "it is a folder, not a file".to_owned(),
            Ok(_) => return Ok(Some(path)),
            Err(error) => error.to_string(),
        };
        let problem = format!("{}: {} can't be read: {problem}", entry.origin.subject(key), path.display());
        Err(entry.origin.wrong(key, problem, "put a PEM file there that this user may read, or correct the path"))
    }

    /// What is missing for a key of `auth` that is not there.
    pub(super) fn missing(&self, key: &str, advice: &str) -> CloudsError {
        let Some(origin) = &self.origin else {
            let variable = format!("OS_{}", key.to_ascii_uppercase());
            let others = self.surroundings.variables.keys().filter_map(|name| name.strip_prefix("OS_"));
            // Names of variables, never their values.
            let unread = others.filter(|name| !keys::is_variable(&name.to_ascii_lowercase()));
            let near = keys::near(&key.to_ascii_uppercase(), unread);
            let near = near.map(|near| format!("OS_{near} is set, and nothing reads it; ")).unwrap_or_default();
            return CloudsError::Missing {
                place: "the environment".to_owned(),
                key: variable,
                advice: format!("{near}{advice}"),
            };
        };
        let key = if keys::is_auth(key) { format!("auth.{key}") } else { key.to_owned() };
        let place = format!("{}: cloud `{}`", origin.place(), self.name);
        CloudsError::Missing { place, key, advice: advice.to_owned() }
    }

    /// Refuses the keys that can't be obeyed, and lists those that nothing reads.
    pub(super) fn check_keys(&self) -> Result<Vec<String>, CloudsError> {
        let mut ignored = Vec::new();
        for (key, entry) in &self.layer.top {
            match keys::judge(key) {
                Verdict::Read => {}
                Verdict::Ignored | Verdict::Unknown => ignored.push(key.clone()),
                verdict => return Err(refused(key, entry, verdict)),
            }
        }
        for (key, entry) in &self.layer.auth {
            match keys::judge_auth(key) {
                Verdict::Read => {}
                verdict => return Err(refused(key, entry, verdict)),
            }
        }
        Ok(ignored)
    }

    /// Refuses the identity API before v3.
    pub(super) fn check_identity_version(&self) -> Result<(), CloudsError> {
        const KEY: &str = "identity_api_version";
        let Some(entry) = self.layer.top.get(KEY) else { return Ok(()) };
        let version = match &entry.value {
            // `3.0` is a number to YAML.
            serde_yaml::Value::Number(number) => number.to_string(),
            _ => entry.text(KEY)?.unwrap_or_else(|| "3".to_owned()),
        };
        let digits = version.trim_start_matches('v');
        if digits == "3" || digits.starts_with("3.") {
            return Ok(());
        }
        let problem = format!("{} is `{version}`, and only Keystone's v3 is spoken", entry.origin.subject(KEY));
        Err(entry.origin.wrong(KEY, problem, "write 3, or remove it"))
    }
}

fn text<'e>(entry: Option<&'e Entry>, key: &str) -> Result<Option<(String, &'e Entry)>, CloudsError> {
    let Some(entry) = entry else { return Ok(None) };
    Ok(entry.text(key)?.map(|text| (text, entry)))
}

fn refused(key: &str, entry: &Entry, verdict: Verdict) -> CloudsError {
    let subject = entry.origin.subject(key);
    match verdict {
        Verdict::Unsupported => entry.origin.wrong(
            key,
            format!("{subject} changes how the cloud is reached, and is not supported"),
            "remove it, or describe the cloud without it: an application credential replaces other ways to log in, and \
             `<service>_endpoint_override` other ways to name an endpoint",
        ),
        Verdict::Near(near) => {
            entry.origin.wrong(key, format!("unknown key {subject}"), format!("did you mean `{near}`?"))
        }
        _ => {
            entry.origin.wrong(key, format!("unknown key {subject}"), format!("valid here: {}", keys::AUTH.join(", ")))
        }
    }
}
