//! A table of bounded size that forgets what was not used for longest.

use std::collections::HashMap;

/// No entry.
const NONE: usize = usize::MAX;

/// A table with at most a given number of entries.
///
/// Which entry is forgotten depends on the order of use alone, never on the hash: a replay forgets the same.
#[derive(Debug)]
pub(crate) struct LruMap<V> {
    places: HashMap<Box<[u8]>, usize>,
    entries: Vec<Entry<V>>,
    /// The entry used last, and the one used longest ago.
    newest: usize,
    oldest: usize,
    entries_max: usize,
    evicted: u64,
    /// How often any entry was used, and at which use [`LruMap::used`] was asked last.
    uses: u64,
    told: u64,
}

#[derive(Debug)]
struct Entry<V> {
    key: Box<[u8]>,
    value: V,
    newer: usize,
    older: usize,
    /// Which use its last one was.
    used: u64,
}

impl<V: Default> LruMap<V> {
    pub(crate) fn new(entries_max: usize) -> Self {
        LruMap {
            places: HashMap::new(),
            entries: Vec::new(),
            newest: NONE,
            oldest: NONE,
            entries_max: entries_max.max(1),
            evicted: 0,
            uses: 0,
            told: 0,
        }
    }

    /// How many entries were forgotten for want of room.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Keys and values, from the one used longest ago to the newest.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &V)> {
        let mut place = self.oldest;
        std::iter::from_fn(move || {
            let entry = self.entries.get(place)?;
            place = entry.newer;
            Some((&*entry.key, &entry.value))
        })
    }

    /// Hands out what was used since it was asked last, from the newest on.
    pub(crate) fn used(&mut self, mut told: impl FnMut(&[u8], &mut V)) {
        let mut place = self.newest;
        while let Some(entry) = self.entries.get_mut(place) {
            if entry.used <= self.told {
                break;
            }
            told(&entry.key, &mut entry.value);
            place = entry.older;
        }
        self.told = self.uses;
    }

    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.places.contains_key(key)
    }

    /// The entry of a key, made if it isn't there, and marked as used.
    pub(crate) fn entry(&mut self, key: &[u8]) -> &mut V {
        let place = match self.places.get(key) {
            Some(place) => {
                let place = *place;
                self.unlink(place);
                place
            }
            None => self.insert(key),
        };
        self.link_as_newest(place);
        // The place is always one of ours; a fresh value would only be reached if the links were broken.
        match self.entries.get_mut(place) {
            Some(entry) => &mut entry.value,
            None => unreachable!("an entry's place lies within the table"),
        }
    }

    /// Puts a new entry into a free place, or into that of the one used longest ago.
    fn insert(&mut self, key: &[u8]) -> usize {
        if self.entries.len() < self.entries_max {
            let place = self.entries.len();
            self.places.insert(key.into(), place);
            self.entries.push(Entry {
                key: key.into(),
                value: V::default(),
                newer: NONE,
                older: NONE,
                used: 0,
            });
            return place;
        }
        let place = self.oldest;
        self.unlink(place);
        self.evicted += 1;
        if let Some(entry) = self.entries.get_mut(place) {
            self.places.remove(&entry.key);
            self.places.insert(key.into(), place);
            entry.key = key.into();
            entry.value = V::default();
        }
        place
    }

    fn unlink(&mut self, place: usize) {
        let Some(Entry { newer, older, .. }) = self.entries.get(place) else {
            return;
        };
        let (newer, older) = (*newer, *older);
        match self.entries.get_mut(newer) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
        match self.entries.get_mut(older) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
    }

    fn link_as_newest(&mut self, place: usize) {
        let before = std::mem::replace(&mut self.newest, place);
        self.uses += 1;
        if let Some(entry) = self.entries.get_mut(place) {
            entry.used = self.uses;
            entry.newer = NONE;
            entry.older = before;
        }
        match self.entries.get_mut(before) {
            Some(entry) => entry.newer = place,
            None => self.oldest = place,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_is_forgotten() {
        let mut table: LruMap<u32> = LruMap::new(3);
        for (key, value) in [(b"a", 10), (b"b", 11), (b"c", 12)] {
            *table.entry(key) = value;
        }
        table.entry(b"a");
        *table.entry(b"d") = 13;
        assert!(!table.contains(b"b"));
        assert_eq!((table.entries.len(), table.evicted()), (3, 1));
        assert_eq!(*table.entry(b"a"), 10);
        assert_eq!(*table.entry(b"c"), 12);
        assert_eq!(*table.entry(b"d"), 13);
        *table.entry(b"e") = 14;
        assert!(!table.contains(b"a"));
    }

    #[test]
    fn entries_come_in_the_order_of_use() {
        let mut table = LruMap::<u32>::new(3);
        for key in [b"a", b"b", b"c", b"a", b"d"] {
            *table.entry(key) += 1;
        }
        let found: Vec<(&[u8], u32)> = table.iter().map(|(key, value)| (key, *value)).collect();
        let expected: [(&[u8], u32); 3] = [(b"c", 1), (b"a", 2), (b"d", 1)];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_was_used_is_told_once() {
        let mut table = LruMap::<u32>::new(3);
        let used = |table: &mut LruMap<u32>| {
            let mut keys = String::new();
            table.used(|key, _| keys.push_str(std::str::from_utf8(key).unwrap()));
            keys
        };
        assert_eq!(used(&mut table), "");
        for key in [b"a", b"b", b"a", b"c"] {
            table.entry(key);
        }
        assert_eq!(used(&mut table), "cab");
        assert_eq!(used(&mut table), "");
        for key in [b"b", b"d", b"e"] {
            table.entry(key);
        }
        assert_eq!(used(&mut table), "edb");
    }

    #[test]
    fn a_table_of_one_works() {
        let mut table: LruMap<u32> = LruMap::new(1);
        for key in [b"a", b"b", b"c"] {
            assert_eq!(*table.entry(key), 0);
            *table.entry(key) = 1;
            assert_eq!(*table.entry(key), 1);
        }
        assert_eq!((table.entries.len(), table.evicted()), (1, 2));
    }
}
