//! Address of a service as somebody writes it: HOST:PORT.

use wire::DEFAULT_PORT;

/// Takes an address that names a port. The name may turn out to lead nowhere; that is no usage error.
///
/// # Errors
///
/// A message if there is no port, or an IPv6 address is not in brackets.
pub fn with_port(address: &str) -> Result<String, String> {
    let (host, port) = match address.rsplit_once(':') {
        // A colon within an IPv6 address is no port's.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        _ => (address, None),
    };
    match port.map(str::parse::<u16>) {
        Some(Ok(1..)) if !host.is_empty() => Ok(address.to_owned()),
        Some(_) => Err("expected HOST:PORT, with a port from 1 to 65535".to_owned()),
        None if host.contains(':') && !host.starts_with('[') => Err(format!(
            "give a port, and the address in brackets: [{host}]:{DEFAULT_PORT}"
        )),
        None => Err(format!("give a port: {host}:{DEFAULT_PORT}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_port_is_a_usage_error_that_says_what_to_write() {
        for (address, complaint) in [
            ("127.0.0.1", "give a port: 127.0.0.1:9000"),
            ("localhost", "give a port: localhost:9000"),
            ("[::1]", "give a port: [::1]:9000"),
            (
                "::1",
                "give a port, and the address in brackets: [::1]:9000",
            ),
            ("127.0.0.1:0", "1 to 65535"),
            ("127.0.0.1:99999", "1 to 65535"),
            ("127.0.0.1:echo", "1 to 65535"),
            (":9000", "HOST:PORT"),
        ] {
            let error = with_port(address).unwrap_err();
            assert!(error.contains(complaint), "{address}: {error}");
        }
        for address in [
            "127.0.0.1:9000",
            "[::1]:9000",
            "[fe80::1%eth0]:9000",
            "example.net:1",
        ] {
            assert_eq!(with_port(address).as_deref(), Ok(address));
        }
    }
}
