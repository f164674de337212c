//! Portable image names: `<distribution>-<version>-<architecture>`, read from properties first and from names second.

use std::{fmt, str::FromStr, sync::LazyLock};

use levelfield_provider::{Architecture, Image, ImageState};
use regex_lite::Regex;
use serde::{Deserialize, Serialize};

mod date;

/// A portable image name: `debian-12-amd64`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortableName {
    /// `ID` of os-release.
    pub distribution: String,
    /// `VERSION_ID` of os-release.
    pub version: String,
    /// Processor architecture.
    pub architecture: Architecture,
}

impl fmt::Display for PortableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.distribution, self.version, self.architecture)
    }
}

/// A text that is no portable image name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no portable image name: expected <distribution>-<version>-<architecture>, such as debian-12-amd64")]
pub struct NotPortable(pub String);

impl FromStr for PortableName {
    type Err = NotPortable;

    fn from_str(text: &str) -> Result<Self, NotPortable> {
        let wrong = || NotPortable(text.to_owned());
        let mut parts = text.rsplitn(2, '-');
        let architecture = parts.next().and_then(Architecture::read).ok_or_else(wrong)?;
        let (distribution, version) = parts.next().and_then(|rest| rest.rsplit_once('-')).ok_or_else(wrong)?;
        if distribution.is_empty() || version.is_empty() {
            return Err(wrong());
        }
        Ok(Self { distribution: distribution.to_ascii_lowercase(), version: version.to_owned(), architecture })
    }
}

impl Serialize for PortableName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PortableName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Where the facts of an image were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadFrom {
    /// The image's name.
    Name,
    /// Properties of the catalogue.
    Properties,
}

/// What an image says it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Identity {
    /// Its portable name.
    pub portable: PortableName,
    /// Build date as `YYYYMMDD`, if the name or a property has one.
    pub built: Option<String>,
    /// Where distribution and version were read.
    pub read_from: ReadFrom,
}

static NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(debian|ubuntu|rocky|almalinux|centos|fedora|alpine|opensuse-leap|amzn|arch)[-_ ]v?([0-9]+(?:\.[0-9]+)?)")
        .expect("the pattern is a constant and is tested")
});

/// Reads what an image says it is: its stated properties, else its name by the pattern `<distribution>-<version>…<architecture>`.
pub fn identify(image: &Image) -> Option<Identity> {
    let built = built(image);
    let name = NAME.captures(&image.name);
    let from_name = name.as_ref().and_then(|c| {
        let architecture = image
            .name
            .split(['-', '_', ' ', '.'])
            .find_map(Architecture::read)
            // `x86_64` is cut by the separators above.
            .or_else(|| image.name.contains("x86_64").then_some(Architecture::Amd64))
            .or(image.architecture)?;
        Some(PortableName { distribution: c[1].to_ascii_lowercase(), version: c[2].to_owned(), architecture })
    });
    if let Some(portable) = from_name {
        return Some(Identity { portable, built, read_from: ReadFrom::Name });
    }
    let portable = PortableName {
        distribution: image.distribution.clone()?.to_ascii_lowercase(),
        version: image.version.clone()?,
        architecture: image.architecture?,
    };
    Some(Identity { portable, built, read_from: ReadFrom::Properties })
}

fn built(image: &Image) -> Option<String> {
    date::find(&image.name).or_else(|| {
        ["build_date", "build-date", "image_build_date"].iter().find_map(|k| date::find(image.properties.get(*k)?))
    })
}

/// The current images that `name` can mean: the official ones where any is marked official, all others otherwise.
pub fn candidates<'a>(images: &'a [Image], name: &PortableName) -> Vec<&'a Image> {
    let matching: Vec<&Image> = images
        .iter()
        .filter(|i| i.state == ImageState::Current && identify(i).is_some_and(|found| found.portable == *name))
        .collect();
    let official: Vec<&Image> = matching.iter().copied().filter(|i| i.official == Some(true)).collect();
    if official.is_empty() { matching } else { official }
}

/// The accounts that stock images of each family use, most likely first: the last resort when nothing states one.
pub fn usual_accounts(distribution: Option<&str>) -> Vec<&'static str> {
    let own: &[&str] = match distribution {
        Some("debian") => &["debian", "admin"],
        Some("ubuntu") => &["ubuntu"],
        Some("rocky") => &["rocky", "cloud-user"],
        Some("almalinux") => &["almalinux", "cloud-user"],
        Some("centos") => &["centos", "cloud-user"],
        Some("fedora") => &["fedora"],
        Some("alpine") => &["alpine"],
        Some("amzn") => &["ec2-user"],
        Some("arch") => &["arch"],
        Some("opensuse-leap") => &["opensuse", "ec2-user"],
        _ => &[],
    };
    let others =
        ["cloud-user", "ec2-user", "debian", "ubuntu", "admin", "centos", "rocky", "fedora", "alpine", "cloud", "root"];
    let mut accounts = own.to_vec();
    accounts.extend(others.iter().filter(|a| !own.contains(a)));
    accounts
}

/// The account that cloud-init's answer to a login as root names: `Please login as the user "debian" rather than the user "root".`
pub fn account_named_in(said: &str) -> Option<&str> {
    let (_, named) = said.split_once("login as the user \"")?;
    let (account, _) = named.split_once('"')?;
    let usual = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (!account.is_empty() && account.len() <= 32 && account.chars().all(usual)).then_some(account)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn image(name: &str) -> Image {
        Image {
            id: name.to_owned(),
            name: name.to_owned(),
            architecture: None,
            distribution: None,
            version: None,
            owner: None,
            official: None,
            created: None,
            state: ImageState::Current,
            login_account: None,
            properties: BTreeMap::new(),
        }
    }

    #[test]
    fn names_of_the_wild_are_read() {
        for (name, portable, built) in [
            ("debian-12-amd64-20261103-1921", Some("debian-12-amd64"), Some("20261103")),
            ("debian-12-generic-arm64", Some("debian-12-arm64"), None),
            ("Ubuntu 24.04 amd64 2026-11-01", Some("ubuntu-24.04-amd64"), Some("20261101")),
            ("Rocky-9.4-x86_64", Some("rocky-9.4-amd64"), None),
            ("opensuse-leap-15.6-x86_64-20261010", Some("opensuse-leap-15.6-amd64"), Some("20261010")),
            ("IMG-0147 bookworm latest", None, None),
            ("debian-12", None, None),
            ("", None, None),
        ] {
            let found = identify(&image(name));
            assert_eq!(found.as_ref().map(|i| i.portable.to_string()).as_deref(), portable, "{name}");
            assert_eq!(found.and_then(|i| i.built).as_deref(), built, "{name}");
        }
    }

    #[test]
    fn properties_speak_where_the_name_is_silent() {
        let mut odd = image("IMG-0147");
        odd.distribution = Some("Debian".to_owned());
        odd.version = Some("12".to_owned());
        odd.architecture = Some(Architecture::Amd64);
        let found = identify(&odd).unwrap();
        assert_eq!((found.portable.to_string().as_str(), found.read_from), ("debian-12-amd64", ReadFrom::Properties));
    }

    #[test]
    fn portable_names_read_back() {
        for text in ["debian-12-amd64", "opensuse-leap-15.6-arm64", "ubuntu-24.04-amd64"] {
            assert_eq!(text.parse::<PortableName>().unwrap().to_string(), text);
        }
        for text in ["debian-12", "debian", "", "-12-amd64", "debian-12-sparc"] {
            assert_eq!(text.parse::<PortableName>(), Err(NotPortable(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn official_images_win_over_copies() {
        let mut ours = image("debian-12-amd64-20261103");
        ours.official = Some(true);
        let mut copy = image("debian-12-amd64");
        copy.official = Some(false);
        let name = "debian-12-amd64".parse().unwrap();
        assert_eq!(candidates(&[copy.clone(), ours.clone()], &name), [&ours]);
        assert_eq!(candidates(std::slice::from_ref(&copy), &name), [&copy]);
    }

    #[test]
    fn the_account_that_an_answer_to_root_names() {
        for (said, account) in [
            ("Please login as the user \"opc\" rather than the user \"root\".\n\n", Some("opc")),
            ("Please login as the user \"NONE\"", Some("NONE")),
            ("Please login as the user \"\" rather", None),
            ("Please login as the user \"a; reboot\" rather", None),
            ("Please login as the user \"open", None),
            ("This account is currently not available.", None),
        ] {
            assert_eq!(account_named_in(said), account, "{said}");
        }
    }
}
