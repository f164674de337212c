//! A target's catalogue, listed once a run and shared by everything that chooses from it.

use std::collections::BTreeSet;

use levelfield_provider::{Flavor, Image, Network, Page, ProviderError, Query, Region};
use tokio::sync::OnceCell;

use crate::{hindrance::Hindrance, target::Target};

/// How many pages a listing may have before it counts as one that never ends.
const MOST_PAGES: usize = 10_000;

/// What a target offers, each part listed at most once.
#[derive(Default)]
pub struct Catalogue {
    regions: OnceCell<Vec<Region>>,
    networks: OnceCell<Vec<Network>>,
    flavors: OnceCell<Vec<Flavor>>,
    images: OnceCell<Vec<Image>>,
}

impl Catalogue {
    /// Regions and zones.
    ///
    /// # Errors
    /// What kept them from being listed.
    pub async fn regions(&self, target: &Target) -> Result<&[Region], Hindrance> {
        Ok(self.regions.get_or_try_init(|| target.regions()).await?)
    }

    /// Networks of the configured region.
    ///
    /// # Errors
    /// What kept them from being listed.
    pub async fn networks(&self, target: &Target) -> Result<&[Network], Hindrance> {
        Ok(self.networks.get_or_try_init(|| async { all_networks(target, &Query::default()).await }).await?)
    }

    /// Flavors of the configured region.
    ///
    /// # Errors
    /// What kept them from being listed.
    pub async fn flavors(&self, target: &Target) -> Result<&[Flavor], Hindrance> {
        Ok(self.flavors.get_or_try_init(|| async { all_flavors(target, &Query::default()).await }).await?)
    }

    /// Images of the configured region.
    ///
    /// # Errors
    /// What kept them from being listed.
    pub async fn images(&self, target: &Target) -> Result<&[Image], Hindrance> {
        Ok(self.images.get_or_try_init(|| async { all_images(target, &Query::default()).await }).await?)
    }
}

/// Every network, page after page of the size that `query` asks for.
///
/// # Errors
/// The provider's, and an unexpected answer for a listing that goes in circles.
pub async fn all_networks(target: &Target, query: &Query) -> Result<Vec<Network>, ProviderError> {
    all("list networks", query, |query| async move { target.networks(&query).await }).await
}

/// Every flavor, page after page of the size that `query` asks for.
///
/// # Errors
/// The provider's, and an unexpected answer for a listing that goes in circles.
pub async fn all_flavors(target: &Target, query: &Query) -> Result<Vec<Flavor>, ProviderError> {
    all("list flavors", query, |query| async move { target.flavors(&query).await }).await
}

/// Every image, page after page of the size that `query` asks for.
///
/// # Errors
/// The provider's, and an unexpected answer for a listing that goes in circles.
pub async fn all_images(target: &Target, query: &Query) -> Result<Vec<Image>, ProviderError> {
    all("list images", query, |query| async move { target.images(&query).await }).await
}

async fn all<T, F, Fut>(operation: &str, query: &Query, page: F) -> Result<Vec<T>, ProviderError>
where
    F: Fn(Query) -> Fut,
    Fut: Future<Output = Result<Page<T>, ProviderError>>,
{
    let endless = |message: &str| {
        ProviderError::new(operation, levelfield_provider::FailureClass::Unexpected, message.to_owned())
    };
    let mut items = Vec::new();
    let mut query = query.clone();
    let mut seen = BTreeSet::new();
    for _ in 0..MOST_PAGES {
        let answer = page(query.clone()).await?;
        items.extend(answer.items);
        let Some(next) = answer.next else { return Ok(items) };
        if !seen.insert(next.clone()) {
            return Err(endless("the listing goes in circles: the same marker came twice"));
        }
        query.marker = Some(next);
    }
    Err(endless("the listing has no end"))
}
