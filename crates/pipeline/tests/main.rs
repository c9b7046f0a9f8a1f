//! The pipeline through its public interface.

mod benign;
mod bounds;
mod metadata;
mod provenance;
mod support;
mod vectors;
