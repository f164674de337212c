//! Lists that take no more room than they hold.
//!
//! A list that is read grows as its items come, at first to room for four. Most lists of a result hold one item, and a record has
//! hundreds of thousands of them: what none of them uses would be half of its memory.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};

/// Reads a list, for `#[serde(deserialize_with)]`.
pub(crate) fn list<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct Items<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a sequence")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(item) = items.next_element()? {
                push(&mut list, item);
            }
            list.shrink_to_fit();
            Ok(list)
        }
    }

    deserializer.deserialize_seq(Items(PhantomData))
}

/// Adds to a list that will most likely not grow further.
pub(crate) fn push<T>(list: &mut Vec<T>, item: T) {
    if list.is_empty() {
        list.reserve_exact(1);
    }
    list.push(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Holder {
        #[serde(deserialize_with = "list")]
        items: Vec<u64>,
    }

    #[test]
    fn a_list_has_room_for_what_it_holds_and_no_more() {
        for count in [0, 1, 2, 5, 100] {
            let written = serde_json::json!({ "items": (0..count).collect::<Vec<u64>>() }).to_string();
            let items = serde_json::from_str::<Holder>(&written).unwrap().items;
            assert_eq!(items, (0..count).collect::<Vec<u64>>());
            assert_eq!(items.capacity(), items.len(), "{count}");
        }
    }
}
