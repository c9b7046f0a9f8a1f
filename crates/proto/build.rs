//! Compiles the contract with `protoc`.

use std::io::Error;

const CONTRACT: &str = "proto/yagura/link/v1/link.proto";

fn main() -> Result<(), Error> {
    println!("cargo:rerun-if-changed={CONTRACT}");
    tonic_prost_build::configure()
        // Batches and documents are handed on without being copied.
        .bytes(".")
        // The same labels are the same bytes: an inventory that has not changed is not sent again.
        .btree_map(".")
        .build_transport(false)
        .compile_protos(&[CONTRACT], &["proto"])
}
