//! The logger: takes the records of the crate `log`, which are this program's and the kernel's.
#![forbid(unsafe_code)]

use log::LevelFilter;

use crate::arch::Console;

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        Console.log(record.level(), *record.args());
        // There the kernel waits for frames, and nobody sends what waits.
        if cfg!(feature = "sockets") {
            self.flush();
        }
    }

    fn flush(&self) {
        Console.send(&[]);
    }
}

/// Logs records of `level` and those that are more important. To be called once.
pub fn install(level: LevelFilter) {
    // There is no other.
    let _ = log::set_logger(&Logger);
    log::set_max_level(level);
}
