//! A bounded map that forgets what was used least recently.

use std::collections::HashMap;
use std::hash::Hash;

/// At most `max` entries; reading one makes it recent.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    max: usize,
    uses: u64,
    entries: HashMap<K, (u64, V)>,
}

impl<K: Hash + Eq + Clone, V> Recent<K, V> {
    pub(crate) fn new(max: usize) -> Recent<K, V> {
        Recent {
            max,
            uses: 0,
            entries: HashMap::new(),
        }
    }

    pub(crate) fn get(&mut self, key: &K) -> Option<&mut V> {
        self.uses += 1;
        let (used, value) = self.entries.get_mut(key)?;
        *used = self.uses;
        Some(value)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.uses += 1;
        if self.entries.len() >= self.max && !self.entries.contains_key(&key) {
            self.evict();
        }
        self.entries.insert(key, (self.uses, value));
    }

    pub(crate) fn entries_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.entries
            .iter_mut()
            .map(|(key, (_, value))| (key, value))
    }

    /// Searching all entries is cheap beside reading the file that a new entry stands for.
    fn evict(&mut self) {
        let oldest = self
            .entries
            .iter()
            .min_by_key(|(_, (used, _))| *used)
            .map(|(key, _)| key.clone());
        if let Some(key) = oldest {
            self.entries.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_entry_is_forgotten() {
        let mut recent = Recent::new(2);
        recent.insert(1, "a");
        recent.insert(2, "b");
        assert_eq!(recent.get(&1), Some(&mut "a"));
        recent.insert(3, "c");
        assert_eq!(recent.get(&2), None);
        assert_eq!(recent.get(&1), Some(&mut "a"));
        recent.insert(3, "d");
        assert_eq!(recent.entries_mut().count(), 2);
    }
}
