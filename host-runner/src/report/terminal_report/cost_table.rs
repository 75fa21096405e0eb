//! Costs of an echo of each target of a comparison, and the target's own.

use std::fmt::{self, Write as _};

use crate::record::SystemCost;
use crate::record::system_cost::HEAD;

/// The table for the terminal; nothing without figures.
pub fn write(all: &[SystemCost], text: &mut String) -> fmt::Result {
    let known: Vec<&SystemCost> = all.iter().filter(|cost| !cost.is_empty()).collect();
    if known.is_empty() {
        return Ok(());
    }
    line("why, per echo", "link", &HEAD, text)?;
    for why in known {
        line(&why.label(), &why.link, &why.cells(), text)?;
    }
    writeln!(
        text,
        "           instructions, doorbells, interrupts, image: on any machine; resident, first reply:\n\
         \x20          nearly so; latency: on this one only\n"
    )
}

fn line(target: &str, link: &str, cells: &[impl AsRef<str>; 6], text: &mut String) -> fmt::Result {
    write!(text, "{target:<22}{link:<11}")?;
    for cell in cells {
        write!(text, "{:>14}", cell.as_ref())?;
    }
    writeln!(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixtures;

    #[test]
    fn a_line_per_target_that_has_something_to_tell() {
        let busy = SystemCost {
            target: "linux-guest".to_owned(),
            responder: Some("busy".to_owned()),
            doorbells_per_echo: None,
            ..fixtures::hermit_cost()
        };
        let mut text = String::new();
        write(
            &[fixtures::hermit_cost(), busy, fixtures::null_cost()],
            &mut text,
        )
        .unwrap();
        let expected = "\
why, per echo         link         instructions     doorbells    interrupts   first reply      resident         image
hermit                unix                  496             1             0        144 ms      58.2 MiB       400 KiB
linux-guest:busy      unix                  496             -             0        144 ms      58.2 MiB       400 KiB
           instructions, doorbells, interrupts, image: on any machine; resident, first reply:
           nearly so; latency: on this one only

";
        assert_eq!(text, expected);
        let mut text = String::new();
        write(&[fixtures::null_cost()], &mut text).unwrap();
        assert_eq!(text, "");
    }
}
