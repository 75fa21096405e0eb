//! Methods by which the figures of a record were got, as codes with versions: whoever holds two records
//! against each other sees whether they mean the same.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A code and the version of its definition, such as `from_due/1`.
type Method = Cow<'static, str>;

/// The methods of a record's figures. A new version is another definition of the same quantity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Methods {
    /// Of `latency_ns`. `from_due/1`: from when a request was due, in a closed loop when it was sent, to its
    /// reply; one without a reply counts with at least the timeout.
    pub latency: Method,
    /// Of `round_trip_ns`. `from_send/1`: from the actual send to the reply, of all requests.
    pub round_trip: Method,
    /// Of `uncorrected_latency_ns`. `waiting_client/1`: from the actual send, of those requests that a client
    /// that waits for each reply would have sent.
    pub uncorrected: Method,
    /// Of `send_lateness_ns`. `due_to_send/1`: from when a request was due to its actual send.
    pub send_lateness: Method,
    /// Of `service_ns` and `path_ns`. `handler_stamps/1`: between the two stamps in the service's handler,
    /// bounded to the round trip; and the rest of that.
    pub service: Method,
    /// Of percentiles. `rank/1`: the least value that the share of samples does not exceed, to three digits,
    /// where ten samples or more lie beyond it.
    pub percentile: Method,
    /// Number of the instrument's way of measuring. It grows whenever a change of the instrument moves the
    /// figures of a system that has not changed; results of different numbers are not held against each other.
    /// Records that have codes and no number are of the first.
    #[serde(default = "first")]
    pub number: u32,
    /// Of distributions in `merged`. `requests/1`: histograms of the valid runs are added up. `boots/1`: each
    /// valid run weighs the same.
    pub merged: Method,
}

impl Methods {
    /// The methods of this version.
    pub const OWN: Self = Self {
        latency: Cow::Borrowed("from_due/1"),
        round_trip: Cow::Borrowed("from_send/1"),
        uncorrected: Cow::Borrowed("waiting_client/1"),
        send_lateness: Cow::Borrowed("due_to_send/1"),
        service: Cow::Borrowed("handler_stamps/1"),
        percentile: Cow::Borrowed("rank/1"),
        number: first(),
        merged: Cow::Borrowed("boots/1"),
    };
}

/// The number of records that have codes and no number.
const fn first() -> u32 {
    1
}
