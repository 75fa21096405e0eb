//! Tests of the rights that QEMU's process is left with.

use super::*;

#[test]
fn a_qemu_that_knows_no_filter_is_started_without() {
    let (config, dir) = fake(&format!(
        "echo \"$*\" >>calls
         case \"$*\" in *-sandbox*) echo 'qemu: -sandbox support is not enabled in this QEMU binary' >&2; exit 1;; esac
         echo '{READY}'; exec sleep 60"
    ));
    let machine = boot(config).unwrap();
    let rights = machine.rights().unwrap();
    assert!(rights.no_new_privileges && !rights.seccomp, "{rights}");
    let calls = fs::read_to_string(dir.path().join("calls")).unwrap();
    let last = calls.lines().last().unwrap();
    assert!(!last.contains("-sandbox"), "{calls}");
}
