//! The colours of the page and of its charts, in light and in dark, each with its name in the style.

/// Colours on a light ground.
pub const LIGHT: [(&str, &str); 15] = [
    ("ground", "#ffffff"),
    ("card", "#f6f7f9"),
    ("ink", "#1a1d21"),
    ("quiet", "#55606b"),
    ("rule", "#d5dade"),
    ("grid", "#e3e7ea"),
    ("band", "rgba(100, 112, 124, .16)"),
    ("bad", "#b3261e"),
    ("warn", "#8a5a00"),
    ("c0", "#0a66b0"),
    ("c1", "#c2500a"),
    ("c2", "#007f5f"),
    ("c3", "#a3418a"),
    ("c4", "#806300"),
    ("c5", "#4b5563"),
];

/// Colours on a dark ground.
pub const DARK: [(&str, &str); 15] = [
    ("ground", "#14171a"),
    ("card", "#1d2125"),
    ("ink", "#e8eaed"),
    ("quiet", "#a3adb7"),
    ("rule", "#363d44"),
    ("grid", "#292f35"),
    ("band", "rgba(160, 174, 188, .17)"),
    ("bad", "#ff8a80"),
    ("warn", "#f0b95a"),
    ("c0", "#5cb0f5"),
    ("c1", "#ff9a5c"),
    ("c2", "#3ecfa3"),
    ("c3", "#ea95d3"),
    ("c4", "#e3c33e"),
    ("c5", "#b9c2cc"),
];

/// Returns `colours` as custom properties: `--ground: #ffffff; …`.
#[must_use]
pub fn properties(colours: &[(&str, &str)]) -> String {
    let property = |(name, colour): &(&str, &str)| format!("--{name}: {colour};");
    colours.iter().map(property).collect::<Vec<_>>().join(" ")
}

/// Returns `style` with `colours` in the place of custom properties: not every program that shows an SVG
/// file knows those.
#[must_use]
pub fn in_place(style: &str, colours: &[(&str, &str)]) -> String {
    colours
        .iter()
        .fold(style.to_owned(), |style, (name, colour)| {
            style.replace(&format!("var(--{name})"), colour)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_palettes_have_the_same_names() {
        let names = |colours: [(&'static str, &str); 15]| colours.map(|(name, _)| name);
        assert_eq!(names(LIGHT), names(DARK));
        assert!(properties(&LIGHT).starts_with("--ground: #ffffff; --card: #f6f7f9;"));
        let style = "a { color: var(--c1); fill: var(--ink) }";
        assert_eq!(
            in_place(style, &LIGHT),
            "a { color: #c2500a; fill: #1a1d21 }"
        );
    }
}
