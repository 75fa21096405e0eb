//! Fields of the experiment that a run is of.

use super::{Fields, memory};
use crate::quantity;
use crate::record::{Methods, Record, Run};

/// Names of the fields that [`setting`] has.
pub const NAMES: [&str; 24] = [
    "target",
    "responder",
    "link",
    "mtu",
    "mode",
    "depth",
    "sweep_percent",
    "offered_rate",
    "arrivals",
    "protocol",
    "payload_bytes",
    "content",
    "timeout",
    "flows",
    "dscp",
    "vhost",
    "fault",
    "accel",
    "board",
    "guest_cpu",
    "guest_memory",
    "prealloc",
    "placement",
    "method",
];

/// Fields that say which case of a result a run is of: in the same case of another result they are the same.
pub const IDENTITY: [&str; 5] = ["target", "responder", "link", "mode", "sweep_percent"];

/// Fields in which runs have to agree for figures that are counted: nothing else moves those.
pub const COUNTED: [&str; 7] = [
    "target",
    "responder",
    "link",
    "protocol",
    "payload_bytes",
    "content",
    "method",
];

/// Fields in which runs have to agree for figures of a boot, which are the same under every load.
pub const OF_BOOT: [&str; 12] = [
    "target",
    "responder",
    "link",
    "mtu",
    "vhost",
    "accel",
    "board",
    "guest_cpu",
    "guest_memory",
    "prealloc",
    "placement",
    "method",
];

/// MTU of a link that has none of its own in the record, in bytes.
const ETHERNET_MTU: u16 = 1500;

/// Returns the fields of `run`, which is of `record`.
#[must_use]
pub fn setting(record: &Record, run: &Run) -> Fields {
    let mut fields = Fields::default();
    fields.text("target", Some(&run.target));
    fields.text(
        "responder",
        Some(run.responder.as_deref().unwrap_or("none")),
    );
    fields.text("link", Some(&run.link));
    fields.text("mtu", Some(run.mtu.unwrap_or(ETHERNET_MTU)));
    fields.text("mode", Some(&run.mode));
    fields.text("depth", run.depth);
    fields.text("sweep_percent", run.sweep_percent);
    fields.number("offered_rate", run.offered_rate, |rate| {
        quantity::rate(rate) + "/s"
    });
    fields.text("arrivals", run.arrivals.as_ref());
    fields.text("protocol", Some(&run.protocol));
    fields.text("payload_bytes", Some(run.payload_bytes));
    let content = run.content.as_ref();
    let content = content.and_then(|content| serde_json::to_string(content).ok());
    fields.text("content", Some(content.as_deref().unwrap_or("padding")));
    fields.text("timeout", Some(quantity::exact_time(run.timeout_ns as f64)));
    fields.text("flows", Some(run.flows));
    fields.text("dscp", Some(run.dscp.unwrap_or(0)));
    fields.text("vhost", run.vhost.as_ref());
    let fault = run.fault.as_ref().map(|fault| fault.parameters.as_str());
    fields.text("fault", Some(fault.unwrap_or("none")));
    fields.text("accel", run.accel.as_ref());
    fields.text("board", run.board.as_ref());
    fields.text("guest_cpu", run.guest_cpu.as_ref());
    fields.number(
        "guest_memory",
        run.memory_bytes.map(|bytes| bytes as f64),
        memory,
    );
    fields.text("prealloc", run.prealloc);
    let placement = run
        .cpus
        .map_or("chosen by the scheduler", |cpus| cpus.relation.in_words());
    fields.text("placement", Some(placement));
    fields.text("method", record.methods.as_ref().map(method));
    fields
}

/// Returns the number of the method, with the codes that are not this version's.
fn method(methods: &Methods) -> String {
    let own = Methods::OWN;
    let codes = [
        (&methods.latency, own.latency),
        (&methods.round_trip, own.round_trip),
        (&methods.uncorrected, own.uncorrected),
        (&methods.send_lateness, own.send_lateness),
        (&methods.service, own.service),
        (&methods.percentile, own.percentile),
        (&methods.merged, own.merged),
    ];
    let others = codes.iter().filter(|(code, own)| *code != own);
    let others = others.map(|(code, _)| format!(" {code}"));
    methods.number.to_string() + &others.collect::<String>()
}
