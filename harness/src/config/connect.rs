//! From a target's configuration to its provider.

use std::{path::Path, sync::Arc};

use levelfield_provider::{FailureClass, Provider};
use levelfield_reports::redact::Redactor;
use levelfield_sim::{Mutation, Persona, SimProvider};
use levelfield_static::StaticProvider;

use super::{ConfigError, ProviderConfig, SimConfig, TargetConfig};

/// Makes the provider of a target. Secrets that are read on the way are made known to `redactor`.
///
/// # Errors
/// A provider that this program was built without, a secret that is not there, a persona or key that cannot be read, an endpoint
/// that does not answer.
pub async fn connect(target: &TargetConfig, redactor: &mut Redactor) -> Result<Arc<dyn Provider>, ConfigError> {
    match &target.provider {
        ProviderConfig::Sim(config) => sim(&target.name, config, redactor).await,
        ProviderConfig::Static(config) => {
            let provider = StaticProvider::new(config).map_err(|e| ConfigError::provider(&target.name, e))?;
            for secret in provider.secrets() {
                redactor.add("private-key", secret);
            }
            Ok(Arc::new(provider))
        }
        #[cfg(feature = "openstack")]
        ProviderConfig::OpenStack(config) => {
            let connected = levelfield_openstack::OpenStackProvider::connect(config).await;
            let provider = connected.map_err(|e| ConfigError::provider(&target.name, e))?;
            for secret in provider.secrets() {
                redactor.add("openstack-secret", secret);
            }
            Ok(Arc::new(provider))
        }
        #[cfg(feature = "aws")]
        ProviderConfig::Aws(config) => {
            let connected = levelfield_aws::AwsProvider::connect(config).await;
            Ok(Arc::new(connected.map_err(|e| ConfigError::provider(&target.name, e))?))
        }
        #[cfg(not(feature = "aws"))]
        ProviderConfig::Aws(_) => {
            Err(ConfigError::LeftOut { target: target.name.clone(), kind: target.provider.kind() })
        }
        #[cfg(not(feature = "openstack"))]
        ProviderConfig::OpenStack(_) => {
            Err(ConfigError::LeftOut { target: target.name.clone(), kind: target.provider.kind() })
        }
    }
}

async fn sim(target: &str, config: &SimConfig, redactor: &mut Redactor) -> Result<Arc<dyn Provider>, ConfigError> {
    let token = match &config.token {
        Some(reference) => {
            let what = "the sim's token";
            let token =
                reference.read().map_err(|source| ConfigError::Secret { target: target.to_owned(), what, source })?;
            redactor.add("sim-token", token.expose());
            Some(token)
        }
        None => None,
    };
    if let Some(endpoint) = &config.endpoint {
        let token = token.as_ref().map(|t| t.expose().to_owned()).unwrap_or_default();
        let provider = SimProvider::connect(endpoint, &token).await.map_err(|e| ConfigError::Unreachable {
            target: target.to_owned(),
            what: format!("the sim at {endpoint}"),
            next: match e.class {
                FailureClass::Unauthorized | FailureClass::Forbidden => "correct its token",
                _ => "start it, or correct where the configuration says it is",
            },
            source: Box::new(e),
        })?;
        return Ok(Arc::new(provider));
    }
    let persona = persona(target, config)?;
    let provider = SimProvider::embedded(persona).await.map_err(|e| ConfigError::provider(target, e))?;
    Ok(Arc::new(provider))
}

/// The persona of a simulated target, with its mutations and seed.
///
/// # Errors
/// An unknown persona or mutation, with those that are known; a persona file that cannot be read.
pub fn persona(target: &str, config: &SimConfig) -> Result<Persona, ConfigError> {
    let from_file = config.persona.contains('/') || Path::new(&config.persona).extension().is_some();
    let persona = if from_file {
        let text = std::fs::read_to_string(&config.persona)
            .map_err(|e| ConfigError::provider(target, format!("cannot read the persona {}: {e}", config.persona)))?;
        Persona::from_yaml(&text)
    } else {
        Persona::embedded(&config.persona)
    };
    let mut persona = persona.map_err(|e| ConfigError::provider(target, e))?;
    let mutations: Result<Vec<Mutation>, _> = config.mutations.iter().map(|m| m.parse::<Mutation>()).collect();
    persona = persona.with_mutations(mutations.map_err(|e| ConfigError::provider(target, e))?);
    if let Some(seed) = config.seed {
        persona = persona.with_seed(seed);
    }
    Ok(persona)
}
