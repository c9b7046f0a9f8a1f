//! The public interface: files in, events out.

mod evtx;
mod evtx_writer;
