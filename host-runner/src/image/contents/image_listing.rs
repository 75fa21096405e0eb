//! The contents of an image as text for people.

use super::super::{CONFIG_FILE, config_file};
use super::{Contents, DiskFacts};
use crate::quantity;
use crate::terminal::one_line;

/// Returns what the file `name` holds, a line for each fact.
#[must_use]
pub fn of(name: &str, contents: &Contents) -> String {
    let mut text = String::new();
    let mut line = |label: &str, value: &str| {
        text.push_str(format!("{label:<10} {value}").trim_end());
        text.push('\n');
    };
    line("file", name);
    let size = quantity::bytes(contents.len);
    line("format", &format!("{}, {size}", contents.format.name()));
    line("sha256", &contents.sha256);
    match &contents.elf {
        Some((elf, digest)) => {
            if let Some(version) = &elf.version {
                line("version", &one_line(version));
            }
            let size = quantity::bytes(elf.len as u64);
            line(
                "unikernel",
                &format!("{size}, entry by PVH, sha256 {digest}"),
            );
        }
        None => line("unikernel", "none in the EFI program"),
    }
    if let Some(disk) = &contents.disk {
        show_disk(disk, &mut line);
    }
    text
}

/// Returns the boot arguments `config` that the image `name` has got, a line for each of both.
#[must_use]
pub fn of_arguments(name: &str, config: &str) -> String {
    let words: Vec<&str> = config_file::words(config).collect();
    let shown = match words.is_empty() {
        true => "none".to_owned(),
        false => words.join(" "),
    };
    format!(
        "image      {}\narguments  {}\n",
        one_line(name),
        one_line(&shown)
    )
}

fn show_disk(disk: &DiskFacts, line: &mut impl FnMut(&str, &str)) {
    line("disk", &quantity::bytes(disk.len));
    let place = &disk.place;
    let last = place.first_lba + place.sectors - 1;
    let cluster = quantity::bytes(disk.cluster_bytes as u64);
    let partition = format!(
        "EFI system partition \"{}\", sectors {} to {last}, FAT12 with clusters of {cluster}",
        one_line(&place.name),
        place.first_lba,
    );
    line("partition", &partition);
    for (index, file) in disk.files.iter().enumerate() {
        let label = if index == 0 { "files" } else { "" };
        let (path, size) = (one_line(&file.path), quantity::bytes(file.len));
        line(label, &format!("{path}, {size}, sha256 {}", file.sha256));
    }
    let mut words = config_file::words(&disk.config).peekable();
    if words.peek().is_none() {
        line("arguments", &format!("none in {CONFIG_FILE}"));
    }
    for (index, word) in words.enumerate() {
        let label = if index == 0 { "arguments" } else { "" };
        line(label, &one_line(word));
    }
    if let Err(problem) = config_file::check(&disk.config) {
        line(
            "problem",
            &format!("the service will not start: {}", one_line(&problem)),
        );
    }
}
