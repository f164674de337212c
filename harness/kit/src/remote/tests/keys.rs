//! Keys of every kind, made here or by `ssh-keygen`, accepted by OpenSSH.

use std::process::Command as Process;

use super::*;

fn keygen(arguments: &[&str]) -> Option<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let made = Process::new("ssh-keygen").args(["-q", "-C", "a comment", "-f"]).arg(&path).args(arguments).output();
    made.ok().filter(|made| made.status.success())?;
    let read = |path| std::fs::read_to_string(path).unwrap();
    Some((read(path.clone()), read(path.with_extension("pub"))))
}

#[test]
fn keys_of_ssh_keygen_are_read_and_their_public_halves_agree() {
    for arguments in [
        &["-t", "ed25519", "-N", ""][..],
        &["-t", "rsa", "-b", "2048", "-N", ""],
        &["-t", "rsa", "-b", "2048", "-N", "", "-m", "PEM"],
        &["-t", "rsa", "-b", "2048", "-N", "", "-m", "PKCS8"],
        &["-t", "ecdsa", "-b", "256", "-N", ""],
        &["-t", "ecdsa", "-b", "521", "-N", "", "-m", "PEM"],
    ] {
        let Some((private, public)) = keygen(arguments) else { return };
        let key = NodeKey::from_private(&private).unwrap_or_else(|e| panic!("{arguments:?}: {e}"));
        assert_eq!(*key.public(), HostKey::from_line(&public).unwrap(), "{arguments:?}");
        assert_eq!(key.md5_der().is_some(), arguments.contains(&"rsa"), "{arguments:?}");
        assert!(!format!("{key:?}").contains("PRIVATE"));
    }
}

#[test]
fn what_cannot_be_used_is_said_to_be_so() {
    for arguments in [&["-t", "ed25519", "-N", "secret"][..], &["-t", "rsa", "-N", "secret", "-m", "PEM"]] {
        let Some((private, _)) = keygen(arguments) else { return };
        assert!(matches!(NodeKey::from_private(&private), Err(KeyError::Encrypted)), "{arguments:?}");
    }
    for text in ["", "nonsense", "-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----"] {
        assert!(matches!(NodeKey::from_private(text), Err(KeyError::Unreadable(_))), "{text}");
    }
    assert!(matches!(NodeKey::from_private("PuTTY-User-Key-File-3: x"), Err(KeyError::Unsupported(_))));
    assert!(NodeKey::generate_rsa(512, "").is_err());
}

#[test]
fn fingerprints_are_those_of_ssh_keygen_and_openssl() {
    let key = NodeKey::generate_rsa(2048, "a comment").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pub");
    std::fs::write(&path, key.public_line()).unwrap();
    for (hash, ours) in [("sha256", key.sha256().to_owned()), ("md5", format!("MD5:{}", key.md5()))] {
        let Ok(listed) = Process::new("ssh-keygen").args(["-l", "-E", hash, "-f"]).arg(&path).output() else { return };
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert_eq!(listed.split(' ').nth(1), Some(ours.as_str()), "{listed}");
    }
    let private = folder.path().join("key");
    std::fs::write(&private, key.private().expose()).unwrap();
    let der = folder.path().join("der");
    let arguments = ["rsa", "-pubout", "-outform", "DER", "-in"];
    let made = Process::new("openssl").args(arguments).arg(&private).arg("-out").arg(&der).output();
    if made.is_ok_and(|made| made.status.success()) {
        let hex = super::super::public::md5(&std::fs::read(der).unwrap());
        assert_eq!(key.recognise(&hex), Some(FingerprintNotation::Md5Der));
    }
    assert_eq!(key.recognise(&key.md5().to_uppercase()), Some(FingerprintNotation::Md5));
    assert_eq!(key.recognise(&format!("{}=", key.sha256())), Some(FingerprintNotation::Sha256));
    assert_eq!(key.recognise("SHA256:other"), None);
}

#[tokio::test]
async fn openssh_accepts_keys_of_every_kind() {
    let Some(sshd) = Sshd::plain(&[]) else { return };
    let mut keys = vec![NodeKey::generate_ed25519("e").unwrap(), NodeKey::generate_rsa(2048, "r").unwrap()];
    for arguments in [
        &["-t", "rsa", "-b", "2048", "-N", ""][..],
        &["-t", "rsa", "-b", "2048", "-N", "", "-m", "PKCS8"],
        &["-t", "ecdsa", "-b", "384", "-N", ""],
        &["-t", "ecdsa", "-b", "256", "-N", "", "-m", "PEM"],
        &["-t", "ed25519", "-N", ""],
    ] {
        keys.extend(keygen(arguments).map(|(private, _)| NodeKey::from_private(&private).unwrap()));
    }
    let seed = openssl::pkey::PKey::generate_ed25519().unwrap().private_key_to_pem_pkcs8().unwrap();
    keys.push(NodeKey::from_private(std::str::from_utf8(&seed).unwrap()).unwrap());

    let lines: Vec<String> = keys.iter().map(NodeKey::public_line).collect();
    std::fs::write(sshd.inside("authorized_keys"), lines.join("\n")).unwrap();
    for key in keys {
        let session = quick().login(&door(&sshd), &Credential::Key(key.clone()), None).await;
        let session = session.unwrap_or_else(|e| panic!("{}: {e}; {}", key.public(), sshd.log()));
        assert_eq!(session.method(), "publickey");
    }
}
