//! From a configuration to a provider: credentials found, the region known, what the endpoint offers looked at once.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Mutex,
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError};
use aws_sdk_ec2::Client;
use levelfield_provider::{Capability, Declaration, FailureClass, Presence, ProviderError};

use super::{AwsProvider, probe::probe};
use crate::{AwsConfig, failure::failed, publisher, tags::filter};

/// How many instances one call reads: the most values that a filter takes are 200.
const NODES_PER_READ: usize = 100;
/// How many parameters one call reads.
const PARAMETERS_AT_ONCE: usize = 10;
/// How often the patient client makes a call.
const ATTEMPTS: u32 = 8;
/// The version of the API that the SDK speaks.
const API_VERSION: &str = "2016-11-15";

/// Why an account or endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nothing says which region.
    #[error(
        "no region is named: give `region` in the target's configuration, in the profile of ~/.aws/config, or as AWS_REGION"
    )]
    NoRegion,
    /// There are no credentials where the SDK looks for them.
    #[error(
        "no credentials were found: name a `profile`, run `aws sso login` or `aws configure`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )]
    NoCredentials(#[source] CredentialsError),
    /// There are credentials, and they cannot be had.
    #[error("the credentials of {place} cannot be had; a session that expired is renewed by `aws sso login`")]
    Credentials {
        /// The profile, or where else they are looked for.
        place: String,
        /// Why.
        #[source]
        source: CredentialsError,
    },
    /// The endpoint does not answer as one that can be used.
    #[error("cannot use EC2 in {region} at {endpoint}; {next}")]
    Endpoint {
        /// The region.
        region: String,
        /// The endpoint, or AWS's own.
        endpoint: String,
        /// What to do about it.
        next: &'static str,
        /// What came back.
        #[source]
        source: Box<ProviderError>,
    },
}

/// What an endpoint offers this account.
#[derive(Debug, Default)]
struct Offer {
    regions: usize,
    zones: bool,
    ipv6: bool,
    vpc: Option<String>,
    absent: BTreeSet<Capability>,
}

impl AwsProvider {
    /// The provider of the account and region that `config` and the SDK's own files and variables name.
    ///
    /// # Errors
    /// No region, no credentials, or credentials that are refused; an endpoint that does not answer, or lacks what every run needs.
    pub async fn connect(config: &AwsConfig) -> Result<Self, ConnectError> {
        let sdk = load(config).await;
        let region = sdk.region().map(ToString::to_string).ok_or(ConnectError::NoRegion)?;
        check_credentials(config, &sdk).await?;
        let (ec2, patient) = (client(&sdk, None), patient(&sdk, None));
        let endpoint = sdk.endpoint_url().unwrap_or("AWS's own endpoint").to_owned();
        let offer = look(&patient, config).await.map_err(|source| {
            let next = match source.class {
                FailureClass::Unauthorized => "renew or correct the credentials",
                FailureClass::Forbidden => "give the account the policy of docs/aws.md",
                FailureClass::Transport | FailureClass::Timeout => "correct region and endpoint, or see that it is up",
                _ => "see what came back",
            };
            ConnectError::Endpoint {
                region: region.clone(),
                endpoint: endpoint.clone(),
                next,
                source: Box::new(source),
            }
        })?;
        let published = published(&sdk).await;
        let facts = facts(&region, &endpoint, &offer, &published);
        Ok(Self {
            declaration: declaration(&offer),
            facts,
            vpc: config.vpc.clone().or(offer.vpc),
            image_owners: config.image_owners.clone(),
            published: published.unwrap_or_default(),
            elsewhere: Mutex::default(),
            requested: Mutex::default(),
            region,
            ec2,
            patient,
            sdk,
        })
    }
}

async fn load(config: &AwsConfig) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(profile) = &config.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &config.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(endpoint) = &config.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_mins(1))
        .build();
    loader.retry_config(retries).timeout_config(timeouts).load().await
}

/// A client of EC2, of the configured region or another one.
///
/// It makes one attempt: who calls makes the next one, by the class of the failure, and counts it. The SDK's adaptive mode would hold
/// calls back besides, by as much as makes a wait that the guideline bounds last longer than the target took.
pub(super) fn client(sdk: &SdkConfig, region: Option<&str>) -> Client {
    let config = aws_sdk_ec2::config::Builder::from(sdk).retry_config(RetryConfig::disabled());
    in_region(config, region)
}

/// A client that calls again by itself: while a connection is made, and for the listings of which one question takes several. Were those
/// asked all again for each that failed, an endpoint that throttles would never let them all through.
pub(super) fn patient(sdk: &SdkConfig, region: Option<&str>) -> Client {
    in_region(aws_sdk_ec2::config::Builder::from(sdk), region)
}

fn in_region(mut config: aws_sdk_ec2::config::Builder, region: Option<&str>) -> Client {
    if let Some(region) = region {
        config.set_region(Some(Region::new(region.to_owned())));
    }
    Client::from_conf(config.build())
}

async fn check_credentials(config: &AwsConfig, sdk: &SdkConfig) -> Result<(), ConnectError> {
    let Some(provider) = sdk.credentials_provider() else {
        return Err(ConnectError::NoCredentials(CredentialsError::not_loaded("nothing provides any")));
    };
    match provider.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(error @ CredentialsError::CredentialsNotLoaded(_)) => Err(ConnectError::NoCredentials(error)),
        Err(source) => {
            let place = config.profile.as_ref().map(|name| format!("profile `{name}`"));
            let place = place.unwrap_or_else(|| "the environment and the default profile".to_owned());
            Err(ConnectError::Credentials { place, source })
        }
    }
}

/// What every run needs is asked for; what an endpoint may lack is tried.
async fn look(ec2: &Client, config: &AwsConfig) -> levelfield_provider::Result<Offer> {
    let zones = ec2.describe_availability_zones().send().await.map_err(|e| failed("list zones", e))?;
    let vpcs = ec2.describe_vpcs().filters(filter("is-default", ["true"])).send().await;
    let vpcs = vpcs.map_err(|e| failed("find the default VPC", e))?;
    let default = vpcs.vpcs().iter().find(|vpc| vpc.is_default() == Some(true)).and_then(|vpc| vpc.vpc_id());
    let vpc = config.vpc.as_deref().or(default).map(str::to_owned);
    let mut offer = Offer { zones: !zones.availability_zones().is_empty(), ..Offer::default() };
    if let Some(vpc) = &vpc {
        let subnets = ec2.describe_subnets().filters(filter("vpc-id", [vpc.as_str()])).send().await;
        let subnets = subnets.map_err(|e| failed(format!("list the subnets of {vpc}"), e))?;
        offer.ipv6 = subnets.subnets().iter().any(|subnet| subnet.assign_ipv6_address_on_creation() == Some(true));
    }
    offer.vpc = vpc;
    let regions = ec2.describe_regions().send().await.map_err(|e| failed("list regions", e));
    offer.regions = match regions {
        Ok(listed) => listed.regions().len(),
        Err(error) if error.class == FailureClass::Unsupported => 1,
        Err(error) => return Err(error),
    };
    let uncertain = [
        Capability::Pagination,
        Capability::Console,
        Capability::FloatingIp,
        Capability::SecurityRules,
        Capability::Quota,
    ];
    for capability in uncertain {
        // What cannot be told is taken to be there: the run will show.
        if probe(ec2, capability).await.is_ok_and(|probe| probe.presence == Presence::Absent) {
            offer.absent.insert(capability);
        }
    }
    Ok(offer)
}

/// What EC2 has, without what this endpoint was seen to lack.
fn declaration(offer: &Offer) -> Declaration {
    let mut capabilities: BTreeSet<Capability> = Capability::ALL.into_iter().collect();
    capabilities.remove(&Capability::ExistingNodes);
    let seen =
        [(offer.zones, Capability::Zones), (offer.regions > 1, Capability::Regions), (offer.ipv6, Capability::Ipv6)];
    for (there, capability) in seen {
        if !there {
            capabilities.remove(&capability);
        }
    }
    capabilities.retain(|capability| !offer.absent.contains(capability));
    Declaration { provider: "aws".to_owned(), capabilities, pace: 1.0, nodes_per_read: NODES_PER_READ }
}

/// Which images the distributions' public parameters name, or why they cannot be read. A run can do without them.
async fn published(sdk: &SdkConfig) -> Result<HashMap<String, String>, String> {
    let ssm = aws_sdk_ssm::Client::new(sdk);
    let mut found = HashMap::new();
    for some in publisher::parameters().chunks(PARAMETERS_AT_ONCE) {
        let answer = ssm.get_parameters().set_names(Some(some.to_vec())).send().await;
        let answer = answer.map_err(|error| failed("read public parameters", error).message)?;
        let read = answer.parameters.unwrap_or_default().into_iter();
        found.extend(read.filter_map(|parameter| Some((parameter.value?, parameter.name?))));
    }
    Ok(found)
}

/// What tells this endpoint from another, nothing secret.
fn facts(
    region: &str,
    endpoint: &str,
    offer: &Offer,
    published: &Result<HashMap<String, String>, String>,
) -> BTreeMap<String, String> {
    let parameters = match published {
        Ok(found) => format!("{} of {} name an image", found.len(), publisher::parameters().len()),
        Err(why) => format!("cannot be read: {why}"),
    };
    let facts = [
        ("region", region.to_owned()),
        ("endpoint", endpoint.to_owned()),
        ("api-version", API_VERSION.to_owned()),
        ("public-parameters", parameters),
        ("default-vpc", if offer.vpc.is_some() { "found" } else { "none" }.to_owned()),
    ];
    let absent: Vec<&str> = offer.absent.iter().map(|capability| capability.id()).collect();
    let mut facts: BTreeMap<String, String> = facts.map(|(key, value)| (key.to_owned(), value)).into();
    if !absent.is_empty() {
        facts.insert("not-offered".to_owned(), absent.join(", "));
    }
    facts
}
