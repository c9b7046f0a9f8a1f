//! Throw-away containers, and harmless rehearsals of attacks, of drift, and of look-alikes in them.
//!
//! Does: builds an image from the host's own programs, runs containers of it with runc or crun, makes things happen in
//! them, tells what it ran and when, and takes everything away again.
//! Never: observes or judges. Whether something was detected is for a caller to say, who compares times and paths with
//! the alerts it saw. Touches nothing that it did not make, but that some rehearsals give kernel settings the value that
//! they hold, and mount folders of the host read-only.
//!
//! Start at [`keys::REHEARSALS`] and [`keys::perform`] for the threat catalogue, at [`drift::CASES`] and [`rehearse`] for
//! drift alone, at [`escapes::TECHNIQUES`] for ways out that somebody is to stop; the world around them is
//! [`ThrowAwayImage`] and [`ThrowAwayContainer`]. With Debian's servers and tools, which [`debian::DebianRoot`] fetches once, there are [`full::REHEARSALS`], and [`benign::WORKLOADS`] to stay silent about.
//!
//! ```no_run
//! use std::sync::Arc;
//! use yagura_rehearsal::{
//!     ContainerOptions, RuntimeChoice, RuntimeProgram, ThrowAwayContainer, ThrowAwayImage, drift, rehearse,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = ContainerOptions::new(RuntimeProgram::find(RuntimeChoice::Found)?);
//! let image = Arc::new(ThrowAwayImage::build(&options.base)?);
//! let container = ThrowAwayContainer::start(&image, &options)?;
//! for case in drift::cases() {
//!     let told = rehearse(case, &container);
//!     assert!(told.marker_seen || !told.note.is_empty());
//! }
//! container.remove()?;
//! # Ok(())
//! # }
//! ```
//!
//! Programs that end by signal call [`cleanup_all`], and [`cleanup_leftovers`] takes away what a killed one left.

mod limits;

mod programs;

pub mod benign;
mod bundle;
mod cgroups;
mod command;
mod container;
pub mod debian;
pub mod drift;
pub mod escapes;
pub mod full;
mod image;
pub mod keys;
mod libraries;
mod mounts;
mod owner;
mod rehearse;
mod remains;
mod runtime;

pub use bundle::{ForbiddenAction, ForbiddenCalls, HostMount, HostNamespace, Privileges};
pub use command::{CommandError, Exit, Output};
pub use container::{Announce, ContainerOptions, RootKind, StartError, ThrowAwayContainer};
pub use image::{ImageError, ImageFile, ThrowAwayImage};
pub use owner::own_prefix;
pub use rehearse::{DriftOutcome, Rehearsed, rehearse, rehearse_benign};
pub use remains::{DirectoryError, Leftovers, RemoveError, cleanup_all, cleanup_leftovers};
pub use runtime::{RuntimeChoice, RuntimeMissing, RuntimeProgram};
