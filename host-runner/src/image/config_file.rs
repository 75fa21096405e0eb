//! The configuration file: arguments as text, one a line, checked by the parser that reads them at boot.

use boot_args::{Args, Channel};

use super::ImageError;
use super::layout::CLUSTER;

/// First line of the text: a comment. Without a byte the file would have no cluster to be edited in.
const HEADING: &str = "# Boot arguments, one a line, such as ip=dhcp or ip=192.0.2.5/24\n";

/// Makes the text of `arguments`, each of which may hold several separated by blanks.
///
/// # Errors
///
/// [`ImageError::Arguments`] if the service would not take them, or they are too long.
pub fn from_arguments<'a>(
    arguments: impl IntoIterator<Item = &'a str>,
) -> Result<String, ImageError> {
    let words = arguments.into_iter().flat_map(str::split_whitespace);
    let lines: String = words.map(|word| format!("{word}\n")).collect();
    checked(HEADING.to_owned() + &lines)
}

/// Takes the content of a file as the text.
///
/// # Errors
///
/// As [`from_arguments`], or if it is no text.
pub fn from_file(content: Vec<u8>) -> Result<String, ImageError> {
    let no_text = || ImageError::Arguments("the arguments are no UTF-8 text".to_owned());
    let text = String::from_utf8(content).map_err(|_| no_text())?;
    if text.contains('\0') {
        return Err(no_text());
    }
    checked(match text.is_empty() {
        true => HEADING.to_owned(),
        false => text,
    })
}

/// Checks that the service takes `text`, and that there is room for it.
fn checked(text: String) -> Result<String, ImageError> {
    if text.len() > CLUSTER {
        let len = text.len();
        let what = format!("the arguments have {len} bytes; the image has room for {CLUSTER}");
        return Err(ImageError::Arguments(what));
    }
    match check(&text) {
        Ok(()) => Ok(text),
        Err(problem) => Err(ImageError::Arguments(problem)),
    }
}

/// Says what of `text` the service would refuse at boot.
///
/// # Errors
///
/// The service's own message, if it would not boot with `text`.
pub fn check(text: &str) -> Result<(), String> {
    let args = Args::parse([(Channel::File, text)]);
    args.map(drop).map_err(|error| error.to_string())
}

/// Returns the arguments in `text`.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    boot_args::words(Channel::File, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(arguments: &[&str]) -> Result<String, String> {
        from_arguments(arguments.iter().copied()).map_err(|error| error.to_string())
    }

    #[test]
    fn arguments_become_lines() {
        let text = of(&["ip=192.0.2.5/24 gw=192.0.2.1", "port=9001"]).unwrap();
        let [_, lines @ ..] = &text.lines().collect::<Vec<_>>()[..] else {
            panic!("{text}");
        };
        assert_eq!(lines, ["ip=192.0.2.5/24", "gw=192.0.2.1", "port=9001"]);
        assert_eq!(words(&text).collect::<Vec<_>>(), lines);
        assert_eq!(of(&[]).unwrap(), HEADING);
        assert_eq!(words(HEADING).count(), 0);
    }

    #[test]
    fn arguments_that_the_service_would_refuse_are_refused() {
        for (argument, expected) in [
            ("bogus=1", "unknown boot argument \"bogus=1\""),
            ("ip=1.2.3", "malformed boot argument \"ip=1.2.3\""),
            ("ip=dhcp ip=dhcp", "was given before"),
            ("nap=1ms", "it needs idle=nap"),
        ] {
            let error = of(&[argument]).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(error.ends_with("nothing was changed"), "{error}");
        }
        assert!(from_file(b"ip=dhcp\0".to_vec()).is_err());
        assert!(from_file(vec![0xff]).is_err());
    }

    #[test]
    fn a_file_is_taken_as_it_is_up_to_a_cluster() {
        let of_len = |len: usize| {
            let comment = format!("#{}\n", "x".repeat(len - 10));
            from_file((comment + "ip=dhcp\n").into_bytes())
        };
        assert_eq!(of_len(CLUSTER).unwrap().len(), CLUSTER);
        let error = of_len(CLUSTER + 1).unwrap_err().to_string();
        assert!(
            error.contains("4097 bytes; the image has room for 4096"),
            "{error}"
        );
        assert_eq!(from_file(Vec::new()).unwrap(), HEADING);
    }
}
