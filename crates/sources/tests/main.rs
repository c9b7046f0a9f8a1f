//! The public interface: files in, events out.

mod catalogue;
mod evtx;
mod evtx_writer;
