//! Finds and removes what a part leaves behind: temporary files and running processes. Either fails the
//! part.

use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

/// The environment variable by which the processes of a part are known.
pub const MARK: &str = "FATHOM_SUITE_PART";

/// Longest time that the kernel may take to end a killed process. A process that nobody killed does not
/// end by then.
const PATIENCE: Duration = Duration::from_secs(10);

/// Returns what is left in `directory`, each in words, and removes all of it.
///
/// # Errors
///
/// Those of the file system.
pub fn files(directory: &Path) -> io::Result<Vec<String>> {
    let mut left = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        left.push(format!(
            "it left {name} in the directory for temporary files"
        ));
    }
    left.sort();
    fs::remove_dir_all(directory)?;
    Ok(left)
}

/// Returns which processes that were started with `mark` are still running, each in words, and kills them.
#[must_use]
pub fn processes(mark: &str) -> Vec<String> {
    let start = Instant::now();
    loop {
        let running = running(mark);
        if running.is_empty() || start.elapsed() > PATIENCE {
            for (pid, _) in &running {
                // It may have ended meanwhile.
                let _ = rustix::process::kill_process(*pid, Signal::KILL);
            }
            let left = running.into_iter();
            return left
                .map(|(pid, name)| format!("it left {name} running, {pid:?}"))
                .collect();
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// The processes with `mark` in their environment that are not zombies, whose environment is empty.
fn running(mark: &str) -> Vec<(Pid, String)> {
    let wanted = format!("{MARK}={mark}");
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
            let environment = fs::read(entry.path().join("environ")).ok()?;
            let mut variables = environment.split(|byte| *byte == 0);
            variables.find(|variable| *variable == wanted.as_bytes())?;
            let name = fs::read_to_string(entry.path().join("comm")).ok()?;
            Some((pid, name.trim().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn files_that_are_left_are_named_and_removed() {
        let directory = tempfile::tempdir().unwrap();
        let own = directory.path().join("part");
        fs::create_dir_all(own.join("profile/deep")).unwrap();
        fs::write(own.join("socket"), "").unwrap();
        let left = files(&own).unwrap();
        assert!(
            left[0].contains("profile") && left[1].contains("socket"),
            "{left:?}"
        );
        assert!(!own.exists());
        fs::create_dir(&own).unwrap();
        assert_eq!(files(&own).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn processes_that_are_left_are_found() {
        let mark = format!("test-{}", std::process::id());
        assert!(running(&mark).is_empty());
        let mut child = Command::new("sleep")
            .arg("60")
            .env(MARK, &mark)
            .spawn()
            .unwrap();
        // The kernel may let this process go on before the child has its environment.
        let start = Instant::now();
        let mut found = running(&mark);
        while found.is_empty() && start.elapsed() < PATIENCE {
            found = running(&mark);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found, [(Pid::from_child(&child), "sleep".to_owned())]);
        assert!(running(&mark).is_empty());
    }
}
