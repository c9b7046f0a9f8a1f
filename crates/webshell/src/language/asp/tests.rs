//! Tests of classic pages.
