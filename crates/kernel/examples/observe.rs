//! Prints what the kernel side reports: `observe [SECONDS [written]]`, as root, with the word written files too. For those
//! who work on the programs.
#![allow(clippy::print_stdout, reason = "printing is its purpose")]

use std::ops::ControlFlow;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};
use yagura_kernel::{Observer, Reader, decode, ensure_tracefs};

struct Printer {
    until: Instant,
}

impl Reader for Printer {
    fn record(&mut self, bytes: &[u8]) {
        match decode(bytes) {
            Ok(event) => println!("{event:?}"),
            Err(error) => println!("{} bytes: {error}", bytes.len()),
        }
    }

    fn turn(&mut self) -> ControlFlow<(), Duration> {
        match self.until.checked_duration_since(Instant::now()) {
            Some(left) => ControlFlow::Continue(left),
            None => ControlFlow::Break(()),
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds = std::env::args()
        .nth(1)
        .map_or(Ok(10), |text| text.parse())?;
    ensure_tracefs()?;
    let observer = Observer::start()?;
    observer.set_written(std::env::args().nth(2).as_deref() == Some("written"))?;
    println!("written files: {:?}", observer.closes_seen());
    println!("attached; missing: {:?}", observer.missing());
    let (never, _open) = std::io::pipe()?;
    observer.read(
        &mut Printer {
            until: Instant::now() + Duration::from_secs(seconds),
        },
        never.as_fd(),
    )?;
    println!("lost: {:?}", observer.losses());
    Ok(())
}
