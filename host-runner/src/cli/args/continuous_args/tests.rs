//! Addresses to listen on, and intervals.

use super::*;

#[test]
fn the_address_to_listen_on_is_by_default_the_loopbacks() {
    for (text, expected) in [
        ("9464", "127.0.0.1:9464"),
        ("0.0.0.0:9464", "0.0.0.0:9464"),
        ("[::1]:0", "[::1]:0"),
    ] {
        assert_eq!(listen_address(text), Ok(expected.parse().unwrap()));
    }
    for text in ["", "70000", "localhost:9464", "1.2.3.4"] {
        assert!(listen_address(text).is_err(), "{text}");
    }
    assert!(interval("999ms").is_err() && interval("1m").is_ok());
}
