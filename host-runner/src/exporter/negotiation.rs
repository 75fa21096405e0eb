//! Choice of a format by a client's header `Accept` (RFC 9110 §12.5.1).
#![forbid(unsafe_code)]

/// Format of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' text format 0.0.4, with classic buckets.
    Text,
    /// Prometheus' protobuf format, delimited, with native histograms as well.
    Protobuf,
}

/// A media range with its weight.
#[derive(Debug)]
struct Range<'a> {
    media: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    weight: f64,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Self {
        let mut fields = text.split(';').map(str::trim);
        let media = fields.next().unwrap_or_default();
        let mut parameters: Vec<_> = fields.filter_map(|field| field.split_once('=')).collect();
        let weight = parameters
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("q"));
        let weight = weight.map_or(Some(1.0), |(_, value)| value.trim().parse().ok());
        parameters.retain(|(name, _)| !name.eq_ignore_ascii_case("q"));
        Self {
            media,
            parameters,
            weight: weight
                .filter(|weight| (0.0..=1.0).contains(weight))
                .unwrap_or(0.0),
        }
    }

    fn has(&self, name: &str, value: &str) -> bool {
        let is = |(a, b): &(&str, &str)| {
            a.trim().eq_ignore_ascii_case(name) && b.trim().trim_matches('"') == value
        };
        self.parameters.iter().any(is)
    }

    fn is_protobuf(&self) -> bool {
        self.media
            .eq_ignore_ascii_case("application/vnd.google.protobuf")
            && self.has("proto", "io.prometheus.client.MetricFamily")
            && self.has("encoding", "delimited")
    }

    fn is_text(&self) -> bool {
        ["text/plain", "text/*", "*/*"]
            .iter()
            .any(|media| self.media.eq_ignore_ascii_case(media))
    }
}

impl Format {
    /// Returns the format that `accept` weighs most; text if it names neither.
    #[must_use]
    pub fn chosen_by(accept: &str) -> Self {
        let ranges: Vec<_> = accept.split(',').map(Range::parse).collect();
        let weight = |is: &dyn Fn(&Range<'_>) -> bool| {
            let weights = ranges
                .iter()
                .filter(|range| is(range))
                .map(|range| range.weight);
            weights.fold(0.0, f64::max)
        };
        let protobuf = weight(&|range| range.is_protobuf());
        match protobuf > 0.0 && protobuf >= weight(&|range| range.is_text()) {
            true => Self::Protobuf,
            false => Self::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_what_it_weighs_most() {
        let protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
        let text = "text/plain;version=0.0.4";
        for (accept, expected) in [
            (String::new(), Format::Text),
            ("*/*".into(), Format::Text),
            (
                "text/html,application/xhtml+xml,*/*;q=0.8".into(),
                Format::Text,
            ),
            (
                format!("{protobuf},application/openmetrics-text;q=0.8,{text};q=0.5,*/*;q=0.1"),
                Format::Protobuf,
            ),
            (format!("{protobuf};q=0.4, {text};q=0.5"), Format::Text),
            (format!("{protobuf};q=0"), Format::Text),
            (format!("{protobuf};q=nonsense"), Format::Text),
            (
                "application/vnd.google.protobuf;encoding=text".into(),
                Format::Text,
            ),
        ] {
            assert_eq!(Format::chosen_by(&accept), expected, "{accept}");
        }
    }
}
