//! Key pairs. A key's name is its id: that is what a request for an instance names.

use aws_sdk_ec2::{primitives::Blob, types::ResourceType};
use levelfield_provider::{KeyPair, KeyRequest, Result};

use super::AwsProvider;
use crate::{
    failure::failed,
    tags::{self, specification},
};

impl AwsProvider {
    pub(super) async fn import(&self, request: &KeyRequest) -> Result<KeyPair> {
        let KeyRequest { name, public_key, tags } = request;
        let call = self
            .ec2
            .import_key_pair()
            .key_name(name)
            .public_key_material(Blob::new(public_key.as_bytes()))
            .tag_specifications(specification(ResourceType::KeyPair, None, tags));
        let made = call.send().await.map_err(|e| failed(format!("import key \"{name}\""), e))?;
        Ok(KeyPair {
            id: name.clone(),
            name: name.clone(),
            fingerprint: made.key_fingerprint.unwrap_or_default(),
            tags: tags::read(made.tags.as_deref().unwrap_or_default()),
        })
    }

    pub(super) async fn list_keys(&self) -> Result<Vec<KeyPair>> {
        let listed = self.ec2.describe_key_pairs().send().await.map_err(|e| failed("list keys", e))?;
        let shown = listed.key_pairs.unwrap_or_default();
        Ok(shown
            .into_iter()
            .filter_map(|key| {
                let name = key.key_name?;
                Some(KeyPair {
                    id: name.clone(),
                    name,
                    fingerprint: key.key_fingerprint.unwrap_or_default(),
                    tags: tags::read(key.tags.as_deref().unwrap_or_default()),
                })
            })
            .collect())
    }
}
