//! From arguments to plain specifications: the one door between `clap` and the rest of the program.

use super::{GuestArgs, HostArgs, LinuxArgs, RunArgs, ValidityArgs};
use crate::cli::CliError;
use crate::experiment::{HostSpec, RunSpec, Validity};
use crate::host::lock::Patience;
use crate::link::Family;
use crate::sut::linux_service::NO_LINUX;
use crate::sut::{GuestSpec, LinuxSpec, Responder, SMOLTCP, SystemKind, SystemSpec};

impl RunArgs {
    /// Returns the experiment that the options ask for.
    ///
    /// # Errors
    ///
    /// [`CliError::Usage`] or [`CliError::Plan`] if they don't go together.
    pub fn spec(&self) -> Result<RunSpec, CliError> {
        let plan = self.request.fill(self.load.plan()?)?;
        let system = self.system();
        plan.check_packet(system.family, None)?;
        system.check()?;
        self.check_responder()?;
        Ok(RunSpec {
            system,
            plan,
            sweep: self.load.sweep(),
            validity: self.validity.spec(),
            host: self.host.spec(),
        })
    }

    /// Returns the system under test.
    fn system(&self) -> SystemSpec {
        let kind = self.name.kind;
        let guest = self.guest.spec();
        let by_boot_arg = (kind == SystemKind::Hermit && guest.answer_path() == Some(SMOLTCP))
            .then_some(Responder::Smoltcp);
        let responder = self.name.responder_or(self.linux.responder).or(by_boot_arg);
        let guest = match responder {
            Some(Responder::Smoltcp) => guest.answered_by_smoltcp(),
            _ => guest,
        };
        SystemSpec {
            kind,
            responder,
            link: self.link.unwrap_or_else(|| kind.system().default_link()),
            family: if self.ipv6 { Family::V6 } else { Family::V4 },
            guest,
            linux: self.linux.spec(),
        }
    }

    /// Refuses a mode that is named twice, and one of a system without Linux.
    fn check_responder(&self) -> Result<(), CliError> {
        let has_linux = self.name.kind.system().default_responder().is_some();
        let problem = match (self.name.responder, self.linux.responder) {
            (_, None) => return Ok(()),
            (Some(one), Some(other)) if one != other => {
                "`--target` names another mode than `--responder`: leave one of them out"
            }
            (_, Some(_)) if has_linux => return Ok(()),
            (_, Some(_)) => NO_LINUX,
        };
        Err(CliError::Usage(problem))
    }
}

impl GuestArgs {
    /// Returns the guest that the options describe.
    #[must_use]
    pub fn spec(&self) -> GuestSpec {
        GuestSpec {
            image: self.image.clone(),
            accel: self.accel,
            memory_mib: self.memory,
            machine: self.machine,
            cpu: self.cpu.clone(),
            port: self.port,
            host_port: self.host_port,
            ip: self.ip,
            ip6: self.ip6,
            gateway: self.gw,
            pcap: self.pcap.clone(),
            vhost: self.vhost,
            log: self.log,
            boot_args: self.boot_arg.clone(),
        }
    }
}

impl LinuxArgs {
    /// Returns the parts of a Linux guest that the options name.
    #[must_use]
    pub fn spec(&self) -> LinuxSpec {
        LinuxSpec {
            kernel: self.kernel.clone(),
            modules: self.modules.clone(),
        }
    }
}

impl ValidityArgs {
    /// Returns the requirements that the options make.
    #[must_use]
    pub fn spec(&self) -> Validity {
        Validity {
            policy: self.policy(),
            quiet_ns: self.quiet_ns(),
        }
    }
}

impl HostArgs {
    /// Returns the conditions that the options set.
    #[must_use]
    pub const fn spec(&self) -> HostSpec {
        HostSpec {
            idle: self.host_idle,
            patience: if self.concurrent {
                Patience::Beside
            } else {
                Patience::Wait(self.wait)
            },
            cpus: self.cpus,
        }
    }
}
