//! The map that LLVM's linker writes with `-Map`: a line for each output section, input section and symbol, told apart
//! by how far they are indented.

use std::collections::BTreeMap;

/// Name for the bytes of an input section that no crate's name is in.
const CONSTANTS: &str = "(constants)";
/// Functions that other languages and the linker know by a name of their own: `main`, `memcpy`.
const EXPORTED: &str = "(exported functions)";

/// Bytes in each output section, by crate.
#[derive(Clone, Debug, Default)]
pub struct Map(BTreeMap<String, Section>);

#[derive(Clone, Debug, Default)]
struct Section {
    bytes: u64,
    crates: BTreeMap<String, u64>,
}

impl Map {
    /// Reads a map's text. Lines of another form are passed over: the first, and assignments of the linker script.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut map = Self::default();
        let mut current = None;
        for line in text.lines() {
            let Some((bytes, indent, name)) = columns(line) else {
                continue;
            };
            match indent {
                0 => {
                    current = Some(name.to_owned());
                    map.0.entry(name.to_owned()).or_default().bytes = bytes;
                }
                8 => {
                    let section = current.as_ref().and_then(|name| map.0.get_mut(name));
                    let input = name
                        .rsplit_once(":(")
                        .and_then(|(_, name)| name.strip_suffix(')'));
                    if let (Some(section), Some(input)) = (section, input) {
                        *section.crates.entry(crate_of(input)).or_default() += bytes;
                    }
                }
                // A symbol: it is within an input section.
                _ => {}
            }
        }
        map
    }

    /// Returns an output section's size.
    #[must_use]
    pub fn section_bytes(&self, section: &str) -> Option<u64> {
        self.0.get(section).map(|section| section.bytes)
    }

    /// Returns whose the bytes of an output section are.
    pub fn crates(&self, section: &str) -> impl Iterator<Item = (&str, u64)> {
        let crates = self.0.get(section).into_iter();
        crates.flat_map(|section| {
            section
                .crates
                .iter()
                .map(|(name, &bytes)| (name.as_str(), bytes))
        })
    }
}

/// Returns size, indentation and name: of `VMA LMA Size Align`, of which all but the last are hexadecimal, and the rest.
fn columns(line: &str) -> Option<(u64, usize, &str)> {
    let mut rest = line;
    let mut numbers = [0; 4];
    for (i, number) in numbers.iter_mut().enumerate() {
        let text = rest.trim_start();
        let end = text.find(' ')?;
        let radix = if i < 3 { 16 } else { 10 };
        *number = u64::from_str_radix(&text[..end], radix).ok()?;
        rest = &text[end..];
    }
    // One blank ends the column.
    let rest = rest.strip_prefix(' ')?;
    let name = rest.trim_start();
    Some((numbers[2], rest.len() - name.len(), name))
}

/// Returns the crate that what is in an input section is of, by the symbol in the section's name.
fn crate_of(input: &str) -> String {
    let symbol = input
        .trim_start_matches('.')
        .split_once('.')
        .map_or("", |(_, symbol)| symbol);
    // Of a function, the part that is hardly ever executed.
    let symbol = symbol.strip_prefix("unlikely.").unwrap_or(symbol);
    if let Ok(name) = rustc_demangle::try_demangle(symbol) {
        let name = format!("{name:#}");
        // `<&mut crate::Type as other::Trait>::method`: the first path.
        if let Some(end) = name.find("::") {
            let start = name[..end].rfind(|c: char| !c.is_alphanumeric() && c != '_');
            let name = &name[start.map_or(0, |at| at + 1)..end];
            // `<[T]>::method`: what a type of the language itself can do is core's.
            return if name.is_empty() { "core" } else { name }.to_owned();
        }
    }
    if input.starts_with(".text") {
        EXPORTED.to_owned()
    } else {
        CONSTANTS.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "\
             VMA              LMA     Size Align Out     In      Symbol
               0                0   200000     1 . = 2M
          201000           201000       90  4096 .text
          201000           201000       40    16         /a b/c.o:(.text._RNvCslhn6Pgg93uX_12fathom_image5serve)
          201000           201000       40     1                 fathom_image::serve
          201040           201040       30    16         /a b/c.o:(.text.unlikely._RNvCslhn6Pgg93uX_12fathom_image5serve)
          201070           201070        e     1         /a b/c.o:(.text._ZN4core9panicking5panic17h0123456789abcdefE)
          201080           201080       10     1         /a b/c.o:(.text.main)
          202000           202000       20  4096 .rodata
          202000           202000       14     8         <internal>:(.rodata.str1.1)
";

    #[test]
    fn bytes_are_their_crates() {
        let map = Map::parse(MAP);
        assert_eq!(map.section_bytes(".text"), Some(0x90));
        let crates: Vec<_> = map.crates(".text").collect();
        assert_eq!(
            crates,
            [(EXPORTED, 0x10), ("core", 0xe), ("fathom_image", 0x70)]
        );
        assert_eq!(
            map.crates(".rodata").collect::<Vec<_>>(),
            [(CONSTANTS, 0x14)]
        );
        assert_eq!(map.section_bytes(".data"), None);
    }

    #[test]
    fn an_implementation_is_its_types() {
        let symbol =
            "_RNvXs0_NtCsdQeQlOxro4o_4wire5readyNtB5_5ReadyNtNtCsjQ8oi7G4nHH_4core3fmt7Display3fmt";
        assert_eq!(crate_of(&format!(".text.{symbol}")), "wire");
        assert_eq!(
            crate_of(".bss._RNvNtNtNtNtCscmWpTeFGZgf_6hermit4arch6x86_646kernel10interrupts3IDT"),
            "hermit"
        );
    }
}
