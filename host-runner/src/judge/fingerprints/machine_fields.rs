//! Fields of the host that a result was measured on.

use super::{Fields, NOT_SET, memory};
use crate::host::fingerprint::{CpuSettings, Fingerprint, OPTIONS};
use crate::record::Environment;

/// Mitigations that are compared: more than a kernel has.
const MITIGATIONS: usize = 100;

/// Names of the fields that [`machine`] has, parts of groups aside.
pub const NAMES: [&str; 18] = [
    "machine",
    "cpu_model",
    "microcode",
    "cores",
    "smt",
    "memory",
    "hypervisor",
    "kernel",
    "governor",
    "host_idle",
    "transparent_huge_pages",
    "ksm",
    "numa_balancing",
    "irqbalance",
    "cpus",
    "qemu_version",
    "kernel_options",
    "mitigations",
];

/// Returns what is known of the host of `environment`.
#[must_use]
pub fn machine(environment: &Environment) -> Fields {
    let unknown = Fingerprint::default();
    let print = environment.fingerprint.as_ref().unwrap_or(&unknown);
    let mut fields = Fields::default();
    fields.text("machine", environment.machine.as_ref());
    fields.text("cpu_model", environment.cpu_model.as_ref());
    fields.text("microcode", print.microcode.as_ref());
    fields.text("cores", environment.cores);
    fields.text("smt", print.smt);
    fields.number(
        "memory",
        print.memory_bytes.map(|bytes| bytes as f64),
        memory,
    );
    fields.text("hypervisor", print.hypervisor.as_ref());
    fields.text("kernel", Some(&environment.kernel));
    fields.text("governor", environment.governor.as_ref());
    // The reason, after a colon, is prose.
    let host_idle = environment.host_idle.as_deref();
    fields.text(
        "host_idle",
        host_idle.and_then(|text| text.split(':').next()),
    );
    fields.text(
        "transparent_huge_pages",
        print.transparent_huge_pages.as_ref(),
    );
    fields.text("ksm", print.ksm);
    fields.text("numa_balancing", print.numa_balancing);
    fields.text("irqbalance", print.irqbalance);
    let cpus: Vec<String> = print.cpus.iter().map(words).collect();
    fields.text("cpus", (!cpus.is_empty()).then(|| cpus.join(", ")));
    fields.text("qemu_version", environment.qemu_version.as_ref());
    if let Some(options) = &print.kernel_options {
        for option in OPTIONS {
            let value = options.get(option).map_or(NOT_SET, String::as_str);
            fields.text(format!("kernel_options.{option}"), Some(value));
        }
    }
    for (name, value) in print.mitigations.iter().take(MITIGATIONS) {
        fields.text(format!("mitigations.{name}"), Some(value));
    }
    fields
}

/// Returns the settings of a CPU that was measured on, without its number: another of the same kind would do.
fn words(cpu: &CpuSettings) -> String {
    let governor = cpu.governor.as_deref();
    let settings = [
        governor,
        cpu.isolated.then_some("isolated"),
        cpu.nohz_full.then_some("nohz_full"),
    ];
    let settings: Vec<&str> = settings.into_iter().flatten().collect();
    match settings.is_empty() {
        true => "ordinary".to_owned(),
        false => settings.join(" "),
    }
}
