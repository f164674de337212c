//! Asking the endpoint, harmlessly, whether it has a capability: by a listing, by a request about nobody, or by a dry run.

use aws_sdk_ec2::{Client, error::SdkError, primitives::Blob, types::DomainType};
use levelfield_provider::{Capability, FailureClass, Presence, Probe, ProviderError, Result};

use crate::{
    failure::{class, failed},
    tags::filter,
};

/// An id that nothing has, of the form that ids have.
const NOBODY: &str = "i-00000000000000000";
/// The code by which a dry run says that the request would have been granted.
const GRANTED: &str = "DryRunOperation";

/// The answer of one call.
pub(super) async fn probe(ec2: &Client, capability: Capability) -> Result<Probe> {
    match capability {
        Capability::Catalog => listing("DescribeImages", ec2.describe_images().owners("self").send().await),
        Capability::Pagination => {
            let page = ec2.describe_instance_types().max_results(5).send().await.map_err(|e| failed("probe", e));
            Probe::of_answer("DescribeInstanceTypes of 5", page, |page| page.instance_types().len() <= 5)
        }
        Capability::Zones => {
            let zones = ec2.describe_availability_zones().send().await.map_err(|e| failed("probe", e));
            Probe::of_answer("DescribeAvailabilityZones", zones, |zones| !zones.availability_zones().is_empty())
        }
        Capability::Regions => {
            let regions = ec2.describe_regions().send().await.map_err(|e| failed("probe", e));
            Probe::of_answer("DescribeRegions", regions, |regions| regions.regions().len() > 1)
        }
        Capability::ImageLifecycle => listing("DescribeImages with IncludeDeprecated", {
            ec2.describe_images().owners("self").include_deprecated(true).send().await
        }),
        Capability::Keys => {
            let key = Blob::new("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
            dry(
                "ImportKeyPair",
                ec2.import_key_pair().key_name("lf-probe").public_key_material(key).dry_run(true).send().await,
            )
        }
        Capability::Nodes | Capability::Tags | Capability::ClientToken => {
            listing("DescribeInstances", ec2.describe_instances().max_results(5).send().await)
        }
        Capability::Console => nobody("GetConsoleOutput", ec2.get_console_output().instance_id(NOBODY).send().await),
        Capability::Reboot => nobody("RebootInstances", ec2.reboot_instances().instance_ids(NOBODY).send().await),
        Capability::StopStart => nobody("StopInstances", ec2.stop_instances().instance_ids(NOBODY).send().await),
        Capability::FloatingIp => {
            dry("AllocateAddress", ec2.allocate_address().domain(DomainType::Vpc).dry_run(true).send().await)
        }
        Capability::SecurityRules => {
            listing("DescribeSecurityGroups", ec2.describe_security_groups().max_results(5).send().await)
        }
        Capability::Quota => listing("DescribeAccountAttributes", ec2.describe_account_attributes().send().await),
        Capability::Ipv6 => {
            let subnets = ec2.describe_subnets().filters(filter("state", ["available"])).send().await;
            Probe::of_answer("DescribeSubnets", subnets.map_err(|e| failed("probe", e)), |subnets| {
                subnets.subnets().iter().any(|subnet| subnet.assign_ipv6_address_on_creation() == Some(true))
            })
        }
        Capability::ExistingNodes => {
            Ok(Probe { presence: Presence::Absent, note: "nodes are made here, not found".to_owned() })
        }
        Capability::AlterNodes
        | Capability::UserData
        | Capability::PublicAddress
        | Capability::MetadataService
        | Capability::Login => Ok(Probe { presence: Presence::Unknown, note: "only a node can tell".to_owned() }),
    }
}

fn listing<T, E>(call: &str, answer: Result<T, SdkError<E>>) -> Result<Probe>
where
    E: std::error::Error + aws_sdk_ec2::error::ProvideErrorMetadata + Send + Sync + 'static,
{
    Probe::of_answer(call, answer.map_err(|e| failed("probe", e)), |_| true)
}

/// A dry run is always refused: by [`GRANTED`], or by what would have come of it.
fn dry<T, E>(call: &str, answer: Result<T, SdkError<E>>) -> Result<Probe>
where
    E: std::error::Error + aws_sdk_ec2::error::ProvideErrorMetadata + Send + Sync + 'static,
{
    let call = format!("a dry run of {call}");
    let code = answer.as_ref().err().and_then(|error| error.as_service_error()?.code());
    if code == Some(GRANTED) || code.is_some_and(|code| class(code) == FailureClass::Quota) {
        let note = format!("{call}: {}", code.unwrap_or_default());
        return Ok(Probe { presence: Presence::Present, note });
    }
    listing(&call, answer)
}

/// A call about an instance that is not there is answered by saying so, where there is such a call.
fn nobody<T, E>(call: &str, answer: Result<T, SdkError<E>>) -> Result<Probe>
where
    E: std::error::Error + aws_sdk_ec2::error::ProvideErrorMetadata + Send + Sync + 'static,
{
    let answer: Result<T, ProviderError> = answer.map_err(|e| failed("probe", e));
    Probe::of_nobody(&format!("{call} of nobody"), answer, NOBODY)
}
