//! The files for Kubernetes and Grafana: alerts on series that should raise them and on series that should not,
//! expressions, and the script that finds a node's neighbours.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use fathom::exporter::buckets;
use fathom::exporter::exposition::Exposition;
use fathom::exporter::negotiation::Format;
use fathom::stats::running_totals::{RunningTotal, RunningTotals};
use serde_json::Value;
use suite::Capability;
use tests::{artifacts, timeouts};

fn read(path: &str) -> String {
    let path = artifacts::root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns `promtool`; skips the calling test where there is none.
#[track_caller]
fn promtool() -> Option<PathBuf> {
    let tool = artifacts::root().join("target/prometheus/usr/bin/promtool");
    if tool.exists() {
        return Some(tool);
    }
    suite::skip(
        Capability::Prometheus,
        "there is no promtool: `sh tests/prometheus/setup.sh` fetches it with apt-get",
    );
    None
}

fn output(command: &mut Command) -> Output {
    let program = command.get_program().to_owned();
    let output = command.output();
    output.unwrap_or_else(|error| panic!("{}: {error}", program.display()))
}

/// The files for Kubernetes, KubeVirt's among them.
fn manifests() -> Vec<PathBuf> {
    let directories = ["kubernetes", "kubevirt"];
    let files = directories.iter().flat_map(|directory| {
        let path = artifacts::root().join("qemu/deploy").join(directory);
        fs::read_dir(path).unwrap().map(|file| file.unwrap().path())
    });
    files.collect()
}

#[test]
fn files_for_kubernetes_and_grafana_are_of_their_apis() {
    let dir = artifacts::root().join("target/kubevirt");
    // The last thing that its set-up puts there.
    if !dir.join("package-lock.json").exists() {
        return suite::skip(
            Capability::Kubevirt,
            "there are no types of these APIs: `sh tests/kubevirt/setup.sh` fetches them by npm",
        );
    }
    let check = |files: &[PathBuf]| {
        let script = artifacts::root().join("tests/kubevirt/check.mjs");
        let mut command = Command::new("node");
        output(command.arg(script).arg(&dir).args(files))
    };
    let dashboard = artifacts::root().join("qemu/deploy/grafana/dashboard.json");
    let files: Vec<PathBuf> = manifests().into_iter().chain([dashboard]).collect();
    let outcome = check(&files);
    assert!(outcome.status.success(), "{outcome:#?}");
    let directory = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let mut names = Vec::new();
    for (file, right, name) in [
        ("kubevirt/kernel-boot.yaml", "kernelPath", "kernel"),
        (
            "kubernetes/probe-job.yaml",
            "backoffLimitPerIndex",
            "backoff",
        ),
        (
            "kubernetes/ring.yaml",
            "readOnlyRootFilesystem",
            "readOnlyRoot",
        ),
        (
            "kubernetes/monitoring.yaml",
            "podMetricsEndpoints",
            "endpoints",
        ),
        ("grafana/dashboard.json", "\"gridPos\"", "\"grid\""),
    ] {
        let path = directory.path().join(file.replace('/', "-"));
        fs::write(
            &path,
            read(&format!("qemu/deploy/{file}")).replace(right, name),
        )
        .unwrap();
        wrong.push(path);
        names.push(format!("'\"{}\"'", name.trim_matches('"')));
    }
    let output = check(&wrong);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{said}");
    for name in names {
        assert!(said.contains(&name), "{name}: {said}");
    }
}

/// Returns the text of `block`'s lines without their first `indent` characters.
fn without_indent(block: &str, indent: usize) -> String {
    let lines = block.lines().map(|line| line.get(indent..).unwrap_or(""));
    lines.map(|line| format!("{line}\n")).collect()
}

/// The rules of the file for the operator, as Prometheus itself reads them.
fn rules() -> String {
    let text = read("qemu/deploy/kubernetes/monitoring.yaml");
    let documents = text.split("\n---\n");
    let rule = documents
        .into_iter()
        .find(|document| document.contains("\nkind: PrometheusRule\n"));
    let (_, spec) = rule.expect("it has rules").split_once("\nspec:\n").unwrap();
    without_indent(spec, 2)
}

#[test]
fn alerts_are_raised_by_what_they_are_for_and_by_nothing_else() {
    let Some(promtool) = promtool() else { return };
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("rules.yaml"), rules()).unwrap();
    let test = |alerts: &str| {
        fs::write(directory.path().join("alerts.yaml"), alerts).unwrap();
        let mut command = Command::new(&promtool);
        output(
            command
                .args(["test", "rules", "alerts.yaml"])
                .current_dir(&directory),
        )
    };
    let alerts = read("tests/prometheus/alerts.yaml");
    let outcome = test(&alerts);
    assert!(outcome.status.success(), "{outcome:#?}");
    // Each alert is tried, and a test that should fail does.
    let names = rules();
    let names = names
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    for name in names {
        assert!(alerts.contains(name), "{name} is raised by no series");
    }
    let outcome = test(&alerts.replace("values: 0+15x80", "values: 0+1x80"));
    assert!(!outcome.status.success(), "{outcome:#?}");
}

/// The expressions of the dashboard, with values in the place of its variables.
fn expressions() -> Vec<String> {
    let dashboard: Value =
        serde_json::from_str(&read("qemu/deploy/grafana/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let expressions = targets.map(|target| {
        let text = target["expr"].as_str().expect("a query has an expression");
        let text = text
            .replace("$__rate_interval", "5m")
            .replace("$target", ".*");
        assert!(!text.contains('$'), "a variable without a value: {text}");
        text
    });
    expressions.collect()
}

#[test]
fn every_expression_of_the_dashboard_is_one() {
    let Some(promtool) = promtool() else { return };
    let directory = tempfile::tempdir().unwrap();
    let check = |expressions: &[String]| {
        let rules = expressions.iter().enumerate().map(|(index, expression)| {
            // JSON is YAML.
            let expression = Value::from(expression.as_str());
            format!("      - {{record: 'dashboard:{index}', expr: {expression}}}\n")
        });
        let rules = rules.collect::<String>();
        let text = format!("groups:\n  - name: dashboard\n    rules:\n{rules}");
        fs::write(directory.path().join("rules.yaml"), text).unwrap();
        let mut command = Command::new(&promtool);
        output(
            command
                .args(["check", "rules", "rules.yaml"])
                .current_dir(&directory),
        )
    };
    let mut expressions = expressions();
    assert!(expressions.len() > 15, "{expressions:#?}");
    let outcome = check(&expressions);
    assert!(outcome.status.success(), "{outcome:#?}");
    expressions[0].push(')');
    assert!(!check(&expressions).status.success());
}

/// The names of all samples that a prober has in Prometheus' text format.
fn samples() -> BTreeSet<String> {
    let totals = Arc::new(RunningTotals::default());
    totals
        .lock()
        .insert("192.0.2.7:9000".to_owned(), RunningTotal::from(0));
    let exposition = Exposition::new(totals, &[], buckets::DEFAULT_SCHEMA);
    let (_, text) = exposition.encode(Format::Text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let names = lines.filter_map(|line| line.split(['{', ' ']).next());
    names.map(str::to_owned).collect()
}

#[test]
fn every_metric_is_one_of_the_probers() {
    let samples = samples();
    assert!(samples.len() > 20, "{samples:?}");
    let is_word = |character: char| character.is_ascii_alphanumeric() || "_:".contains(character);
    let mut seen = BTreeSet::new();
    for text in expressions().iter().chain([&rules()]) {
        let words = text.split(|character| !is_word(character));
        // With a colon it is recorded by a rule.
        let metrics = words.filter(|word| word.starts_with("fathom_") && !word.contains(':'));
        for metric in metrics {
            let is_native = samples.contains(&format!("{metric}_bucket"));
            assert!(
                samples.contains(metric) || is_native,
                "{metric} in {text}: {samples:#?}"
            );
            seen.insert(metric.to_owned());
        }
    }
    assert!(seen.len() > 15, "{seen:?}");
}

/// Writes `text` to the program `name` in `directory`.
fn program(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_node_probes_its_next_neighbours_and_is_told_of_new_ones() {
    let text = read("qemu/deploy/kubernetes/ring.yaml");
    let (_, block) = text.split_once("  neighbours.sh: |\n").unwrap();
    let (block, _) = block.split_once("\n---\n").unwrap();
    let place = tempfile::tempdir().unwrap();
    let script = place.path().join("neighbours.sh");
    fs::write(&script, without_indent(block, 4)).unwrap();
    let processes = place.path().join("proc");
    fs::create_dir(&processes).unwrap();
    let path = format!("{}:/usr/bin:/bin", place.path().display());
    let targets = place.path().join("targets");
    let run = |nodes: &str, own: &str| {
        let lines = nodes
            .split(' ')
            .map(|ip| format!("echo '{ip} STREAM fathom-ring'; echo '{ip} DGRAM'\n"));
        program(place.path(), "getent", &lines.collect::<String>());
        let mut command = Command::new("sh");
        command
            .arg(&script)
            .arg("--once")
            .env("PATH", &path)
            .env("POD_IP", own);
        command
            .env("RING", "fathom-ring")
            .env("TARGETS", &targets)
            .env("PROC", &processes);
        let outcome = output(&mut command);
        let found = fs::read_to_string(&targets).unwrap_or_default();
        (outcome.status.success(), found.replace('\n', " "))
    };
    let ring = "10.0.0.7 10.0.0.1 10.0.0.4 10.0.0.9";
    assert_eq!(
        run("10.0.0.1", "10.0.0.1"),
        (false, String::new()),
        "it is alone"
    );
    for (own, expected) in [
        ("10.0.0.1", "10.0.0.4:9000 10.0.0.7:9000 "),
        ("10.0.0.7", "10.0.0.9:9000 10.0.0.1:9000 "),
        ("10.0.0.9", "10.0.0.1:9000 10.0.0.4:9000 "),
    ] {
        assert_eq!(run(ring, own), (true, expected.to_owned()), "{own}");
    }
    // A prober of this test's own is told, and only when there is something new.
    let told = place.path().join("told");
    let waits = format!(
        "trap 'echo told >>{}' HUP; while :; do sleep 0.05; done",
        told.display()
    );
    let mut prober = Command::new("sh")
        .args(["-c", &waits])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let own = processes.join(prober.id().to_string());
    fs::create_dir(&own).unwrap();
    fs::write(own.join("comm"), "fathom\n").unwrap();
    // It may not have set its trap yet, and would then end: its process does not ignore the signal.
    let is_ready = || {
        let status = fs::read_to_string(format!("/proc/{}/status", prober.id())).ok()?;
        let caught = status
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:"))?;
        let caught = u64::from_str_radix(caught.trim(), 16).ok()?;
        (caught & 1 != 0).then_some(())
    };
    timeouts::until(timeouts::ANSWER, "the trap", is_ready);
    assert!(run(ring, "10.0.0.9").0);
    assert!(!told.exists(), "nothing has changed");
    assert_eq!(
        run("10.0.0.9 10.0.0.2", "10.0.0.9"),
        (true, "10.0.0.2:9000 ".to_owned())
    );
    timeouts::until(timeouts::ANSWER, "the signal", || {
        told.exists().then_some(())
    });
    prober.kill().unwrap();
    prober.wait().unwrap();
}
