//! Boots on KVM, and what comes of one that fails.

use super::*;

/// Boots with a KVM that opens.
fn boot_with_kvm(config: &Config) -> Result<(boot::Booted, Vec<BootEvent>), MachineError> {
    let mut events = Vec::new();
    let booted = boot::boot(config, || Ok(()), &|| false, &mut |event| {
        events.push(event)
    })?;
    Ok((booted, events))
}

#[test]
fn auto_stays_on_a_kvm_that_works() {
    let (mut config, _dir) = fake(&format!("echo '{READY}'; exec sleep 60"));
    config.accel = AccelChoice::Auto;
    let (booted, _) = boot_with_kvm(&config).unwrap();
    assert_eq!(booted.accel, Accel::Kvm);
}

#[test]
fn auto_falls_back_from_a_kvm_that_fails_and_says_so() {
    let (mut config, _dir) = fake(&format!(
        "case \"$*\" in *'-accel kvm'*) echo 'failed to initialize kvm' >&2; exit 1;; esac\n\
         echo '{READY}'; exec sleep 60"
    ));
    config.accel = AccelChoice::Auto;
    let (booted, events) = boot_with_kvm(&config).unwrap();
    assert_eq!(booted.accel, Accel::Tcg);
    let reason =
        "KVM was tried first: QEMU ended: exit status 1; it said: failed to initialize kvm";
    assert_eq!(booted.accel_reason, reason);
    assert_eq!(events[0], BootEvent::Starting { accel: Accel::Kvm });
    let reason = reason.to_owned();
    assert_eq!(events[1], BootEvent::FellBack { reason });
    assert_eq!(events[2], BootEvent::Starting { accel: Accel::Tcg });
}

#[test]
fn auto_falls_back_from_a_kvm_that_takes_for_ever() {
    let (mut config, _dir) = fake(&format!(
        "case \"$*\" in *'-accel kvm'*) exec sleep 60;; esac; echo '{READY}'; exec sleep 60"
    ));
    config.accel = AccelChoice::Auto;
    let (booted, _) = boot_with_kvm(&config).unwrap();
    assert_eq!(booted.accel, Accel::Tcg);
    let expected = "KVM was tried first: the guest was not ready within 1500 ms";
    assert!(
        booted.accel_reason.starts_with(expected),
        "{}",
        booted.accel_reason
    );
}

#[test]
fn auto_does_not_try_again_when_the_guest_itself_refuses() {
    let (mut config, _dir) = fake("echo 'FATHOM FATAL no network device'; exit 3");
    config.accel = AccelChoice::Auto;
    let error = boot_with_kvm(&config).unwrap_err();
    assert!(matches!(error, MachineError::Fatal { .. }));
}

#[test]
fn kvm_that_was_asked_for_and_fails_is_an_error() {
    let (mut config, _dir) = fake("echo 'failed to initialize kvm' >&2; exit 1");
    config.accel = AccelChoice::Kvm;
    let error = boot_with_kvm(&config).unwrap_err();
    assert!(matches!(&error, MachineError::KvmUnusable { .. }));
    assert!(error.to_string().contains("failed to initialize kvm"));
}
