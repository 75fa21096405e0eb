//! Comments of Fathom's in an interval log, which make it complete without the record beside it: what was measured
//! ([`LogDescription`]), and what became of the requests ([`LogCounts`](super::log_counts::LogCounts)).
//!
//! Each is JSON in one line. Readers of interval logs skip lines that begin with `#`:
//!
//! ```text
//! #[Fathom description {"schema":"fathom-log/1","target":"remote","address":"192.0.2.7:9000",…}]
//! #[Fathom counts {"sent":6000,"received":5990,"lost":10,…,"valid":true}]
//! ```
//!
//! The description comes before the first interval. Counts may come anywhere and several times: they add up.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Methods, RecordError, Run};
use crate::record::run::RequestContent;
use crate::terminal;

/// The schema of these comments.
pub const LOG_SCHEMA: &str = "fathom-log/1";

/// First part of the line, without the `#` that begins it.
const DESCRIPTION: &str = "[Fathom description ";

/// Last part of such lines.
const END: &str = "]";

/// Description of the measurement whose latencies a log has. The fields are those of a [`Run`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogDescription {
    /// [`LOG_SCHEMA`].
    pub schema: Cow<'static, str>,
    /// Name of the node that measured, if it was given one.
    #[serde(default)]
    pub node: Option<String>,
    /// The target's name.
    pub target: String,
    /// Variant of the target.
    #[serde(default)]
    pub responder: Option<String>,
    /// The service's address and port.
    pub address: String,
    /// The link's name.
    pub link: String,
    /// `on` or `off`, on link `tap`.
    #[serde(default)]
    pub vhost: Option<Cow<'static, str>>,
    /// The accelerator's name.
    #[serde(default)]
    pub accel: Option<String>,
    /// The SHA-256 of the image that was booted, in hexadecimal.
    #[serde(default)]
    pub image: Option<String>,
    /// `closed`, `open` or `pipeline`.
    pub mode: Cow<'static, str>,
    /// Number of requests that a pipeline keeps in flight.
    #[serde(default)]
    pub depth: Option<u16>,
    /// Arrivals of an open loop.
    #[serde(default)]
    pub arrivals: Option<Cow<'static, str>>,
    /// Rate of an open loop, in requests per second.
    #[serde(default)]
    pub offered_rate: Option<f64>,
    /// The step of a sweep.
    #[serde(default)]
    pub sweep_percent: Option<u32>,
    /// The protocol's name.
    pub protocol: Cow<'static, str>,
    /// Length of every request's UDP payload.
    pub payload_bytes: usize,
    /// Content of the requests.
    #[serde(default)]
    pub content: Option<RequestContent>,
    /// After this long a request is lost, in nanoseconds.
    pub timeout_ns: u64,
    /// Number of source ports.
    pub flows: u16,
    /// Differentiated services code point of the datagrams.
    #[serde(default)]
    pub dscp: Option<u8>,
    /// Parameters of injected faults.
    #[serde(default)]
    pub fault: Option<String>,
    /// Meanings of the figures.
    #[serde(default)]
    pub methods: Option<Methods>,
}

impl LogDescription {
    /// Returns the description of `run`, which is of a record with these `methods`.
    #[must_use]
    pub fn of(run: &Run, methods: Option<&Methods>) -> Self {
        Self {
            schema: Cow::Borrowed(LOG_SCHEMA),
            node: None,
            target: run.target.clone(),
            responder: run.responder.clone(),
            address: run.address.clone(),
            link: run.link.clone(),
            vhost: run.vhost.clone(),
            accel: run.accel.clone(),
            image: run.image.as_ref().map(|image| image.sha256.clone()),
            mode: run.mode.clone(),
            depth: run.depth,
            arrivals: run.arrivals.clone(),
            offered_rate: run.offered_rate,
            sweep_percent: run.sweep_percent,
            protocol: run.protocol.clone(),
            payload_bytes: run.payload_bytes,
            content: run.content.clone(),
            timeout_ns: run.timeout_ns,
            flows: run.flows,
            dscp: run.dscp,
            fault: run.fault.as_ref().map(|fault| fault.parameters.clone()),
            methods: methods.cloned(),
        }
    }

    /// Returns the run that this describes, without figures.
    #[must_use]
    pub fn run(&self) -> Run {
        Run {
            target: self.target.clone(),
            responder: self.responder.clone(),
            address: self.address.clone(),
            link: self.link.clone(),
            vhost: self.vhost.clone(),
            accel: self.accel.clone(),
            mode: self.mode.clone(),
            depth: self.depth,
            arrivals: self.arrivals.clone(),
            offered_rate: self.offered_rate,
            sweep_percent: self.sweep_percent,
            protocol: self.protocol.clone(),
            payload_bytes: self.payload_bytes,
            content: self.content.clone(),
            timeout_ns: self.timeout_ns,
            flows: self.flows,
            dscp: self.dscp,
            ..Run::default()
        }
    }

    /// Returns the comment, without the `#` that begins its line.
    ///
    /// # Errors
    ///
    /// [`RecordError::Json`] if a rate is no number.
    pub fn comment(&self) -> Result<String, RecordError> {
        comment(DESCRIPTION, self)
    }

    /// Returns what `line` says; `None` if it is another line.
    ///
    /// # Errors
    ///
    /// A message, if it is such a comment and says something else, or has another schema.
    pub fn parse(line: &str) -> Result<Option<Self>, String> {
        let Some(description) = parse::<Self>(DESCRIPTION, line)? else {
            return Ok(None);
        };
        if description.schema != LOG_SCHEMA {
            let schema = terminal::one_line(&description.schema);
            return Err(format!(
                "its schema is `{schema}`, this program reads `{LOG_SCHEMA}`"
            ));
        }
        Ok(Some(description))
    }
}

/// Returns `value` as a comment that begins with `begin`.
///
/// # Errors
///
/// [`RecordError::Json`] if it holds something that JSON has no form for.
pub(super) fn comment(begin: &str, value: &impl Serialize) -> Result<String, RecordError> {
    let json = serde_json::to_string(value).map_err(RecordError::Json)?;
    Ok(format!("{begin}{}{END}", terminal::escape_json(&json)))
}

/// Returns the value in `line`, if that is a comment that begins with `begin`.
///
/// # Errors
///
/// A message, if it has no end or says something else.
pub(super) fn parse<T: for<'de> Deserialize<'de>>(
    begin: &str,
    line: &str,
) -> Result<Option<T>, String> {
    let line = line.trim_end();
    let text = line
        .strip_prefix('#')
        .and_then(|line| line.strip_prefix(begin));
    let Some(text) = text else {
        return Ok(None);
    };
    let json = text.strip_suffix(END).ok_or("a comment has no end")?;
    let value = serde_json::from_str(json);
    value.map(Some).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixtures;
    use crate::record::log_counts::LogCounts;

    #[test]
    fn comments_read_back() {
        let run = fixtures::open_run();
        let description = LogDescription::of(&run, Some(&Methods::OWN));
        let counts = LogCounts::from(&run);
        let lines = [description.comment().unwrap(), counts.comment().unwrap()];
        let [of_description, of_counts] = lines.map(|line| format!("#{line}\n"));
        assert_eq!(of_description.lines().count(), 1);
        assert_eq!(
            LogDescription::parse(&of_description),
            Ok(Some(description.clone()))
        );
        assert_eq!(LogCounts::parse(&of_counts), Ok(Some(counts.clone())));
        assert_eq!(LogDescription::parse(&of_counts), Ok(None));
        assert_eq!(LogCounts::parse("#[StartTime: 5]"), Ok(None));
        assert!(LogCounts::parse("#[Fathom counts {]").is_err());
        assert!(LogCounts::parse("#[Fathom counts {}").is_err());
        let other = of_description.replace("fathom-log/1", "fathom-log/2");
        let message = LogDescription::parse(&other).unwrap_err();
        assert!(message.contains("`fathom-log/2`"), "{message}");
    }

    #[test]
    fn a_run_is_made_of_its_description_and_counts() {
        let run = fixtures::open_run();
        let mut made = LogDescription::of(&run, None).run();
        LogCounts::from(&run).fill(&mut made);
        assert_eq!(
            LogDescription::of(&made, None),
            LogDescription::of(&run, None)
        );
        assert_eq!(LogCounts::from(&made), LogCounts::from(&run));
    }
}
