//! Targets as a comparison names them: a variant, and the image that it boots in place of the common one, such as
//! `hermit@old=old.elf`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::design::number_copies;
use super::variant::Variant;
use crate::record::environment::Image;
use crate::record::image_store;
use crate::sut::{ImageLabel, SystemName};

/// Prefix of an image that is named by its digest.
const DIGEST: &str = "sha256:";

/// A target of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The variant; its image has no label yet unless the name has one.
    pub variant: Variant,
    /// The image that it boots, if that is its own.
    pub image: Option<ImageSource>,
}

/// Place of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageSource {
    /// A file.
    File(PathBuf),
    /// The kept image whose digest begins with these digits.
    Kept(String),
}

/// A variant's own image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnImage {
    /// The variant, as its first copy.
    pub variant: Variant,
    /// The image, as it was when the comparison was prepared.
    pub image: Image,
}

/// Reason why an image can't be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageProblem {
    /// The image.
    pub path: PathBuf,
    /// The problem.
    pub problem: String,
}

/// The variants of a comparison and the images of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The variants, with the labels of their images.
    pub variants: Vec<Variant>,
    /// The images, each once.
    pub images: Vec<OwnImage>,
}

impl FromStr for Target {
    type Err = String;

    /// Reads `SYSTEM[@LABEL][:VARIANT][=IMAGE]`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, image) = match text.split_once('=') {
            Some((name, image)) => (name, Some(image)),
            None => (text, None),
        };
        let (system, label) = match name.split_once('@') {
            Some((system, rest)) => {
                let (label, mode) = match rest.split_once(':') {
                    Some((label, mode)) => (label, format!(":{mode}")),
                    None => (rest, String::new()),
                };
                (
                    format!("{system}{mode}"),
                    Some(label.parse::<ImageLabel>()?),
                )
            }
            None => (name.to_owned(), None),
        };
        let system: SystemName = system.parse()?;
        let image = image.map(image_source).transpose()?;
        if image.is_none() && label.is_some() {
            return Err(format!("{name} needs an image: `{name}=PATH`"));
        }
        if image.is_some() && !system.kind.is_unikernel() {
            let kind = system.kind.name();
            return Err(format!(
                "{kind} boots no image of this project: only hermit and hermit-sockets take one"
            ));
        }
        Ok(Self {
            variant: Variant {
                image: label,
                ..Variant::from(system)
            },
            image,
        })
    }
}

fn image_source(text: &str) -> Result<ImageSource, String> {
    match text.strip_prefix(DIGEST) {
        Some(digits) => Ok(ImageSource::Kept(digits.to_owned())),
        None if text.is_empty() => Err("an image is missing after `=`".to_owned()),
        None => Ok(ImageSource::File(text.into())),
    }
}

impl ImageSource {
    /// Reads the image, which is among those kept under `base` if it is named by a digest.
    fn read(&self, base: &Path) -> Result<Image, ImageProblem> {
        match self {
            Self::File(path) => Image::read(path).map_err(|error| ImageProblem {
                path: path.clone(),
                problem: error.to_string(),
            }),
            Self::Kept(digits) => image_store::find(base, digits).map_err(|problem| ImageProblem {
                path: format!("{DIGEST}{digits}").into(),
                problem,
            }),
        }
    }
}

/// Finds the images of `targets`, those that are named by a digest under `base`, and labels them: by the name of the
/// file if the target has no label, and by the digest as well where files of one name differ.
///
/// # Errors
///
/// [`ImageProblem`] if an image is not there or can't be read, or if different images have one label.
pub fn resolve(targets: &[Target], base: &Path) -> Result<Resolved, ImageProblem> {
    let images = targets.iter().map(|target| {
        let source = target.image.as_ref();
        source.map(|source| source.read(base)).transpose()
    });
    let images: Vec<Option<Image>> = images.collect::<Result<_, _>>()?;
    let named: Vec<(&Target, Option<&Image>)> = targets
        .iter()
        .zip(images.iter().map(Option::as_ref))
        .collect();
    let mut resolved = Resolved::default();
    for &(target, image) in &named {
        let variant = Variant {
            image: image.map(|image| label(target, image, &named)),
            ..target.variant
        };
        resolved.variants.push(variant);
        if let Some(image) = image {
            resolved.add(variant, image)?;
        }
    }
    resolved.check_names()
}

/// Returns the label of `image`, which `target` boots.
fn label(target: &Target, image: &Image, all: &[(&Target, Option<&Image>)]) -> ImageLabel {
    if let Some(label) = target.variant.image {
        return label;
    }
    let stem = stem(target, image);
    let differs = |other: &&Image| other.sha256 != image.sha256;
    let is_taken = all.iter().any(|(other, of_other)| {
        let other_stem = of_other
            .filter(differs)
            .map(|image| match other.variant.image {
                Some(label) => label.to_string(),
                None => self::stem(other, image),
            });
        other_stem.as_ref() == Some(&stem)
    });
    let suffix = match is_taken {
        true => format!("-{}", image.short_digest()),
        false => String::new(),
    };
    ImageLabel::nearest(&stem, &suffix)
}

/// Returns the name of the file without its ending, or the start of the digest by which it was named.
fn stem(target: &Target, image: &Image) -> String {
    match &target.image {
        Some(ImageSource::File(_)) => ImageLabel::nearest(&image.stem(), "").to_string(),
        _ => image.short_digest().to_owned(),
    }
}

impl Resolved {
    /// Adds the image of `variant`, unless it is there already.
    fn add(&mut self, variant: Variant, image: &Image) -> Result<(), ImageProblem> {
        match self.images.iter().find(|own| own.variant == variant) {
            Some(own) if own.image.sha256 == image.sha256 => return Ok(()),
            Some(_) => {}
            None => {
                let image = image.clone();
                self.images.push(OwnImage { variant, image });
                return Ok(());
            }
        }
        Err(ImageProblem {
            path: image.path.clone(),
            problem: format!("another image is called {variant} as well: give each a label"),
        })
    }

    /// Refuses a label that looks like a copy of another variant.
    fn check_names(self) -> Result<Self, ImageProblem> {
        let mut numbered = self.variants.clone();
        number_copies(&mut numbered);
        let names: Vec<String> = numbered.iter().map(Variant::to_string).collect();
        let twice = |index: usize| names[..index].contains(&names[index]);
        let Some(index) = (0..names.len()).find(|&index| twice(index)) else {
            return Ok(self);
        };
        Err(ImageProblem {
            path: names[index].clone().into(),
            problem: "two targets of the comparison have this name: give them other labels"
                .to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn target(text: &str) -> Target {
        text.parse().unwrap()
    }

    #[test]
    fn a_target_has_a_label_a_variant_and_an_image() {
        let plain = target("hermit");
        assert_eq!((plain.variant.image, plain.image), (None, None));
        let labelled = target("hermit@old:smoltcp=a/b=c.elf");
        assert_eq!(labelled.variant.to_string(), "hermit@old:smoltcp");
        assert_eq!(labelled.image, Some(ImageSource::File("a/b=c.elf".into())));
        let kept = target("hermit-sockets=sha256:1a2b3c");
        assert_eq!(kept.image, Some(ImageSource::Kept("1a2b3c".to_owned())));
        for (text, complaint) in [
            ("hermit@old", "needs an image: `hermit@old=PATH`"),
            ("hermit=", "missing"),
            ("hermit@a b=x", "names no image"),
            ("linux-guest:busy=vmlinuz", "only hermit"),
            ("null=x", "only hermit"),
            ("hermit@old:busy=x", "hermit has no mode"),
            ("plan9=x", "there is hermit"),
        ] {
            let error = text.parse::<Target>().unwrap_err();
            assert!(error.contains(complaint), "{text}: {error}");
        }
    }

    /// Returns the names of `targets`, in which `DIR` is a directory with the images `a/x.elf`, its copy `copy.elf`,
    /// `b/x.elf` and `y.elf`.
    fn names(targets: &str) -> Result<Vec<String>, ImageProblem> {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for parent in ["a", "b"] {
            fs::create_dir(path(parent)).unwrap();
        }
        let files = [
            ("a/x.elf", "1"),
            ("copy.elf", "1"),
            ("b/x.elf", "2"),
            ("y.elf", "3"),
        ];
        for (name, content) in files {
            fs::write(path(name), content).unwrap();
        }
        let targets = targets.replace("DIR", &directory.path().display().to_string());
        let targets: Vec<Target> = targets.split(',').map(target).collect();
        let Resolved { variants, images } = resolve(&targets, directory.path())?;
        for variant in &variants {
            let own = images.iter().filter(|own| own.variant == *variant).count();
            assert_eq!(own, usize::from(variant.image.is_some()));
        }
        Ok(variants.iter().map(Variant::to_string).collect())
    }

    #[test]
    fn images_are_labelled_by_their_files_and_where_those_agree_by_their_bytes() {
        for (targets, expected) in [
            ("hermit,null", "hermit,null"),
            ("hermit=DIR/y.elf,hermit", "hermit@y,hermit"),
            (
                "hermit@old=DIR/y.elf,hermit=DIR/a/x.elf",
                "hermit@old,hermit@x",
            ),
            (
                "hermit=DIR/a/x.elf,hermit=DIR/b/x.elf",
                "hermit@x-6b86b273,hermit@x-d4735e3a",
            ),
            // A system can be compared with itself.
            ("hermit=DIR/a/x.elf,hermit=DIR/a/x.elf", "hermit@x,hermit@x"),
            (
                "hermit@a=DIR/a/x.elf,hermit@a=DIR/copy.elf",
                "hermit@a,hermit@a",
            ),
            (
                "hermit@x=DIR/y.elf,hermit=DIR/a/x.elf",
                "hermit@x,hermit@x-6b86b273",
            ),
            (
                "hermit=DIR/y.elf,hermit:smoltcp=DIR/y.elf",
                "hermit@y,hermit@y:smoltcp",
            ),
        ] {
            assert_eq!(names(targets).unwrap().join(","), expected, "{targets}");
        }
    }

    #[test]
    fn what_can_not_be_told_apart_is_refused() {
        for (targets, complaint) in [
            (
                "hermit@a=DIR/y.elf,hermit@a=DIR/a/x.elf",
                "another image is called hermit@a",
            ),
            (
                "hermit@a=DIR/y.elf,hermit@a=DIR/y.elf,hermit@a-2=DIR/y.elf",
                "two targets",
            ),
            ("hermit=DIR/none.elf", "No such file"),
            ("hermit=sha256:1a2b3c", "no image"),
        ] {
            let problem = names(targets).unwrap_err();
            assert!(
                problem.problem.contains(complaint),
                "{targets}: {problem:?}"
            );
        }
    }
}
