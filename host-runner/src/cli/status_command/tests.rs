use super::*;

#[test]
fn a_status_is_a_row_for_each_fact() {
    let status = ServiceStatus {
        address: "127.0.0.1:9000".to_owned(),
        boot_id: 0xb007,
        uptime_ns: 90_061_000_000_000,
        version: "1.2.3".to_owned(),
        round_trip_ns: 1000,
        counters: [("replied".to_owned(), 1_234_567.into())]
            .into_iter()
            .collect(),
    };
    let text = render(&status);
    for line in [
        "version     1.2.3\n",
        "up for      1 d 01:01:01\n",
        "boot id     0000b007\n",
        "replied     1,234,567\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
}
