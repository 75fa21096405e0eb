//! Tests of the addition of logs: sums are exact, and what does not add up is refused by file and field.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::histogram::DurationHistogram;
use crate::load::Mode;
use crate::record::hlog::{self, Head};
use crate::record::log_counts::LogCounts;
use crate::record::log_description::LogDescription;
use crate::record::{Methods, ResultDirectory, Run, fixtures, read};
use crate::stats::recorder::Censored;
use crate::stats::{RunRecorder, Summary, Tag};

mod long_logs;
mod refusals;

const NOT_CENSORED: Censored = Censored {
    count: 0,
    from_ns: None,
};

/// Writes a result into `directory` with the latencies of a sample and `more`.
fn result(directory: &Path, more: &[u64]) -> RunRecorder {
    let mut recorder = fixtures::recorder(Mode::Closed);
    let mut run = fixtures::closed_run();
    for &value in more {
        recorder.latency.record(value);
        recorder.intervals.record(1_000_000, value);
    }
    let more = more.len() as u64;
    (run.sent, run.received) = (run.sent + more, run.received + more);
    run.latency_ns = Summary::from(&recorder.latency);
    let now = Timestamp::now();
    let results = ResultDirectory::create(Some(directory), directory, now, &[]).unwrap();
    results.write_run(&run, &recorder).unwrap();
    results.keep(&fixtures::record(run)).unwrap();
    recorder
}

fn paths(paths: &[&Path]) -> Vec<InputPath> {
    let texts = paths.iter().map(|path| path.to_str().unwrap());
    texts.map(|text| text.parse().unwrap()).collect()
}

/// Adds up what is at `named`, which is one run.
fn sum(named: &[&Path]) -> Result<Sum, MergeError> {
    let groups = find(&paths(named))?;
    assert_eq!(groups.len(), 1);
    add_up(&groups[0], &[])
}

/// Writes the log of `durations` to `path` with the description of `run`, as `change`d, and its counts, if any.
fn log(
    path: &Path,
    durations: &DurationHistogram,
    counts: Option<LogCounts>,
    change: impl Fn(&mut LogDescription),
) {
    let mut description = LogDescription::of(&fixtures::closed_run(), Some(&Methods::OWN));
    change(&mut description);
    let mut comments = vec![description.comment().unwrap()];
    comments.extend(counts.map(|counts| counts.comment().unwrap()));
    let head = Head {
        started_at: SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000),
        censored: NOT_CENSORED,
        comments: &comments,
    };
    let length = std::time::Duration::from_secs(2);
    fs::write(path, hlog::render_whole(head, durations, length).unwrap()).unwrap();
}

fn recorded(values: &[u64]) -> DurationHistogram {
    DurationHistogram::of_values(values.iter().copied())
}

fn counts(run: &Run) -> [u64; 4] {
    [run.sent, run.received, run.lost, run.late]
}

#[test]
fn the_sum_has_exactly_the_samples_of_its_nodes() {
    let place = tempfile::tempdir().unwrap();
    let nodes = ["berlin", "oslo", "paris"];
    let recorders: Vec<RunRecorder> = (nodes.iter().enumerate())
        .map(|(index, node)| {
            result(
                &place.path().join(node),
                &vec![70_000 + index as u64; 10 * index],
            )
        })
        .collect();
    let sum = sum(&[place.path()]).unwrap();
    let mut latency = DurationHistogram::default();
    let mut service = DurationHistogram::default();
    for recorder in &recorders {
        latency.add_all(&recorder.latency);
        service.add_all(&recorder.service);
    }
    assert_eq!(sum.distributions.latency.histogram(), latency.histogram());
    assert_eq!(
        sum.distributions.tagged[&Tag::Service].histogram(),
        service.histogram()
    );
    assert_eq!(sum.run.latency_ns.count, 3 * 1000 + 30);
    assert_eq!(
        (sum.run.latency_ns.min, sum.run.latency_ns.max),
        (latency.min_ns(), latency.max_ns())
    );
    assert_eq!(counts(&sum.run), [3030, 3 * 998 + 30, 6, 3]);
    let over_time = sum
        .intervals
        .iter()
        .map(|interval| interval.latency.count());
    assert_eq!(over_time.sum::<u64>(), 3030);
    assert!(
        sum.run
            .nodes
            .iter()
            .map(|node| node.name.as_str())
            .eq(nodes)
    );
    let of_nodes = sum.run.nodes.iter().zip(&recorders);
    for ((node, recorder), kept) in of_nodes.zip(&sum.nodes) {
        assert_eq!(node.latency_ns, Summary::from(&recorder.latency));
        assert_eq!(kept.histogram(), recorder.latency.histogram());
        assert!(node.valid && node.logs[0].ends_with("hermit-unix-closed.hlog"));
    }
    assert!(sum.run.valid, "{:?}", sum.run.invalid_because);
}

#[test]
fn the_result_of_a_sum_reads_back_and_adds_up_again() {
    let place = tempfile::tempdir().unwrap();
    let write = |name: &str, inputs: &[&Path]| {
        let groups = find(&paths(inputs)).unwrap();
        let sums = vec![add_up(&groups[0], &[]).unwrap()];
        let out = place.path().join(name);
        let results = ResultDirectory::create(Some(&out), &out, Timestamp::now(), &[]).unwrap();
        results.write_sum(&sums[0]).unwrap();
        results.keep(&record(&groups, sums)).unwrap();
        let source = read::read(&out).unwrap();
        assert_eq!(
            source.distributions[0].nodes.len(),
            source.record.runs[0].nodes.len()
        );
        (out, source)
    };
    let nodes: Vec<_> = (0..4)
        .map(|node| place.path().join(format!("node{node}")))
        .collect();
    for (index, node) in nodes.iter().enumerate() {
        result(node, &vec![90_000; index]);
    }
    let (east, _) = write("east", &[&nodes[0], &nodes[1]]);
    let (west, _) = write("west", &[&nodes[2], &nodes[3]]);
    let (_, whole) = write("whole", &[&east, &west]);
    let (_, flat) = write("flat", &[&nodes[0], &nodes[1], &nodes[2], &nodes[3]]);
    assert_eq!(
        whole.distributions[0].histogram,
        flat.distributions[0].histogram
    );
    let [whole, flat] = [&whole.record.runs[0], &flat.record.runs[0]];
    assert_eq!(counts(whole), counts(flat));
    assert_eq!(whole.latency_ns.p99, flat.latency_ns.p99);
    let names: Vec<&str> = whole.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(
        names,
        ["east/node0", "east/node1", "west/node2", "west/node3"]
    );
    assert!(
        whole
            .nodes
            .iter()
            .map(|node| node.sent)
            .eq(flat.nodes.iter().map(|node| node.sent))
    );
}

#[test]
fn logs_without_a_record_are_enough() {
    let place = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for node in ["a", "b"] {
        let directory = place.path().join(node);
        result(&directory, &[123_456]);
        let file = place.path().join(format!("{node}.hlog"));
        fs::copy(directory.join("hermit-unix-closed.hlog"), &file).unwrap();
        fs::remove_dir_all(&directory).unwrap();
        files.push(file);
    }
    let sum = sum(&[place.path()]).unwrap();
    assert_eq!(counts(&sum.run), [2002, 1998, 4, 2]);
    assert_eq!(sum.run.latency_ns.count, 2002);
    assert!(sum.run.valid, "{:?}", sum.run.invalid_because);
    assert_eq!(sum.run.censored_count, 4);
    assert!(
        sum.run
            .nodes
            .iter()
            .map(|node| node.name.as_str())
            .eq(["a", "b"])
    );
}

#[test]
fn several_files_of_a_node_and_several_targets_in_a_file_keep_their_names() {
    let place = tempfile::tempdir().unwrap();
    let node = |name: &'static str| {
        move |description: &mut LogDescription| {
            description.node = Some(name.to_owned());
            description.mode = "open".into();
            description.offered_rate = Some(10.0);
            if name == "n2" {
                description.address = "192.0.2.1:9 192.0.2.2:9".to_owned();
            }
        }
    };
    let counts = LogCounts {
        sent: 2,
        received: 2,
        valid: true,
        ..LogCounts::default()
    };
    for (file, name) in [("1.hlog", "n1"), ("2.hlog", "n1"), ("3.hlog", "n2")] {
        let path = place.path().join(file);
        log(
            &path,
            &recorded(&[1000, 2000]),
            Some(counts.clone()),
            node(name),
        );
        if name == "n2" {
            // As a prober of several targets writes them.
            let text = fs::read_to_string(&path).unwrap();
            let entry = text.lines().last().unwrap().to_owned();
            let head = text.replace(&entry, "");
            let of = |tag: &str| format!("Tag={tag},{entry}\n");
            let entries = ["x:9", "x:9#service", "y:9"].map(of).concat();
            fs::write(&path, format!("{}\n{entries}", head.trim_end())).unwrap();
        }
    }
    let sum = sum(&[place.path()]).unwrap();
    let nodes = sum
        .run
        .nodes
        .iter()
        .map(|node| (node.name.as_str(), node.latency_ns.count));
    let nodes: Vec<(&str, u64)> = nodes.collect();
    assert_eq!(nodes, [("n1", 4), ("n2/x:9", 2), ("n2/y:9", 2)]);
    assert_eq!(sum.run.latency_ns.count, 8);
    assert_eq!(sum.distributions.tagged[&Tag::Service].count(), 2);
    assert_eq!(sum.run.sent, 6);
    assert_eq!(sum.run.address, "3 addresses");
    // Of n1 once, of n2 once for each of its targets.
    assert_eq!(sum.run.offered_rate, Some(30.0));
}

#[test]
fn what_a_log_does_not_say_of_its_requests_makes_the_sum_invalid() {
    let place = tempfile::tempdir().unwrap();
    let valid = LogCounts {
        sent: 1,
        received: 1,
        valid: true,
        ..LogCounts::default()
    };
    let [silent, sound] = ["silent.hlog", "sound.hlog"].map(|name| place.path().join(name));
    log(&silent, &recorded(&[1000]), None, |_| ());
    log(&sound, &recorded(&[1000]), Some(valid), |_| ());
    let run = sum(&[&silent, &sound]).unwrap().run;
    assert!(!run.valid);
    assert_eq!(
        run.invalid_because,
        ["silent: the log does not say what became of its requests"]
    );
    assert!(sum(&[&sound]).unwrap().run.valid);
}

#[test]
fn a_log_counts_once() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("a.hlog");
    log(
        &file,
        &recorded(&[1000]),
        Some(LogCounts::default()),
        |_| (),
    );
    let twice = sum(&[&file, place.path()]).unwrap_err().to_string();
    assert!(twice.contains("a.hlog: it was named twice"), "{twice}");
    let groups = find(&paths(&[&file])).unwrap();
    let inside = check_outside(place.path(), &groups[0])
        .unwrap_err()
        .to_string();
    assert!(inside.contains("--out DIR"), "{inside}");
    assert!(check_outside(&place.path().join("out"), &groups[0]).is_ok());
    let empty = place.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let nothing = sum(&[&empty]).unwrap_err().to_string();
    assert!(
        nothing.ends_with("empty holds no interval log"),
        "{nothing}"
    );
}

#[test]
fn names_are_as_short_as_they_can_be() {
    let place = tempfile::tempdir().unwrap();
    let names = |files: &[&str]| {
        let named: Vec<InputPath> = (files.iter())
            .map(|file| {
                let (name, path) = file.split_once('=').unwrap_or(("", file));
                let path = place.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                log(
                    &path,
                    &recorded(&[1000]),
                    Some(LogCounts::default()),
                    |_| (),
                );
                let node = (!name.is_empty()).then(|| name.to_owned());
                InputPath { node, path }
            })
            .collect();
        let groups = find(&named);
        let names = groups.map(|groups| groups[0].iter().map(|input| input.node.clone()).collect());
        names.unwrap_or_else(|error: MergeError| vec![error.to_string()])
    };
    assert_eq!(names(&["x/a.hlog", "x/b.hlog"]), ["a", "b"]);
    assert_eq!(names(&["x/a.hlog", "y/a.hlog"]), ["x.a", "y.a"]);
    assert_eq!(names(&["n 1,2=x/a.hlog", "x/c.hlog"]), ["n-1-2", "c"]);
    assert!(names(&["service=x/a.hlog"])[0].contains("can't be the name of a node"));
    assert_eq!(
        "a=b.hlog".parse(),
        Ok(InputPath {
            node: Some("a".to_owned()),
            path: "b.hlog".into()
        })
    );
    assert_eq!(
        "./a=b.hlog".parse(),
        Ok(InputPath {
            node: None,
            path: "./a=b.hlog".into()
        })
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_samples_add_up_to_the_count(
        nodes in prop::collection::vec(prop::collection::vec(1..1_u64 << 40, 1..60), 1..5),
    ) {
        let place = tempfile::tempdir().unwrap();
        let mut all = DurationHistogram::default();
        for (index, values) in nodes.iter().enumerate() {
            let durations = recorded(values);
            all.add_all(&durations);
            let path = place.path().join(format!("{index}.hlog"));
            log(&path, &durations, Some(LogCounts::default()), |_| ());
        }
        let sum = sum(&[place.path()]).unwrap();
        prop_assert_eq!(sum.distributions.latency.histogram(), all.histogram());
        let nodes = sum.nodes.iter().map(crate::stats::Distribution::count);
        prop_assert_eq!(nodes.sum::<u64>(), all.count());
    }
}
