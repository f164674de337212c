//! Who publishes the stock images of distributions on AWS: account numbers, which no stranger can take, and how their images are called.
//!
//! Sources: Debian's wiki "Cloud/`AmazonEC2Image`", Canonical's "Find Ubuntu images on AWS", the AWS documentation of Amazon Linux 2023,
//! Rocky Linux's and `AlmaLinux`'s pages of AWS images.

use aws_sdk_ec2::types::Filter;

use crate::tags;

/// A publisher of stock images.
#[derive(Debug)]
pub(crate) struct Publisher {
    /// The account.
    pub(crate) owner: &'static str,
    /// `ID` of os-release.
    pub(crate) distribution: &'static str,
    /// Names of the images for machines, with `*` for any text. The newest releases only: a publisher keeps ten thousands of images.
    pub(crate) names: &'static [&'static str],
    /// SSM's public parameters that hold the id of a release's current image, with the place of the architecture.
    pub(crate) parameters: &'static [&'static str],
    /// What stands before the version in an image's name.
    before_version: &'static str,
}

/// The publishers that are known here.
pub(crate) const PUBLISHERS: [Publisher; 5] = [
    Publisher {
        owner: "136693071363",
        distribution: "debian",
        names: &["debian-12-*", "debian-13-*"],
        parameters: &[
            "/aws/service/debian/release/12/latest/{amd64|arm64}",
            "/aws/service/debian/release/13/latest/{amd64|arm64}",
        ],
        before_version: "debian-",
    },
    Publisher {
        owner: "099720109477",
        distribution: "ubuntu",
        names: &[
            "ubuntu/images/hvm-ssd-gp3/ubuntu-*-24.04-*-server-*",
            "ubuntu/images/hvm-ssd/ubuntu-*-22.04-*-server-*",
        ],
        parameters: &[
            "/aws/service/canonical/ubuntu/server/24.04/stable/current/{amd64|arm64}/hvm/ebs-gp3/ami-id",
            "/aws/service/canonical/ubuntu/server/22.04/stable/current/{amd64|arm64}/hvm/ebs-gp2/ami-id",
        ],
        before_version: "ubuntu-*-",
    },
    Publisher {
        owner: "137112412989",
        distribution: "amzn",
        names: &["al2023-ami-2023*-kernel-6.1-*"],
        parameters: &["/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-{x86_64|arm64}"],
        before_version: "al",
    },
    Publisher {
        owner: "792107900819",
        distribution: "rocky",
        names: &["Rocky-9-EC2-Base-*"],
        parameters: &[],
        before_version: "Rocky-9-EC2-Base-",
    },
    Publisher {
        owner: "764336703387",
        distribution: "almalinux",
        // A filter's `?` is any one character: names with blanks are signed differently by some endpoints.
        names: &["AlmaLinux?OS?9*"],
        parameters: &[],
        before_version: "AlmaLinux OS ",
    },
];

/// The publisher with this account.
pub(crate) fn of(owner: &str) -> Option<&'static Publisher> {
    PUBLISHERS.iter().find(|publisher| publisher.owner == owner)
}

/// The filter for the publishers' images.
pub(crate) fn filter() -> Filter {
    tags::filter("name", PUBLISHERS.iter().flat_map(|publisher| publisher.names.iter().copied()))
}

/// Every public parameter, spelled out for both architectures.
pub(crate) fn parameters() -> Vec<String> {
    let patterns = PUBLISHERS.iter().flat_map(|publisher| publisher.parameters);
    patterns
        .flat_map(|pattern| {
            let (before, rest) = pattern.split_once('{').expect("a constant, see the test");
            let (both, after) = rest.split_once('}').expect("a constant, see the test");
            both.split('|').map(move |one| format!("{before}{one}{after}"))
        })
        .collect()
}

impl Publisher {
    /// The version that an image's name states: `24.04` in `ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20261101`.
    pub(crate) fn version(&self, name: &str) -> Option<String> {
        let name = name.rsplit('/').next().unwrap_or(name);
        let rest = match self.before_version.split_once('*') {
            // The release's code name stands in between.
            Some((before, after)) => name.strip_prefix(before)?.split_once(after)?.1,
            None => name.strip_prefix(self.before_version)?,
        };
        let version: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        // At most a major and a minor number: what follows is the build.
        let version = version.trim_end_matches('.').split('.').take(2).collect::<Vec<_>>().join(".");
        (!version.is_empty()).then_some(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_publisher_is_one_account() {
        for publisher in &PUBLISHERS {
            assert!(publisher.owner.len() == 12 && publisher.owner.bytes().all(|b| b.is_ascii_digit()));
            assert!(!publisher.names.is_empty());
        }
        assert!(parameters().contains(&"/aws/service/debian/release/12/latest/arm64".to_owned()));
    }

    /// Names as the publishers' pages show them.
    #[test]
    fn versions_are_read_from_names() {
        for (owner, name, version) in [
            ("136693071363", "debian-12-amd64-20261101-2285", Some("12")),
            ("099720109477", "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20261101", Some("24.04")),
            ("137112412989", "al2023-ami-2023.9.20261105.0-kernel-6.1-x86_64", Some("2023")),
            ("792107900819", "Rocky-9-EC2-Base-9.6-20261001.0.x86_64", Some("9.6")),
            ("764336703387", "AlmaLinux OS 9.6.20261001 x86_64", Some("9.6")),
            ("136693071363", "something else", None),
        ] {
            assert_eq!(of(owner).unwrap().version(name).as_deref(), version, "{name}");
        }
        assert!(of("123456789012").is_none());
    }
}
