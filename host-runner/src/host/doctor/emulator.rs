//! KVM and QEMU.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{Depth, Finding};
use crate::host::emulators;

/// Time that QEMU may take to tell its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(5);

/// KVM as far as can be seen without booting anything.
pub(super) fn kvm(opened: Result<(), String>, is_virtual: Option<bool>) -> Finding {
    const NAME: &str = "KVM";
    let why = "TCG compares guests under one emulator and is no statement about hardware";
    match opened {
        Err(reason) => Finding::warn(NAME, format!("{reason}: guests run under TCG; {why}"))
            .advise("load kvm_intel or kvm_amd, join the group kvm, allow nested virtualisation"),
        Ok(()) if is_virtual == Some(true) => Finding::warn(
            NAME,
            "/dev/kvm opens, but this host is a virtual machine: nested KVM may be slower than \
             TCG, or fail",
        )
        .advise("see the line `accel` of a run: `--accel auto` boots the image on KVM and says how that went"),
        Ok(()) => Finding::ok(NAME, "/dev/kvm opens, on a host that is no virtual machine"),
    }
}

/// QEMU, as far as it can be found; asked for its version if there is time.
pub(super) fn qemu(depth: Depth) -> Finding {
    const NAME: &str = "QEMU";
    let program = emulators::qemu_program();
    let Some(path) = find(&program, std::env::var_os("PATH").as_deref()) else {
        return Finding::bad(NAME, format!("there is no {}", program.display())).advise(format!(
            "apt-get install qemu-system-x86, or name it in {}",
            emulators::QEMU_VARIABLE
        ));
    };
    let shown = path.display();
    match depth {
        Depth::Quick => Finding::ok(NAME, format!("found: {shown}")),
        Depth::Full => match version(&path) {
            Some(version) => Finding::ok(NAME, format!("{version}: {shown}")),
            None => Finding::bad(NAME, format!("{shown} does not tell its version"))
                .advise("try it by hand: it must run `--version`"),
        },
    }
}

/// Returns the path of a program: as it is named, or in one of the directories of `path`.
fn find(program: &Path, path: Option<&std::ffi::OsStr>) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_owned());
    }
    std::env::split_paths(path?)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

/// The first line of what `program --version` prints, up to a parenthesis.
fn version(program: &Path) -> Option<String> {
    let mut child = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let deadline = Instant::now() + VERSION_TIMEOUT;
    while child.try_wait().ok()?.is_none() {
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let mut text = String::new();
    child.stdout.take()?.read_to_string(&mut text).ok()?;
    first_line(&text)
}

fn first_line(text: &str) -> Option<String> {
    let line = text.lines().next()?;
    let line = line.split('(').next()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn kvm_in_a_virtual_machine_is_not_trusted() {
        let verdict = |is_virtual| kvm(Ok(()), Some(is_virtual)).verdict;
        assert_eq!(verdict(false), Verdict::Ok);
        assert_eq!(verdict(true), Verdict::Warn);
        let absent = kvm(Err("there is no /dev/kvm".to_owned()), None);
        assert!(absent.fact.starts_with("there is no /dev/kvm: "));
        assert_eq!(absent.verdict, Verdict::Warn);
    }

    #[test]
    fn a_program_is_found_by_name_or_by_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("qemu");
        assert_eq!(find(&path, None), None);
        std::fs::write(&path, "").unwrap();
        assert_eq!(find(&path, None), Some(path.clone()));
        let directories = Some(dir.path().as_os_str());
        assert_eq!(find(Path::new("qemu"), directories), Some(path));
        assert_eq!(find(Path::new("other"), directories), None);
    }

    #[test]
    fn a_version_is_one_line() {
        let text = "QEMU emulator version 7.2.0 (Debian 1:7.2)\nCopyright\n";
        assert_eq!(first_line(text).unwrap(), "QEMU emulator version 7.2.0");
        assert_eq!(first_line(""), None);
        assert_eq!(version(Path::new("/nowhere/qemu")), None);
    }
}
