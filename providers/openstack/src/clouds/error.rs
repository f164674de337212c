//! Why a cloud's access data can't be had, and what to do about it.

use std::{fmt::Write as _, path::PathBuf};

/// Why it is not known how to reach a cloud. Never holds a secret, nor a line of a file that could hold one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloudsError {
    /// There is no file, and the variables name no cloud.
    #[error(
        "no clouds.yaml found; looked at {}; write one of them, name another in OS_CLIENT_CONFIG_FILE, or set \
         OS_AUTH_URL and the other OS_* variables of an openrc file",
        paths(looked_at)
    )]
    NoFile {
        /// The places looked at, in order.
        looked_at: Vec<PathBuf>,
    },
    /// A file can't be read, or is not YAML.
    #[error("{place}: {problem}; {advice}")]
    File {
        /// The file, and the line (from 1) where one is known: `FILE:LINE`.
        place: String,
        /// What is wrong.
        problem: String,
        /// What to do next.
        advice: String,
    },
    /// The files have no such cloud.
    #[error("no cloud `{name}` in {}; {}", paths(files), choices(names, nearest.as_deref()))]
    NoSuchCloud {
        /// The cloud that was asked for.
        name: String,
        /// The files that were read.
        files: Vec<PathBuf>,
        /// The clouds that they have.
        names: Vec<String>,
        /// The one that was probably meant.
        nearest: Option<String>,
    },
    /// Several clouds, and nobody said which.
    #[error("{} has several clouds and none was chosen; set OS_CLOUD or name one: {}", paths(files), names.join(", "))]
    NoChoice {
        /// The files that were read.
        files: Vec<PathBuf>,
        /// The clouds that they have.
        names: Vec<String>,
    },
    /// A key that is unknown or not supported, or a value that is wrong.
    #[error("{place}: {problem}; {advice}")]
    Setting {
        /// `FILE:LINE` (lines count from 1), or the environment variable.
        place: String,
        /// The key as openstacksdk spells it.
        key: String,
        /// What is wrong with it.
        problem: String,
        /// What to do next.
        advice: String,
    },
    /// Something without which there is no access.
    #[error("{place}: `{key}` is missing; {advice}")]
    Missing {
        /// `FILE:LINE` of the cloud (lines count from 1), or the environment.
        place: String,
        /// The key, or the variable.
        key: String,
        /// What to do next.
        advice: String,
    },
}

fn paths(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn choices(names: &[String], nearest: Option<&str>) -> String {
    let mut text = String::new();
    if let Some(near) = nearest {
        // Writing to a string can't fail.
        let _ = write!(text, "did you mean `{near}`? ");
    }
    if names.is_empty() {
        text.push_str("there is none at all: write one below `clouds:`");
    } else {
        let _ = write!(text, "there are: {}", names.join(", "));
    }
    text
}
