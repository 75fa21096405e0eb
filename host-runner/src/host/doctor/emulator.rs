//! KVM and QEMU.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{Depth, Finding};
use crate::host::emulators;
use crate::host::qemu_user::{Launch, QemuUser, USER_VARIABLE};

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
        Depth::Full => match version(&path, &["-sandbox", "on", "--version"]) {
            Some(version) => Finding::ok(NAME, format!("{version}: {shown}")),
            None if version(&path, &["--version"]).is_some() => Finding::warn(
                NAME,
                format!("{shown} was built without a filter of its system calls (`-sandbox`)"),
            )
            .advise("boot images that you trust alone, or use a distribution's QEMU"),
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

/// The user that QEMU runs as.
pub(super) fn user() -> Finding {
    let launch = Launch {
        program: &emulators::qemu_program(),
        has_kvm: false,
    };
    described(
        QemuUser::decide(launch),
        rustix::process::geteuid().is_root(),
    )
}

fn described(user: std::io::Result<QemuUser>, is_root: bool) -> Finding {
    const NAME: &str = "QEMU's user";
    match user {
        Ok(QemuUser::Other { name, .. }) => {
            Finding::ok(NAME, format!("{name}, without capabilities"))
        }
        Ok(QemuUser::Own { reason }) if is_root => Finding::warn(
            NAME,
            format!("root ({reason}): a guest that gets out of QEMU has this host"),
        )
        .advise(format!(
            "let everybody execute QEMU, and name an ordinary user in {USER_VARIABLE}"
        )),
        Ok(QemuUser::Own { .. }) => Finding::ok(NAME, "yours"),
        Err(error) => Finding::bad(NAME, error.to_string())
            .advise(format!("name a user of this host in {USER_VARIABLE}")),
    }
}

/// The first line of what the program prints, called with these arguments, up to a parenthesis.
fn version(program: &Path, arguments: &[&str]) -> Option<String> {
    let mut child = Command::new(program)
        .args(arguments)
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
    if !child.wait().ok()?.success() {
        return None;
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
    fn qemu_as_root_is_warned_of_and_an_ordinary_user_is_fine() {
        let own = || {
            Ok(QemuUser::Own {
                reason: "it is in /root".to_owned(),
            })
        };
        let as_root = described(own(), true);
        assert_eq!(as_root.verdict, Verdict::Warn);
        assert!(as_root.fact.contains("it is in /root"), "{as_root:?}");
        assert_eq!(described(own(), false).verdict, Verdict::Ok);
        let missing = std::io::Error::other("no user qemuu");
        assert_eq!(described(Err(missing), true).verdict, Verdict::Bad);
    }

    #[test]
    fn a_version_is_one_line() {
        let text = "QEMU emulator version 7.2.0 (Debian 1:7.2)\nCopyright\n";
        assert_eq!(first_line(text).unwrap(), "QEMU emulator version 7.2.0");
        assert_eq!(first_line(""), None);
        assert_eq!(version(Path::new("/nowhere/qemu"), &["--version"]), None);
        assert_eq!(version(Path::new("false"), &["--version"]), None);
    }
}
