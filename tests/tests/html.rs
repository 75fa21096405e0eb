//! `report.html` in a real browser: light and dark, narrow and wide. The pictures that the browser
//! takes are left in `target/screenshots`, for people to look at.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tests::artifacts;
use tests::browser::{self, Browser, Findings, View};
use tests::fathom::{Call, Outcome};
use tests::interval_log::histogram;
use tests::qemu_lock::lock_qemu;

/// Views of a page, each with the name of its screenshot, its width in pixels, and whether it is dark and
/// printed: on a telephone, a tablet, a desktop, and a sheet of A4 between its margins, at 96 pixels to
/// the inch.
const VIEWS: [(&str, u32, bool, bool); 6] = [
    ("400-light", 400, false, false),
    ("400-dark", 400, true, false),
    ("768-light", 768, false, false),
    ("1280-light", 1280, false, false),
    ("1280-dark", 1280, true, false),
    ("paper", 718, true, true),
];

fn pictures() -> PathBuf {
    let directory = artifacts::root().join("target/screenshots");
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// Opens the page in every way there is, and expects nothing to be wrong with it.
fn expect_fine(browser: &mut Browser, page: &Path, name: &str) {
    for (view, width, is_dark, is_paper) in VIEWS {
        let picture = pictures().join(format!("{name}-{view}.png"));
        let looked_at = View {
            width,
            is_dark,
            is_paper,
        };
        let Findings { problems, ground } = browser.look_at(page, looked_at, &picture);
        assert!(problems.is_empty(), "{view}: {problems:#?}");
        // Paper is white whatever the reader prefers.
        assert_eq!(is_dark && !is_paper, ground < 0.5, "{view}");
    }
}

/// A short measurement.
fn measured(arguments: &str) -> Outcome {
    let lock = lock_qemu();
    let outcome = Call::run(&format!("--accel tcg --warmup 100ms {arguments}")).finish(&lock);
    let _ = outcome.measured();
    outcome
}

#[test]
fn a_run_leaves_a_page_that_can_be_published() {
    if !browser::is_installed() {
        return;
    }
    let outcome = measured("--link vhost-user --duration 300ms");
    let page = outcome.file("out/report.html");
    expect_fine(&mut Browser::start(), &page, "one");
    let html = fs::read_to_string(&page).unwrap();
    for words in ["Under TCG", "core-to-core round trip", "--duration 300ms"] {
        assert!(html.contains(words), "{words}");
    }
    // A floor is drawn where it was measured: that takes two CPUs.
    let run = &outcome.results().json["runs"][0];
    let floor = &run["core_round_trip_ns"];
    let is_known = floor["before"].is_number() || floor["after"].is_number();
    assert_eq!(html.contains(">core round trip: "), is_known, "{floor}");
    let markdown = fs::read_to_string(outcome.file("out/report.md")).unwrap();
    assert!(markdown.starts_with("# hermit over vhost-user: p50 "));
    let chart = fs::read_to_string(outcome.file("out/latency.svg")).unwrap();
    assert!(chart.contains("hermit over vhost-user: p50 ") && chart.contains("TCG"));
}

/// A copy of the results in `from`, of a made-up target at a made-up rate.
fn copy(from: &Path, to: &Path, target: &str, rate: u32) {
    fs::create_dir(to).unwrap();
    let text = fs::read_to_string(from.join("result.json")).unwrap();
    let mut result: Value = serde_json::from_str(&text).unwrap();
    let run = &mut result["runs"][0];
    run["target"] = target.into();
    run["offered_rate"] = rate.into();
    fs::write(to.join("result.json"), result.to_string()).unwrap();
    let log = fs::read(from.join("hermit-unix-open.hlog")).unwrap();
    fs::write(to.join(format!("{target}-unix-open.hlog")), log).unwrap();
}

#[test]
fn many_runs_with_long_names_have_room() {
    if !browser::is_installed() {
        return;
    }
    let outcome = measured("--link unix --mode open --rate 2000 --duration 300ms");
    let mut call = Call::new("report");
    for (index, rate) in [500, 1000, 2000, 4000, 8000, 12_000]
        .into_iter()
        .enumerate()
    {
        for target in [
            "hermit",
            "a-guest-with-a-rather-long-name-that-nobody-would-choose",
        ] {
            let directory = call.file(&format!("{target}-{index}"));
            copy(&outcome.file("out"), &directory, target, rate);
            call = call.with_argument(directory);
        }
    }
    let outcome = call.with("--out", "all").finish(&lock_qemu());
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let page = outcome.file("all/report.html");
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.contains("id=\"against-load\""), "two sweeps are in it");
    expect_fine(&mut Browser::start(), &page, "many");
}

/// Calls every run of the comparison in `directory` valid, for there to be something on every chart
/// whatever the host did meanwhile, merges them accordingly, and gives each verdict that there is.
fn fill(directory: &Path) {
    let path = directory.join("result.json");
    let mut result: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let runs = result["runs"].as_array_mut().unwrap();
    runs.retain(|run| run["attempt"] == 1 && run["partial"] == false);
    for run in &mut *runs {
        run["valid"] = true.into();
        run["invalid_because"] = json!([]);
    }
    let runs = runs.clone();
    for merged in result["merged"].as_array_mut().unwrap() {
        let same = |run: &&Value| {
            let keys = ["target", "responder", "link", "mode"];
            keys.iter().all(|key| run[key] == merged[key])
        };
        let own: Vec<&Value> = runs.iter().filter(same).collect();
        let mut sum = Histogram::<u64>::new(3).unwrap();
        for run in &own {
            let [target, link, mode] = ["target", "link", "mode"].map(|key| run[key].as_str());
            let stem = [target, link, mode].map(Option::unwrap).join("-");
            let log = format!("{stem}-round-{}.hlog", run["round"]);
            sum.add(histogram(&directory.join(log))).unwrap();
        }
        let total = |field: &str| {
            own.iter()
                .map(|run| run[field].as_u64().unwrap())
                .sum::<u64>()
        };
        let counts = ["sent", "received", "lost"].map(total);
        let rounds: Vec<&Value> = own.iter().map(|run| &run["round"]).collect();
        merged["rounds"] = json!(rounds);
        for (field, count) in ["sent", "received", "lost"].into_iter().zip(counts) {
            merged[field] = count.into();
        }
        merged["weight"] = "requests".into();
        merged["censored_from_ns"] = Value::Null;
        merged["censored_count"] = 0.into();
        for rest in [
            "round_trip_ns",
            "uncorrected_latency_ns",
            "service_ns",
            "path_ns",
            "send_lateness_ns",
            "gaps_ns",
        ] {
            merged[rest] = Value::Null;
        }
        merged["latency_ns"] = json!({
            "count": sum.len(), "min": sum.min(), "mean": sum.mean(), "max": sum.max(),
            "p50": sum.value_at_quantile(0.5), "p90": sum.value_at_quantile(0.9),
            "p99": sum.value_at_quantile(0.99), "p99.9": null, "p99.99": null,
        });
    }
    let verdicts = [
        (
            "p50",
            json!([-183_000, -149_000]),
            "lower by 149–183 us at p50",
        ),
        (
            "p90",
            json!([-183_000, 949_000]),
            "no difference seen at p90",
        ),
        (
            "p99",
            json!([183_000, 949_000]),
            "higher by 183–949 us at p99",
        ),
        ("p99.9", json!([null, null]), "too few rounds to say"),
    ];
    let comparisons = verdicts.map(|(percentile, interval, verdict)| {
        json!({
            "target": "hermit", "baseline": "null", "link": "vhost-user", "rounds": 3,
            "percentile": percentile, "target_ns": 1_234_567, "baseline_ns": 1_417_567,
            "difference_ns": -183_000, "low_ns": interval[0], "high_ns": interval[1],
            "verdict": verdict,
        })
    });
    result["comparisons"] = json!(comparisons);
    fs::write(&path, result.to_string()).unwrap();
}

/// The page in `directory` with everything unfolded that can be.
fn unfolded(directory: &Path) -> PathBuf {
    let html = fs::read_to_string(directory.join("report.html")).unwrap();
    assert!(html.contains("<details>"), "every run is folded away");
    let page = directory.join("unfolded.html");
    fs::write(&page, html.replace("<details>", "<details open>")).unwrap();
    page
}

#[test]
fn a_comparison_leaves_a_page_that_can_be_published() {
    if !browser::is_installed() {
        return;
    }
    let call = Call::new(
        "compare --accel tcg --targets hermit,hermit,null,linux-host --links vhost-user,unix \
         --repeat 2 --duration 100ms --warmup 10ms --settle 0s --retries 0 --timeout 20s",
    );
    let out = call.file("out");
    let call = call.with("--out", &out).with("--image", artifacts::image());
    // Another test may measure while the browser looks.
    let outcome = call.finish(&lock_qemu());
    let _ = outcome.completed("out");
    let out = outcome.file("out");
    let mut browser = Browser::start();
    expect_fine(&mut browser, &out.join("report.html"), "comparison");
    expect_fine(&mut browser, &unfolded(&out), "comparison-unfolded");

    fill(&out);
    let again = Call::new("report").with_argument(&out).finish(&lock_qemu());
    assert_eq!(again.code, Some(0), "{again:#?}");
    let html = fs::read_to_string(out.join("report.html")).unwrap();
    // Two links with three targets each by both loads, in rounds and together, and one chart for all; a
    // process is on neither of them.
    let (loads, on_both) = (2 * 2, 3);
    let charts = html.matches("<svg class=\"plot wide\"").count();
    assert_eq!(charts, 1 + loads + loads * on_both);
    for words in [
        "hermit-2",
        "Not measured",
        "Under TCG",
        "lower by 149–183 µs",
    ] {
        assert!(html.contains(words), "{words}");
    }
    expect_fine(&mut browser, &out.join("report.html"), "comparison-filled");
}

#[test]
fn the_audit_finds_the_faults_of_a_page() {
    if !browser::is_installed() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("bad.html");
    let bad = "<!doctype html><body>
        <p style=\"width: 2000px\">wide</p>
        <p style=\"color: #bbb\">pale</p>
        <img src=\"missing.png\">
        <svg class=\"plot\" width=\"200\" height=\"100\">
        <text x=\"10\" y=\"20\">one thing</text><text x=\"20\" y=\"24\">another</text>
        <text x=\"10\" y=\"60\">apart</text><text x=\"190\" y=\"90\">half outside</text></svg>
        <p style=\"display: none\">gone</p>
        <div style=\"overflow-x: auto\"><p style=\"width: 900px\">to be scrolled</p></div>
        <table><thead style=\"display: none\"><tr><th>column</th></tr></thead><tbody><tr><td>1</td></tr></tbody>
        </table><details><summary>more</summary><p>folded away</p></details>
        <header style=\"position: absolute; top: 950px\"><h1>late</h1></header>
        <script>console.error('oh')</script>";
    fs::write(&page, bad).unwrap();
    let view = View {
        width: 400,
        is_dark: false,
        is_paper: false,
    };
    let wide = View {
        width: 1280,
        ..view
    };
    let picture = dir.path().join("bad.png");
    let mut browser = Browser::start();
    let problems = browser.look_at(&page, view, &picture).problems;
    for expected in [
        "overflow: the page",
        "overlap: <text class=\"\"> \"one thing\" and <text class=\"\"> \"another\"",
        "outside: <text class=\"\"> \"half outside\"",
        "contrast: 1.9 of <p",
        "hidden: <p class=\"\"> \"gone\"",
        "overflow: <div class=\"\"> \"to be scrolled\"",
        "unnamed: <td class=\"\"> \"1\"",
        "console:",
        "request:",
    ] {
        let is_found = problems.iter().any(|problem| problem.contains(expected));
        assert!(is_found, "{expected}: {problems:#?}");
    }
    let overlaps = problems
        .iter()
        .filter(|problem| problem.starts_with("overlap"));
    assert_eq!(overlaps.count(), 1, "{problems:#?}");
    let folded = "hidden: <p class=\"\"> \"folded away\"".to_owned();
    assert!(!problems.contains(&folded), "{problems:#?}");
    let late = "not on the first screen: <h1 class=\"\"> \"late\"".to_owned();
    assert!(
        !problems.contains(&late),
        "a telephone's is stacked: {problems:#?}"
    );
    let problems = browser.look_at(&page, wide, &picture).problems;
    assert!(problems.contains(&late), "{problems:#?}");
    let paper = View {
        is_paper: true,
        ..view
    };
    let problems = browser.look_at(&page, paper, &picture).problems;
    assert!(problems.contains(&folded), "{problems:#?}");
    assert!(problems.iter().any(|problem| problem.starts_with("torn: ")));
}
