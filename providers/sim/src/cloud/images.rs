//! The images on offer in each region, with the mutations that concern their names and facts.

use levelfield_provider::{Image, ImageState};

use super::catalog::{Stock, mystery_box};
use crate::{ImageSpec, Mutation, Persona, random::Seed};

/// Every image of every region.
pub(super) fn stock(persona: &Persona, seed: Seed) -> Vec<Stock> {
    persona
        .regions
        .iter()
        .enumerate()
        .flat_map(|(index, region)| of_region(persona, seed, index, &region.name))
        .collect()
}

fn of_region(persona: &Persona, seed: Seed, index: usize, region: &str) -> Vec<Stock> {
    let id = |image: &str, nth: usize| format!("img-{}", seed.hex(&["image", region, image, &nth.to_string()], 10));
    let mut stock: Vec<_> = persona
        .images
        .iter()
        .enumerate()
        .map(|(nth, spec)| Stock {
            image: listed(spec, id(&spec.name, nth)),
            region: region.to_owned(),
            os_release: spec.os_release.clone(),
            account: spec.account.clone(),
            ssh_unit: spec.ssh_unit.clone(),
            root_login_barred: spec.root_login_barred,
        })
        .collect();
    add_extras(persona, &mut stock, &id);
    rename(persona, index, &mut stock);
    restate(persona, &mut stock);
    stock
}

fn listed(spec: &ImageSpec, id: String) -> Image {
    Image {
        id,
        name: spec.name.clone(),
        architecture: Some(spec.architecture),
        distribution: spec.distribution.clone(),
        version: spec.version.clone(),
        owner: Some(spec.owner.clone()),
        official: spec.official,
        created: Some(spec.created),
        state: spec.state,
        login_account: spec.login_account.clone(),
        properties: spec.properties.clone(),
    }
}

fn is_official(image: &Image) -> bool {
    image.official == Some(true)
}

fn is_current_official(image: &Image) -> bool {
    is_official(image) && image.state == ImageState::Current
}

fn is_debian(image: &Image) -> bool {
    image.distribution.as_deref() == Some("debian")
}

/// Images that a mutation adds.
fn add_extras(persona: &Persona, stock: &mut Vec<Stock>, id: &dyn Fn(&str, usize) -> String) {
    let twin = |original: &Stock, image: Image| Stock {
        image,
        region: original.region.clone(),
        os_release: original.os_release.clone(),
        account: original.account.clone(),
        ssh_unit: original.ssh_unit.clone(),
        root_login_barred: original.root_login_barred,
    };
    let next = stock.len();
    if persona.has(Mutation::ImageWithoutFacts) {
        let extra = twin(&stock[0], mystery_box(id("mystery-box", next)));
        stock.push(extra);
    }
    if persona.has(Mutation::CurrentNameTwice)
        && let Some(original) = stock.iter().find(|s| is_current_official(&s.image) && !is_debian(&s.image))
    {
        let image = Image { id: id(&original.image.name, next), ..original.image.clone() };
        let extra = twin(original, image);
        stock.push(extra);
    }
    if persona.has(Mutation::PortableNameAmbiguous)
        && let Some(original) = stock.iter().find(|s| is_current_official(&s.image) && is_debian(&s.image))
    {
        let name = original.image.name.replacen("-amd64-", "-generic-amd64-", 1);
        let image = Image { id: id(&name, next), name, ..original.image.clone() };
        let extra = twin(original, image);
        stock.push(extra);
    }
    if persona.has(Mutation::NewestIsOlderByDate)
        && let Some(newest) = stock
            .iter()
            .position(|s| is_current_official(&s.image) && s.image.distribution.as_deref() == Some("ubuntu"))
        && let Some(older) = stock.iter().position(|s| {
            s.image.state == ImageState::Superseded
                && s.image.distribution == stock[newest].image.distribution
                && s.image.architecture == stock[newest].image.architecture
        })
    {
        let created = stock[newest].image.created;
        stock[newest].image.created = std::mem::replace(&mut stock[older].image.created, created);
    }
}

/// Mutations of names.
fn rename(persona: &Persona, region: usize, stock: &mut [Stock]) {
    let opaque =
        persona.has(Mutation::OpaqueImageNames) || region > 0 && persona.has(Mutation::SecondRegionNamesDiffer);
    for (nth, image) in stock.iter_mut().map(|stock| &mut stock.image).enumerate().filter(|(_, i)| is_official(i)) {
        if opaque {
            let pet = pet_name(image.distribution.as_deref(), image.version.as_deref());
            let age = if image.state == ImageState::Current { "latest" } else { "old" };
            image.name = format!("IMG-{:04} {pet} {age}", 147 + nth);
            image.distribution = None;
            image.version = None;
            image.properties.clear();
        } else if persona.has(Mutation::ImageNameWithoutDate) {
            let undated: Vec<_> = image.name.split('-').filter(|part| !is_date(part)).collect();
            image.name = undated.join("-");
            image.properties.remove("build-date");
        }
    }
}

fn is_date(part: &str) -> bool {
    part.len() == 8 && part.bytes().all(|byte| byte.is_ascii_digit())
}

/// What people call a release.
fn pet_name(distribution: Option<&str>, version: Option<&str>) -> &'static str {
    match (distribution, version) {
        (Some("debian"), Some("12")) => "bookworm",
        (Some("debian"), _) => "trixie",
        (Some("ubuntu"), _) => "noble",
        (Some("rocky"), _) => "blue onyx",
        _ => "golden",
    }
}

/// Mutations of what images state about themselves and of what is in them.
fn restate(persona: &Persona, stock: &mut [Stock]) {
    for stock in stock {
        let image = &mut stock.image;
        if persona.has(Mutation::PublisherUnmarked) {
            image.official = None;
        }
        if persona.has(Mutation::LoginAccountUnstated) {
            image.login_account = None;
        }
        if persona.has(Mutation::AccountDiffers) {
            "cloud-user".clone_into(&mut stock.account);
        }
        if persona.has(Mutation::ImageVersionLies) {
            stock.os_release = with_other_version(&stock.os_release);
        }
        if persona.has(Mutation::RootLoginBarredOnSomeImages) && !stock.os_release.contains("ID=debian") {
            stock.root_login_barred = true;
        }
    }
}

fn with_other_version(os_release: &str) -> String {
    let lines = os_release.lines().map(|line| if line.starts_with("VERSION_ID=") { "VERSION_ID=\"1\"" } else { line });
    lines.flat_map(|line| [line, "\n"]).collect()
}
