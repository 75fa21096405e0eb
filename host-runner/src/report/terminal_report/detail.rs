//! The amount of detail of a table.

/// Amount of detail that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The result, and how far to trust it.
    Brief,
    /// Everything that is known.
    Full,
}
