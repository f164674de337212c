//! From a configuration to a provider: credentials read, a token got, what the cloud offers looked at once.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::{Mutex, RwLock},
};

use levelfield_provider::{Capability, Declaration, FailureClass, ProviderError, Result};
use openstack::session::Session;
use osauth::{
    EndpointFilters, ValidInterfaces,
    services::{BLOCK_STORAGE, COMPUTE, IMAGE, NETWORK},
};
use serde::Deserialize;

use super::{OpenStackProvider, addresses::external_network};
use crate::{
    api::{
        Api, Call, Service,
        compute::Zones,
        network::{NetworkShown, SubnetShown},
    },
    clouds::{self, Access, CloudsError, Surroundings},
    config::OpenStackConfig,
    identity::{self, Keystone},
};

/// Why a cloud cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// `clouds.yaml` or the environment do not say enough, or something that cannot be meant.
    #[error(transparent)]
    Clouds(#[from] CloudsError),
    /// The cloud does not answer as one that can be used.
    #[error("cannot use the cloud `{cloud}` at {address}; {next}")]
    Cloud {
        /// Its name in `clouds.yaml`.
        cloud: String,
        /// Where its identity service is.
        address: String,
        /// What to do about it.
        next: &'static str,
        /// What came back.
        #[source]
        source: Box<ProviderError>,
    },
}

impl ConnectError {
    fn cloud(access: &Access, source: ProviderError) -> Self {
        let next = match source.class {
            FailureClass::Unauthorized => "correct the credentials",
            FailureClass::Forbidden => "give the account the role `member` in the project",
            FailureClass::Unsupported => "correct region and interface, or ask its operator for the service",
            FailureClass::Transport | FailureClass::Timeout => "correct `auth_url`, or see that it is up",
            _ => "see what came back",
        };
        Self::Cloud { cloud: access.name.clone(), address: access.auth_url.to_string(), next, source: Box::new(source) }
    }
}

/// What a cloud offers this project.
#[derive(Debug, Default)]
struct Offer {
    zones: bool,
    regions: bool,
    security_groups: bool,
    floating: bool,
    ipv6: bool,
    network_on_request: bool,
}

impl OpenStackProvider {
    /// The provider of the cloud that `config` names, with the credentials that `clouds.yaml` or the environment of this process
    /// hold for it.
    ///
    /// # Errors
    /// Credentials that cannot be found or read; an identity service that refuses them or does not answer; a project without a
    /// compute, image or network service.
    pub async fn connect(config: &OpenStackConfig) -> Result<Self, ConnectError> {
        Self::connect_in(config, &Surroundings::of_process()).await
    }

    pub(crate) async fn connect_in(config: &OpenStackConfig, around: &Surroundings) -> Result<Self, ConnectError> {
        let mut access = clouds::load(config.cloud.as_deref(), around)?;
        if config.region.is_some() {
            access.region.clone_from(&config.region);
        }
        Self::open(config, &access).await.map_err(|error| ConnectError::cloud(&access, error))
    }

    async fn open(config: &OpenStackConfig, access: &Access) -> Result<Self> {
        let local = |what: String| ProviderError::new("prepare to call the cloud", FailureClass::Local, what);
        let no_token = |error| crate::api::unanswered("get a token", error);
        let client = identity::client(access).map_err(|error| local(error.to_string()))?;
        let keystone = Keystone::new(access, client.clone());
        let session = Session::new_with_client(client, keystone.clone()).await.map_err(no_token)?;
        let (project, _) = keystone.project().await.map_err(no_token)?.ok_or_else(|| {
            local(
                "the token is for no project; name one as `project_name`, or use its application credential".to_owned(),
            )
        })?;
        let api = Api::new(configured(session, access), keystone.clone());
        api.find_images().await?;
        let offer = look(&api, &keystone, config).await?;
        let networks = api.all::<NetworkShown>(|| Call::get("list networks", Service::Network, ["networks"])).await?;
        Ok(Self {
            declaration: declaration(&offer),
            facts: facts(access, &api, &keystone).await?,
            secrets: access.secrets().into_iter().map(str::to_owned).collect(),
            region: access.region.clone(),
            external_network: config.external_network.clone(),
            port_forwarding: config.port_forwarding,
            network_on_request: offer.network_on_request,
            networks: RwLock::new(networks),
            requested: Mutex::new(HashSet::new()),
            project,
            keystone,
            api,
        })
    }

    /// The regions of the catalogue; the one in use where the catalogue names none.
    pub(super) async fn region_names(&self) -> Result<Vec<String>> {
        let named = self.keystone.regions().await;
        let named = named.map_err(|error| crate::api::unanswered("list regions", error))?;
        Ok(if named.is_empty() { vec![self.region.clone().unwrap_or_else(|| "default".to_owned())] } else { named })
    }
}

/// The session with interface, region and endpoints as `clouds.yaml` has them.
fn configured(session: Session, access: &Access) -> Session {
    let mut filters = EndpointFilters::default().with_interfaces(ValidInterfaces::one(access.interface.into()));
    if let Some(region) = &access.region {
        filters = filters.with_region(region);
    }
    let mut session = session.with_endpoint_filters(filters);
    for (service, url) in &access.endpoint_overrides {
        match service.as_str() {
            "compute" => session.set_endpoint_override(COMPUTE, url.clone()),
            "image" => session.set_endpoint_override(IMAGE, url.clone()),
            "network" => session.set_endpoint_override(NETWORK, url.clone()),
            "block-storage" => session.set_endpoint_override(BLOCK_STORAGE, url.clone()),
            _ => {}
        }
    }
    session
}

#[derive(Deserialize)]
struct Extensions {
    extensions: Vec<Extension>,
}

#[derive(Deserialize)]
struct Extension {
    alias: String,
}

async fn look(api: &Api, keystone: &Keystone, config: &OpenStackConfig) -> Result<Offer> {
    let listed: Extensions = api.fetch(Call::get("list network extensions", Service::Network, ["extensions"])).await?;
    let extensions: BTreeSet<String> = listed.extensions.into_iter().map(|extension| extension.alias).collect();
    let zones: Zones = api.fetch(Call::get("list zones", Service::Compute, ["os-availability-zone"])).await?;
    let subnets = api.all::<SubnetShown>(|| Call::get("list subnets", Service::Network, ["subnets"])).await?;
    let regions = keystone.regions().await.map_err(|error| crate::api::unanswered("list regions", error))?;
    let floating =
        extensions.contains("router") && external_network(api, config.external_network.as_deref()).await.is_ok();
    Ok(Offer {
        zones: !zones.available().is_empty(),
        regions: regions.len() > 1,
        security_groups: extensions.contains("security-group"),
        network_on_request: extensions.contains("auto-allocated-topology"),
        floating,
        ipv6: subnets.iter().any(|subnet| subnet.cidr.addr().is_ipv6()),
    })
}

/// What every OpenStack has, and what this one was seen to offer. There is no client token: two requests are two servers.
fn declaration(offer: &Offer) -> Declaration {
    let mut capabilities = BTreeSet::from([
        Capability::Catalog,
        Capability::Pagination,
        Capability::ImageLifecycle,
        Capability::Keys,
        Capability::Nodes,
        Capability::AlterNodes,
        Capability::Tags,
        Capability::UserData,
        Capability::Console,
        Capability::Reboot,
        Capability::StopStart,
        Capability::PublicAddress,
        Capability::MetadataService,
        Capability::Quota,
        Capability::Login,
    ]);
    capabilities.extend(
        [
            (offer.zones, Capability::Zones),
            (offer.regions, Capability::Regions),
            (offer.security_groups, Capability::SecurityRules),
            (offer.floating, Capability::FloatingIp),
            (offer.ipv6, Capability::Ipv6),
        ]
        .into_iter()
        .filter_map(|(there, capability)| there.then_some(capability)),
    );
    Declaration { provider: "openstack".to_owned(), capabilities, pace: 1.0, nodes_per_read: 1 }
}

/// What tells this cloud from another: addresses and versions, nothing secret.
async fn facts(access: &Access, api: &Api, keystone: &Keystone) -> Result<BTreeMap<String, String>> {
    let mut facts = BTreeMap::from([("auth-url".to_owned(), access.auth_url.to_string())]);
    facts.extend(access.region.clone().map(|region| ("region".to_owned(), region)));
    // With which rights a run was made belongs to what it proves.
    let roles = keystone.roles().await.map_err(|error| crate::api::unanswered("read the token's roles", error))?;
    facts.insert("roles".to_owned(), roles.join(", "));
    if !access.ignored().is_empty() {
        facts.insert("clouds-yaml-keys-without-effect".to_owned(), access.ignored().join(", "));
    }
    facts.extend(api.compute_version().await?.map(|version| ("compute-microversion".to_owned(), version)));
    Ok(facts)
}
