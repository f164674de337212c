//! Images: those of the distributions' publishers first, then those of the account and of whom the configuration names.

use aws_sdk_ec2::types::{ArchitectureValues, Image as ImageShown, ImageState as StateShown};
use levelfield_provider::{Architecture, Image, ImageState, Page, Query, Result};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    AwsProvider,
    catalog::{next, page_size},
};
use crate::{
    failure::failed,
    publisher::{self, PUBLISHERS},
    tags::filter,
};

/// What a marker begins with that belongs to the second listing.
const OWN: &str = "own:";
/// The limits of `MaxResults` of images.
const IMAGES_IN_A_PAGE: (u32, u32) = (1, 1000);
/// A page where none is asked for: the whole of a region is more than one answer holds.
const USUAL_PAGE: u32 = 1000;

impl AwsProvider {
    pub(super) async fn list_images(&self, query: &Query) -> Result<Page<Image>> {
        let own = query.marker.as_deref().and_then(|marker| marker.strip_prefix(OWN));
        let marker = own.or(query.marker.as_deref()).filter(|marker| !marker.is_empty());
        let call = self
            .client(query.region.as_deref())
            .describe_images()
            .include_deprecated(true)
            .filters(filter("state", ["available", "pending"]))
            .filters(filter("image-type", ["machine"]))
            .max_results(page_size(Some(query.limit.unwrap_or(USUAL_PAGE)), IMAGES_IN_A_PAGE).unwrap_or(1))
            .set_next_token(marker.map(str::to_owned));
        let call = if own.is_some() {
            call.set_owners(Some([vec!["self".to_owned()], self.image_owners.clone()].concat()))
        } else {
            let owners = PUBLISHERS.iter().map(|publisher| publisher.owner.to_owned()).collect();
            call.set_owners(Some(owners)).filters(publisher::filter())
        };
        let listed = call.send().await.map_err(|e| failed("list images", e))?;
        let next = match next(listed.next_token) {
            Some(token) if own.is_some() => Some(format!("{OWN}{token}")),
            None if own.is_none() => Some(OWN.to_owned()),
            next => next,
        };
        let now = OffsetDateTime::now_utc();
        let shown = listed.images.unwrap_or_default().into_iter();
        // The account may be a publisher, whose images the first listing has.
        let new = shown.filter(|shown| own.is_none() || shown.owner_id().and_then(publisher::of).is_none());
        Ok(Page { items: new.filter_map(|shown| self.image(&shown, now)).collect(), next })
    }

    fn image(&self, shown: &ImageShown, now: OffsetDateTime) -> Option<Image> {
        let parameter = shown.image_id().and_then(|id| self.published.get(id));
        image(shown, parameter, now)
    }
}

fn image(shown: &ImageShown, parameter: Option<&String>, now: OffsetDateTime) -> Option<Image> {
    let id = shown.image_id()?.to_owned();
    let name = shown.name().unwrap_or(&id).to_owned();
    let publisher = shown.owner_id().and_then(publisher::of);
    let version = publisher.and_then(|publisher| publisher.version(&name));
    let read = |words: Option<&str>| OffsetDateTime::parse(words?, &Rfc3339).ok();
    let deprecated = read(shown.deprecation_time());
    let facts = [
        ("owner-alias", shown.image_owner_alias()),
        ("deprecation-time", shown.deprecation_time()),
        ("boot-mode", shown.boot_mode().map(aws_sdk_ec2::types::BootModeValues::as_str)),
        ("imds-support", shown.imds_support().map(aws_sdk_ec2::types::ImdsSupportValues::as_str)),
        ("ssm-parameter", parameter.map(String::as_str)),
        ("description", shown.description()),
    ];
    Some(Image {
        architecture: shown.architecture().and_then(architecture),
        // The account is the distribution's own, so what its name says is a statement.
        distribution: publisher.filter(|_| version.is_some()).map(|publisher| publisher.distribution.to_owned()),
        version,
        owner: shown.owner_id().map(str::to_owned),
        official: Some(publisher.is_some()),
        created: read(shown.creation_date()),
        state: match shown.state() {
            Some(StateShown::Pending) => ImageState::Pending,
            _ if deprecated.is_some_and(|deprecated| deprecated <= now) => ImageState::Superseded,
            _ => ImageState::Current,
        },
        // An image states none; its publisher's pages do.
        login_account: None,
        properties: facts
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value.filter(|value| !value.is_empty())?.to_owned())))
            .collect(),
        id,
        name,
    })
}

fn architecture(shown: &ArchitectureValues) -> Option<Architecture> {
    match shown {
        ArchitectureValues::X8664 => Some(Architecture::Amd64),
        ArchitectureValues::Arm64 => Some(Architecture::Arm64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(owner: &str, name: &str, deprecation: Option<&str>) -> ImageShown {
        ImageShown::builder()
            .image_id("ami-1")
            .name(name)
            .owner_id(owner)
            .architecture(ArchitectureValues::X8664)
            .creation_date("2026-11-01T00:00:00.000Z")
            .set_deprecation_time(deprecation.map(str::to_owned))
            .state(StateShown::Available)
            .build()
    }

    #[test]
    fn what_a_publisher_made_is_official_and_read() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let ubuntu = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20261101";
        let made = image(&shown("099720109477", ubuntu, None), Some(&"/aws/p".to_owned()), now).unwrap();
        assert_eq!((made.distribution.as_deref(), made.version.as_deref()), (Some("ubuntu"), Some("24.04")));
        assert_eq!((made.official, made.created.is_some()), (Some(true), true));
        assert_eq!(made.properties.get("ssm-parameter").map(String::as_str), Some("/aws/p"));
        // A stranger may call an image what he likes.
        let copied = image(&shown("123456789012", ubuntu, None), None, now).unwrap();
        assert_eq!((copied.distribution, copied.official), (None, Some(false)));
    }

    #[test]
    fn what_is_past_its_time_is_superseded() {
        let now = OffsetDateTime::parse("2026-11-22T00:00:00Z", &Rfc3339).unwrap();
        for (deprecation, state) in [
            (None, ImageState::Current),
            (Some("2028-11-01T00:00:00.000Z"), ImageState::Current),
            (Some("2026-11-01T00:00:00.000Z"), ImageState::Superseded),
        ] {
            assert_eq!(
                image(&shown("136693071363", "debian-12-amd64-1", deprecation), None, now).unwrap().state,
                state
            );
        }
    }
}
