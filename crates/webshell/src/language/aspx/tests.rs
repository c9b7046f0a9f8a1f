//! Tests of .NET pages.
