//! The process around the reader, and the places where it looks for files.

use std::{
    collections::BTreeMap,
    env, fmt,
    path::{Path, PathBuf},
};

/// What [`load`](super::load) knows of the process. Prints the variables' names without their values.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// The environment. Empty values count as not set. Only `OS_*` and `XDG_CONFIG_HOME` are looked at.
    pub(crate) variables: BTreeMap<String, String>,
    /// The folder that is looked at first, and that relative paths start from.
    pub(crate) working_folder: PathBuf,
    /// The user's home, where there is one.
    pub(crate) home: Option<PathBuf>,
    /// The system's folder of clouds files: `/etc/openstack`.
    pub(crate) system: PathBuf,
}

impl Surroundings {
    /// Those of this process. Variables that are not UTF-8 are left out.
    pub(crate) fn of_process() -> Self {
        let variables =
            env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self {
            variables: variables.filter(|(name, _)| name.starts_with("OS_") || name == "XDG_CONFIG_HOME").collect(),
            working_folder: env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            home: env::home_dir().filter(|home| !home.as_os_str().is_empty()),
            system: PathBuf::from("/etc/openstack"),
        }
    }

    /// A variable that is set and not empty.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// `path` with the home folder in place of a leading `~`, from the working folder on if it is relative.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        let path = match (path.strip_prefix('~'), &self.home) {
            (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
                home.join(rest.trim_start_matches('/'))
            }
            _ => PathBuf::from(path),
        };
        self.working_folder.join(path)
    }

    /// The places of a file whose name begins with one of `stems`, in the order of openstacksdk.
    pub(super) fn places(&self, stems: &[&str]) -> Vec<PathBuf> {
        let configured = self.variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let own = self.home.as_ref().map(|home| home.join(".config"));
        let mut folders = vec![self.working_folder.clone()];
        for folder in
            configured.into_iter().chain(own).map(|folder| folder.join("openstack")).chain([self.system.clone()])
        {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        let files = |folder: &Path| -> Vec<PathBuf> {
            let names = stems.iter().flat_map(|stem| ["yaml", "yml", "json"].map(|suffix| format!("{stem}.{suffix}")));
            names.map(|name| folder.join(name)).collect()
        };
        folders.iter().flat_map(|folder| files(folder)).collect()
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("variables", &self.variables.keys())
            .field("working_folder", &self.working_folder)
            .field("home", &self.home)
            .field("system", &self.system)
            .finish()
    }
}
