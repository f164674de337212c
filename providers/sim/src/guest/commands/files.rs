//! Commands about files: `cat`, `ls`, `cp`, `tee`, `install`, `chmod`, `chown`, `rm`, `touch`, `mkdir`.

use super::{Output, VENDOR_KEY};
use crate::{
    Mutation,
    guest::{
        Guest, Inside,
        files::{Actor, Denied},
        keys_path,
    },
};

/// Runs `command` if it is one about files.
pub(super) fn run(guest: &Guest, actor: Actor<'_>, command: &str, arguments: &[&str], stdin: &str) -> Option<Output> {
    let (flags, operands): (Vec<&str>, Vec<&str>) = arguments.iter().partition(|word| is_flag(word));
    Some(match command {
        "cat" => each(&operands, "cat", |path| cat(guest, actor, path)),
        "tee" => tee(guest, actor, &operands, stdin, flags.contains(&"-a")),
        "touch" => each(&operands, "touch", |path| write(guest, actor, path, "", true).map(|()| String::new())),
        "rm" => each(&operands, "rm", |path| match guest.inside().files.remove(path, actor) {
            Err(Denied::Missing) if flags.iter().any(|flag| flag.contains('f')) => Ok(String::new()),
            other => other.map(|()| String::new()),
        }),
        "mkdir" => each(&operands, "mkdir", |path| folder(guest, actor, path, actor.account, 0o755)),
        "ls" => list(guest, &operands),
        "cp" => copy(guest, actor, &operands),
        "install" => install(guest, actor, arguments),
        "chmod" => change(guest, actor, "chmod", &operands, |inside, path, value| {
            let mode = u32::from_str_radix(value, 8).ok()?;
            inside.files.get_mut(path)?.mode = mode;
            Some(())
        }),
        "chown" => change(guest, actor, "chown", &operands, |inside, path, value| {
            let owner = value.split(':').next()?;
            owner.clone_into(&mut inside.files.get_mut(path)?.owner);
            Some(())
        }),
        _ => return None,
    })
}

fn is_flag(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-')
}

/// Does `action` to each path; complaints do not stop it.
fn each(paths: &[&str], command: &str, mut action: impl FnMut(&str) -> Result<String, Denied>) -> Output {
    let mut output = Output::default();
    if paths.is_empty() {
        return Output::fail(1, format!("{command}: missing operand"));
    }
    for path in paths {
        match action(path) {
            Ok(text) => output.stdout.extend_from_slice(text.as_bytes()),
            Err(denied) => {
                output.stderr.extend_from_slice(format!("{command}: {path}: {denied}\n").as_bytes());
                output.status = 1;
            }
        }
    }
    output
}

fn cat(guest: &Guest, actor: Actor<'_>, path: &str) -> Result<String, Denied> {
    if let Some(text) = guest.kernel_file(path) {
        return Ok(text);
    }
    guest.inside().files.read(path, actor).map(|text| text.to_string())
}

/// `ls -d PATH…`, one a line.
fn list(guest: &Guest, paths: &[&str]) -> Output {
    let mut output = Output::default();
    let inside = guest.inside();
    for path in paths {
        if inside.files.get(path).is_some() {
            output.stdout.extend_from_slice(format!("{path}\n").as_bytes());
        } else {
            let complaint = format!("ls: cannot access '{path}': {}\n", Denied::Missing);
            output.stderr.extend_from_slice(complaint.as_bytes());
            output.status = 2;
        }
    }
    output
}

/// `cp [-p] FILE COPY`
fn copy(guest: &Guest, actor: Actor<'_>, operands: &[&str]) -> Output {
    let [from, to] = operands else { return Output::fail(1, "cp: one file and one copy of it are supported here") };
    let mut inside = guest.inside();
    let copied = inside.files.read(from, actor).and_then(|text| {
        inside.files.write(to, actor, &text, false)?;
        let mode = inside.files.get(from).map_or(0o644, |file| file.mode);
        if let Some(copy) = inside.files.get_mut(to) {
            copy.mode = mode;
        }
        Ok(())
    });
    copied.map_or_else(|denied| Output::fail(1, format!("cp: {from}: {denied}")), |()| Output::default())
}

fn write(guest: &Guest, actor: Actor<'_>, path: &str, text: &str, append: bool) -> Result<(), Denied> {
    let mut inside = guest.inside();
    inside.files.write(path, actor, text, append)?;
    let of_root = keys_path("root");
    if path == of_root && guest.has(Mutation::RootKeepsForeignKey) && !inside.files.text(path).contains(VENDOR_KEY) {
        inside.files.write(path, Actor::ROOT, &format!("{VENDOR_KEY}\n"), true)?;
    }
    Ok(())
}

fn tee(guest: &Guest, actor: Actor<'_>, paths: &[&str], stdin: &str, append: bool) -> Output {
    let mut output = Output::ok(stdin);
    for path in paths {
        if let Err(denied) = write(guest, actor, path, stdin, append) {
            output.stderr.extend_from_slice(format!("tee: {path}: {denied}\n").as_bytes());
            output.status = 1;
        }
    }
    output
}

fn folder(guest: &Guest, actor: Actor<'_>, path: &str, owner: &str, mode: u32) -> Result<String, Denied> {
    let own = path.starts_with(actor.home) || path.starts_with("/tmp/");
    if actor.account != "root" && !own {
        return Err(Denied::Forbidden);
    }
    guest.inside().files.folder(path, owner, mode);
    Ok(String::new())
}

/// `install -d [-m MODE] [-o OWNER] [-g GROUP] PATH…`
fn install(guest: &Guest, actor: Actor<'_>, arguments: &[&str]) -> Output {
    let (mut mode, mut owner, mut paths, mut folders) = (0o755, actor.account, vec![], false);
    let mut words = arguments.iter().copied();
    while let Some(word) = words.next() {
        match word {
            "-d" => folders = true,
            "-m" => match words.next().and_then(|text| u32::from_str_radix(text, 8).ok()) {
                Some(read) => mode = read,
                None => return Output::fail(1, "install: invalid mode"),
            },
            "-o" => owner = words.next().unwrap_or(owner),
            "-g" => drop(words.next()),
            path => paths.push(path),
        }
    }
    if !folders {
        return Output::fail(1, "install: only folders are made here");
    }
    each(&paths, "install", |path| folder(guest, actor, path, owner, mode))
}

/// `chmod` and `chown`: a value, then paths.
fn change(
    guest: &Guest,
    actor: Actor<'_>,
    command: &str,
    operands: &[&str],
    set: impl Fn(&mut Inside, &str, &str) -> Option<()>,
) -> Output {
    let Some((value, paths)) = operands.split_first() else {
        return Output::fail(1, format!("{command}: missing operand"));
    };
    each(paths, command, |path| {
        let mut inside = guest.inside();
        let file = inside.files.get(path).ok_or(Denied::Missing)?;
        if actor.account != "root" && file.owner != actor.account {
            return Err(Denied::Forbidden);
        }
        set(&mut inside, path, value).map(|()| String::new()).ok_or(Denied::Forbidden)
    })
}
