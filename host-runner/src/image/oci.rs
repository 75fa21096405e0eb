//! The archive that container registries take: one image of one layer with the disk and the ELF file, for
//! KubeVirt. [OCI image specification 1.1; KubeVirt user guide, "containerDisk" and "Kernel boot"]
//!
//! KubeVirt looks for one disk in `/disk`, readable for user 107, QEMU's; `kernelBoot` names the path of a
//! kernel, here `/boot/fathom.elf`.

use std::io::{self, Write};

use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use super::VERSION;
use crate::digest::sha256;

/// User and group of the files: QEMU's in KubeVirt.
const OWNER: u64 = 107;

/// Path of the disk in the image.
pub const DISK: &str = "disk/fathom.qcow2";

/// Path of the ELF file in the image.
pub const KERNEL: &str = "boot/fathom.elf";

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Writes the archive with a disk and an ELF file.
///
/// # Errors
///
/// Those of `output`.
pub fn write(qcow2: &[u8], elf: &[u8], output: &mut impl Write) -> io::Result<()> {
    let content = layer(qcow2, elf)?;
    let mut compressed = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    compressed.write_all(&content)?;
    let layer = compressed.finish()?;
    let platform = json!({ "architecture": "amd64", "os": "linux" });
    let labels = json!({
        "org.opencontainers.image.title": "fathom",
        "org.opencontainers.image.version": VERSION,
    });
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": { "Labels": labels },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", sha256(&content))] },
        "history": [{ "created_by": "fathom image new" }],
    });
    let config = config.to_string().into_bytes();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, &config),
        "layers": [descriptor(LAYER, &layer)],
        "annotations": labels,
    });
    let manifest = manifest.to_string().into_bytes();
    let mut entry = descriptor(MANIFEST, &manifest);
    entry["platform"] = platform;
    entry["annotations"] = json!({ "org.opencontainers.image.ref.name": VERSION });
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] });

    let mut archive = Builder::new(output);
    let layout = json!({ "imageLayoutVersion": "1.0.0" }).to_string();
    append(&mut archive, "oci-layout", layout.as_bytes(), 0)?;
    append(&mut archive, "index.json", index.to_string().as_bytes(), 0)?;
    append_directory(&mut archive, "blobs/", 0)?;
    append_directory(&mut archive, "blobs/sha256/", 0)?;
    for blob in [&manifest, &config, &layer] {
        let name = format!("blobs/sha256/{}", sha256(blob));
        append(&mut archive, &name, blob, 0)?;
    }
    archive.into_inner()?.flush()
}

/// Makes the layer: the file system of the image.
fn layer(qcow2: &[u8], elf: &[u8]) -> io::Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    append_directory(&mut archive, "boot/", OWNER)?;
    append(&mut archive, KERNEL, elf, OWNER)?;
    append_directory(&mut archive, "disk/", OWNER)?;
    append(&mut archive, DISK, qcow2, OWNER)?;
    archive.into_inner()
}

fn append(
    archive: &mut Builder<impl Write>,
    name: &str,
    content: &[u8],
    owner: u64,
) -> io::Result<()> {
    let mut header = header(EntryType::Regular, 0o644, owner);
    header.set_size(content.len() as u64);
    archive.append_data(&mut header, name, content)
}

fn append_directory(archive: &mut Builder<impl Write>, name: &str, owner: u64) -> io::Result<()> {
    let mut header = header(EntryType::Directory, 0o755, owner);
    header.set_size(0);
    archive.append_data(&mut header, name, io::empty())
}

fn header(kind: EntryType, mode: u32, owner: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(owner);
    header.set_gid(owner);
    header.set_mtime(0);
    header
}

/// Returns the reference to `blob`.
fn descriptor(kind: &str, blob: &[u8]) -> Value {
    json!({
        "mediaType": kind,
        "digest": format!("sha256:{}", sha256(blob)),
        "size": blob.len(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use oci_spec::image::{
        Arch, Descriptor, ImageConfiguration, ImageIndex, ImageManifest, OciLayout, Os,
    };
    use tar::Archive;

    use super::*;

    /// The files of an archive, with the owner of each.
    fn files(archive: &[u8]) -> BTreeMap<String, (Vec<u8>, u64, u64)> {
        let mut archive = Archive::new(archive);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            let owner = |id: io::Result<u64>| id.unwrap();
            assert_eq!(entry.header().mtime().unwrap(), 0);
            let (user, group) = (owner(entry.header().uid()), owner(entry.header().gid()));
            (name, (content, user, group))
        });
        entries.collect()
    }

    #[test]
    fn readers_of_the_specification_find_the_disk_and_the_kernel() {
        let mut archive = Vec::new();
        write(b"a qcow2 image", b"an ELF file", &mut archive).unwrap();
        let files = files(&archive);
        let layout = OciLayout::from_reader(&files["oci-layout"].0[..]).unwrap();
        assert_eq!(layout.image_layout_version(), "1.0.0");
        let blob = |descriptor: &Descriptor| {
            let name = format!("blobs/sha256/{}", descriptor.digest().digest());
            let blob = files[&name].0.clone();
            assert_eq!(sha256(&blob), descriptor.digest().digest());
            assert_eq!(blob.len() as u64, descriptor.size());
            blob
        };
        let index = ImageIndex::from_reader(&files["index.json"].0[..]).unwrap();
        let [entry] = &index.manifests()[..] else {
            panic!("one image: {index:?}");
        };
        let platform = entry.platform().clone().unwrap();
        assert_eq!(
            (platform.architecture(), platform.os()),
            (&Arch::Amd64, &Os::Linux)
        );
        let manifest = ImageManifest::from_reader(&blob(entry)[..]).unwrap();
        let config = ImageConfiguration::from_reader(&blob(manifest.config())[..]).unwrap();
        let [layer] = &manifest.layers()[..] else {
            panic!("one layer: {manifest:?}");
        };
        let mut content = Vec::new();
        GzDecoder::new(&blob(layer)[..])
            .read_to_end(&mut content)
            .unwrap();
        assert_eq!(
            config.rootfs().diff_ids()[..],
            [format!("sha256:{}", sha256(&content))]
        );
        let content = self::files(&content);
        assert_eq!(
            content["disk/fathom.qcow2"],
            (b"a qcow2 image".to_vec(), 107, 107)
        );
        assert_eq!(
            content["boot/fathom.elf"],
            (b"an ELF file".to_vec(), 107, 107)
        );
        // KubeVirt wants one file in there, and no more.
        let disks = content
            .keys()
            .filter(|path| path.starts_with("disk/") && *path != "disk/");
        assert_eq!(disks.count(), 1);
    }
}
