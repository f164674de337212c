//! What `clouds.yaml` and the environment say about one cloud, read strictly.
//!
//! People who use such a cloud from a command line have it described already, in the files and variables of openstacksdk.
//! [`load`] finds that description where openstacksdk finds it and takes it to mean what it means there, with two differences:
//! what can't be obeyed is refused instead of passed over, and what is misspelt is answered with the file, the line and the key
//! that was meant. A test bench that quietly logs in to another region, or that verifies a certificate nobody wanted verified,
//! reports on the wrong cloud.
//!
//! From the weakest to the strongest, a cloud's keys come from its profile (`clouds-public.yaml`), from `clouds.yaml`, from
//! `secure.yaml`, and from the values of its region. The variables are a cloud of their own; they don't mix with a file's. Only
//! `OS_REGION_NAME` counts for a cloud that `OS_CLOUD` chose.

mod access;
mod auth;
mod error;
mod file;
mod keys;
mod layer;
mod region;
mod services;
mod settings;
mod surroundings;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, path::PathBuf};

use reqwest::Url;
use serde_yaml::Value;

#[cfg(test)]
pub(crate) use access::Secret;
pub(crate) use access::{Access, Credential, Domain, Interface, Method, Project, Scope, User};
pub use error::CloudsError;
pub(crate) use services::{aliases, official};
pub(crate) use surroundings::Surroundings;

use file::CloudsFile;
use layer::Layer;
use settings::Settings;

/// What is said about the cloud `name`; without a name, about the one that `OS_CLOUD` names, else about the one that the other
/// `OS_*` variables describe, else about the only one in the files.
///
/// The variables' cloud is called `envvars`, or what `OS_CLOUD_NAME` says.
///
/// # Errors
///
/// A file is missing, unreadable or not YAML; there is no such cloud; a key is unknown, not supported, or has a wrong value; or
/// something is missing without which nobody gets in.
pub(crate) fn load(name: Option<&str>, surroundings: &Surroundings) -> Result<Access, CloudsError> {
    let envvars = surroundings.variable("OS_CLOUD_NAME").unwrap_or("envvars");
    let variables = Layer::of_variables(surroundings);
    let described = variables.top.keys().any(|key| keys::is_auth(key));
    let by_variable = surroundings.variable("OS_CLOUD").filter(|_| name.is_none());
    let wanted = name.or(by_variable);
    if wanted.map_or(described, |wanted| wanted == envvars && described) {
        return interpret(Settings { name: envvars.to_owned(), layer: variables, origin: None, surroundings }, None);
    }
    let files: Vec<CloudsFile> =
        [file::CLOUDS.find(surroundings)?, file::SECURE.find(surroundings)?].into_iter().flatten().collect();
    if files.is_empty() {
        return Err(CloudsError::NoFile { looked_at: surroundings.places(file::CLOUDS.stems) });
    }
    let paths = || files.iter().map(|file| file.path.clone()).collect::<Vec<PathBuf>>();
    let mut names: Vec<String> = Vec::new();
    for name in files.iter().flat_map(CloudsFile::names) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    let no_cloud = |name: &str| CloudsError::NoSuchCloud {
        name: name.to_owned(),
        files: paths(),
        nearest: keys::near(name, names.iter().map(String::as_str)).map(str::to_owned),
        names: names.clone(),
    };
    let wanted = match (wanted, names.as_slice()) {
        (Some(wanted), _) => wanted,
        (None, [only]) => only,
        (None, []) => {
            let place = files.iter().map(|file| file.path.display().to_string()).collect::<Vec<_>>().join(", ");
            let advice = "write one below `clouds:`, or set OS_AUTH_URL and the other OS_* variables".to_owned();
            return Err(CloudsError::File { place, problem: "no cloud in it".to_owned(), advice });
        }
        (None, _) => return Err(CloudsError::NoChoice { files: paths(), names }),
    };
    let mut own = Layer::default();
    let mut origin = None;
    for file in &files {
        if let Some(layer) = file.cloud(wanted, false)? {
            own.cover(layer);
            origin.get_or_insert_with(|| file.origin(wanted, false));
        }
    }
    let Some(origin) = origin else { return Err(no_cloud(wanted)) };
    let layer = with_profile(own, wanted, surroundings)?;
    let chosen = by_variable.and_then(|_| surroundings.variable("OS_REGION_NAME"));
    interpret(Settings { name: wanted.to_owned(), layer, origin: Some(origin), surroundings }, chosen)
}

/// Lays a cloud's keys over those of the profile that it names.
fn with_profile(own: Layer, cloud: &str, surroundings: &Surroundings) -> Result<Layer, CloudsError> {
    let Some(entry) = own.top.get("profile") else { return Ok(own) };
    let Some(profile) = entry.text("profile")? else { return Ok(own) };
    let wrong = |problem: String, advice: String| Err(entry.origin.wrong("profile", problem, advice));
    let subject = entry.origin.subject("profile");
    let instead =
        format!("remove the key and write the profile's keys (`auth_url`, `region_name`) into the cloud `{cloud}`");
    let Some(file) = file::PROFILES.find(surroundings)? else {
        let problem = format!("{subject} is `{profile}`, and there is no clouds-public.yaml");
        return wrong(problem, format!("the profiles inside openstacksdk are not known here: {instead}"));
    };
    let Some(mut layer) = file.cloud(&profile, true)? else {
        let near =
            keys::near(&profile, file.names()).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let names = file.names().collect::<Vec<_>>().join(", ");
        let problem = format!("{subject} is `{profile}`, which is not in {}", file.path.display());
        return wrong(problem, format!("{near}there are: {names}; or {instead}"));
    };
    layer.top.remove("profile");
    layer.cover(own);
    Ok(layer)
}

/// Makes sense of the keys; `chosen` is a region that goes before what they say.
fn interpret(mut settings: Settings<'_>, chosen: Option<&str>) -> Result<Access, CloudsError> {
    let region = region::choose(&settings.layer, chosen)?;
    settings.layer.cover(region.values);
    settings.layer.gather();
    let ignored = settings.check_keys()?;
    settings.check_identity_version()?;
    let auth_url = auth::url(&settings, region.name.as_deref())?;
    let method = auth::method(&settings)?;
    let scope = auth::scope(&settings, &method)?;
    Ok(Access {
        auth_url,
        scope,
        interface: interface(&settings)?,
        cacert: settings.path("cacert")?,
        client_cert: client_cert(&settings)?,
        verify: verify(&settings)?,
        endpoint_overrides: overrides(&settings)?,
        region: region.name,
        name: settings.name,
        method,
        ignored,
    })
}

fn interface(settings: &Settings<'_>) -> Result<Interface, CloudsError> {
    const KEY: &str = "interface";
    let Some(entry) = settings.layer.top.get(KEY) else { return Ok(Interface::default()) };
    let word = match &entry.value {
        Value::Sequence(items) if items.len() == 1 => {
            layer::Entry { value: items[0].clone(), origin: entry.origin.item(0) }.text(KEY)?
        }
        _ => entry.text(KEY)?,
    };
    let Some(word) = word else { return Ok(Interface::default()) };
    Interface::read(&word).ok_or_else(|| {
        let near = keys::near(&word, ["public", "internal", "admin"].into_iter())
            .map(|near| format!("did you mean `{near}`? "));
        let problem = format!("{} is `{word}`, which is unknown", entry.origin.subject(KEY));
        entry.origin.wrong(KEY, problem, format!("{}valid here: public, internal, admin", near.unwrap_or_default()))
    })
}

fn client_cert(settings: &Settings<'_>) -> Result<Option<(PathBuf, PathBuf)>, CloudsError> {
    match (settings.path("cert")?, settings.path("key")?) {
        (Some(cert), Some(key)) => Ok(Some((cert, key))),
        (Some(both), None) => Ok(Some((both.clone(), both))),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(settings
            .missing("cert", "there is a `key` for a client certificate: name the certificate, or remove the key")),
    }
}

/// `insecure` is the stronger of the two.
fn verify(settings: &Settings<'_>) -> Result<bool, CloudsError> {
    let truth =
        |key: &str, advice: &str| settings.layer.top.get(key).map_or(Ok(None), |entry| entry.truth(key, advice));
    let insecure = truth("insecure", "write true or false")?.unwrap_or(false);
    let verify = truth("verify", "write true or false; a file of authorities goes into `cacert`")?.unwrap_or(true);
    Ok(verify && !insecure)
}

fn overrides(settings: &Settings<'_>) -> Result<BTreeMap<String, Url>, CloudsError> {
    let mut overrides = BTreeMap::new();
    for (key, entry) in &settings.layer.top {
        let Some(service) = keys::overridden(key) else { continue };
        let Some(text) = entry.text(key)? else { continue };
        let url = auth::address(key, &text, entry)?;
        // The official name goes before the others, and `_endpoint_override` before `_endpoint`.
        let weaker = official(&service) != service || !key.ends_with("_override");
        if !weaker || !overrides.contains_key(official(&service)) {
            overrides.insert(official(&service).to_owned(), url);
        }
    }
    Ok(overrides)
}
