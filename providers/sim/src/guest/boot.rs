//! What happens in a node when it boots: the image's files on the first boot, user data, host keys, console.

use std::{fmt::Write as _, sync::MutexGuard, time::Instant};

use russh::keys::PrivateKey;

use super::{
    Actor, Guest, Inside, commands, home,
    host_key::host_key,
    keys_path,
    policy::Policy,
    user_data::{CloudConfig, WriteFile},
};
use crate::{Mutation, random::Seed};

const SSHD_CONFIG: &str = "Include /etc/ssh/sshd_config.d/*.conf\n\nKbdInteractiveAuthentication no\nUsePAM yes\n\
                           X11Forwarding yes\nPrintMotd no\nAcceptEnv LANG LC_*\n\
                           Subsystem sftp /usr/lib/openssh/sftp-server\n";
const CLOUD_SSHD_CONFIG: &str = "PasswordAuthentication no\n";
const BUNDLES: [(&str, &str); 2] = [
    ("/usr/local/share/ca-certificates", "/etc/ssl/certs/ca-certificates.crt"),
    ("/usr/share/pki/ca-trust-source/anchors", "/etc/pki/tls/certs/ca-bundle.crt"),
];
/// How much of the console is kept, in bytes.
const CONSOLE: usize = 64 << 10;

impl Guest {
    /// Boots the node.
    pub(crate) fn boot(&self, seed: Seed) {
        let mut inside = self.inside();
        inside.boots += 1;
        inside.booted_at = Instant::now();
        let boot = inside.boots.to_string();
        inside.boot_id = seed.uuid(&["boot id", &self.id, &boot]);
        if inside.boots == 1 {
            self.unpack(&mut inside);
        }
        if inside.boots == 1 || self.has(Mutation::RebootRegeneratesHostKeys) {
            self.make_host_key(&mut inside, seed, &boot);
        }
        if inside.boots == 1 || self.has(Mutation::UserDataEveryBoot) {
            inside = self.run_user_data(inside);
        }
        if inside.boots > 1 && self.has(Mutation::OldKeyReturns) {
            self.authorise_node_key(&mut inside);
        }
        // A server whose configuration is broken does not come up with it; the last good one stays.
        if let Ok(policy) = Policy::read(&inside.files) {
            inside.policy = policy;
        }
        self.write_console(&mut inside);
    }

    /// What the image and its first boot leave on the disk.
    fn unpack(&self, inside: &mut Inside) {
        let account = self.account();
        let home = home(account);
        inside.hostname = if self.has(Mutation::HostnameNotSet) { "localhost".into() } else { self.name.clone() };
        let hostname = inside.hostname.clone();
        let files = &mut inside.files;
        for (folder, owner, mode) in [
            ("/root", "root", 0o700),
            ("/root/.ssh", "root", 0o700),
            (home.as_str(), account, 0o755),
            (&format!("{home}/.ssh"), account, 0o700),
            ("/etc/sudoers.d", "root", 0o750),
            ("/etc/ssh", "root", 0o755),
            ("/etc/ssh/sshd_config.d", "root", 0o755),
        ] {
            files.folder(folder, owner, mode);
        }
        files.put("/etc/os-release", 0o644, self.stock.os_release.as_str());
        files.put("/etc/hostname", 0o644, format!("{hostname}\n"));
        files.put("/etc/hosts", 0o644, format!("127.0.0.1 localhost\n127.0.1.1 {hostname}\n::1 localhost\n"));
        files.put("/etc/resolv.conf", 0o644, "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n");
        files.put("/etc/passwd", 0o644, passwd(account));
        files.put("/etc/shadow", 0o640, format!("root:*:20000:0:99999:7:::\n{account}:!:20000:0:99999:7:::\n"));
        files.put("/etc/sudoers.d/90-cloud-init-users", 0o440, format!("{account} ALL=(ALL) NOPASSWD:ALL\n"));
        let mut main = SSHD_CONFIG.to_owned();
        if self.has(Mutation::PasswordOffered) {
            main = main.replace("KbdInteractiveAuthentication no", "KbdInteractiveAuthentication yes");
        }
        files.put("/etc/ssh/sshd_config", 0o644, main);
        let cloud =
            if self.has(Mutation::PasswordAccepted) { "PasswordAuthentication yes\n" } else { CLOUD_SSHD_CONFIG };
        files.put("/etc/ssh/sshd_config.d/50-cloud-init.conf", 0o600, cloud);
        files.put(&keys_path("root"), 0o600, "");
        files.put_owned(&keys_path(account), account, 0o600, "");
        for (_, bundle) in BUNDLES {
            files.put(bundle, 0o644, "");
        }
        self.authorise_node_key(inside);
    }

    fn authorise_node_key(&self, inside: &mut Inside) {
        let Some(key) = &self.key else { return };
        let account = self.account();
        if !self.has(Mutation::NodeKeyNotInstalled) {
            add_line(inside, &keys_path(account), key);
        }
        if inside.boots > 1 {
            return;
        }
        if self.has(Mutation::ExtraAuthorizedKey) {
            add_line(inside, &keys_path(account), commands::VENDOR_KEY);
        }
        let forced = format!(
            "no-port-forwarding,no-agent-forwarding,no-X11-forwarding,command=\"echo 'Please login as the user \
             \\\"{account}\\\" rather than the user \\\"root\\\".';echo;sleep 10;exit 142\" {key}"
        );
        let of_root = if self.has(Mutation::RootOpenAtFirst) { key } else { &forced };
        add_line(inside, &keys_path("root"), of_root);
    }

    fn make_host_key(&self, inside: &mut Inside, seed: Seed, boot: &str) {
        let key = if self.has(Mutation::HostKeysShared) {
            host_key(seed, &["host key", "of the image"])
        } else if self.has(Mutation::RebootRegeneratesHostKeys) {
            host_key(seed, &["host key", &self.id, boot])
        } else {
            host_key(seed, &["host key", &self.id])
        };
        inside.files.put("/etc/ssh/ssh_host_ed25519_key", 0o600, "(kept in memory)\n");
        let public = format!("{} root@{}\n", public_line(&key), inside.hostname);
        inside.files.put("/etc/ssh/ssh_host_ed25519_key.pub", 0o644, public);
        inside.host_key = Some(key);
    }

    fn run_user_data<'a>(&'a self, mut inside: MutexGuard<'a, Inside>) -> MutexGuard<'a, Inside> {
        let config = match CloudConfig::read(self.user_data.as_deref()) {
            Ok(config) => config,
            Err(error) => {
                let _ = writeln!(inside.console, "[    4.102] cloud-init: failed to read user data: {error}");
                return inside;
            }
        };
        let all = !self.has(Mutation::UserDataIgnored);
        let trust = !self.has(Mutation::TrustNotInstalled);
        if let Some(hostname) = config.hostname.filter(|_| all && !self.has(Mutation::HostnameNotSet)) {
            inside.files.put("/etc/hostname", 0o644, format!("{hostname}\n"));
            inside.hostname = hostname;
        }
        for key in config.ssh_authorized_keys.iter().filter(|_| all) {
            add_line(&mut inside, &keys_path(self.account()), key);
        }
        for file in config.write_files.iter().filter(|file| if file.is_trust() { trust } else { all }) {
            write_file(&mut inside, file);
        }
        for (nth, certificate) in config.ca_certs.trusted.iter().enumerate().filter(|_| trust) {
            for (folder, bundle) in BUNDLES {
                let text = format!("{}\n", certificate.trim_end());
                inside.files.put(&format!("{folder}/cloud-init-ca-cert-{}.crt", nth + 1), 0o644, text.as_str());
                let _ = inside.files.write(bundle, Actor::ROOT, &text, true);
            }
        }
        drop(inside);
        for argv in config.runcmd.iter().filter(|_| all) {
            commands::run_at_boot(self, argv);
        }
        self.inside()
    }

    fn write_console(&self, inside: &mut Inside) {
        let host = &inside.hostname;
        let mut text = format!(
            "[    0.000000] Linux version 6.1.0 ({}) boot {}\n[    1.812330] systemd[1]: Hostname set to <{host}>.\n\
             [    4.310227] cloud-init[412]: Cloud-init running modules for final\n",
            self.hardware.machine, inside.boot_id
        );
        if let Some(key) = inside.host_key.as_ref().filter(|_| !self.has(Mutation::HostKeyUnpublished)) {
            let public = key.public_key();
            let _ = write!(
                text,
                "ci-info: no authorized SSH keys fingerprints found for user root.\n\
                 -----BEGIN SSH HOST KEY FINGERPRINTS-----\n256 {} root@{host} (ED25519)\n\
                 -----END SSH HOST KEY FINGERPRINTS-----\n-----BEGIN SSH HOST KEY KEYS-----\n{} root@{host}\n\
                 -----END SSH HOST KEY KEYS-----\n",
                public.fingerprint(russh::keys::HashAlg::Sha256),
                public_line(key),
            );
        }
        let _ = write!(text, "[    5.006813] cloud-init[412]: finished at boot {}\n\n{host} login: ", inside.boots);
        inside.console.push_str(&text);
        let surplus = inside.console.len().saturating_sub(CONSOLE);
        let cut = inside.console.ceil_char_boundary(surplus);
        inside.console.drain(..cut);
    }
}

/// A key in one line, without its comment.
fn public_line(key: &PrivateKey) -> String {
    let line = key.public_key().to_openssh().unwrap_or_default();
    line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// Appends a line to a file of authorized keys, unless it has that line.
fn add_line(inside: &mut Inside, path: &str, line: &str) {
    let line = line.trim();
    if !inside.files.text(path).lines().any(|there| there == line) {
        // A full disk is the node's own problem, as on a real one.
        let _ = inside.files.write(path, Actor::ROOT, &format!("{line}\n"), true);
    }
}

fn write_file(inside: &mut Inside, file: &WriteFile) {
    let _ = inside.files.write(&file.path, Actor::ROOT, &file.content, file.append);
    let (owner, mode) = (file.owner().to_owned(), file.mode());
    if let Some(written) = inside.files.get_mut(&file.path) {
        written.owner = owner;
        written.mode = mode;
    }
}

fn passwd(account: &str) -> String {
    format!(
        "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
         sshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n{account}:x:1000:1000:{account}:/home/{account}:/bin/bash\n\
         nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    )
}
