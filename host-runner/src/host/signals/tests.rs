//! Signals that end this program.

use super::*;

#[test]
fn a_hangup_ends_it_unless_nohup_has_it_ignored() {
    let signals = |status| ending(status).collect::<Vec<_>>();
    let all = [SIGINT, SIGTERM, SIGHUP];
    assert_eq!(signals(""), all);
    assert_eq!(signals("Name:\tfathom\nSigIgn:\t0000000000001000\n"), all);
    assert_eq!(signals("SigIgn:\t0000000000001001\n"), all[..2]);
}
