//! The choice of what is shown while something is measured.

use std::env;
use std::ffi::OsString;

use linux_process::screen;

use super::full_view::LEAST;
use crate::host::topology;
use crate::terminal::full_screen::Size;

/// Least number of CPUs with which a view is shown by itself: the guest and the measuring thread take two.
const LEAST_CPUS: usize = 3;

/// The smallest terminal on which a view is shown by itself.
const LEAST_BY_ITSELF: Size = Size {
    columns: 60,
    rows: 16,
};

/// Request for a live view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LiveChoice {
    /// A full-screen view where a terminal and a CPU can be spared, else a progress line
    #[default]
    Auto,
    /// A full-screen view on a terminal, else a line each second
    Always,
    /// Nothing that changes
    Never,
}

/// Form of the display while something is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Display {
    /// A view that fills the terminal.
    FullScreen,
    /// A line each second.
    Lines,
    /// A line of progress, drawn by the measuring thread between requests; none where standard error is no terminal.
    Progress,
    /// Messages alone.
    Messages,
}

/// The surroundings that decide it.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Size of the terminal on standard error; `None` if that is none, or belongs to another job.
    pub terminal: Option<Size>,
    /// `TERM`.
    pub term: Option<OsString>,
    /// True in a job of continuous integration, whose log is no screen: `CI` is set.
    pub is_ci: bool,
    /// Number of CPUs that this process may use.
    pub cpus: usize,
}

impl Surroundings {
    /// Returns those of this process.
    #[must_use]
    pub fn here() -> Self {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        Self {
            terminal: Size::of_terminal().filter(|_| screen::is_in_foreground()),
            term: env::var_os("TERM"),
            is_ci: is_set("CI"),
            cpus: topology::allowed().len(),
        }
    }

    /// Returns whether `TERM` names a terminal whose cursor can be moved.
    fn is_addressable(&self) -> bool {
        let term = self.term.as_deref();
        term.is_some_and(|term| !term.is_empty() && term != "dumb")
    }

    fn is_at_least(&self, least: Size) -> bool {
        self.terminal
            .is_some_and(|size| size.columns >= least.columns && size.rows >= least.rows)
    }
}

impl LiveChoice {
    /// Returns what is to be shown.
    #[must_use]
    pub fn display(self, surroundings: &Surroundings) -> Display {
        let can_fill = |least| surroundings.is_addressable() && surroundings.is_at_least(least);
        match self {
            Self::Never => Display::Messages,
            Self::Always if can_fill(LEAST) => Display::FullScreen,
            Self::Always => Display::Lines,
            Self::Auto
                if can_fill(LEAST_BY_ITSELF)
                    && surroundings.cpus >= LEAST_CPUS
                    && !surroundings.is_ci =>
            {
                Display::FullScreen
            }
            Self::Auto => Display::Progress,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings(columns: u16, rows: u16) -> Surroundings {
        Surroundings {
            terminal: Some(Size { columns, rows }),
            term: Some("xterm".into()),
            is_ci: false,
            cpus: 3,
        }
    }

    #[test]
    fn a_view_comes_by_itself_where_there_is_room_for_it() {
        let auto = |surroundings: &Surroundings| LiveChoice::Auto.display(surroundings);
        let enough = surroundings(60, 16);
        assert_eq!(auto(&enough), Display::FullScreen);
        let others = [
            surroundings(59, 16),
            surroundings(60, 15),
            Surroundings {
                cpus: 2,
                ..enough.clone()
            },
            Surroundings {
                is_ci: true,
                ..enough.clone()
            },
            Surroundings {
                term: Some("dumb".into()),
                ..enough.clone()
            },
            Surroundings {
                term: None,
                ..enough.clone()
            },
            Surroundings {
                terminal: None,
                ..enough
            },
        ];
        for other in others {
            assert_eq!(auto(&other), Display::Progress, "{other:?}");
        }
    }

    #[test]
    fn whoever_asks_for_a_view_has_one_or_lines() {
        let always = |surroundings: &Surroundings| LiveChoice::Always.display(surroundings);
        let busy = Surroundings {
            cpus: 1,
            is_ci: true,
            ..surroundings(40, 10)
        };
        assert_eq!(always(&busy), Display::FullScreen);
        assert_eq!(always(&surroundings(39, 10)), Display::Lines);
        let dumb = Surroundings {
            term: Some("dumb".into()),
            ..surroundings(80, 24)
        };
        assert_eq!(always(&dumb), Display::Lines);
        assert_eq!(always(&Surroundings::default()), Display::Lines);
    }

    #[test]
    fn never_is_never() {
        let never = LiveChoice::Never.display(&surroundings(200, 60));
        assert_eq!(never, Display::Messages);
    }
}
