//! The calls that a run makes, as the least policy that permits them.

/// Every action of EC2 that is used, in the order of a policy.
pub(crate) const EC2: [&str; 34] = [
    "AllocateAddress",
    "AssociateAddress",
    "AuthorizeSecurityGroupIngress",
    "CreateSecurityGroup",
    "CreateTags",
    "DeleteKeyPair",
    "DeleteNetworkInterface",
    "DeleteSecurityGroup",
    "DeleteVolume",
    "DeregisterImage",
    "DescribeAccountAttributes",
    "DescribeAddresses",
    "DescribeAvailabilityZones",
    "DescribeImages",
    "DescribeInstanceTypes",
    "DescribeInstances",
    "DescribeInternetGateways",
    "DescribeKeyPairs",
    "DescribeNetworkInterfaces",
    "DescribeRegions",
    "DescribeSecurityGroups",
    "DescribeSubnets",
    "DescribeVolumes",
    "DescribeVpcs",
    "DisassociateAddress",
    "GetConsoleOutput",
    "ImportKeyPair",
    "RebootInstances",
    "ReleaseAddress",
    "RevokeSecurityGroupIngress",
    "RunInstances",
    "StartInstances",
    "StopInstances",
    "TerminateInstances",
];

/// Actions of the Systems Manager that are used: reading what the distributions publish.
pub(crate) const SSM: [&str; 1] = ["GetParameters"];

/// The least policy of IAM that permits a run, as JSON.
///
/// Tags are put on in the very call that makes a thing, which asks for `CreateTags` besides.
pub fn policy() -> String {
    let lines = |service: &str, actions: &[&str]| -> Vec<String> {
        actions.iter().map(|action| format!("        \"{service}:{action}\"")).collect()
    };
    let actions = [lines("ec2", &EC2), lines("ssm", &SSM)].concat().join(",\n");
    format!(
        "{{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {{\n      \"Effect\": \"Allow\",\n      \"Action\": [\n{actions}\n      ],\n      \"Resource\": \"*\"\n    }}\n  ]\n}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `LEVELFIELD_BLESS=1` writes the file anew.
    #[test]
    fn the_policy_in_the_documentation_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/aws-policy.json");
        if std::env::var_os("LEVELFIELD_BLESS").is_some() {
            std::fs::write(path, policy()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), policy(), "LEVELFIELD_BLESS=1 cargo test -p levelfield-aws");
    }

    #[test]
    fn every_action_is_named_once_in_order() {
        assert!(EC2.is_sorted());
        assert!(serde_json::from_str::<serde_json::Value>(&policy()).is_ok());
    }
}
