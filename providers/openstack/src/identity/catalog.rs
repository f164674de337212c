//! The services of a cloud, and their addresses.

use std::collections::{BTreeMap, BTreeSet};

use osauth::{EndpointFilters, Error, ErrorKind};
use reqwest::Url;
use serde::Deserialize;

use crate::clouds::{Interface, aliases};

/// The catalog of one token.
pub(super) struct Catalog {
    services: Vec<Service>,
}

/// A service.
#[derive(Deserialize)]
pub(super) struct Service {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

/// One of a service's addresses.
#[derive(Deserialize)]
struct Endpoint {
    interface: String,
    region_id: Option<String>,
    region: Option<String>,
    url: String,
}

impl Endpoint {
    fn region(&self) -> Option<&str> {
        self.region.as_deref().or(self.region_id.as_deref()).filter(|region| !region.is_empty())
    }

    fn interface(&self) -> Option<osauth::InterfaceType> {
        Interface::read(&self.interface).map(Into::into)
    }
}

impl Catalog {
    pub(super) fn new(services: Vec<Service>) -> Self {
        Self { services }
    }

    /// The names of all regions, sorted.
    pub(super) fn regions(&self) -> Vec<String> {
        let all: BTreeSet<&str> =
            self.services.iter().flat_map(|s| &s.endpoints).filter_map(Endpoint::region).collect();
        all.into_iter().map(str::to_owned).collect()
    }

    /// Whether there is a service of this type, under any of its names.
    pub(super) fn has_service(&self, service_type: &str) -> bool {
        self.named(service_type).next().is_some()
    }

    /// The services of this type, the name that was asked for first.
    fn named(&self, service_type: &str) -> impl Iterator<Item = &Service> {
        aliases(service_type)
            .into_iter()
            .flat_map(|name| self.services.iter().filter(move |service| service.kind == name))
    }

    /// The address of a service in the filters' region. Among several, the interface that the filters name first decides.
    pub(super) fn find(&self, service_type: &str, filters: &EndpointFilters) -> Result<Url, Error> {
        let region = filters.region.as_deref();
        for service in self.named(service_type) {
            let endpoints =
                || service.endpoints.iter().filter(|endpoint| region.is_none() || endpoint.region() == region);
            let found = filters
                .interfaces
                .iter()
                .find_map(|wanted| endpoints().find(|endpoint| endpoint.interface() == Some(*wanted)));
            let Some(endpoint) = found else { continue };
            return Url::parse(&endpoint.url).map_err(|error| {
                let message = format!(
                    "the catalog's address of `{service_type}` is no URL: `{}`: {error}; set `{}_endpoint_override`",
                    endpoint.url,
                    service_type.replace('-', "_")
                );
                Error::new(ErrorKind::InvalidResponse, message)
            });
        }
        Err(Error::new(ErrorKind::EndpointNotFound, self.missing(service_type, filters)))
    }

    fn missing(&self, service_type: &str, filters: &EndpointFilters) -> String {
        let interfaces: Vec<_> = filters.interfaces.iter().map(ToString::to_string).collect();
        let region =
            filters.region.as_ref().map_or_else(|| "any region".to_owned(), |region| format!("region `{region}`"));
        let asked = format!("no endpoint of `{service_type}` with interface {} in {region}", interfaces.join(" or "));
        let mut regions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for endpoint in self.named(service_type).flat_map(|service| &service.endpoints) {
            regions.entry(endpoint.region().unwrap_or("(no region)")).or_default().insert(&endpoint.interface);
        }
        if !regions.is_empty() {
            let list: Vec<_> = regions
                .into_iter()
                .map(|(region, interfaces)| {
                    format!("{region} ({})", interfaces.into_iter().collect::<Vec<_>>().join(", "))
                })
                .collect();
            return format!("{asked}; the catalog has it in {}; region names are case sensitive", list.join("; "));
        }
        let services: BTreeSet<&str> = self.services.iter().map(|service| service.kind.as_str()).collect();
        if services.is_empty() {
            return format!(
                "{asked}; the token's catalog is empty: ask for a token of a project in which the user has a role"
            );
        }
        let services = services.into_iter().collect::<Vec<_>>().join(", ");
        format!("{asked}; the catalog has no such service, only: {services}")
    }
}

#[cfg(test)]
mod tests {
    use osauth::InterfaceType::{Admin, Internal, Public};
    use serde_json::json;

    use super::*;

    fn catalog() -> Catalog {
        let endpoint = |interface, region, url: &str| json!({"interface": interface, "region": region, "url": url});
        let services = json!([
            {"type": "compute", "endpoints": [
                endpoint("internal", "One", "http://10.0.0.1/c"),
                endpoint("public", "One", "http://one/c"),
                endpoint("publicURL", "Two", "http://two/c"),
            ]},
            {"type": "volume", "endpoints": [endpoint("public", "One", "http://one/v1")]},
            {"type": "volumev3", "endpoints": [endpoint("public", "One", "http://one/v3")]},
            {"type": "image", "endpoints": [
                {"interface": "public", "region": null, "region_id": "One", "url": "nowhere"},
            ]},
        ]);
        Catalog::new(serde_json::from_value(services).unwrap())
    }

    #[test]
    fn endpoints_are_found() {
        let filters = EndpointFilters::default();
        let both = || EndpointFilters::default().with_interfaces(vec![Admin, Internal, Public]);
        for (service, filters, url) in [
            ("compute", filters.clone(), "http://one/c"),
            ("compute", filters.clone().with_region("Two"), "http://two/c"),
            ("compute", filters.clone().with_interfaces(Internal), "http://10.0.0.1/c"),
            ("compute", both(), "http://10.0.0.1/c"),
            ("compute", both().with_region("Two"), "http://two/c"),
            ("block-storage", filters.clone(), "http://one/v3"),
            ("block-store", filters.clone(), "http://one/v3"),
            ("volume", filters.clone(), "http://one/v1"),
        ] {
            assert_eq!(catalog().find(service, &filters).unwrap().as_str(), url, "{service} {filters:?}");
        }
        assert_eq!(catalog().regions(), ["One", "Two"]);
        assert!(catalog().has_service("block-storage"));
        assert!(!catalog().has_service("dns"));
    }

    #[test]
    fn what_is_not_found_says_what_there_is() {
        let filters = EndpointFilters::default();
        for (service, filters, kind, said) in [
            (
                "compute",
                filters.clone().with_region("one"),
                ErrorKind::EndpointNotFound,
                "no endpoint of `compute` with interface public in region `one`; the catalog has it in \
                 One (internal, public); Two (publicURL); region names are case sensitive",
            ),
            (
                "dns",
                filters.clone().with_interfaces(vec![Admin, Public]),
                ErrorKind::EndpointNotFound,
                "no endpoint of `dns` with interface admin or public in any region; the catalog has no such \
                 service, only: compute, image, volume, volumev3",
            ),
            ("image", filters.clone(), ErrorKind::InvalidResponse, "set `image_endpoint_override`"),
        ] {
            let error = catalog().find(service, &filters).unwrap_err();
            assert_eq!(error.kind(), kind);
            assert!(error.to_string().contains(said), "{error}");
        }
        let error = Catalog::new(Vec::new()).find("compute", &filters).unwrap_err();
        assert!(error.to_string().contains("catalog is empty"), "{error}");
    }
}
