//! The design of a comparison: its specification, its cases, and their order in each round.

use std::time::Duration;

use super::case::Case;
use super::confirmation::Confirmation;
use super::loads::Loads;
use super::target::OwnImage;
use super::variant::Variant;
use crate::experiment::{ExperimentError, HostSpec, Validity};
use crate::link::Family;
use crate::link::dscp::Dscp;
use crate::random::SplitMix64;
use crate::record::Skipped;
use crate::sut::{GuestSpec, LinkChoice, LinuxSpec, ServiceKind, SystemSpec};

/// Specification of a comparison.
#[derive(Clone, Debug)]
pub struct CompareSpec {
    /// The variants, by their names; copies are numbered when the cases are made.
    pub variants: Vec<Variant>,
    /// The images that variants boot in place of the common one.
    pub images: Vec<OwnImage>,
    /// The links that each variant is measured over.
    pub links: Vec<LinkChoice>,
    /// The loads that each boot is measured by.
    pub loads: Loads,
    /// Settings of the guests; each variant gets those that mean something to it.
    pub guest: GuestSpec,
    /// Parts of the Linux guests.
    pub linux: LinuxSpec,
    /// Number of rounds, in each of which every case is booted and measured once.
    pub rounds: u32,
    /// Number of times that an invalid or failed run is repeated.
    pub retries: u32,
    /// Time available for all of it; `None` for no limit. One round is made in any case.
    pub time_limit: Option<Duration>,
    /// Longest time beyond the loads' own warm-up until latency has settled.
    pub settle: Duration,
    /// Further rounds until objectives are decided; `None` for none.
    pub confirmation: Option<Confirmation>,
    /// Choice of the cost-per-echo analysis after the rounds.
    pub cost_analysis: CostAnalysis,
    /// Requirements that each run has to meet.
    pub validity: Validity,
    /// Conditions on this host.
    pub host: HostSpec,
}

/// Choice of the analysis of what an echo costs each guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CostAnalysis {
    /// Costs are counted after the rounds, in boots of their own.
    Included,
    /// Neither counted nor reported.
    Skipped,
}

impl CompareSpec {
    /// Returns the cases that can be measured, link by link, and those that can't with the reason.
    #[must_use]
    pub fn cases(&self) -> (Vec<Case>, Vec<Skipped>) {
        let mut variants = self.variants.clone();
        number_copies(&mut variants);
        let mut links: Vec<LinkChoice> = Vec::new();
        for &link in &self.links {
            if !links.contains(&link) {
                links.push(link);
            }
        }
        let (mut possible, mut skipped) = (Vec::new(), Vec::new());
        for link in links {
            for &variant in &variants {
                let case = Case { variant, link };
                match self.check(case) {
                    Ok(()) => possible.push(case),
                    Err(error) => {
                        let reason = with_plural_options(&error.to_string());
                        skipped.push(case.skipped(None, reason));
                    }
                }
            }
        }
        (possible, skipped)
    }

    /// Returns the system of `case`, with the settings that mean something to it.
    #[must_use]
    pub fn system(&self, Case { variant, link }: Case) -> SystemSpec {
        let system = SystemSpec {
            kind: variant.kind,
            responder: variant.responder,
            link,
            family: Family::V4,
            fault: None,
            service: ServiceKind::default(),
            dscp: Dscp::default(),
            guest: self.guest.clone().answered_by(variant.responder),
            linux: self.linux.clone(),
        };
        let mut system = variant.kind.system().without_foreign_options(system);
        let variant = Variant { copy: 1, ..variant };
        let own = self.images.iter().find(|own| own.variant == variant);
        if let Some(own) = own {
            system.guest.image = Some(own.image.path.clone());
        }
        system
    }

    /// Refuses settings of a guest that a comparison decides itself.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::Incompatible`] with what to do.
    pub fn check_options(&self) -> Result<(), ExperimentError> {
        let problem = if self.guest.pcap.is_some() {
            "a comparison captures nothing: leave out `--pcap`"
        } else if self.guest.answer_path().is_some() {
            "a comparison names who answers with the target: `--targets hermit,hermit:smoltcp`"
        } else if self.guest.host_port != 0 {
            "a comparison picks its ports itself: leave out `--host-port`"
        } else {
            return Ok(());
        };
        Err(ExperimentError::Incompatible(problem))
    }

    /// Checks that `case` can be measured, on whatever host.
    fn check(&self, case: Case) -> Result<(), ExperimentError> {
        let system = self.system(case);
        let path_mtu = Some(system.path_mtu());
        self.loads.first().check_packet(system.family, path_mtu)?;
        Ok(system.check()?)
    }
}

/// Numbers the copies among `variants`.
pub(super) fn number_copies(variants: &mut [Variant]) {
    for index in 1..variants.len() {
        let (before, this) = variants.split_at_mut(index);
        let same = |other: &&Variant| Variant { copy: 1, ..**other } == this[0];
        this[0].copy = 1 + before.iter().filter(same).count();
    }
}

/// Replaces the options `--target` and `--link` in `advice` by `--targets` and `--links`, which a comparison has.
fn with_plural_options(advice: &str) -> String {
    ["--target", "--link"]
        .into_iter()
        .fold(advice.to_owned(), |advice, option| {
            let (alone, with_value) = (format!("`{option}`"), format!("{option} "));
            advice
                .replace(&alone, &format!("`{option}s`"))
                .replace(&with_value, &format!("{option}s "))
        })
}

/// Returns the order of `count` cases by index, for each of `rounds` rounds. `seed` alone decides all of it.
#[must_use]
pub fn orders(count: usize, rounds: u32, seed: u64) -> Vec<Vec<usize>> {
    let mut random = SplitMix64(seed);
    (0..rounds)
        .map(|_| {
            let mut order: Vec<usize> = (0..count).collect();
            random.shuffle(&mut order);
            order
        })
        .collect()
}

#[cfg(test)]
mod tests;
