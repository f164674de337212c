//! Listings are whole, however they are read, and stay the same from one reading to the next.

use std::collections::BTreeSet;

use levelfield_kit::{
    Behavior, Ctx, Nothing, Observation,
    catalogue::{all_flavors, all_images, all_networks},
};
use levelfield_provider::Query;
use levelfield_reports::Judgement;
use serde::{Deserialize, Serialize};

use crate::excerpt::a_few;

pub(super) fn behaviors() -> Vec<Behavior> {
    vec![
        Behavior::new("metadata/listing-complete", observe_listing_complete, judge_listing_complete),
        Behavior::new("metadata/listing-stable", observe_listing_stable, judge_listing_stable),
    ]
}

/// A thing as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Item {
    id: String,
    name: String,
}

/// Which listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Listing {
    Networks,
    Flavors,
    Images,
}

impl Listing {
    const ALL: [Self; 3] = [Self::Networks, Self::Flavors, Self::Images];

    fn title(self) -> &'static str {
        match self {
            Self::Networks => "networks",
            Self::Flavors => "flavors",
            Self::Images => "images",
        }
    }

    /// Reads it afresh, in pages of `limit` where one is given.
    async fn read(self, ctx: &Ctx, limit: Option<u32>) -> Observation<Vec<Item>> {
        let query = Query { limit, ..Query::default() };
        let target = &ctx.target;
        Ok(match self {
            Self::Networks => {
                all_networks(target, &query).await?.into_iter().map(|n| Item { id: n.id, name: n.name }).collect()
            }
            Self::Flavors => {
                all_flavors(target, &query).await?.into_iter().map(|f| Item { id: f.id, name: f.name }).collect()
            }
            Self::Images => {
                all_images(target, &query).await?.into_iter().map(|i| Item { id: i.id, name: i.name }).collect()
            }
        })
    }
}

// metadata/listing-complete

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct PageSize {
    page_size: u32,
}

/// The pages of one listing, read between two readings of the whole: what came or went in the meantime is in one of them only.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Paged {
    listing: Listing,
    page_size: u32,
    before: Vec<String>,
    in_pages: Vec<String>,
    after: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ListingComplete {
    listings: Vec<Paged>,
}

/// A long listing is read in larger pages, so that it takes no more than this many calls.
const MOST_PAGES: usize = 100;

async fn observe_listing_complete(ctx: Ctx, expect: PageSize) -> Observation<ListingComplete> {
    let mut listings = Vec::new();
    for listing in Listing::ALL {
        let before = ids(listing.read(&ctx, None).await?);
        let fitting = u32::try_from(before.len().div_ceil(MOST_PAGES)).unwrap_or(u32::MAX);
        let page_size = expect.page_size.max(fitting).max(1);
        let in_pages = ids(listing.read(&ctx, Some(page_size)).await?);
        let after = ids(listing.read(&ctx, None).await?);
        listings.push(Paged { listing, page_size, before, in_pages, after });
    }
    Ok(ListingComplete { listings })
}

fn ids(items: Vec<Item>) -> Vec<String> {
    items.into_iter().map(|item| item.id).collect()
}

fn judge_listing_complete(seen: &ListingComplete, _: &PageSize) -> Judgement {
    for paged in &seen.listings {
        let title = paged.listing.title();
        let pages = format!("{title} read in pages of {}", paged.page_size);
        let repeated = twice(&paged.in_pages);
        if !repeated.is_empty() {
            return Judgement::fail("listed-twice", format!("{pages} give {} more than once", a_few(&repeated)));
        }
        let before: BTreeSet<&String> = paged.before.iter().collect();
        let after: BTreeSet<&String> = paged.after.iter().collect();
        let in_pages: BTreeSet<&String> = paged.in_pages.iter().collect();
        let lost: Vec<&&String> = before.intersection(&after).filter(|id| !in_pages.contains(*id)).collect();
        if !lost.is_empty() {
            let lost: Vec<&str> = lost.iter().map(|id| id.as_str()).collect();
            let summary = format!("{pages} lack {}", a_few(&lost));
            return Judgement::fail("lost-between-pages", summary)
                .comparing(format!("{} {title}", before.len()), format!("{} {title}", in_pages.len()));
        }
        let surplus: Vec<&&String> =
            in_pages.iter().filter(|id| !before.contains(*id) && !after.contains(*id)).collect();
        if !surplus.is_empty() {
            let surplus: Vec<&str> = surplus.iter().map(|id| id.as_str()).collect();
            return Judgement::fail("only-in-pages", format!("only {pages} give {}", a_few(&surplus)));
        }
    }
    let counts: Vec<String> =
        seen.listings.iter().map(|p| format!("{} {}", p.in_pages.len(), p.listing.title())).collect();
    Judgement::pass(format!("small pages give the same as one listing: {}", counts.join(", ")))
}

fn twice(ids: &[String]) -> Vec<&str> {
    let mut once = BTreeSet::new();
    let repeated: BTreeSet<&str> = ids.iter().map(String::as_str).filter(|id| !once.insert(*id)).collect();
    repeated.into_iter().collect()
}

// metadata/listing-stable

/// How often each listing is read. Replicas that disagree take turns, and others read from them in between, so that two readings
/// alone may come from the same one.
const READINGS: u32 = 6;

/// The readings of one listing: each different content once, in the order of its first appearance.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Readings {
    listing: Listing,
    taken: u32,
    contents: Vec<Vec<Item>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ListingStable {
    listings: Vec<Readings>,
}

async fn observe_listing_stable(ctx: Ctx, _: Nothing) -> Observation<ListingStable> {
    let mut listings = Vec::new();
    for listing in Listing::ALL {
        let mut contents = Vec::new();
        for _ in 0..READINGS {
            let mut items = listing.read(&ctx, None).await?;
            items.sort_unstable();
            if !contents.contains(&items) {
                contents.push(items);
            }
        }
        listings.push(Readings { listing, taken: READINGS, contents });
    }
    Ok(ListingStable { listings })
}

fn judge_listing_stable(seen: &ListingStable, _: &Nothing) -> Judgement {
    for readings in &seen.listings {
        let Some((first, others)) = readings.contents.split_first() else { continue };
        for other in others {
            if let Some((was, is)) = first.iter().find_map(|was| Some((was, changed(was, first, other)?))) {
                let summary = format!(
                    "{} change their ids between {} readings of the listing: {} was {}, then {}",
                    readings.listing.title(),
                    readings.taken,
                    was.name,
                    was.id,
                    is.id
                );
                return Judgement::fail("ids-changed", summary)
                    .comparing(format!("{} {}", was.id, was.name), format!("{} {}", is.id, is.name));
            }
        }
    }
    let counts: Vec<String> = seen
        .listings
        .iter()
        .map(|r| format!("{} {}", r.contents.first().map_or(0, Vec::len), r.listing.title()))
        .collect();
    Judgement::pass(format!("every reading gives the same ids: {}", counts.join(", ")))
}

/// The item that `was` became: one of the same name under another id, where the name tells them apart at all. What came or went
/// in between is no change of ids.
fn changed<'l>(was: &Item, first: &[Item], other: &'l [Item]) -> Option<&'l Item> {
    if first.iter().filter(|item| item.name == was.name).count() != 1 {
        return None;
    }
    let mut namesakes = other.iter().filter(|item| item.name == was.name);
    match (namesakes.next(), namesakes.next()) {
        (Some(only), None) if only.id != was.id => Some(only),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use levelfield_reports::Verdict;

    use super::*;

    fn strings(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn pages_give_the_whole_once() {
        for (before, in_pages, after, verdict) in [
            (&["a", "b", "c"][..], &["a", "b", "c"][..], &["a", "b", "c"][..], Verdict::Pass),
            (&["a", "b"], &["b", "a"], &["a", "b"], Verdict::Pass),
            (&[], &[], &[], Verdict::Pass),
            // Something came, or went, while the pages were read.
            (&["a"], &["a", "b"], &["a", "b"], Verdict::Pass),
            (&["a", "b"], &["a"], &["a"], Verdict::Pass),
            // listing-drops-at-page-edge
            (&["a", "b", "c"], &["a", "b"], &["a", "b", "c"], Verdict::fail("lost-between-pages")),
            // listing-repeats-at-page-edge
            (&["a", "b", "c"], &["a", "b", "b", "c"], &["a", "b", "c"], Verdict::fail("listed-twice")),
            (&["a"], &["a", "z"], &["a"], Verdict::fail("only-in-pages")),
        ] {
            let paged = Paged {
                listing: Listing::Flavors,
                page_size: 2,
                before: strings(before),
                in_pages: strings(in_pages),
                after: strings(after),
            };
            let judged = judge_listing_complete(&ListingComplete { listings: vec![paged] }, &PageSize { page_size: 2 });
            assert_eq!(judged.verdict, verdict, "{in_pages:?}");
        }
    }

    fn items(pairs: &[(&str, &str)]) -> Vec<Item> {
        pairs.iter().map(|(id, name)| Item { id: (*id).to_owned(), name: (*name).to_owned() }).collect()
    }

    #[test]
    fn ids_stay_with_their_things() {
        let first = items(&[("1", "small"), ("2", "big"), ("3", "bigger")]);
        for (contents, verdict) in [
            (vec![first.clone()], Verdict::Pass),
            (vec![], Verdict::Pass),
            // listing-ids-shift
            (
                vec![first.clone(), items(&[("1", "small"), ("3", "big"), ("2", "bigger")])],
                Verdict::fail("ids-changed"),
            ),
            (
                vec![first.clone(), items(&[("9", "small"), ("2", "big"), ("3", "bigger")])],
                Verdict::fail("ids-changed"),
            ),
            // One came, one went.
            (vec![first.clone(), items(&[("1", "small"), ("2", "big"), ("4", "new")])], Verdict::Pass),
            // Names that say nothing say nothing about ids either.
            (vec![items(&[("1", "x"), ("2", "x")]), items(&[("1", "x"), ("3", "x")])], Verdict::Pass),
        ] {
            let readings = Readings { listing: Listing::Flavors, taken: READINGS, contents };
            let judged = judge_listing_stable(&ListingStable { listings: vec![readings] }, &Nothing {});
            assert_eq!(judged.verdict, verdict, "{}", judged.summary);
        }
    }
}
