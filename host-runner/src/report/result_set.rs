//! Results as renderers get them.

use std::cell::OnceCell;

use super::chart::draw::Standalone;
use super::page::{self, Page};
use crate::record::{Record, Source};

/// Results of one command or of several: their records, and what was read of the files beside them.
#[derive(Debug)]
pub struct ResultSet<'a> {
    records: Vec<&'a Record>,
    sources: &'a [Source],
    page: OnceCell<(Page, Option<Standalone>)>,
}

impl<'a> ResultSet<'a> {
    /// Returns the results that consist of `record` alone: their distributions are not at hand.
    #[must_use]
    pub fn of_record(record: &'a Record) -> Self {
        Self {
            records: vec![record],
            sources: &[],
            page: OnceCell::new(),
        }
    }

    /// Returns the results that were read from directories.
    #[must_use]
    pub fn of_sources(sources: &'a [Source]) -> Self {
        Self {
            records: sources.iter().map(|source| &source.record).collect(),
            sources,
            page: OnceCell::new(),
        }
    }

    /// Returns the records.
    #[must_use]
    pub fn records(&self) -> &[&'a Record] {
        &self.records
    }

    /// Returns what a page shows of them, with the first chart as a file; `None` without distributions. It is
    /// put together once, whichever renderers ask for it.
    #[must_use]
    pub fn page(&self) -> Option<(&Page, Option<&Standalone>)> {
        if self.sources.is_empty() {
            return None;
        }
        let (page, chart) = self.page.get_or_init(|| page::page(self.sources));
        Some((page, chart.as_ref()))
    }
}
