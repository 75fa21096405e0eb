//! `fathom image` on files: what it makes is what other programs read and change, and where it can't, one
//! line says so and nothing has changed. No machine is booted here.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use suite::Capability;
use tests::fathom::{Call, Outcome};
use tests::qemu_lock::lock_qemu;
use tests::small_disk::SmallDisk;
use tests::{artifacts, process};

/// Names of the files of a release.
const FILES: [&str; 8] = [
    "fathom.elf",
    "fathom.efi",
    "fathom.img",
    "fathom.qcow2",
    "fathom-gce.tar.gz",
    "fathom-oci.tar",
    "manifest.json",
    "SHA256SUMS",
];

/// Offset of the EFI system partition, as mtools want it.
const PARTITION: &str = "32K";

/// A call of `fathom image new` with what is built, into `out` of its own.
fn new(arguments: &str) -> Call {
    let call = Call::new(&format!("image new {arguments}"));
    let out = call.file("out");
    new_into(call, &out)
}

fn new_into(call: Call, out: &Path) -> Call {
    call.with("--out", out)
        .with("--elf", artifacts::image())
        .with("--efi", artifacts::loader("fathom.efi"))
        .with("--bios", artifacts::loader(""))
}

/// A release with `arguments` in its images.
fn release(arguments: &str) -> Outcome {
    let outcome = new("").with("--arg", arguments).finish(&lock_qemu());
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    outcome
}

fn set(image: &Path, arguments: &[&str]) -> Outcome {
    let call = Call::new("image set").with_argument(image);
    let call = arguments
        .iter()
        .fold(call, |call, argument| call.with_argument(argument));
    call.finish(&lock_qemu())
}

/// Returns the output of `fathom image show` for `image`.
fn shown(image: &Path) -> String {
    let outcome = Call::new("image show")
        .with_argument(image)
        .finish(&lock_qemu());
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    outcome.stdout
}

/// The boot arguments that `fathom image show` finds in `image`.
fn arguments(image: &Path) -> Vec<String> {
    let shown = shown(image);
    let lines = shown
        .lines()
        .skip_while(|line| !line.starts_with("arguments"));
    lines.map(|line| line[11..].to_owned()).collect()
}

/// The output of another program, which has to succeed.
fn output(program: &str, arguments: &[&OsStr]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// mtools' option for the file system in `image`.
fn volume(image: &Path) -> String {
    format!("{}@@{PARTITION}", image.display())
}

fn os<'a>(words: &'a [&'a str]) -> Vec<&'a OsStr> {
    words.iter().map(OsStr::new).collect()
}

#[test]
fn a_release_is_whole_small_and_the_same_each_time() {
    let outcome = release("ip=192.0.2.5/24 gw=192.0.2.1");
    let out = outcome.file("out");
    for name in FILES {
        assert!(outcome.stdout.contains(name), "{name}: {}", outcome.stdout);
    }
    let checked = Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(&out)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
    let lines = String::from_utf8(checked.stdout).unwrap();
    assert_eq!(lines.matches(": OK").count(), FILES.len() - 1);
    let raw = fs::read(out.join("fathom.img")).unwrap();
    assert_eq!(raw.len(), 1 << 20);
    // GNU tar reads the archive for Compute Engine as one file of a GiB.
    let archive = out.join("fathom-gce.tar.gz");
    let listed = output("tar", &[OsStr::new("-tvzf"), archive.as_os_str()]);
    let fields: Vec<&str> = listed.split_whitespace().collect();
    assert_eq!(
        (fields[2], fields[5]),
        ("1073741824", "disk.raw"),
        "{listed}"
    );

    let call = Call::new("image new --arg gw=192.0.2.1 --arg ip=192.0.2.5/24");
    let other = call.file("a place with spaces/and 'quotes'");
    let again = new_into(call, &other).finish(&lock_qemu());
    assert_eq!(again.code, Some(0), "{again:#?}");
    for name in ["fathom.elf", "fathom.efi"] {
        assert!(fs::read(out.join(name)).unwrap() == fs::read(other.join(name)).unwrap());
    }
    // In another order the arguments are another text; the same text makes the same bytes.
    assert!(raw != fs::read(other.join("fathom.img")).unwrap());
    let third = release("ip=192.0.2.5/24 gw=192.0.2.1");
    for name in FILES {
        let (one, other) = (out.join(name), third.file("out").join(name));
        assert!(fs::read(one).unwrap() == fs::read(other).unwrap(), "{name}");
    }
}

#[test]
fn qemu_img_finds_no_fault_and_the_same_disk() {
    if !process::is_installed("qemu-img", Capability::QemuImg) {
        return;
    }
    let outcome = release("ip=dhcp");
    let image = |name: &str| outcome.file("out").join(name);
    let (raw, qcow2) = (image("fathom.img"), image("fathom.qcow2"));
    let is_same = |qcow2: &Path| {
        output("qemu-img", &[OsStr::new("check"), qcow2.as_os_str()]);
        let options = os(&["compare", "-f", "raw", "-F", "qcow2"]);
        let files = [raw.as_os_str(), qcow2.as_os_str()];
        output("qemu-img", &[&options[..], &files].concat());
    };
    is_same(&qcow2);
    for image in [&raw, &qcow2] {
        let changed = set(image, &["ip=192.0.2.5/24", "port=9001"]);
        assert_eq!(changed.code, Some(0), "{changed:#?}");
        assert!(changed.stdout.contains("ip=192.0.2.5/24 port=9001"));
        assert_eq!(arguments(image), ["ip=192.0.2.5/24", "port=9001"]);
    }
    is_same(&qcow2);
    // As QEMU's own tools make such images, and grow them.
    let theirs = image("theirs.qcow2");
    let convert = os(&["convert", "-f", "raw", "-O", "qcow2"]);
    let files = [raw.as_os_str(), theirs.as_os_str()];
    output("qemu-img", &[&convert[..], &files].concat());
    let resize = [OsStr::new("resize"), theirs.as_os_str(), OsStr::new("10G")];
    output("qemu-img", &resize);
    assert_eq!(set(&theirs, &["--clear"]).code, Some(0));
    output("qemu-img", &[OsStr::new("check"), theirs.as_os_str()]);
    assert!(shown(&theirs).contains("disk       10.0 GiB"));
    assert_eq!(arguments(&theirs), ["none in FATHOM.CFG"]);
    let compressed = image("compressed.qcow2");
    let convert = os(&["convert", "-c", "-f", "raw", "-O", "qcow2"]);
    let files = [raw.as_os_str(), compressed.as_os_str()];
    output("qemu-img", &[&convert[..], &files].concat());
    set(&compressed, &["ip=dhcp"])
        .expect_failure(1, &["compressed clusters", "qemu-img convert -O raw"]);
}

#[test]
fn mtools_read_and_change_the_arguments_and_so_does_fathom_after_them() {
    if !process::is_installed("mtype", Capability::Mtools) {
        return;
    }
    let outcome = release("ip=dhcp port=9001");
    let image = outcome.file("out/fathom.img");
    let volume = volume(&image);
    let read = || output("mtype", &os(&["-i", &volume, "::FATHOM.CFG"]));
    let lines = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(str::to_owned).collect::<Vec<String>>()
    };
    assert_eq!(lines(&read()), ["ip=dhcp", "port=9001"]);
    let own = outcome.file("own.cfg");
    fs::write(&own, "ip=192.0.2.9/24\r\n# no gateway\r\n").unwrap();
    let own_text = own.display().to_string();
    output(
        "mcopy",
        &os(&["-o", "-i", &volume, &own_text, "::FATHOM.CFG"]),
    );
    assert_eq!(arguments(&image), ["ip=192.0.2.9/24"]);
    assert_eq!(set(&image, &["ip=192.0.2.7/24"]).code, Some(0));
    assert_eq!(lines(&read()), ["ip=192.0.2.7/24"]);
    let taken = Call::new("image set")
        .with_argument(&image)
        .with("--file", &own);
    assert_eq!(taken.finish(&lock_qemu()).code, Some(0));
    assert_eq!(read(), "ip=192.0.2.9/24\r\n# no gateway\r\n");
    // What the service would refuse is shown as such, whoever wrote it.
    fs::write(&own, "ip=dhcp bogus=1\n").unwrap();
    output(
        "mcopy",
        &os(&["-o", "-i", &volume, &own_text, "::FATHOM.CFG"]),
    );
    assert!(shown(&image).contains("unknown boot argument \"bogus=1\""));
    // Other files on the disk are theirs, and stay.
    output("mcopy", &os(&["-i", &volume, &own_text, "::OTHER.TXT"]));
    assert_eq!(set(&image, &["--clear"]).code, Some(0));
    assert_eq!(
        output("mtype", &os(&["-i", &volume, "::OTHER.TXT"])),
        "ip=dhcp bogus=1\n"
    );
}

#[test]
fn a_setting_that_is_refused_takes_one_line_and_changes_nothing() {
    let outcome = release("ip=dhcp");
    let image = outcome.file("out/fathom.img");
    let whole = fs::read(&image).unwrap();
    let long = format!("ip6=fd00::1/64{}", "0".repeat(5000));
    for (argument, code, named) in [
        ("bogus=1", 2, "unknown boot argument \"bogus=1\""),
        (
            "ip=300.0.0.1/24",
            2,
            "malformed boot argument \"ip=300.0.0.1/24\"",
        ),
        (&long, 2, "the image has room for 4096"),
    ] {
        let refused = set(&image, &[argument]);
        refused.expect_failure(code, &[named, "nothing was changed"]);
        assert_eq!(refused.stderr.lines().count(), 1, "{refused:#?}");
        assert!(fs::read(&image).unwrap() == whole, "{argument}");
    }
    // Images that are none, or not Fathom's any more.
    let other = outcome.file("other");
    let mut foreign = whole.clone();
    foreign[64 * 512..80 * 512].fill(0);
    let elf = fs::read(artifacts::image()).unwrap();
    for (bytes, named) in [
        (&whole[..whole.len() / 2], "no image of Fathom's"),
        (&whole[..1000], "no image of Fathom's"),
        (&foreign, "no FAT12 file system"),
        (&elf, "takes its arguments where it is started"),
        (b"some text", "neither a disk image"),
        (b"", "neither a disk image"),
    ] {
        fs::write(&other, bytes).unwrap();
        let refused = set(&other, &["ip=dhcp"]);
        refused.expect_failure(1, &[named, &other.display().to_string()]);
        assert_eq!(refused.stderr.lines().count(), 1, "{refused:#?}");
        assert!(fs::read(&other).unwrap() == bytes, "{named}");
    }
    let none = set(&outcome.file("none"), &["ip=dhcp"]);
    none.expect_failure(1, &["can't be read", "No such file"]);
    let device = set(Path::new("/dev/null"), &["ip=dhcp"]);
    device.expect_failure(1, &["it is a device"]);
    set(&image, &[]).expect_failure(2, &["fathom image set <IMAGE> <ARG>..."]);
}

#[test]
fn an_input_that_makes_no_image_is_named() {
    let refused = |call: Call, code: i32, named: &[&str]| {
        let outcome = call.finish(&lock_qemu());
        outcome.expect_failure(code, named);
        let out = outcome.file("out");
        let left = fs::read_dir(out).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{outcome:#?}");
    };
    let bare = |arguments: &str| {
        let call = Call::new(&format!("image new {arguments}"));
        let out = call.file("out");
        call.with("--out", out)
    };
    let efi = artifacts::loader("fathom.efi");
    let loaders = artifacts::loader("");
    let with_elf = |elf: PathBuf| {
        let call = bare("").with("--elf", elf);
        call.with("--efi", &efi).with("--bios", &loaders)
    };
    refused(new("").with("--arg", "bogus=1"), 2, &["bogus=1"]);
    let missing = [
        "/nowhere/fathom.elf can't be read",
        "make image",
        "--elf FILE",
    ];
    refused(with_elf("/nowhere/fathom.elf".into()), 1, &missing);
    refused(
        with_elf(efi.clone()),
        1,
        &["is no unikernel", "no 64-bit x86-64 ELF"],
    );
    let call = bare("");
    let other = call.file("other.elf");
    let mut elf = fs::read(artifacts::image()).unwrap();
    let last = elf.len() - 1;
    elf[last] ^= 1;
    fs::write(&other, elf).unwrap();
    let call = call.with("--elf", other);
    let call = call.with("--efi", &efi).with("--bios", &loaders);
    refused(call, 1, &["does not hold this ELF file", "make image"]);
}

#[test]
fn a_full_disk_leaves_what_was_there() {
    let outcome = release("ip=dhcp");
    let image = outcome.file("out/fathom.img");
    let whole = fs::read(&image).unwrap();
    let size = whole.len() as u64;
    // Room for one image and no second one.
    SmallDisk::with(size + size / 2, |disk| {
        let copy = disk.path().join("fathom.img");
        fs::copy(&image, &copy).unwrap();
        let refused = set(&copy, &["port=9001"]);
        refused.expect_failure(1, &["can't write", "nothing was changed", "No space left"]);
        assert!(fs::read(&copy).unwrap() == whole);
        let call = Call::new("image new");
        let refused = new_into(call, disk.path()).finish(&lock_qemu());
        refused.expect_failure(1, &["can't write", "nothing was changed", "No space left"]);
        assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 1);
        assert!(fs::read(&copy).unwrap() == whole);
    });
}

/// Builds what is committed in `dir`, with the tools that are set up here, and returns what was built.
fn built_in(dir: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let root = artifacts::root().canonicalize().unwrap();
    let clone = [
        OsStr::new("clone"),
        OsStr::new("--quiet"),
        root.as_os_str(),
        dir.as_os_str(),
    ];
    output("git", &clone);
    fs::create_dir(dir.join("target")).unwrap();
    let tools = "target/guest-toolchain";
    std::os::unix::fs::symlink(root.join(tools), dir.join(tools)).unwrap();
    let made = Command::new("make")
        .args(["--no-print-directory", "loaders"])
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let files = [
        "target/fathom.elf",
        "target/loaders/fathom.efi",
        "target/loaders/bios-mbr.bin",
        "target/loaders/bios-stage2.bin",
    ];
    let read = |name| (name, fs::read(dir.join(name)).unwrap());
    files.map(read).to_vec()
}

#[test]
#[ignore = "it builds the unikernel twice: make soak"]
fn two_builds_of_one_commit_in_different_directories_are_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let one = built_in(&dir.path().join("one"));
    let other = built_in(&dir.path().join("the other one/with 'quotes'"));
    for ((name, one), (_, other)) in one.iter().zip(&other) {
        let differ = one.iter().zip(other).filter(|(a, b)| a != b).count();
        assert_eq!((one.len(), differ), (other.len(), 0), "{name}");
    }
}
