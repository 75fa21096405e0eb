//! Reads the configuration of a virtual machine monitor, from standard input, by the types that were generated
//! from its API's definition, and writes on standard output what they hold of it: a field that they don't
//! know is not there.
//!
//! `vmm-types firecracker|cloud-hypervisor`
#![forbid(unsafe_code)]

use std::error::Error;
use std::io;

use cloud_hypervisor_client::models::VmConfig;
use firepilot_models::models::FullVmConfiguration;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1).as_deref() {
        Some("firecracker") => copy::<FullVmConfiguration>(),
        Some("cloud-hypervisor") => copy::<VmConfig>(),
        _ => Err("name the monitor: firecracker or cloud-hypervisor".into()),
    }
}

fn copy<T: DeserializeOwned + Serialize>() -> Result<(), Box<dyn Error>> {
    let config: T = serde_json::from_reader(io::stdin())?;
    Ok(serde_json::to_writer(io::stdout(), &config)?)
}
