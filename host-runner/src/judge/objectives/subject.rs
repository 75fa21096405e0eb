//! Runs that an objective is about.

use std::fmt;

use crate::record::Run;

/// Runs that an objective is about; a field that is `None` is true of any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Label of the target, such as `hermit` or `linux-guest:busy`.
    pub target: Option<String>,
    /// Name of the link.
    pub link: Option<String>,
    /// `closed`, `open` or `pipeline`.
    pub mode: Option<String>,
    /// Share of the capacity that a step of a sweep was offered, in percent.
    pub sweep_percent: Option<u32>,
}

/// Runs that are judged together: of one target on one link under one kind of load.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupKey {
    /// Label of the target.
    pub target: String,
    /// Name of the link.
    pub link: String,
    /// `closed`, `open` or `pipeline`; `None` for what is the same under every load, such as the cost of an echo.
    pub mode: Option<String>,
    /// Share of the capacity of a step of a sweep, in percent.
    pub sweep_percent: Option<u32>,
}

impl Subject {
    /// Returns true if the objective is about the runs of `key`.
    #[must_use]
    pub fn includes(&self, key: &GroupKey) -> bool {
        let is_own = |wanted: &Option<String>, value: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == value)
        };
        is_own(&self.target, &key.target)
            && is_own(&self.link, &key.link)
            && (key.mode.as_deref()).is_none_or(|mode| is_own(&self.mode, mode))
            && (self.sweep_percent.is_none() || self.sweep_percent == key.sweep_percent)
    }

    /// Returns the same of `target` alone, if that is named.
    #[must_use]
    pub fn of_target(&self, target: Option<&str>) -> Self {
        Self {
            target: target.map(str::to_owned).or_else(|| self.target.clone()),
            ..self.clone()
        }
    }
}

impl fmt::Display for Subject {
    /// The fields that are named: `target hermit, mode closed`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.sweep_percent.map(|percent| percent.to_string());
        let fields = [
            ("target", &self.target),
            ("link", &self.link),
            ("mode", &self.mode),
            ("sweep_percent", &percent),
        ];
        let named = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_ref()?)));
        for (index, (name, value)) in named.enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{name} {value}")?;
        }
        Ok(())
    }
}

impl GroupKey {
    /// Returns the key of `run`.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        Self {
            target: run.target_label(),
            link: run.link.clone(),
            mode: Some(run.mode.to_string()),
            sweep_percent: run.sweep_percent,
        }
    }

    /// Returns the same of another target.
    #[must_use]
    pub fn with_target(&self, target: &str) -> Self {
        Self {
            target: target.to_owned(),
            ..self.clone()
        }
    }
}

impl fmt::Display for GroupKey {
    /// `hermit on vhost-user, closed loop`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.target)?;
        // A figure that was counted is of no link.
        if !self.link.is_empty() {
            write!(f, " on {}", self.link)?;
        }
        match self.mode.as_deref() {
            Some("pipeline") => f.write_str(", pipeline")?,
            Some(mode) => write!(f, ", {mode} loop")?,
            None => {}
        }
        match self.sweep_percent {
            Some(percent) => write!(f, " at {percent} %"),
            None => Ok(()),
        }
    }
}
