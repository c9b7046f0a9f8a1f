//! Prints the API's document: `cargo run -p yagura-center --example openapi > docs/reference/openapi.json`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    let document = yagura_center::openapi().to_pretty_json();
    let document = document.map_err(std::io::Error::other)?;
    writeln!(std::io::stdout(), "{document}")
}
