//! Checks whether results that are to be laid over each other were measured under the same injected faults. A
//! difference between others says nothing about the systems.

use super::read::Source;

/// Returns the faults under which the runs of `sources` were measured, `none` among them; `None` if all were measured
/// under the same, or without.
#[must_use]
pub fn fault_mixture(sources: &[Source]) -> Option<Vec<String>> {
    let mut all: Vec<String> = Vec::new();
    for run in sources.iter().flat_map(|source| &source.record.runs) {
        let fault = run.fault.as_ref();
        let parameters = fault.map_or_else(|| "none".to_owned(), |fault| fault.parameters.clone());
        if !all.contains(&parameters) {
            all.push(parameters);
        }
    }
    (all.len() > 1).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{self, source_fixtures};
    use super::*;

    #[test]
    fn results_under_one_kind_of_faults_go_together() {
        let mut faulty = source_fixtures::closed();
        for run in &mut faulty.record.runs {
            run.fault = Some(fixtures::fault_record());
        }
        let mut again = source_fixtures::open(5000.0);
        for run in &mut again.record.runs {
            run.fault = Some(fixtures::fault_record());
        }
        assert_eq!(
            fault_mixture(&[source_fixtures::closed(), source_fixtures::open(5000.0)]),
            None
        );
        let both = [faulty, again];
        assert_eq!(fault_mixture(&both), None);
        let [faulty, mut again] = both;
        let mixed = fault_mixture(&[source_fixtures::closed(), faulty]).unwrap();
        assert_eq!(mixed, ["none", "loss=1%,seed=7"]);
        let other = again.record.runs[0].fault.as_mut().unwrap();
        other.parameters = "loss=1%,seed=8".to_owned();
        let mut first = source_fixtures::closed();
        first.record.runs[0].fault = Some(fixtures::fault_record());
        assert!(fault_mixture(&[first, again]).is_some());
    }
}
