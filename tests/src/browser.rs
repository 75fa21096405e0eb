//! A page in headless Chromium, and what is wrong with it.
//!
//! Speaks the DevTools protocol over a pipe (`--remote-debugging-pipe`: file descriptors 3 and 4,
//! JSON messages that end with a zero byte), so there is no port and no further program.
#![forbid(unsafe_code)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use suite::Capability;
use tempfile::TempDir;

use crate::{process, timeouts};

/// The program, a Debian package of the same name.
const PROGRAM: &str = "chromium";

/// Options of a headless browser that asks nobody and looks the same everywhere.
const OPTIONS: [&str; 9] = [
    "--headless",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
];

/// Looks at the page from within.
const AUDIT: &str = include_str!("audit.js");

/// Returns whether there is a browser; skips the calling test if not.
#[must_use]
#[track_caller]
pub fn is_installed() -> bool {
    process::is_installed(PROGRAM, Capability::Chromium)
}

/// Window in which a page is shown.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The window's width, in pixels.
    pub width: u32,
    /// True if the user prefers dark.
    pub is_dark: bool,
    /// True if the page is shown as it would be printed.
    pub is_paper: bool,
}

/// Findings on a page.
#[derive(Clone, Debug)]
pub struct Findings {
    /// Defects: overlaps, overflows, poor contrast, errors, requests.
    pub problems: Vec<String>,
    /// The relative luminance of its background: 0 is black.
    pub ground: f64,
}

/// A running browser. Dropped, it is killed.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    events: Vec<Value>,
    last_id: u64,
    place: Option<TempDir>,
}

impl Browser {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn start() -> Self {
        // What it writes goes there: its profile, and in the directory for temporary files a socket.
        let place = tempfile::tempdir().expect("a temporary directory");
        // The shell puts the pipes where the browser looks for them.
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null",
                "sh",
                PROGRAM,
            ])
            .args(OPTIONS)
            .arg(format!(
                "--user-data-dir={}/profile",
                place.path().display()
            ))
            .env("TMPDIR", place.path())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if rustix::process::geteuid().is_root() {
            // Its sandbox is not made for root.
            command.arg("--no-sandbox");
        }
        process::tie_to_this_thread(&mut command, Vec::new());
        let mut child = command.spawn().expect("there is a shell");
        let commands = child.stdin.take().expect("piped");
        let output = child.stdout.take().expect("piped");
        let (sender, messages) = channel();
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut message = Vec::new();
            while let Ok(1..) = output.read_until(0, &mut message) {
                message.pop();
                let parsed = serde_json::from_slice(&message).expect("a JSON message");
                if sender.send(parsed).is_err() {
                    return;
                }
                message.clear();
            }
        });
        Self {
            child,
            commands,
            messages,
            events: Vec::new(),
            last_id: 0,
            place: Some(place),
        }
    }

    /// Opens the page in `file`, looks at it, and puts a picture of it at `picture`.
    ///
    /// # Panics
    ///
    /// If the browser does not do as it is told.
    pub fn look_at(&mut self, file: &Path, view: View, picture: &Path) -> Findings {
        let url = format!(
            "file://{}",
            file.canonicalize().expect("the page").display()
        );
        let target = self.call(None, "Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = self.call(None, "Target.attachToTarget", attach);
        let session = session["sessionId"].as_str().expect("a session").to_owned();
        let session = Some(session.as_str());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(session, &format!("{domain}.enable"), json!({}));
        }
        let scheme = if view.is_dark { "dark" } else { "light" };
        let medium = if view.is_paper { "print" } else { "screen" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        let media = json!({"media": medium, "features": features});
        self.call(session, "Emulation.setEmulatedMedia", media);
        let metrics =
            json!({"width": view.width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.call(session, "Emulation.setDeviceMetricsOverride", metrics);
        self.events.clear();
        self.call(session, "Page.navigate", json!({"url": url}));
        self.wait_for("Page.loadEventFired");
        let expression = format!("{}({})", AUDIT.trim_end(), view.is_paper);
        let audit = json!({"expression": expression, "returnByValue": true});
        let audit = self.call(session, "Runtime.evaluate", audit);
        let found = &audit["result"]["value"];
        let problems = found["problems"].as_array();
        let problems = problems.unwrap_or_else(|| panic!("no audit: {audit:#}"));
        let problems = problems
            .iter()
            .map(|problem| problem.as_str().expect("text").to_owned());
        let mut findings = Findings {
            problems: problems.collect(),
            ground: found["ground"].as_f64().expect("a number"),
        };
        self.picture(session, view, picture);
        findings.problems.extend(self.complaints(&url));
        self.call(
            None,
            "Target.closeTarget",
            json!({"targetId": target["targetId"]}),
        );
        findings
    }

    /// A picture of the whole page.
    fn picture(&mut self, session: Option<&str>, view: View, picture: &Path) {
        let metrics = self.call(session, "Page.getLayoutMetrics", json!({}));
        let height = &metrics["cssContentSize"]["height"];
        let clip = json!({"x": 0, "y": 0, "width": view.width, "height": height, "scale": 1});
        let options = json!({"captureBeyondViewport": true, "clip": clip});
        let taken = self.call(session, "Page.captureScreenshot", options);
        let bytes = BASE64
            .decode(taken["data"].as_str().expect("a picture"))
            .expect("base64");
        fs::write(picture, bytes).expect("the place is writable");
    }

    /// Returns the page's messages on the console, and its requests to the network.
    fn complaints(&self, url: &str) -> Vec<String> {
        let complaint = |event: &Value| {
            let params = &event["params"];
            match event["method"].as_str()? {
                "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" => {
                    Some(format!("console: {params}"))
                }
                "Log.entryAdded" => Some(format!("console: {}", params["entry"]["text"])),
                "Network.requestWillBeSent" if params["request"]["url"] != url => {
                    Some(format!("request: {}", params["request"]["url"]))
                }
                _ => None,
            }
        };
        self.events.iter().filter_map(complaint).collect()
    }

    /// Has the browser, or one of its pages, do something; returns what it answers.
    fn call(&mut self, session: Option<&str>, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.commands
            .write_all(&bytes)
            .expect("the browser listens: is the package chromium installed?");
        loop {
            let mut answer = self.next(method);
            if answer["id"] == id {
                assert!(answer["error"].is_null(), "{method}: {answer:#}");
                return answer["result"].take();
            }
            self.events.push(answer);
        }
    }

    fn wait_for(&mut self, event: &str) {
        while !self.events.iter().any(|seen| seen["method"] == event) {
            let next = self.next(event);
            self.events.push(next);
        }
    }

    fn next(&self, what: &str) -> Value {
        self.messages
            .recv_timeout(timeouts::BOOT)
            .unwrap_or_else(|error| panic!("{what}: {error}: is the package chromium installed?"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended already; either way it is gone after this, with all that it started. Each
        // of these writes into the directory for as long as it runs.
        let group = Pid::from_child(&self.child);
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
        let _ = self.child.wait();
        let place = self.place.take().expect("taken only here").keep();
        let start = Instant::now();
        while process::is_in_group(group) || fs::remove_dir_all(&place).is_err() {
            if start.elapsed() > timeouts::ANSWER {
                // What is left then is for the suite to find.
                break;
            }
            thread::sleep(timeouts::LOOK_AGAIN);
        }
    }
}
