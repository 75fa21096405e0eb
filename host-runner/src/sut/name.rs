//! The names of systems on the command line and in reports: `hermit`, `linux-guest:busy`.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum as _;

use super::linux_service::NO_LINUX;
use super::{Responder, SystemKind};

/// A system, and its variant where the name has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemName {
    /// The system.
    pub kind: SystemKind,
    /// The variant after the colon.
    pub responder: Option<Responder>,
}

impl SystemName {
    /// Returns the variant: the one in the name, else `otherwise` or the default if the system needs one.
    #[must_use]
    pub fn responder_or(&self, otherwise: Option<Responder>) -> Option<Responder> {
        let default = self.kind.system().default_responder();
        let needed = default.map(|default| otherwise.unwrap_or(default));
        self.responder.or(needed)
    }

    /// Refuses the `mode` of an option beside the name: another than the name has, and one of a system without Linux.
    ///
    /// # Errors
    ///
    /// The problem, with what to do.
    pub fn check_mode(&self, mode: Option<Responder>) -> Result<(), &'static str> {
        let has_linux = self.kind.system().default_responder().is_some();
        match (self.responder, mode) {
            (_, None) => Ok(()),
            (Some(one), Some(other)) if one != other => {
                Err("`--target` names another mode than `--responder`: leave one of them out")
            }
            (_, Some(_)) if has_linux => Ok(()),
            (_, Some(_)) => Err(NO_LINUX),
        }
    }
}

impl From<SystemKind> for SystemName {
    fn from(kind: SystemKind) -> Self {
        Self {
            kind,
            responder: None,
        }
    }
}

impl FromStr for SystemName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, mode) = match text.split_once(':') {
            Some((name, mode)) => (name, Some(mode)),
            None => (text, None),
        };
        let kind = SystemKind::from_str(name, false).map_err(|_| {
            "there is hermit, hermit:smoltcp, hermit-sockets, linux-guest:MODE, linux-host:MODE and null"
                .to_owned()
        })?;
        let responder = mode.map(|mode| kind.system().responder(mode)).transpose()?;
        Ok(Self { kind, responder })
    }
}

impl fmt::Display for SystemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        match self.responder {
            Some(responder) => write!(f, ":{}", responder.name()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use wire::Mode;

    use super::*;
    use crate::cli::args::RunArgs;
    use crate::cli::{Cli, Command};

    fn run_args(line: &str) -> Result<RunArgs, clap::Error> {
        let line = ["fathom", "run"].into_iter().chain(line.split_whitespace());
        match Cli::try_parse_from(line)?.command {
            Command::Run(args) => Ok(*args),
            other => panic!("{other:?}"),
        }
    }

    fn responder(line: &str) -> Option<Responder> {
        run_args(line).unwrap().spec().unwrap().system.responder
    }

    /// A name that a report has can be given to `--target` as it is.
    #[test]
    fn a_target_is_taken_by_the_name_that_reports_have() {
        for name in [
            "hermit",
            "hermit:smoltcp",
            "hermit-sockets",
            "linux-guest:busy",
            "linux-guest:io_uring",
            "linux-host:blocking",
            "null",
        ] {
            let args = run_args(&format!("--target {name}")).unwrap();
            args.spec().unwrap();
            assert_eq!(args.name.to_string(), name);
        }
        assert_eq!(
            responder("--target linux-guest:busy"),
            Some(Responder::Linux(Mode::Busy))
        );
        let af_xdp = responder("--target linux-host:af_xdp --link tap");
        assert_eq!(af_xdp, Some(Responder::Linux(Mode::AfXdp)));
        assert!(
            run_args("--target linux-guest:af_xdp")
                .unwrap()
                .spec()
                .is_err()
        );
    }

    #[test]
    fn smoltcp_in_the_unikernel_has_one_name_however_it_is_asked_for() {
        for line in [
            "--target hermit:smoltcp",
            "--target hermit:smoltcp --boot-arg path=smoltcp",
            "--boot-arg path=reflector --boot-arg path=smoltcp",
        ] {
            assert_eq!(responder(line), Some(Responder::Smoltcp), "{line}");
            let boot_args = run_args(line)
                .unwrap()
                .spec()
                .unwrap()
                .system
                .guest
                .boot_args;
            assert_eq!(boot_args.last().map(String::as_str), Some("path=smoltcp"));
        }
        assert_eq!(responder("--boot-arg path=reflector"), None);
        let args = run_args("--target hermit:smoltcp --boot-arg path=reflector").unwrap();
        assert_eq!(args.spec().unwrap_err().exit_code(), 2);
    }

    #[test]
    fn a_mode_can_be_named_with_the_target_or_beside_it_but_not_two_of_them() {
        let busy = Some(Responder::Linux(Mode::Busy));
        assert_eq!(responder("--target linux-guest --responder busy"), busy);
        assert_eq!(
            responder("--target linux-guest:busy --responder busy"),
            busy
        );
        assert_eq!(
            responder("--target linux-guest"),
            Some(Responder::Linux(Mode::Blocking))
        );
        assert_eq!(responder(""), None);
        let args = run_args("--target linux-guest:busy --responder blocking").unwrap();
        let error = args.spec().unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(
            error.to_string().contains("leave one of them out"),
            "{error}"
        );
        for (name, complaint) in [
            ("hermit:busy", "hermit has no mode"),
            ("hermit-sockets:smoltcp", "hermit-sockets has no mode"),
            ("linux-guest:smoltcp", "the modes are"),
            ("linux", "there is hermit"),
        ] {
            let error = run_args(&format!("--target {name}")).unwrap_err();
            assert!(error.to_string().contains(complaint), "{error}");
        }
    }
}
