//! One table out of many, when the program is compiled.

#![expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which refuses an index that is out of bounds"
)]

/// How many entries the groups have.
pub(crate) const fn count<T: Copy>(groups: &[&[T]]) -> usize {
    let mut count = 0;
    let mut group = 0;
    while group < groups.len() {
        count += groups[group].len();
        group += 1;
    }
    count
}

/// All entries of the groups, which have `COUNT` and are not empty.
pub(crate) const fn concat<T: Copy, const COUNT: usize>(groups: &[&[T]]) -> [T; COUNT] {
    let mut all = [groups[0][0]; COUNT];
    let mut at = 0;
    let mut group = 0;
    while group < groups.len() {
        let mut member = 0;
        while member < groups[group].len() {
            all[at] = groups[group][member];
            at += 1;
            member += 1;
        }
        group += 1;
    }
    all
}
