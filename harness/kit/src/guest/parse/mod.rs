//! Pure readers of what commands print. Any text may be given to any of them.

mod accounts;
mod network;
mod system;

pub(super) use accounts::{authorized_keys, passwd, sshd_settings};
pub(super) use network::{ahosts, curl_answer, interfaces, ping, routes, wget_answer};
pub(super) use system::{boot_id, disks, memory_kib, number, one_line, os_release, seconds, time_source};
