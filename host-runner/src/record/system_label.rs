//! The name of a target in its variant, and the parts of a target's name.

/// Returns the name of `target` in its variant `responder`: `linux-guest:busy`.
#[must_use]
pub fn label(target: &str, responder: Option<&str>) -> String {
    match responder {
        Some(responder) => format!("{target}:{responder}"),
        None => target.to_owned(),
    }
}

/// Sign before the label of a target's image: `hermit@old`.
const IMAGE: char = '@';

/// Returns the system that the target of this name is: without the label of its image, and without the number of one
/// that is compared with itself.
#[must_use]
pub fn kind(target: &str) -> &str {
    let target = target.split(IMAGE).next().unwrap_or(target);
    match target.rsplit_once('-') {
        Some((name, number)) if number.parse::<usize>().is_ok() => name,
        _ => target,
    }
}

/// Returns true if the target of this name boots an image of its own.
#[must_use]
pub fn has_own_image(target: &str) -> bool {
    target.contains(IMAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_of_a_kind_whatever_its_image_and_its_number() {
        for target in [
            "hermit",
            "hermit-2",
            "hermit@old",
            "hermit@v1-2",
            "hermit@a.b-2",
        ] {
            assert_eq!(kind(target), "hermit", "{target}");
        }
        assert_eq!(kind("linux-guest"), "linux-guest");
        assert_eq!(kind("hermit-sockets@x-3"), "hermit-sockets");
        assert!(has_own_image("hermit@old") && !has_own_image("hermit-2"));
        assert_eq!(label("hermit@old", Some("smoltcp")), "hermit@old:smoltcp");
    }
}
