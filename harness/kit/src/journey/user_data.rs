//! The user data that every node of a run gets: a marker that counts how often it ran, and trust that must be in force after boot.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openssl::{
    asn1::Asn1Time,
    bn::BigNum,
    ec::{EcGroup, EcKey},
    error::ErrorStack,
    hash::MessageDigest,
    nid::Nid,
    pkey::PKey,
    x509::{X509, X509NameBuilder, extension::BasicConstraints},
};

/// The file to which the user data appends one line each time it runs.
pub const BOOTS_PATH: &str = "/var/lib/levelfield/boots";

/// The name under which a host key is handed in.
pub const KNOWN_HOST: &str = "trusted.levelfield.test";

/// A certificate authority and a known host of a run's own.
pub struct TrustAnchor {
    /// The certificate in PEM form.
    pub certificate: String,
    /// A line for known-hosts files, without its end.
    pub known_host: String,
}

impl TrustAnchor {
    /// Makes a certificate authority, valid for one day, whose key is thrown away.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn generate() -> Result<Self, ErrorStack> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
        let mut name = X509NameBuilder::new()?;
        name.append_entry_by_text("CN", "Levelfield run authority")?;
        let name = name.build();
        let mut certificate = X509::builder()?;
        certificate.set_version(2)?;
        let mut serial = BigNum::new()?;
        serial.rand(120, openssl::bn::MsbOption::MAYBE_ZERO, false)?;
        let serial = serial.to_asn1_integer()?;
        certificate.set_serial_number(&serial)?;
        certificate.set_subject_name(&name)?;
        certificate.set_issuer_name(&name)?;
        certificate.set_pubkey(&key)?;
        let (from, to) = (Asn1Time::days_from_now(0)?, Asn1Time::days_from_now(1)?);
        certificate.set_not_before(&from)?;
        certificate.set_not_after(&to)?;
        certificate.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        certificate.sign(&key, MessageDigest::sha256())?;
        let pem = String::from_utf8_lossy(&certificate.build().to_pem()?).into_owned();
        let mut host = [0; 32];
        openssl::rand::rand_bytes(&mut host)?;
        let mut blob = Vec::from(*b"\0\0\0\x0bssh-ed25519\0\0\0\x20");
        blob.extend_from_slice(&host);
        let known_host = format!("{KNOWN_HOST} ssh-ed25519 {}", STANDARD.encode(blob));
        Ok(Self { certificate: pem, known_host })
    }

    /// The certificate's base64 body in one line, as it can be looked for in any bundle once line ends are taken out.
    pub fn body(&self) -> String {
        self.certificate.lines().filter(|l| !l.starts_with("-----")).collect()
    }
}

/// The `#cloud-config` document.
pub fn user_data(trust: Option<&TrustAnchor>) -> String {
    let marker = format!("#cloud-config\nwrite_files:\n{}", appended(BOOTS_PATH, "ran"));
    let Some(trust) = trust else { return marker };
    let indented = trust.certificate.lines().fold(String::new(), |text, line| text + "      " + line + "\n");
    let known_host = appended("/etc/ssh/ssh_known_hosts", &trust.known_host);
    format!("{marker}{known_host}ca_certs:\n  trusted:\n    - |\n{indented}")
}

/// An entry of `write_files` that appends a line to a file.
fn appended(path: &str, line: &str) -> String {
    format!("  - path: {path}\n    append: true\n    permissions: '0644'\n    content: |\n      {line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificate_is_one_and_the_document_carries_it() {
        let trust = TrustAnchor::generate().unwrap();
        let certificate = X509::from_pem(trust.certificate.as_bytes()).unwrap();
        assert!(certificate.verify(&certificate.public_key().unwrap()).unwrap());
        let document = user_data(Some(&trust));
        assert!(document.starts_with(&user_data(None)) && document.starts_with("#cloud-config\n"));
        let flat: String = document.split_whitespace().collect();
        assert!(flat.contains(&trust.body()));
        assert!(document.contains(&trust.known_host));
    }
}
