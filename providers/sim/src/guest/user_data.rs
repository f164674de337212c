//! The part of cloud-init that a node runs: `#cloud-config` documents with the few keys that the harness uses.

use serde::Deserialize;

/// The user data of a node, as far as it is understood. What is no such document is nothing to do, as with cloud-init.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct CloudConfig {
    pub(crate) hostname: Option<String>,
    pub(crate) ssh_authorized_keys: Vec<String>,
    pub(crate) write_files: Vec<WriteFile>,
    pub(crate) runcmd: Vec<Vec<String>>,
    pub(crate) ca_certs: CaCerts,
}

/// A file to write.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct WriteFile {
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) content: String,
    #[serde(default)]
    pub(crate) append: bool,
    pub(crate) owner: Option<String>,
    pub(crate) permissions: Option<String>,
}

/// Certificate authorities to trust.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct CaCerts {
    pub(crate) trusted: Vec<String>,
}

impl CloudConfig {
    /// Reads user data.
    ///
    /// # Errors
    /// What is wrong with a document that says it is a `#cloud-config`.
    pub(crate) fn read(user_data: Option<&str>) -> Result<Self, String> {
        match user_data {
            Some(text) if text.trim_start().starts_with("#cloud-config") => {
                serde_yaml::from_str::<Option<Self>>(text).map(Option::unwrap_or_default).map_err(|e| e.to_string())
            }
            _ => Ok(Self::default()),
        }
    }
}

impl WriteFile {
    /// The mode in its permissions, 0644 if it has none that can be read.
    pub(crate) fn mode(&self) -> u32 {
        self.permissions.as_deref().and_then(|text| u32::from_str_radix(text, 8).ok()).unwrap_or(0o644)
    }

    /// The owner without the group.
    pub(crate) fn owner(&self) -> &str {
        self.owner.as_deref().and_then(|owner| owner.split(':').next()).unwrap_or("root")
    }

    /// Whether it establishes trust in other systems.
    pub(crate) fn is_trust(&self) -> bool {
        let path = &self.path;
        path.starts_with("/etc/ssh/ssh_known_hosts") || path.contains("ca-certificates") || path.contains("/ca-trust/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_and_the_rest_is_nothing_to_do() {
        let text = "#cloud-config\nhostname: n\nwrite_files:\n- path: /a\n  append: true\n  permissions: '0600'\n\
                    runcmd:\n- [touch, /b]\nca_certs:\n  trusted: [PEM]\npackages: [x]\n";
        let read = CloudConfig::read(Some(text)).unwrap();
        assert_eq!(read.hostname.as_deref(), Some("n"));
        assert_eq!((read.write_files[0].mode(), read.write_files[0].owner()), (0o600, "root"));
        assert_eq!(read.runcmd, [["touch", "/b"]]);
        assert_eq!(read.ca_certs.trusted, ["PEM"]);
        assert_eq!(CloudConfig::read(Some("#!/bin/sh\ntrue")), Ok(CloudConfig::default()));
        assert_eq!(CloudConfig::read(Some("#cloud-config\n")), Ok(CloudConfig::default()));
        assert!(CloudConfig::read(Some("#cloud-config\nruncmd: 7\n")).is_err());
    }
}
