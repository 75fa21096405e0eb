//! List of targets: a file with an address per line, HOST:PORT; what follows `#` is a comment.
#![forbid(unsafe_code)]

use std::path::Path;

use super::service_address::with_port;
use crate::files;

/// Most bytes of the file.
const FILE_LIMIT: u64 = 64 << 10;

/// Most targets: each takes a thread and some megabytes.
pub const MAX_TARGETS: usize = 256;

/// Reads the list at `path`.
///
/// # Errors
///
/// A message if the file can't be read, or a line is no address.
pub fn read(path: &Path) -> Result<Vec<String>, String> {
    let bytes = files::read(path, FILE_LIMIT);
    let bytes = bytes.map_err(|error| format!("{} can't be read: {error}", path.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    parse(&text).map_err(|problem| format!("{}, {problem}", path.display()))
}

fn parse(text: &str) -> Result<Vec<String>, String> {
    let mut targets = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let address = line.split('#').next().unwrap_or_default().trim();
        if !address.is_empty() {
            let target = with_port(address);
            targets.push(target.map_err(|problem| format!("line {number}: {problem}"))?);
        }
    }
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_address_and_a_comment_is_none() {
        let text = "# nodes\n10.0.0.1:9000\n\n  [::1]:9000 # here\nexample.net:1\n";
        assert_eq!(
            parse(text).unwrap(),
            ["10.0.0.1:9000", "[::1]:9000", "example.net:1"]
        );
        let error = parse("10.0.0.1:9000\n10.0.0.2\n").unwrap_err();
        assert_eq!(error, "line 2: give a port: 10.0.0.2:9000");
        let error = read(Path::new("/nonesuch")).unwrap_err();
        assert!(error.starts_with("/nonesuch can't be read"), "{error}");
    }
}
