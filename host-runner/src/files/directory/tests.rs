//! Tests of directories that are held open.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::super::directory_names::names;
use super::*;

/// A directory with a victim beside it.
fn place() -> (tempfile::TempDir, Directory, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let victim = dir.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let directory = Directory::create(&dir.path().join("results")).unwrap();
    (dir, directory, victim)
}

#[test]
fn a_link_is_replaced_and_what_it_leads_to_is_not_touched() {
    let (_place, directory, victim) = place();
    let file = directory.path().join("report.md");
    for target in [victim.as_path(), Path::new("/dev/null"), Path::new("gone")] {
        let _ = fs::remove_file(&file);
        symlink(target, &file).unwrap();
        directory.replace("report.md", b"new").unwrap();
        assert!(fs::symlink_metadata(&file).unwrap().is_file());
        assert_eq!(fs::read(&file).unwrap(), b"new");

        fs::remove_file(&file).unwrap();
        symlink(target, &file).unwrap();
        let mut stream = directory.stream("report.md").unwrap();
        stream.write_all(b"streamed").unwrap();
        assert!(fs::symlink_metadata(&file).unwrap().is_file());
        assert_eq!(fs::read(&file).unwrap(), b"streamed");
    }
    assert_eq!(fs::read(victim).unwrap(), b"precious");
    assert_eq!(names(directory.path()), ["report.md"]);
}

#[test]
fn a_fifo_is_replaced_and_nobody_waits_for_its_reader() {
    let (_place, directory, _) = place();
    let file = directory.path().join("report.md");
    rustix::fs::mkfifoat(CWD, &file, Mode::RUSR).unwrap();
    directory.replace("report.md", b"new").unwrap();
    assert!(fs::symlink_metadata(&file).unwrap().is_file());
}

#[test]
fn a_directory_that_is_exchanged_gets_nothing() {
    let (dir, directory, _) = place();
    let (other, moved) = (dir.path().join("other"), dir.path().join("moved"));
    fs::create_dir(&other).unwrap();
    fs::rename(directory.path(), &moved).unwrap();
    symlink(&other, directory.path()).unwrap();
    directory.replace("result.json", b"{}").unwrap();
    directory.stream("console.log").unwrap();
    let run = directory.create_new("run").unwrap();
    run.replace("file", b"").unwrap();
    assert_eq!(names(&other), [] as [&str; 0]);
    assert_eq!(names(&moved), ["console.log", "result.json", "run"]);
}

#[test]
fn a_file_stays_as_private_as_it_was() {
    let (_place, directory, _) = place();
    let file = directory.path().join("result.json");
    for mode in [0o600, 0o640, 0o644] {
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        directory.replace("result.json", b"new").unwrap();
        let metadata = fs::metadata(&file).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o7777, mode);
    }
}

#[test]
fn for_root_an_owner_keeps_what_is_in_his_directory_and_only_that() {
    if !geteuid().is_root() {
        return suite::skip(suite::Capability::Root, "only root can give files away");
    }
    use std::os::unix::fs::{MetadataExt, chown};
    let (_place, directory, _) = place();
    let file = directory.path().join("result.json");
    for (directory_owner, expected) in [(0, 0), (65_534, 65_534)] {
        fs::write(&file, "old").unwrap();
        chown(&file, Some(65_534), Some(65_534)).unwrap();
        chown(directory.path(), Some(directory_owner), None).unwrap();
        directory.replace("result.json", b"new").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().uid(), expected);
    }
}

#[test]
fn a_directory_that_others_can_write_to_says_so() {
    let (_place, directory, _) = place();
    let set = |mode| fs::set_permissions(directory.path(), Permissions::from_mode(mode));
    set(0o775).unwrap();
    assert_eq!(directory.exposure().unwrap(), None);
    set(0o1777).unwrap();
    let exposure = directory.exposure().unwrap().unwrap();
    assert!(exposure.contains("every user"), "{exposure}");
    set(0o755).unwrap();
    if geteuid().is_root() {
        std::os::unix::fs::chown(directory.path(), Some(65_534), None).unwrap();
        let exposure = directory.exposure().unwrap().unwrap();
        assert!(exposure.contains("another user"), "{exposure}");
    }
}

#[test]
fn takes_the_place_of_what_was_there_and_leaves_nothing_beside_it() {
    let (_place, directory, _) = place();
    for content in ["first", "second"] {
        directory.replace("a.json", content.as_bytes()).unwrap();
        assert_eq!(directory.read("a.json", 100).unwrap(), content.as_bytes());
    }
    for target in ["a", "b"] {
        directory.link("latest", OsStr::new(target)).unwrap();
        let latest = fs::read_link(directory.path().join("latest")).unwrap();
        assert_eq!(latest, Path::new(target));
    }
    directory.check_writable().unwrap();
    assert_eq!(names(directory.path()), ["a.json", "latest"]);
}

#[test]
fn failed_operations_change_nothing() {
    let (_place, directory, _) = place();
    // A directory stands where the file is to be.
    fs::create_dir(directory.path().join("file")).unwrap();
    assert!(directory.replace("file", b"new").is_err());
    assert!(directory.link("file", OsStr::new("a")).is_err());
    assert!(directory.create_new("file").is_err());
    assert_eq!(names(directory.path()), ["file"]);
}
