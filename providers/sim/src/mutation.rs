//! The ways in which a simulated cloud can be made to misbehave, one deviation each.
//!
//! A mutation changes exactly what it says and nothing else, so that a run against the mutated cloud proves that the check
//! for that one thing can fail, and that no other check does.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// One deliberate violation of one expected behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mutation {
    /// A second network, not the default one, lists no address range and does not say whether it leads outside.
    NetworkWithoutCidr,
    /// One extra big flavor lists neither memory, processors nor architecture.
    FlavorWithoutMemory,
    /// One extra image, `mystery-box`, lists no architecture, owner or creation time.
    ImageWithoutFacts,
    /// Small pages of flavors lose the item that follows each page's end.
    ListingDropsAtPageEdge,
    /// Small pages of flavors begin with the item that ended the last page.
    ListingRepeatsAtPageEdge,
    /// Every second listing of flavors, the two biggest exchange their ids.
    ListingIdsShift,
    /// Two networks are marked as the default.
    TwoDefaultNetworks,
    /// Of two networks none is marked as the default.
    NoDefaultNetwork,
    /// The smallest flavor has 64 processors and 512 GiB.
    FlavorsAllHuge,
    /// Official images are named for people only, and state no distribution, version or build date.
    OpaqueImageNames,
    /// A node has half of the memory that its flavor states.
    FlavorMemoryOverstated,
    /// The node's `os-release` has another version than the image's metadata.
    ImageVersionLies,
    /// A node is placed in, and reports, another zone than the one asked for.
    ZoneIgnored,
    /// Two current official images, named differently, are both Debian 12 for amd64.
    PortableNameAmbiguous,
    /// Official images carry no build date, neither in the name nor in a property.
    ImageNameWithoutDate,
    /// Two current images of one owner (not Debian 12) bear one name.
    CurrentNameTwice,
    /// In one family (not Debian 12) the image created last has the older date in its name.
    NewestIsOlderByDate,
    /// No image says whether its owner is the official publisher.
    PublisherUnmarked,
    /// The second region names its official images in another manner than the first.
    SecondRegionNamesDiffer,
    /// No image states its login account.
    LoginAccountUnstated,
    /// A node cannot be created from a superseded image.
    SupersededRefused,
    /// The fingerprint that an import answers with is another key's.
    KeyFingerprintWrong,
    /// RSA keys are refused as invalid.
    RsaKeyRefused,
    /// A second key of the same name is accepted.
    DuplicateKeyAccepted,
    /// What is no key at all is accepted and stored.
    InvalidKeyStored,
    /// Nodes stay pending for ever.
    NeverRunning,
    /// A repeated request with one client token makes a second node.
    ClientTokenIgnored,
    /// Of three or more nodes requested close together as one numbered series, the third ends as failed.
    ParallelRequestLost,
    /// Tags of a node are not there until three target seconds after it was first read.
    TagsArriveLate,
    /// A node of an unknown image is accepted, then fails.
    InvalidImageAccepted,
    /// An unknown flavor is refused without naming it.
    InvalidFlavorUnnamed,
    /// User data is run on every boot.
    UserDataEveryBoot,
    /// User data is not run, apart from the trust material in it.
    UserDataIgnored,
    /// The hostname stays `localhost`.
    HostnameNotSet,
    /// The console's text stays empty.
    ConsoleEmpty,
    /// Every boot makes new host keys.
    RebootRegeneratesHostKeys,
    /// A started node has another private address than the one it was stopped with.
    StopStartChangesPrivateAddress,
    /// Terminating a terminated node answers 500, for ever.
    SecondTerminateFails,
    /// SSH answers on although the node is said to be terminated.
    TerminatedStillAnswers,
    /// A node may be asked for with a key that was deleted.
    DeletedKeyUsable,
    /// The root volume outlives its node.
    VolumeLeftBehind,
    /// A node gets a public address only if the user requests and attaches one.
    NoPublicAddressByDefault,
    /// There are no public addresses.
    NoPublicAddressAtAll,
    /// Nothing reaches a node at its public address.
    PublicAddressUnreachable,
    /// The metadata service states another public address than the API.
    MetadataPublicAddressWrong,
    /// The interface has another private address than the API states.
    PrivateAddressDiffersInside,
    /// Later nodes are given the private address of the network's first one.
    PrivateAddressGivenTwice,
    /// A reboot exchanges the public address.
    PublicAddressChangesOnReboot,
    /// A terminated node's public address stays in the account's list.
    AddressHeldAfterTerminate,
    /// Nodes reach nothing outside.
    NoEgress,
    /// Every port is open, whatever the rules say.
    FirewallOpen,
    /// A rule added to a group that live nodes are in is listed, and has no effect.
    RuleAddIgnored,
    /// A rule removed from a group that live nodes are in is unlisted, and stays in effect.
    RuleRemoveIgnored,
    /// A floating address that moves by the API goes on leading to the node that it was on.
    FloatingIpStays,
    /// Nodes have no IPv6 address.
    Ipv6NotAssigned,
    /// Nothing reaches a node at its IPv6 address.
    Ipv6Unreachable,
    /// Nodes reach nothing outside over IPv6.
    Ipv6NoEgress,
    /// The IPv6 address is on the interface and works, but the API does not state it.
    Ipv6Unlisted,
    /// The key is in no account's authorized keys.
    NodeKeyNotInstalled,
    /// Images state one account; another one works.
    AccountDiffers,
    /// The account authorises a key that nobody asked for.
    ExtraAuthorizedKey,
    /// Images leave keyboard-interactive login on: the SSH server offers it, and lets nobody in by it.
    PasswordOffered,
    /// Images leave password login on: the SSH server offers and accepts passwords until it is configured otherwise.
    PasswordAccepted,
    /// Every third login to the default account after the first is refused.
    LoginFlaps,
    /// All nodes have one host key.
    HostKeysShared,
    /// The console does not show the host keys.
    HostKeyUnpublished,
    /// The SSH server also offers SHA-1 key exchange, CBC ciphers and SHA-1 MACs.
    ObsoleteAlgorithmsOffered,
    /// The default account needs a password for sudo.
    SudoAsksPassword,
    /// The node key logs in as root from the first boot on.
    RootOpenAtFirst,
    /// The SSH server refuses root whatever its configuration says.
    RootLoginBarred,
    /// An agent adds a vendor's key to root's authorized keys whenever they change.
    RootKeepsForeignKey,
    /// The same refusal of root, on images other than Debian's only.
    RootLoginBarredOnSomeImages,
    /// Once the SSH server was reloaded it accepts passwords whatever its configuration says.
    PasswordLoginStays,
    /// From the second boot on the SSH server accepts passwords whatever its configuration says.
    PasswordLoginReturns,
    /// The SSH server also accepts the key that the metadata service knows.
    OldKeyStays,
    /// Every boot puts the node key back into the account's authorized keys.
    OldKeyReturns,
    /// Nodes of one network do not reach each other.
    PeersIsolated,
    /// The path between nodes carries less than the interface states.
    MtuOverstated,
    /// Names outside do not resolve for `getent`.
    DnsBroken,
    /// The mirrors of dependencies do not answer plain HTTP.
    MirrorBlocked,
    /// The certificate of hosts outside is not one that the node trusts.
    TlsIntercepted,
    /// The clock is ninety seconds ahead.
    ClockOff,
    /// No time source is configured.
    NoTimeSource,
    /// The metadata service does not answer.
    MetadataServiceDown,
    /// The metadata service believes `X-Forwarded-For` about who asks.
    MetadataTrustsForwardedFor,
    /// Certificate authorities and known hosts in user data are ignored; the rest of it is run.
    TrustNotInstalled,
    /// The static service does not answer.
    StaticServiceUnreachable,
    /// The random pool is nearly empty.
    EntropyStarved,
    /// Of four or more nodes requested close together as one numbered series, the fourth ends as failed.
    ScaleOneFails,
    /// Every node that was terminated makes the next one of its numbered series boot slower.
    ChurnSlows,
}

impl Mutation {
    /// Every mutation, in the order of the guideline's suites.
    pub const ALL: &'static [Self] = &[
        Self::NetworkWithoutCidr,
        Self::FlavorWithoutMemory,
        Self::ImageWithoutFacts,
        Self::ListingDropsAtPageEdge,
        Self::ListingRepeatsAtPageEdge,
        Self::ListingIdsShift,
        Self::TwoDefaultNetworks,
        Self::NoDefaultNetwork,
        Self::FlavorsAllHuge,
        Self::OpaqueImageNames,
        Self::FlavorMemoryOverstated,
        Self::ImageVersionLies,
        Self::ZoneIgnored,
        Self::PortableNameAmbiguous,
        Self::ImageNameWithoutDate,
        Self::CurrentNameTwice,
        Self::NewestIsOlderByDate,
        Self::PublisherUnmarked,
        Self::SecondRegionNamesDiffer,
        Self::LoginAccountUnstated,
        Self::SupersededRefused,
        Self::KeyFingerprintWrong,
        Self::RsaKeyRefused,
        Self::DuplicateKeyAccepted,
        Self::InvalidKeyStored,
        Self::NeverRunning,
        Self::ClientTokenIgnored,
        Self::ParallelRequestLost,
        Self::TagsArriveLate,
        Self::InvalidImageAccepted,
        Self::InvalidFlavorUnnamed,
        Self::UserDataEveryBoot,
        Self::UserDataIgnored,
        Self::HostnameNotSet,
        Self::ConsoleEmpty,
        Self::RebootRegeneratesHostKeys,
        Self::StopStartChangesPrivateAddress,
        Self::SecondTerminateFails,
        Self::TerminatedStillAnswers,
        Self::DeletedKeyUsable,
        Self::VolumeLeftBehind,
        Self::NoPublicAddressByDefault,
        Self::NoPublicAddressAtAll,
        Self::PublicAddressUnreachable,
        Self::MetadataPublicAddressWrong,
        Self::PrivateAddressDiffersInside,
        Self::PrivateAddressGivenTwice,
        Self::PublicAddressChangesOnReboot,
        Self::AddressHeldAfterTerminate,
        Self::NoEgress,
        Self::FirewallOpen,
        Self::RuleAddIgnored,
        Self::RuleRemoveIgnored,
        Self::FloatingIpStays,
        Self::Ipv6NotAssigned,
        Self::Ipv6Unreachable,
        Self::Ipv6NoEgress,
        Self::Ipv6Unlisted,
        Self::NodeKeyNotInstalled,
        Self::AccountDiffers,
        Self::ExtraAuthorizedKey,
        Self::PasswordOffered,
        Self::PasswordAccepted,
        Self::LoginFlaps,
        Self::HostKeysShared,
        Self::HostKeyUnpublished,
        Self::ObsoleteAlgorithmsOffered,
        Self::SudoAsksPassword,
        Self::RootOpenAtFirst,
        Self::RootLoginBarred,
        Self::RootKeepsForeignKey,
        Self::RootLoginBarredOnSomeImages,
        Self::PasswordLoginStays,
        Self::PasswordLoginReturns,
        Self::OldKeyStays,
        Self::OldKeyReturns,
        Self::PeersIsolated,
        Self::MtuOverstated,
        Self::DnsBroken,
        Self::MirrorBlocked,
        Self::TlsIntercepted,
        Self::ClockOff,
        Self::NoTimeSource,
        Self::MetadataServiceDown,
        Self::MetadataTrustsForwardedFor,
        Self::TrustNotInstalled,
        Self::StaticServiceUnreachable,
        Self::EntropyStarved,
        Self::ScaleOneFails,
        Self::ChurnSlows,
    ];

    /// The id used in personas, guidelines and reports.
    pub fn id(self) -> &'static str {
        match self {
            Self::NetworkWithoutCidr => "network-without-cidr",
            Self::FlavorWithoutMemory => "flavor-without-memory",
            Self::ImageWithoutFacts => "image-without-facts",
            Self::ListingDropsAtPageEdge => "listing-drops-at-page-edge",
            Self::ListingRepeatsAtPageEdge => "listing-repeats-at-page-edge",
            Self::ListingIdsShift => "listing-ids-shift",
            Self::TwoDefaultNetworks => "two-default-networks",
            Self::NoDefaultNetwork => "no-default-network",
            Self::FlavorsAllHuge => "flavors-all-huge",
            Self::OpaqueImageNames => "opaque-image-names",
            Self::FlavorMemoryOverstated => "flavor-memory-overstated",
            Self::ImageVersionLies => "image-version-lies",
            Self::ZoneIgnored => "zone-ignored",
            Self::PortableNameAmbiguous => "portable-name-ambiguous",
            Self::ImageNameWithoutDate => "image-name-without-date",
            Self::CurrentNameTwice => "current-name-twice",
            Self::NewestIsOlderByDate => "newest-is-older-by-date",
            Self::PublisherUnmarked => "publisher-unmarked",
            Self::SecondRegionNamesDiffer => "second-region-names-differ",
            Self::LoginAccountUnstated => "login-account-unstated",
            Self::SupersededRefused => "superseded-refused",
            Self::KeyFingerprintWrong => "key-fingerprint-wrong",
            Self::RsaKeyRefused => "rsa-key-refused",
            Self::DuplicateKeyAccepted => "duplicate-key-accepted",
            Self::InvalidKeyStored => "invalid-key-stored",
            Self::NeverRunning => "never-running",
            Self::ClientTokenIgnored => "client-token-ignored",
            Self::ParallelRequestLost => "parallel-request-lost",
            Self::TagsArriveLate => "tags-arrive-late",
            Self::InvalidImageAccepted => "invalid-image-accepted",
            Self::InvalidFlavorUnnamed => "invalid-flavor-unnamed",
            Self::UserDataEveryBoot => "user-data-every-boot",
            Self::UserDataIgnored => "user-data-ignored",
            Self::HostnameNotSet => "hostname-not-set",
            Self::ConsoleEmpty => "console-empty",
            Self::RebootRegeneratesHostKeys => "reboot-regenerates-host-keys",
            Self::StopStartChangesPrivateAddress => "stop-start-changes-private-address",
            Self::SecondTerminateFails => "second-terminate-fails",
            Self::TerminatedStillAnswers => "terminated-still-answers",
            Self::DeletedKeyUsable => "deleted-key-usable",
            Self::VolumeLeftBehind => "volume-left-behind",
            Self::NoPublicAddressByDefault => "no-public-address-by-default",
            Self::NoPublicAddressAtAll => "no-public-address-at-all",
            Self::PublicAddressUnreachable => "public-address-unreachable",
            Self::MetadataPublicAddressWrong => "metadata-public-address-wrong",
            Self::PrivateAddressDiffersInside => "private-address-differs-inside",
            Self::PrivateAddressGivenTwice => "private-address-given-twice",
            Self::PublicAddressChangesOnReboot => "public-address-changes-on-reboot",
            Self::AddressHeldAfterTerminate => "address-held-after-terminate",
            Self::NoEgress => "no-egress",
            Self::FirewallOpen => "firewall-open",
            Self::RuleAddIgnored => "rule-add-ignored",
            Self::RuleRemoveIgnored => "rule-remove-ignored",
            Self::FloatingIpStays => "floating-ip-stays",
            Self::Ipv6NotAssigned => "ipv6-not-assigned",
            Self::Ipv6Unreachable => "ipv6-unreachable",
            Self::Ipv6NoEgress => "ipv6-no-egress",
            Self::Ipv6Unlisted => "ipv6-unlisted",
            Self::NodeKeyNotInstalled => "node-key-not-installed",
            Self::AccountDiffers => "account-differs",
            Self::ExtraAuthorizedKey => "extra-authorized-key",
            Self::PasswordOffered => "password-offered",
            Self::PasswordAccepted => "password-accepted",
            Self::LoginFlaps => "login-flaps",
            Self::HostKeysShared => "host-keys-shared",
            Self::HostKeyUnpublished => "host-key-unpublished",
            Self::ObsoleteAlgorithmsOffered => "obsolete-algorithms-offered",
            Self::SudoAsksPassword => "sudo-asks-password",
            Self::RootOpenAtFirst => "root-open-at-first",
            Self::RootLoginBarred => "root-login-barred",
            Self::RootKeepsForeignKey => "root-keeps-foreign-key",
            Self::RootLoginBarredOnSomeImages => "root-login-barred-on-some-images",
            Self::PasswordLoginStays => "password-login-stays",
            Self::PasswordLoginReturns => "password-login-returns",
            Self::OldKeyStays => "old-key-stays",
            Self::OldKeyReturns => "old-key-returns",
            Self::PeersIsolated => "peers-isolated",
            Self::MtuOverstated => "mtu-overstated",
            Self::DnsBroken => "dns-broken",
            Self::MirrorBlocked => "mirror-blocked",
            Self::TlsIntercepted => "tls-intercepted",
            Self::ClockOff => "clock-off",
            Self::NoTimeSource => "no-time-source",
            Self::MetadataServiceDown => "metadata-service-down",
            Self::MetadataTrustsForwardedFor => "metadata-trusts-forwarded-for",
            Self::TrustNotInstalled => "trust-not-installed",
            Self::StaticServiceUnreachable => "static-service-unreachable",
            Self::EntropyStarved => "entropy-starved",
            Self::ScaleOneFails => "scale-one-fails",
            Self::ChurnSlows => "churn-slows",
        }
    }
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// A word that names no [`Mutation`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown mutation `{word}`{}", candidates_clause(.candidates))]
pub struct UnknownMutation {
    /// The word as it was written.
    pub word: String,
    /// Ids that share words with it, best first; empty if none does.
    pub candidates: Vec<&'static str>,
}

fn candidates_clause(candidates: &[&str]) -> String {
    if candidates.is_empty() { String::new() } else { format!("; did you mean {}?", candidates.join(" or ")) }
}

impl FromStr for Mutation {
    type Err = UnknownMutation;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|mutation| mutation.id() == word)
            .ok_or_else(|| UnknownMutation { word: word.to_owned(), candidates: candidates(word) })
    }
}

/// The three ids that share most words with `word`.
fn candidates(word: &str) -> Vec<&'static str> {
    let shared = |id: &str| id.split('-').filter(|part| word.split('-').any(|other| other == *part)).count();
    let mut ranked: Vec<_> =
        Mutation::ALL.iter().map(|m| (shared(m.id()), m.id())).filter(|(count, _)| *count > 0).collect();
    ranked.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    ranked.into_iter().take(3).map(|(_, id)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_reads_back_and_is_the_serialised_form() {
        for &mutation in Mutation::ALL {
            assert_eq!(mutation.id().parse::<Mutation>().unwrap(), mutation);
            assert_eq!(serde_json::to_value(mutation).unwrap(), mutation.id());
        }
    }

    #[test]
    fn an_unknown_word_names_what_may_have_been_meant() {
        let error = "rule-added-ignored".parse::<Mutation>().unwrap_err();
        assert_eq!(error.candidates[..2], ["rule-add-ignored", "rule-remove-ignored"]);
        assert!(
            error.to_string().starts_with("unknown mutation `rule-added-ignored`; did you mean rule-add-ignored or")
        );
    }
}
