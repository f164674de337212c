//! Which region of a cloud, and what is different in it.

use serde_yaml::Value;

use super::{
    error::CloudsError,
    keys,
    layer::{Entry, Layer},
};

/// The region, and the keys that it changes.
pub(super) struct Region {
    pub(super) name: Option<String>,
    pub(super) values: Layer,
}

/// Chooses the region: the one of `chosen` (an environment variable's value), or of `region_name`; else the first of `regions`.
pub(super) fn choose(layer: &Layer, chosen: Option<&str>) -> Result<Region, CloudsError> {
    let named = layer.top.get("region_name").filter(|entry| !entry.value.is_null());
    let listed = layer.top.get("regions").filter(|entry| !entry.value.is_null());
    // The cloud's own words go before its profile's, whichever of the two keys they are in.
    let named =
        named.filter(|named| !(named.origin.is_profile() && listed.is_some_and(|list| !list.origin.is_profile())));
    let of_profile = listed.is_some_and(|list| list.origin.is_profile());
    let (wanted, source) = match (chosen, named) {
        (Some(word), _) => (Some(word.to_owned()), None),
        (None, Some(entry)) => (first_name(entry)?, Some(entry)),
        (None, None) => (None, None),
    };
    let Some(listed) = listed else { return Ok(Region { name: wanted, values: Layer::default() }) };
    let regions = list(listed)?;
    let Some(wanted) = wanted else {
        let first = regions.into_iter().next();
        return Ok(first.map_or(Region { name: None, values: Layer::default() }, |(name, values)| Region {
            name: Some(name),
            values,
        }));
    };
    let there: Vec<String> = regions.iter().map(|(name, _)| name.clone()).collect();
    if let Some((_, values)) = regions.into_iter().find(|(name, _)| *name == wanted) {
        return Ok(Region { name: Some(wanted), values });
    }
    // A profile's list may be older than the cloud.
    if of_profile {
        return Ok(Region { name: Some(wanted), values: Layer::default() });
    }
    let (origin, subject) = match source {
        Some(entry) => (&entry.origin, entry.origin.subject("region_name")),
        None => (&listed.origin, "the variable `OS_REGION_NAME`".to_owned()),
    };
    let near = keys::near(&wanted, there.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`? "));
    let problem = format!("{subject} is `{wanted}`, which is not in the cloud's `regions`");
    let advice = format!("{}there are: {} (case matters)", near.unwrap_or_default(), there.join(", "));
    Err(origin.wrong("region_name", problem, advice))
}

/// The first of what may be a list, or names between commas.
fn first_name(entry: &Entry) -> Result<Option<String>, CloudsError> {
    let first = match &entry.value {
        Value::Sequence(items) => {
            items.first().map(|value| Entry { value: value.clone(), origin: entry.origin.item(0) })
        }
        _ => Some(entry.clone()),
    };
    let text = first.map(|entry| entry.text("region_name")).transpose()?.flatten();
    Ok(text.and_then(|text| text.split(',').map(str::trim).find(|name| !name.is_empty()).map(str::to_owned)))
}

fn list(entry: &Entry) -> Result<Vec<(String, Layer)>, CloudsError> {
    const KEY: &str = "regions";
    let wrong = |entry: &Entry, problem: &str| {
        let problem = format!("{} {problem}", entry.origin.subject(KEY));
        entry.origin.wrong(KEY, problem, "write a list of names, or of mappings with `name` and `values`")
    };
    let Value::Sequence(items) = &entry.value else { return Err(wrong(entry, "is no list")) };
    let mut regions = Vec::new();
    for (index, value) in items.iter().enumerate() {
        let item = Entry { value: value.clone(), origin: entry.origin.item(index) };
        let Value::Mapping(mapping) = value else {
            regions.push((item.text(KEY)?.ok_or_else(|| wrong(&item, "is empty"))?, Layer::default()));
            continue;
        };
        let mut parts = Layer::of_mapping(mapping, &item.origin)?;
        let name = parts.top.remove("name").ok_or_else(|| wrong(&item, "has no `name`"))?;
        let name = name.text("name")?.ok_or_else(|| wrong(&item, "has an empty `name`"))?;
        let values = match parts.top.remove("values") {
            None | Some(Entry { value: Value::Null, .. }) => Layer::default(),
            Some(Entry { value: Value::Mapping(values), origin }) => Layer::of_mapping(&values, &origin)?,
            Some(other) => return Err(wrong(&other, "is no mapping")),
        };
        if let Some((key, other)) = parts.top.first_key_value().or_else(|| parts.auth.first_key_value()) {
            return Err(wrong(other, &format!("holds `{key}`, which does not belong there")));
        }
        regions.push((name, values));
    }
    Ok(regions)
}
