//! What user space wants of system calls, and what it tells the kernel side about them.

use crate::observer::Observer;
use crate::records::{CALL_SETTINGS_BYTES, CALLS_MAX, QUIET_OPEN_KEY_BYTES};
use libbpf_rs::{MapCore as _, MapFlags, MapHandle};
use rustix::time::{ClockId, clock_gettime};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use yagura_event::{Call, ContainerKey, OpenClass, OpenKey};

/// `enum call_filter` in records.h.
const FILTER_SENT: u32 = 1 << 0;
const FILTER_FAILED: u32 = 1 << 1;
const FILTER_OTHER: u32 = 1 << 2;

/// Calls that the kernel side looks at whatever is wanted of them: they change who wrote a file, what is mapped, and who
/// and where a process is. The last ones have numbers of the kernel side's own (`enum quiet_call`).
const NEEDED: &[u32] = &[
    Call::Open as u32,
    Call::Openat as u32,
    Call::Openat2 as u32,
    Call::Creat as u32,
    Call::OpenByHandleAt as u32,
    Call::MemfdCreate as u32,
    Call::Setuid as u32,
    Call::Setgid as u32,
    Call::Setreuid as u32,
    Call::Setregid as u32,
    Call::Setresuid as u32,
    Call::Setresgid as u32,
    Call::Capset as u32,
    Call::Unshare as u32,
    Call::Setns as u32,
    Call::Chroot as u32,
    Call::PivotRoot as u32,
    120,
    121,
    122,
    123,
];

/// Containers whose excess of calls is remembered between two looks. As many as the kernel side keeps.
const CONTAINERS_MAX: usize = 8192;

/// What is wanted of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CallFilter {
    /// Whether it is reported if it fails, too.
    pub failed: bool,
}

/// Which opens are wanted, of the calls that are wanted at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct OpenClasses {
    /// To read alone.
    pub read: bool,
    /// To write.
    pub write: bool,
    /// What may make or empty a file.
    pub create: bool,
    /// What failed; the call must be wanted so as well.
    pub failed: bool,
}

impl OpenClasses {
    /// Every open.
    pub const ALL: OpenClasses = OpenClasses {
        read: true,
        write: true,
        create: true,
        failed: true,
    };

    fn bits(self) -> u32 {
        let flags = [self.read, self.write, self.create, self.failed];
        (0..)
            .zip(flags)
            .fold(0, |bits, (bit, flag)| bits | u32::from(flag) << bit)
    }
}

/// How many calls that come in volume (opens, renames and the like) one container may have reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallBudget {
    /// Calls per second.
    pub per_second: u32,
    /// Calls that it may have at once after a time with fewer.
    pub burst: u32,
}

impl Default for CallBudget {
    fn default() -> Self {
        CallBudget {
            per_second: 20_000,
            burst: 40_000,
        }
    }
}

/// Why the kernel side could not be told.
#[derive(Debug, thiserror::Error)]
#[error("map {map} refuses an entry")]
pub struct TellError {
    map: &'static str,
    source: libbpf_rs::Error,
}

/// The maps that calls go by.
pub(crate) struct Calls {
    filters: MapHandle,
    settings: MapHandle,
    quiet_opens: MapHandle,
    budgets: MapHandle,
    told: Cell<Told>,
    /// Excess of each container at the last look.
    over: RefCell<HashMap<ContainerKey, u64>>,
}

/// What the settings are now.
#[derive(Debug, Clone, Copy, Default)]
struct Told {
    epoch: u64,
    classes: u32,
    budget: CallBudget,
}

impl Calls {
    pub(crate) fn new(
        find: impl Fn(&'static str) -> Result<MapHandle, crate::StartError>,
    ) -> Result<Calls, crate::StartError> {
        Ok(Calls {
            filters: find("call_filters")?,
            settings: find("call_settings")?,
            quiet_opens: find("quiet_opens")?,
            budgets: find("container_budgets")?,
            told: Cell::default(),
            over: RefCell::default(),
        })
    }

    /// Has the kernel side look at what it needs for itself, and report nothing.
    pub(crate) fn begin(&self) -> Result<(), TellError> {
        self.filter(&[])?;
        self.tell(|_| ())
    }

    fn filter(&self, wanted: &[(Call, CallFilter)]) -> Result<(), TellError> {
        for number in 0..CALLS_MAX {
            let of_call = wanted.iter().filter(|(call, _)| *call as u32 == number);
            let mut flags = of_call.fold(0, |flags, (_, filter)| {
                flags | FILTER_SENT | if filter.failed { FILTER_FAILED } else { 0 }
            });
            if NEEDED.contains(&number) {
                flags |= FILTER_OTHER;
            }
            self.filters
                .update(&number.to_ne_bytes(), &flags.to_ne_bytes(), MapFlags::ANY)
                .map_err(|source| TellError {
                    map: "call_filters",
                    source,
                })?;
        }
        Ok(())
    }

    /// Changes the settings.
    fn tell(&self, change: impl FnOnce(&mut Told)) -> Result<(), TellError> {
        let mut told = self.told.get();
        change(&mut told);
        let record_ns = match told.budget.per_second {
            // No rate: nothing is held back.
            0 => 0,
            rate => 1_000_000_000 / u64::from(rate),
        };
        let burst_ns = record_ns.saturating_mul(told.budget.burst.into());
        let value = concat::<CALL_SETTINGS_BYTES>(&[
            &told.epoch.to_ne_bytes(),
            &told.classes.to_ne_bytes(),
            &0u32.to_ne_bytes(),
            &record_ns.to_ne_bytes(),
            &burst_ns.to_ne_bytes(),
        ]);
        self.settings
            .update(&0u32.to_ne_bytes(), &value, MapFlags::ANY)
            .map_err(|source| TellError {
                map: "call_settings",
                source,
            })?;
        self.told.set(told);
        Ok(())
    }

    fn flooding(&self) -> Vec<(ContainerKey, u64)> {
        let mut over = self.over.borrow_mut();
        let mut now = HashMap::new();
        let mut flooding = Vec::new();
        for key in self.budgets.keys().take(CONTAINERS_MAX) {
            let Ok(Some(value)) = self.budgets.lookup(&key, MapFlags::ANY) else {
                continue;
            };
            let (Some(key), Some(count)) = (key.first_chunk(), value.last_chunk()) else {
                continue;
            };
            let container = ContainerKey(u64::from_ne_bytes(*key));
            let count = u64::from_ne_bytes(*count);
            let new = count.saturating_sub(over.get(&container).copied().unwrap_or(0));
            if new > 0 {
                flooding.push((container, new));
            }
            now.insert(container, count);
        }
        *over = now;
        flooding
    }
}

impl Observer {
    /// Has these calls reported, and no others. To begin with none are. Opens are reported if their class is wanted too
    /// ([`Observer::set_open_classes`]).
    ///
    /// # Errors
    /// If the kernel refuses the write; then a part of the calls may be changed already.
    pub fn set_call_filter(&self, wanted: &[(Call, CallFilter)]) -> Result<(), TellError> {
        self.calls.filter(wanted)
    }

    /// Has these classes of opens reported, and no others. To begin with none are.
    ///
    /// # Errors
    /// If the kernel refuses the write.
    pub fn set_open_classes(&self, classes: OpenClasses) -> Result<(), TellError> {
        self.calls.tell(|told| told.classes = classes.bits())
    }

    /// Changes how many calls in volume a container may have reported; a rate of zero ends the limit.
    ///
    /// # Errors
    /// If the kernel refuses the write.
    pub fn set_call_budget(&self, budget: CallBudget) -> Result<(), TellError> {
        self.calls.tell(|told| told.budget = budget)
    }

    /// Tells the kernel side that no rule can match opens with this key, whatever process makes them: they are reported
    /// no more, at the cost of one look-up. A full cache forgets the least used.
    pub fn quiet_open(&self, key: &OpenKey) {
        let class: u32 = match key.class {
            OpenClass::Read => 0,
            OpenClass::Write => 1,
            OpenClass::Create => 2,
        };
        let bytes = concat::<QUIET_OPEN_KEY_BYTES>(&[
            &key.container.0.to_ne_bytes(),
            &key.path.to_ne_bytes(),
            &key.file.ino.to_ne_bytes(),
            &key.epoch.to_ne_bytes(),
            &key.file.dev.to_ne_bytes(),
            &class.to_ne_bytes(),
        ]);
        // Only saves work: without the entry the open is reported and judged again.
        let _ = self.calls.quiet_opens.update(&bytes, &[1], MapFlags::ANY);
    }

    /// Forgets everything said with [`Observer::quiet_open`], records on their way included: to be called when the rules
    /// have changed.
    ///
    /// # Errors
    /// If the kernel refuses the write.
    pub fn bump_epoch(&self) -> Result<(), TellError> {
        let now = clock_gettime(ClockId::Boottime);
        let now = now
            .tv_sec
            .saturating_mul(1_000_000_000)
            .saturating_add(now.tv_nsec);
        // Later than the one before, however coarse the clock.
        self.calls
            .tell(|told| told.epoch = now.unsigned_abs().max(told.epoch.saturating_add(1)))
    }

    /// Containers that made more calls than their budget since the last look, and how many were not reported.
    pub fn flooding_containers(&self) -> Vec<(ContainerKey, u64)> {
        self.calls.flooding()
    }
}

/// Fields one after the other; what is missing is zero.
fn concat<const N: usize>(fields: &[&[u8]]) -> [u8; N] {
    let mut bytes = [0; N];
    let fields = fields.iter().flat_map(|field| field.iter());
    for (to, from) in bytes.iter_mut().zip(fields) {
        *to = *from;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_the_bits_of_the_record_s_numbers() {
        let none = OpenClasses::default();
        assert_eq!(none.bits(), 0);
        assert_eq!(OpenClasses { read: true, ..none }.bits(), 1);
        assert_eq!(
            OpenClasses {
                failed: true,
                ..none
            }
            .bits(),
            8
        );
        assert_eq!(OpenClasses::ALL.bits(), 15);
    }

    #[test]
    fn every_call_has_a_filter_and_none_is_the_kernel_side_s_own() {
        for &call in Call::ALL {
            assert!((1..120).contains(&(call as u32)), "{call:?}");
        }
        assert!(NEEDED.iter().all(|number| *number < CALLS_MAX));
    }
}
