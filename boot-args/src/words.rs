//! The words of a text of arguments, and those that are not the service's.

use super::Channel;

/// Use of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// For the service: an argument, or a mistake.
    Argument,
    /// For Linux: boot loaders and machine monitors append it whatever they boot.
    Linux,
    /// For the search for the network device, which reads it on its own.
    Device,
}

/// Returns the words of `text`. In a file, a word that begins with `#` begins a comment, which goes to the end
/// of its line.
pub fn words(channel: Channel, text: &str) -> impl Iterator<Item = &str> {
    let is_file = channel == Channel::File;
    text.split('\n').flat_map(move |line| {
        line.split_ascii_whitespace()
            .take_while(move |word| !(is_file && word.starts_with('#')))
    })
}

/// Says what `word` is for. The list of foreign words is closed: a mistake in an argument is to be
/// told, and not to be taken for one of them.
///
/// Firecracker appends `pci=` and, with a disk, `root=` and `ro` or `rw`; without arguments of the
/// user's it passes `reboot=`, `panic=`, `nomodule`, `8250.…`, `i8042.…` and `swiotlb=`. GRUB passes
/// `BOOT_IMAGE=`, and templates of Linux guests `console=` and `quiet`.
pub fn purpose(word: &str) -> Purpose {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    let is_linux = match (name, value) {
        ("ro" | "rw" | "nomodule" | "quiet", None) => true,
        ("console" | "root" | "reboot" | "pci" | "swiotlb" | "BOOT_IMAGE", Some(_)) => true,
        ("panic", Some(value)) => value.parse::<i32>().is_ok(),
        _ => name.starts_with("8250.") || name.starts_with("i8042."),
    };
    match name {
        "virtio_mmio.device" if value.is_some() => Purpose::Device,
        _ if is_linux => Purpose::Linux,
        _ => Purpose::Argument,
    }
}
