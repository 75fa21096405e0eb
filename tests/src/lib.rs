//! End-to-end tests live in `tests/tests`; what they share is here.
