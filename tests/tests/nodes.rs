//! `fathom merge`: eight network namespaces as eight nodes that probe one service at once, added up.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use fathom::link::tap::Namespace;
use hdrhistogram::Histogram;
use serde_json::Value;
use suite::Capability;
use tests::fathom::{Call, Outcome};
use tests::qemu_lock::lock_qemu;
use tests::results::Results;
use tests::{interval_log, network, process, timeouts};

const NODES: usize = 8;

/// Requests of each node.
const COUNT: u64 = 250;

/// The service leaves one request in this many without an answer.
const LOST_ONE_IN: u64 = 50;

/// Address and port of the service.
const SERVICE: &str = "10.9.0.1:9000";

/// Name of the log of each node.
const LOG: &str = "remote-udp-open.hlog";

/// Runs ip(8) in the network of the calling thread.
fn ip(arguments: &str) {
    let status = Command::new("ip")
        .args(arguments.split_whitespace())
        .status();
    assert!(status.unwrap().success(), "ip {arguments}");
}

/// Connects the calling thread's network to `node`, number `index`, over a bridge.
fn connect(node: &Namespace, index: usize) {
    let far = format!("far{index}");
    ip(&format!("link add near{index} type veth peer name {far}"));
    ip(&format!("link set near{index} master bridge up"));
    let (sender, thread_id) = channel();
    let (moved, is_moved) = channel();
    let peer = far.clone();
    let set_up = move || {
        let own = rustix::thread::gettid().as_raw_nonzero().get();
        sender.send(own).expect("it is waited for");
        is_moved.recv().expect("the device comes");
        ip("link set lo up");
        ip(&format!("address add 10.9.0.{}/24 dev {peer}", index + 10));
        ip(&format!("link set {peer} up"));
        Ok(())
    };
    thread::scope(|scope| {
        let inside = scope.spawn(move || node.inside(set_up));
        // A network without a name is known by a thread that is in it.
        ip(&format!(
            "link set {far} netns {}",
            thread_id.recv().unwrap()
        ));
        moved.send(()).expect("it waits for that");
        inside.join().unwrap().unwrap();
    });
}

/// Answers at `socket` until it `is_over`, but for some; returns how many requests came from each node.
fn answer(socket: &UdpSocket, is_over: &AtomicBool) -> BTreeMap<String, u64> {
    let mut clients = BTreeMap::new();
    let mut buffer = [0; 2048];
    while !is_over.load(Ordering::Relaxed) {
        // An error is that nothing came.
        let Ok((len, client)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        let seen: &mut u64 = clients.entry(client.ip().to_string()).or_default();
        *seen += 1;
        if !seen.is_multiple_of(LOST_ONE_IN) {
            let _ = socket.send_to(&buffer[..len], client);
        }
    }
    clients
}

/// Has every node probe the service at once; returns what came of it, and how many requests the service saw.
fn probe() -> (Vec<Outcome>, u64) {
    let lock = lock_qemu();
    let hub = Namespace::new().unwrap();
    let nodes: Vec<Namespace> = (0..NODES).map(|_| Namespace::new().unwrap()).collect();
    let is_over = AtomicBool::new(false);
    let measure = || {
        ip("link add bridge type bridge");
        ip("address add 10.9.0.1/24 dev bridge");
        ip("link set bridge up");
        (nodes.iter().enumerate()).for_each(|(index, node)| connect(node, index));
        let socket = UdpSocket::bind(SERVICE)?;
        socket.set_read_timeout(Some(timeouts::LOOK_AGAIN))?;
        Ok(thread::scope(|scope| {
            let service = scope.spawn(|| answer(&socket, &is_over));
            let arguments = format!(
                "{SERVICE} --mode open --rate 250 --count {COUNT} --warmup 0s --timeout 500ms --protocol echo"
            );
            let probes: Vec<_> = (nodes.iter())
                .map(|node| {
                    let call = Call::probe(&arguments);
                    let lock = &lock;
                    scope.spawn(move || node.inside(|| Ok(call.finish(lock))).unwrap())
                })
                .collect();
            let outcomes: Vec<Outcome> = (probes.into_iter())
                .map(|probe| probe.join().unwrap())
                .collect();
            is_over.store(true, Ordering::Relaxed);
            let clients = service.join().unwrap();
            assert_eq!(
                clients.len(),
                NODES,
                "each node has its own address: {clients:?}"
            );
            (outcomes, clients.values().sum())
        }))
    };
    hub.inside(measure).unwrap()
}

/// The sum of a count over `runs`.
fn sum<'a>(runs: impl IntoIterator<Item = &'a Value>, field: &str) -> u64 {
    let counts = runs.into_iter().map(|run| run[field].as_u64().unwrap());
    counts.sum()
}

fn add(histograms: impl IntoIterator<Item = Histogram<u64>>) -> Histogram<u64> {
    let mut sum = Histogram::new(3).unwrap();
    for histogram in histograms {
        sum.add(histogram).unwrap();
    }
    sum
}

#[test]
fn eight_nodes_are_one_to_the_count() {
    if !network::is_root() || !process::is_installed("ip", Capability::Tap) {
        return;
    }
    let (outcomes, seen) = probe();
    let results: Vec<Results> = outcomes.iter().map(Outcome::measured).collect();
    let runs: Vec<&Value> = results.iter().map(Results::run).collect();
    let mut merge = Call::new("merge");
    for (index, outcome) in outcomes.iter().enumerate() {
        merge = merge.with_argument(format!(
            "node{}={}",
            index + 1,
            outcome.file("out").display()
        ));
    }
    let out = merge.file("out");
    let merged = merge.with("--out", &out).finish(&lock_qemu());
    let all_valid = runs.iter().all(|run| run["valid"] == true);
    let expected = if all_valid { 0 } else { 4 };
    assert_eq!(merged.code, Some(expected), "{merged:#?}");
    assert!(
        merged.stdout.contains("\nnodes      8 added up"),
        "{merged:#?}"
    );

    let whole = Results::read(&out);
    let run = whole.run();
    for field in [
        "sent",
        "received",
        "lost",
        "late",
        "duplicated",
        "censored_count",
    ] {
        assert_eq!(run[field], sum(runs.iter().copied(), field), "{field}");
    }
    assert_eq!(run["sent"].as_u64().unwrap(), NODES as u64 * COUNT);
    assert!(
        run["lost"].as_u64().unwrap() >= NODES as u64 * (COUNT / LOST_ONE_IN - 1),
        "{run:#}"
    );
    // The kernel may have dropped what the service never saw. Each node asks once more at its end if it lost a request.
    let left = run["sent"].as_u64().unwrap() + run["warmup_discarded"].as_u64().unwrap();
    assert!(seen <= left + NODES as u64, "{seen} of {left}");
    check_logs(&outcomes, &out, run);

    // And it is a result like any other.
    let report = Call::new("report").with_argument(&out).finish(&lock_qemu());
    assert_eq!(report.code, Some(0), "{report:#?}");
    let html = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(html.contains("node8") && html.contains("from 8 nodes"));
}

/// Holds the log of the sum against those of the nodes, by another reader than that which added them up.
fn check_logs(outcomes: &[Outcome], out: &Path, run: &Value) {
    let logs = outcomes.iter().map(|outcome| outcome.file("out").join(LOG));
    let logs: Vec<_> = logs.collect();
    let whole = interval_log::histogram(&out.join(LOG));
    assert_eq!(
        whole,
        add(logs.iter().map(|log| interval_log::histogram(log)))
    );
    assert_eq!(whole.len(), sum([&run["latency_ns"]], "count"));
    for tag in ["round_trip", "lateness"] {
        let of_nodes = logs.iter().map(|log| interval_log::tagged(log, Some(tag)));
        let of_sum = interval_log::tagged(&out.join(LOG), Some(tag));
        assert_eq!(of_sum, add(of_nodes), "{tag}");
    }
    for (index, log) in logs.iter().enumerate() {
        let name = format!("node{}", index + 1);
        let of_node = interval_log::tagged(&out.join(LOG), Some(&name));
        assert_eq!(of_node, interval_log::histogram(log), "{name}");
        assert_eq!(run["nodes"][index]["name"], name);
        assert_eq!(run["nodes"][index]["sent"], COUNT);
    }
}
