//! The live view on a terminal: what is shown there, and that the terminal is as it was, whatever ends the view.
#![forbid(unsafe_code)]

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::{env, fs};

use rustix::process::Signal;
use tests::fathom::Call;
use tests::qemu_lock::lock_qemu;
use tests::terminal::Terminal;
use tests::timeouts;

/// Begins the alternate screen, and ends it.
const BEGIN: &str = "\x1b[?1049h";
const END: &str = "\x1b[?1049l";

/// An ordinary terminal.
const SIZE: (u16, u16) = (80, 24);

/// An echo (RFC 862) in a thread, until it is dropped.
struct Echo {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Echo {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        socket.set_read_timeout(Some(timeouts::LOOK_AGAIN)).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut buffer = [0; 2048];
            while !stopped.load(Ordering::Relaxed) {
                if let Ok((len, client)) = socket.recv_from(&mut buffer) {
                    let _ = socket.send_to(&buffer[..len], client);
                }
            }
        });
        Self {
            address,
            stop,
            thread: Some(thread),
        }
    }

    /// Returns the arguments of a probe of it at a hundred requests a second.
    fn probe(&self, rest: &str) -> String {
        let address = self.address;
        format!(
            "probe {address} --protocol echo --mode open --rate 100 --quiet 0s --warmup 0s {rest}"
        )
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Starts a probe of `echo` with a view, and waits until that shows what was measured.
fn watched(echo: &Echo, environment: &[(&str, &str)]) -> Terminal {
    let arguments = echo.probe("--duration 10m --live always");
    let terminal = Terminal::start(&arguments, SIZE, environment);
    let text = terminal.shows("valid", 0);
    assert!(text.contains(BEGIN) && !text.contains(END), "{text:?}");
    assert!(!terminal.has_echo(), "keys would be written over the view");
    terminal
}

/// Returns what was written after the view.
fn after_view(text: &str) -> &str {
    let (view, after) = text.rsplit_once(END).expect("the view has ended");
    assert!(view.contains(BEGIN));
    assert!(view.ends_with("\x1b[?25h"), "the cursor is shown again");
    after
}

#[test]
fn ctrl_c_ends_the_view_and_the_report_follows() {
    let lock = lock_qemu();
    let echo = Echo::start();
    let terminal = watched(&echo, &[]);
    let text = terminal.shows("\x1b[0;1mp50", 0);
    for part in ["latency", "last 10 s", "requests", "Ctrl-C ends it"] {
        assert!(text.contains(part), "{part}: {text:?}");
    }
    terminal.type_keys("lost");
    terminal.type_keys("\x03");
    let (code, text) = terminal.finish();
    assert_eq!(code, 4, "an interrupted measurement is invalid: {text}");
    terminal.is_as_before();
    let after = after_view(&text);
    assert!(
        after.contains("latency") && after.contains("report"),
        "{after}"
    );
    drop(lock);
}

#[test]
fn signals_that_end_it_give_the_terminal_back() {
    let lock = lock_qemu();
    let echo = Echo::start();
    let terminal = watched(&echo, &[]);
    terminal.signal(Signal::TERM);
    let (code, text) = terminal.finish();
    assert_eq!(code, 4, "{text}");
    terminal.is_as_before();
    assert!(after_view(&text).contains("latency"), "{text:?}");
    // At once, from the handler: nothing else of the program runs any more.
    let terminal = watched(&echo, &[]);
    terminal.signal(Signal::QUIT);
    let (code, text) = terminal.finish();
    assert_eq!(code, 128 + Signal::QUIT.as_raw());
    terminal.is_as_before();
    assert!(!after_view(&text).contains("latency"), "{text:?}");
    drop(lock);
}

#[test]
fn ctrl_z_gives_the_terminal_back_until_the_job_goes_on() {
    let lock = lock_qemu();
    let echo = Echo::start();
    let terminal = watched(&echo, &[]);
    terminal.type_keys("\x1a");
    let stat = format!("/proc/{}/stat", terminal.process().as_raw_nonzero());
    timeouts::until(timeouts::RUN, "the stop", || {
        let stat = fs::read_to_string(&stat).ok()?;
        stat.rsplit_once(") ")?.1.starts_with('T').then_some(())
    });
    let text = terminal.text();
    terminal.is_as_before();
    assert!(text.ends_with(END), "{text:?}");
    terminal.signal(Signal::CONT);
    let _ = terminal.shows("valid", text.len());
    assert!(!terminal.has_echo());
    terminal.type_keys("\x03");
    let (_, text) = terminal.finish();
    terminal.is_as_before();
    assert_eq!(text.matches(BEGIN).count(), 2);
    assert!(after_view(&text).contains("latency"), "{text:?}");
    drop(lock);
}

#[test]
fn a_panic_gives_the_terminal_back_and_is_read() {
    const PANICS: &str = "FATHOM_TEST_PANICS";
    if env::var_os(PANICS).is_some() {
        let view = fathom::terminal::full_screen::FullScreen::begin().unwrap();
        let panicked = thread::spawn(|| panic!("a fault of the measuring thread")).join();
        assert!(panicked.is_err());
        std::mem::forget(view);
        return;
    }
    let test = "a_panic_gives_the_terminal_back_and_is_read";
    let terminal = Terminal::with_this_test(test, PANICS);
    let (code, text) = terminal.finish();
    assert_eq!(code, 0, "{text}");
    terminal.is_as_before();
    assert!(
        after_view(&text).contains("a fault of the measuring thread"),
        "{text:?}"
    );
}

#[test]
fn no_color_has_none() {
    let lock = lock_qemu();
    let echo = Echo::start();
    let is_coloured = |text: &str| {
        [31, 32, 33, 36]
            .iter()
            .any(|colour| text.contains(&format!(";{colour}m")))
    };
    let terminal = watched(&echo, &[("NO_COLOR", "1")]);
    let text = terminal.shows("so far", 0);
    assert!(!is_coloured(&text), "{text:?}");
    let terminal = watched(&echo, &[]);
    let text = terminal.shows("so far", 0);
    assert!(is_coloured(&text), "{text:?}");
    drop(lock);
}

#[test]
fn where_there_is_no_room_for_a_view_there_are_lines() {
    let lock = lock_qemu();
    let echo = Echo::start();
    let arguments = echo.probe("--duration 1500ms --timeout 20s --live always");
    for (size, environment) in [((30, 8), &[][..]), (SIZE, &[("TERM", "dumb")])] {
        let terminal = Terminal::start(&arguments, size, environment);
        let (_, text) = terminal.finish();
        assert!(!text.contains('\x1b'), "{text:?}");
        assert!(text.contains("whole run p50"), "{text:?}");
    }
    let arguments = arguments.strip_prefix("probe ").unwrap();
    let outcome = Call::probe(arguments).finish(&lock);
    assert!(outcome.stderr.contains("whole run p50"), "{outcome:#?}");
    let run = outcome.results().run().clone();
    assert!(["spare_cpus", "shared_cpus"].contains(&run["live_view"].as_str().unwrap()));
}

#[test]
fn without_a_view_nothing_changes_on_the_terminal() {
    let lock = lock_qemu();
    let echo = Echo::start();
    for (choice, environment) in [("never", &[][..]), ("auto", &[("CI", "true")])] {
        let arguments = echo.probe(&format!("--count 20 --timeout 20s --live {choice}"));
        let terminal = Terminal::start(&arguments, SIZE, environment);
        let (_, text) = terminal.finish();
        assert!(!text.contains(BEGIN), "{text:?}");
        // A progress line moves the cursor.
        assert_eq!(text.contains('\x1b'), choice == "auto", "{text:?}");
    }
    drop(lock);
}
