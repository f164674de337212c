//! The keys that openstacksdk knows, and what becomes of each here.

/// Keys of a cloud that are read, besides those of `auth` and the endpoint overrides.
const READ: [&str; 12] = [
    "auth",
    "auth_type",
    "cacert",
    "cert",
    "identity_api_version",
    "insecure",
    "interface",
    "key",
    "profile",
    "region_name",
    "regions",
    "verify",
];

/// Keys of `auth`. They may stand outside of it too.
pub(super) const AUTH: [&str; 19] = [
    "application_credential_id",
    "application_credential_name",
    "application_credential_secret",
    "auth_url",
    "default_domain_id",
    "default_domain_name",
    "domain_id",
    "domain_name",
    "password",
    "project_domain_id",
    "project_domain_name",
    "project_id",
    "project_name",
    "system_scope",
    "token",
    "user_domain_id",
    "user_domain_name",
    "user_id",
    "username",
];

/// Older spellings, and the current ones.
const OLDER: [(&str, &str); 8] = [
    ("auth_plugin", "auth_type"),
    ("auth_token", "token"),
    ("cloud", "profile"),
    ("default_domain", "default_domain_id"),
    ("endpoint_type", "interface"),
    ("tenant_id", "project_id"),
    ("tenant_name", "project_name"),
    ("user_name", "username"),
];

/// Words that are not near enough to what they stand for to be found by their letters.
const MISTAKEN: [(&str, &str); 9] = [
    ("ca_file", "cacert"),
    ("cafile", "cacert"),
    ("project", "project_name"),
    ("region", "region_name"),
    ("ssl_verify", "verify"),
    ("tenant", "project_name"),
    ("tls_verify", "verify"),
    ("url", "auth_url"),
    ("user", "username"),
];

/// Keys that decide how one gets in, or to which service, in a way that is not to be had here.
const UNSUPPORTED: [&str; 21] = [
    "access_token",
    "access_token_endpoint",
    "access_token_type",
    "auth_methods",
    "client_id",
    "client_secret",
    "code",
    "discovery_endpoint",
    "endpoint",
    "endpoint_override",
    "identity_provider",
    "identity_provider_url",
    "mutual_auth",
    "oauth2_endpoint",
    "openid_scope",
    "passcode",
    "protocol",
    "service_provider_endpoint",
    "service_provider_entity_id",
    "service_type",
    "trust_id",
];

/// Keys for other programs, or for parts of openstacksdk that have no counterpart here.
const IGNORED: [&str; 27] = [
    "api_timeout",
    "app_name",
    "app_version",
    "cache",
    "collect_timing",
    "config_drive",
    "default_microversion",
    "description",
    "disable_vendor_agent",
    "external_network",
    "floating_ip_source",
    "force_ipv4",
    "image_api_use_tasks",
    "image_format",
    "internal_network",
    "message",
    "metrics",
    "nat_source",
    "networks",
    "prefer_ipv6",
    "requires_floating_ip",
    "secgroup_source",
    "service_name",
    "status",
    "timing",
    "vendor_hook",
    "verbose_level",
];

/// The services that are called, in the spelling of keys. A setting of another service can't matter.
const SERVICES: [&str; 8] =
    ["block_storage", "block_store", "compute", "identity", "image", "network", "volume", "volumev3"];

/// Ends of keys that say which endpoint of a service counts, service by service. Here all services share one choice.
const CHOICES: [&str; 4] = ["service_type", "interface", "endpoint_type", "region_name"];

/// Ends of keys that give a service's address.
const ADDRESSES: [&str; 2] = ["_endpoint_override", "_endpoint"];

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is read.
    Read,
    /// It changes nothing here.
    Ignored,
    /// It would change how one gets in, and can't.
    Unsupported,
    /// It is not known, and this one is near.
    Near(&'static str),
    /// It is not known, and nothing is near.
    Unknown,
}

/// What becomes of a cloud's own key.
pub(super) fn judge(key: &str) -> Verdict {
    if READ.contains(&key) || AUTH.contains(&key) || overridden(key).is_some() {
        return Verdict::Read;
    }
    if UNSUPPORTED.contains(&key) || chooses(key) {
        return Verdict::Unsupported;
    }
    let ignored =
        IGNORED.contains(&key) || IGNORED_ENDS.iter().any(|end| key.ends_with(end)) || key.starts_with("has_");
    if ignored {
        return Verdict::Ignored;
    }
    let known = READ.iter().chain(&AUTH).chain(&UNSUPPORTED).chain(&IGNORED).copied();
    near(key, known).map_or_else(|| near_override(key), Verdict::Near)
}

/// Ends of keys that tune one service, or choose a version, which is negotiated here.
const IGNORED_ENDS: [&str; 17] = [
    "_api_version",
    "_concurrency",
    "_connect_retries",
    "_connect_retry_delay",
    "_default_microversion",
    "_disabled_reason",
    "_endpoint_type",
    "_interface",
    "_max_version",
    "_min_version",
    "_rate_limit",
    "_region_name",
    "_retriable_status_codes",
    "_service_name",
    "_service_type",
    "_status_code_retries",
    "_timeout",
];

/// What becomes of a key of `auth`.
pub(super) fn judge_auth(key: &str) -> Verdict {
    if is_auth(key) {
        Verdict::Read
    } else if UNSUPPORTED.contains(&key) {
        Verdict::Unsupported
    } else {
        near(key, AUTH.iter().copied()).map_or(Verdict::Unknown, Verdict::Near)
    }
}

pub(super) fn is_auth(key: &str) -> bool {
    AUTH.contains(&key)
}

/// Whether `OS_` and this word in capitals is a variable that is read. `OS_CLOUD` chooses and `OS_PROFILE` belongs to a profiler.
pub(super) fn is_variable(word: &str) -> bool {
    let current = current(word);
    let elsewhere = ["auth", "profile", "regions"].contains(&current);
    let unsupported = ["passcode", "trust_id", "auth_methods", "identity_provider"].contains(&current);
    let overrides = current.ends_with("_endpoint_override") && overridden(current).is_some();
    unsupported || overrides || (!elsewhere && (READ.contains(&current) || is_auth(current)))
}

/// The current spelling of a key.
pub(super) fn current(key: &str) -> &str {
    OLDER.iter().find(|(older, _)| *older == key).map_or(key, |(_, current)| current)
}

/// The service whose address the key gives, as service types are spelled in a catalog.
pub(super) fn overridden(key: &str) -> Option<String> {
    let service = ADDRESSES.iter().find_map(|end| key.strip_suffix(end)).filter(|service| !service.is_empty())?;
    let plain = !UNSUPPORTED.contains(&key);
    plain.then(|| service.replace('_', "-"))
}

/// Whether the key makes a choice for one of the services that are called.
fn chooses(key: &str) -> bool {
    CHOICES.iter().any(|choice| {
        let service = key.strip_suffix(choice).and_then(|service| service.strip_suffix('_'));
        service.is_some_and(|service| SERVICES.contains(&service))
    })
}

fn near_override(key: &str) -> Verdict {
    let misspelt = |service: &&str| {
        let end = key.strip_prefix(*service).and_then(|end| end.strip_prefix('_'));
        end.is_some_and(|end| near(end, ["endpoint_override"].into_iter()).is_some())
    };
    if SERVICES.iter().any(misspelt) { Verdict::Near("<service>_endpoint_override") } else { Verdict::Unknown }
}

/// The candidate that `word` most likely stands for. A quarter of the letters may differ.
pub(super) fn near<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let candidates: Vec<&str> = candidates.collect();
    let meant = MISTAKEN.iter().find(|(mistaken, _)| *mistaken == word).map(|(_, meant)| *meant);
    if let Some(meant) = candidates.iter().find(|candidate| Some(**candidate) == meant) {
        return Some(meant);
    }
    let letters = word.chars().count();
    let limit = if letters < 3 { 0 } else { (letters / 4).max(1) };
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_judged() {
        for (key, verdict) in [
            ("region_name", Verdict::Read),
            ("username", Verdict::Read),
            ("compute_endpoint_override", Verdict::Read),
            ("object_store_endpoint", Verdict::Read),
            ("identity_api_version", Verdict::Read),
            ("volume_api_version", Verdict::Ignored),
            ("floating_ip_source", Verdict::Ignored),
            ("has_network", Verdict::Ignored),
            ("database_service_type", Verdict::Ignored),
            ("volume_service_type", Verdict::Unsupported),
            ("compute_region_name", Verdict::Unsupported),
            ("trust_id", Verdict::Unsupported),
            ("endpoint_override", Verdict::Unsupported),
            ("regoin_name", Verdict::Near("region_name")),
            ("verfy", Verdict::Near("verify")),
            ("region", Verdict::Near("region_name")),
            ("compute_endpoint_overide", Verdict::Near("<service>_endpoint_override")),
            ("our_cost_centre", Verdict::Unknown),
        ] {
            assert_eq!(judge(key), verdict, "{key}");
        }
    }

    #[test]
    fn keys_of_auth_are_judged() {
        for (key, verdict) in [
            ("user_domain_id", Verdict::Read),
            ("pasword", Verdict::Near("password")),
            ("usernmae", Verdict::Near("username")),
            ("auth_ulr", Verdict::Near("auth_url")),
            ("project", Verdict::Near("project_name")),
            ("identity_provider", Verdict::Unsupported),
            ("colour", Verdict::Unknown),
        ] {
            assert_eq!(judge_auth(key), verdict, "{key}");
        }
    }

    #[test]
    fn variables_are_told_apart() {
        for (word, read) in [
            ("auth_url", true),
            ("tenant_name", true),
            ("insecure", true),
            ("endpoint_type", true),
            ("compute_endpoint_override", true),
            ("trust_id", true),
            ("cloud", false),
            ("profile", false),
            ("log_path", false),
            ("collector_endpoint", false),
        ] {
            assert_eq!(is_variable(word), read, "{word}");
        }
    }
}
