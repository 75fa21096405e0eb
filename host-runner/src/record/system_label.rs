//! The name of a target in its variant.

/// Returns the name of `target` in its variant `responder`: `linux-guest:busy`.
#[must_use]
pub fn label(target: &str, responder: Option<&str>) -> String {
    match responder {
        Some(responder) => format!("{target}:{responder}"),
        None => target.to_owned(),
    }
}
