//! How many fields a table may bring that are new.

use crate::statistics::tree::{Members, Node};

/// Room for new fields. Limits are kept after each table, so one alone must not bring any number.
pub(super) struct Room {
    left: usize,
    /// How many events a new field may have missed.
    missed: u64,
    /// Fields that found no room, each time counted.
    refused: u64,
}

/// Where few fields are tracked, a table may still bring so many: a field that finds no room may have
/// been in all of its rows, which says little.
const FEWEST: usize = 1_000;

impl Room {
    pub(super) fn new(fields: usize, missed: u64) -> Self {
        Self {
            left: fields.max(FEWEST),
            missed,
            refused: 0,
        }
    }

    /// Fields that found no room, each time counted.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// A column of ours, for which there is always room.
    pub(super) fn own<'n>(&self, members: &'n mut Members, name: &str) -> &'n mut Node {
        members.get_or_add(name, self.missed)
    }

    /// The member of this name; `None` if it is new and there is no room.
    pub(super) fn member<'n>(
        &mut self,
        members: &'n mut Members,
        name: &str,
    ) -> Option<&'n mut Node> {
        let known = members.get(name).is_some();
        (known || self.take()).then(|| members.get_or_add(name, self.missed))
    }

    /// What lists or maps hold; `None` if that is new and there is no room.
    pub(super) fn below<'n>(&mut self, node: &'n mut Option<Box<Node>>) -> Option<&'n mut Node> {
        if node.is_none() && self.take() {
            *node = Some(Box::new(Node::new(self.missed)));
        }
        node.as_deref_mut()
    }

    fn take(&mut self) -> bool {
        let room = self.left > 0;
        self.left = self.left.saturating_sub(1);
        self.refused += u64::from(!room);
        room
    }
}
