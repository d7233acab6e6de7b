//! The names of columns.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::decode::lexical::{FieldType, Reading};

/// A column of a text.
pub(super) struct Named {
    pub(super) name: Arc<str>,
    pub(super) reading: Reading,
}

/// Columns in the order of their fields.
#[derive(Default)]
pub(super) struct Names {
    /// Those that the header, or the options, name.
    given: usize,
    columns: Vec<Named>,
    taken: HashSet<Arc<str>>,
    /// The number to try next for a name that is taken.
    numbers: HashMap<String, usize>,
}

impl Names {
    /// Columns of the given names. A column without a name is called by its place, and a name that
    /// was there before gets its number: `a`, `a_2`, `a_3`.
    pub(super) fn new<'n>(
        names: impl IntoIterator<Item = &'n str>,
        types: &BTreeMap<String, FieldType>,
        infer: bool,
    ) -> Self {
        let mut this = Self::default();
        let names: Vec<&str> = names.into_iter().collect();
        // A name that is given never gives way to one that is made up.
        let given: HashSet<&str> = names.iter().copied().collect();
        for (place, name) in names.into_iter().enumerate() {
            let name = match name {
                "" => this.made_up(by_place(place), &given),
                name if this.taken.contains(name) => this.numbered(name.to_owned(), &given),
                name => name.into(),
            };
            this.add(name, types, infer);
        }
        this.given = this.columns.len();
        this
    }

    /// How many columns a line must have at least.
    pub(super) fn given(&self) -> usize {
        self.given
    }

    /// Makes names for surplus fields up to so many.
    pub(super) fn extend(
        &mut self,
        fields: usize,
        types: &BTreeMap<String, FieldType>,
        infer: bool,
    ) {
        while self.columns.len() < fields {
            let name = self.made_up(by_place(self.columns.len()), &HashSet::new());
            self.add(name, types, infer);
        }
    }

    pub(super) fn columns(&self) -> &[Named] {
        &self.columns
    }

    fn add(&mut self, name: Arc<str>, types: &BTreeMap<String, FieldType>, infer: bool) {
        let reading = match types.get(&*name) {
            Some(&decided) => Reading::Decided(decided),
            None => Reading::undecided(infer),
        };
        self.taken.insert(Arc::clone(&name));
        self.columns.push(Named { name, reading });
    }

    fn made_up(&mut self, name: String, given: &HashSet<&str>) -> Arc<str> {
        if self.taken.contains(&*name) || given.contains(&*name) {
            return self.numbered(name, given);
        }
        name.into()
    }

    fn numbered(&mut self, name: String, given: &HashSet<&str>) -> Arc<str> {
        let number = self.numbers.entry(name.clone()).or_insert(1);
        loop {
            *number += 1;
            let numbered = format!("{name}_{number}");
            if !self.taken.contains(&*numbered) && !given.contains(&*numbered) {
                return numbered.into();
            }
        }
    }
}

/// The name of a column that has none, by its place from 0.
fn by_place(place: usize) -> String {
    format!("_column_{}", place + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(given: &[&str], fields: usize) -> Vec<String> {
        let mut names = Names::new(given.iter().copied(), &BTreeMap::new(), true);
        names.extend(fields, &BTreeMap::new(), true);
        let columns = names.columns().iter();
        columns.map(|column| column.name.to_string()).collect()
    }

    #[test]
    fn no_two_columns_share_a_name() {
        assert_eq!(names(&["a", "b"], 0), ["a", "b"]);
        assert_eq!(names(&["a", "a", "a"], 0), ["a", "a_2", "a_3"]);
        assert_eq!(names(&["a", "a", "a_2"], 0), ["a", "a_3", "a_2"]);
        assert_eq!(
            names(&["", "x", ""], 5),
            ["_column_1", "x", "_column_3", "_column_4", "_column_5"]
        );
        assert_eq!(names(&["_column_2"], 2), ["_column_2", "_column_2_2"]);
        assert_eq!(names(&["", "_column_1"], 0), ["_column_1_2", "_column_1"]);
    }
}
