//! `fathom-responder`: process 1 of a guest, or a process like any other.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    if rustix::process::getpid() == rustix::process::Pid::INIT {
        responder::init::main()
    } else {
        responder::process::main()
    }
}
