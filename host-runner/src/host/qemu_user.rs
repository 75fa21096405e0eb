//! The user that QEMU runs as where this process is root's: an emulator is a large program that reads what a guest
//! writes, and under TCG its authors promise no isolation (QEMU, `docs/system/security.rst`).
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use linux_process::privileges::{Gid, Identity, Uid};

use super::tree::Tree;

/// Environment variable that names another user than [`DEFAULT_USER`], or `root` for none.
pub const USER_VARIABLE: &str = "FATHOM_QEMU_USER";

/// User that QEMU runs as.
pub const DEFAULT_USER: &str = "nobody";

/// Number of [`DEFAULT_USER`] and of its group on a host where `/etc/passwd` does not list it (Linux's overflow user,
/// proc_sys_kernel(5)).
const OVERFLOW: u32 = 65534;

/// KVM's device.
const KVM: &str = "/dev/kvm";

/// User that QEMU runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QemuUser {
    /// User of this process.
    Own {
        /// The reason, in words.
        reason: String,
    },
    /// An ordinary user, which takes root to become.
    Other {
        /// Name of the user.
        name: String,
        /// Numbers of user and groups.
        identity: Identity,
    },
}

/// QEMU as it is to be started.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// The program: a path, or a name to look for on the search path.
    pub program: &'a Path,
    /// True if it opens KVM's device.
    pub has_kvm: bool,
}

impl QemuUser {
    /// Decides for `launch` by the variable [`USER_VARIABLE`]. An ordinary user is taken if it can execute the program
    /// and open KVM's device, where it is named by the variable in any case.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if the variable names no user of `/etc/passwd`.
    pub fn decide(launch: Launch<'_>) -> io::Result<Self> {
        let situation = Situation {
            tree: Tree::default(),
            is_root: rustix::process::geteuid().is_root(),
            configured: std::env::var_os(USER_VARIABLE).filter(|name| !name.is_empty()),
            search_path: std::env::var_os("PATH"),
        };
        situation.decide(launch)
    }
}

/// All that the decision depends on.
struct Situation {
    tree: Tree,
    is_root: bool,
    configured: Option<OsString>,
    search_path: Option<OsString>,
}

impl Situation {
    fn decide(&self, launch: Launch<'_>) -> io::Result<QemuUser> {
        let own = |reason: String| Ok(QemuUser::Own { reason });
        if !self.is_root {
            return own("fathom is not root".to_owned());
        }
        let configured = self.configured.as_deref();
        let name = configured.map_or(DEFAULT_USER.into(), OsStr::to_string_lossy);
        let passwd = self.tree.read("etc/passwd").unwrap_or_default();
        let (user, group) = match lookup(&passwd, &name) {
            Some(numbers) => numbers,
            None if configured.is_none() => (OVERFLOW, OVERFLOW),
            None => {
                let what = format!("/etc/passwd has no user {name}, which {USER_VARIABLE} names");
                return Err(io::Error::new(io::ErrorKind::NotFound, what));
            }
        };
        if user == 0 {
            return own(format!("{USER_VARIABLE} asks for it"));
        }
        let kvm = launch.has_kvm.then(|| kvm_group(&self.tree)).transpose();
        if configured.is_none()
            && let Some(obstacle) = self.obstacle(launch.program, kvm.as_ref().err())
        {
            return own(format!("{name} {obstacle}"));
        }
        Ok(QemuUser::Other {
            name: name.into_owned(),
            identity: Identity {
                user: Uid::from_raw(user),
                group: Gid::from_raw(group),
                groups: kvm.ok().flatten().flatten().into_iter().collect(),
            },
        })
    }

    /// Returns what an ordinary user can't do and QEMU must.
    fn obstacle(&self, program: &Path, kvm: Option<&String>) -> Option<String> {
        let path = found(program, self.search_path.as_deref());
        if let Some(Err(place)) = path.as_deref().map(is_for_everybody) {
            return Some(format!(
                "can't execute QEMU: {} is closed to it",
                place.display()
            ));
        }
        kvm.map(|reason| format!("can't open {KVM}: {reason}"))
    }
}

/// Returns the numbers of the user `name` and of its group (passwd(5)).
fn lookup(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let line = passwd
        .lines()
        .find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    let user = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    // The largest stands for "no change" in setresuid(2).
    (user != u32::MAX && group != u32::MAX).then_some((user, group))
}

/// Returns the group that may use KVM's device; `None` if everybody may.
fn kvm_group(tree: &Tree) -> Result<Option<Gid>, String> {
    let metadata = tree
        .path(KVM.trim_start_matches('/'))
        .metadata()
        .map_err(|error| error.to_string())?;
    group_of(metadata.mode(), metadata.gid())
}

/// The same for a device of this mode and group.
fn group_of(mode: u32, group: u32) -> Result<Option<Gid>, String> {
    match (mode & 0o006 == 0o006, mode & 0o060 == 0o060) {
        (true, _) => Ok(None),
        (false, true) => Ok(Some(Gid::from_raw(group))),
        (false, false) => Err("it is its owner's alone".to_owned()),
    }
}

/// Returns where a program is, as execvp(3) finds it; `None` if it is nowhere.
fn found(program: &Path, search_path: Option<&OsStr>) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.canonicalize().ok();
    }
    std::env::split_paths(search_path?)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())?
        .canonicalize()
        .ok()
}

/// Checks that everybody may execute the file at the canonical `path`.
///
/// # Errors
///
/// The file or directory that is closed to others.
fn is_for_everybody(path: &Path) -> Result<(), PathBuf> {
    for place in path.ancestors() {
        // A script is read as well; of a directory only names in it are looked up.
        let needed = if place == path { 0o005 } else { 0o001 };
        let mode = place.metadata().map(|file| file.mode()).unwrap_or(0);
        if mode & needed != needed {
            return Err(place.to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::host::tree::testing::tree;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65533:nobody:/:/bin/false\n\
                          qemu:x:64055:106::/:/bin/false\nbad:x:4294967295:1::/:/bin/false\n";

    fn situation(tree: Tree, configured: Option<&str>) -> Situation {
        Situation {
            tree,
            is_root: true,
            configured: configured.map(Into::into),
            search_path: Some("/nowhere:/bin".into()),
        }
    }

    /// A program that everybody may execute on any host.
    fn launch(has_kvm: bool) -> Launch<'static> {
        Launch {
            program: Path::new("sh"),
            has_kvm,
        }
    }

    /// Numbers of user, group and supplementary groups.
    fn numbers(user: &QemuUser) -> (u32, u32, Vec<u32>) {
        let QemuUser::Other { identity, .. } = user else {
            panic!("{user:?}");
        };
        let groups = identity.groups.iter().map(|group| group.as_raw());
        (
            identity.user.as_raw(),
            identity.group.as_raw(),
            groups.collect(),
        )
    }

    fn reason(user: &QemuUser) -> &str {
        match user {
            QemuUser::Own { reason } => reason,
            QemuUser::Other { .. } => panic!("{user:?}"),
        }
    }

    #[test]
    fn root_leaves_qemu_to_nobody_or_to_whom_it_names() {
        let decide = |passwd, configured| {
            let (_directory, tree) = tree(&[("etc/passwd", passwd)]);
            situation(tree, configured).decide(launch(false))
        };
        assert_eq!(
            numbers(&decide(PASSWD, None).unwrap()),
            (65534, 65533, vec![])
        );
        assert_eq!(numbers(&decide("", None).unwrap()), (65534, 65534, vec![]));
        assert_eq!(
            numbers(&decide(PASSWD, Some("qemu")).unwrap()),
            (64055, 106, vec![])
        );
        assert!(reason(&decide(PASSWD, Some("root")).unwrap()).contains(USER_VARIABLE));
        for name in ["qemuu", "bad", "65534"] {
            let error = decide(PASSWD, Some(name)).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn an_ordinary_users_qemu_is_its_own() {
        let (_directory, tree) = tree(&[]);
        let situation = Situation {
            is_root: false,
            ..situation(tree, Some("qemu"))
        };
        assert_eq!(
            reason(&situation.decide(launch(true)).unwrap()),
            "fathom is not root"
        );
    }

    #[test]
    fn a_program_or_a_device_that_is_closed_to_others_is_said() {
        let (directory, tree) = tree(&[("dev/kvm", ""), ("bin/qemu", "")]);
        let qemu = directory.path().join("bin/qemu");
        let mode =
            |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        let private = Launch {
            program: &qemu,
            has_kvm: false,
        };
        // The directory is this user's alone.
        mode(&qemu, 0o755);
        mode(directory.path(), 0o700);
        let decided = situation(tree.clone(), None).decide(private).unwrap();
        assert!(reason(&decided).contains("closed"), "{decided:?}");
        // Whoever is named is taken.
        let passwd = "qemu:x:7:8:::\n";
        fs::create_dir(directory.path().join("etc")).unwrap();
        fs::write(directory.path().join("etc/passwd"), passwd).unwrap();
        let decided = situation(tree.clone(), Some("qemu"))
            .decide(private)
            .unwrap();
        assert_eq!(numbers(&decided), (7, 8, vec![]));

        mode(&tree.path("dev/kvm"), 0o600);
        let decided = situation(tree.clone(), None).decide(launch(true)).unwrap();
        assert!(reason(&decided).contains("/dev/kvm"), "{decided:?}");
        mode(&tree.path("dev/kvm"), 0o660);
        let group = tree.path("dev/kvm").metadata().unwrap().gid();
        let decided = situation(tree.clone(), None).decide(launch(true)).unwrap();
        assert_eq!(numbers(&decided).2, [group]);
        mode(&tree.path("dev/kvm"), 0o666);
        let decided = situation(tree, None).decide(launch(true)).unwrap();
        assert_eq!(numbers(&decided).2, [0; 0]);
    }
}
