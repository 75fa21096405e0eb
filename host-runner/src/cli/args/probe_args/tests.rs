//! Options of `fathom probe`.

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
