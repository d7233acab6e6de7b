//! Fields in the order in which they appeared, as a tree along their paths.

use std::collections::HashMap;
use std::sync::Arc;

use super::field::FieldStatistics;
use super::path::{ENTRIES, ITEMS, Step, push_member, steps};

/// From so many members on, names are looked up in a table.
const SMALL: usize = 16;

/// A field with what is below it. A clone shares the statistics until one side changes them.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) statistics: Arc<FieldStatistics>,
    pub(super) members: Members,
    /// What the lists of this field hold.
    pub(super) items: Option<Box<Node>>,
    /// What the maps of this field hold.
    pub(super) entries: Option<Box<Node>>,
    /// Where values come one by one: the last event, and how many values it has had.
    pub(super) counted: Counted,
}

/// How many values an event has had of a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// The table that the event is in, from 1 on.
    pub(super) batch: u64,
    /// Its row.
    pub(super) row: usize,
    /// The values so far.
    pub(super) values: u32,
}

/// The members of an object, in order of first appearance.
#[derive(Clone, Debug, Default)]
pub(super) struct Members {
    nodes: Vec<(Arc<str>, Node)>,
    /// Places by name, where there are many.
    places: Option<Arc<HashMap<Arc<str>, usize>>>,
    /// Where the next one is asked for, if they come in the same order as before.
    next: usize,
}

impl Members {
    fn place(&self, name: &str) -> Option<usize> {
        match self.nodes.get(self.next) {
            Some((own, _)) if **own == *name => return Some(self.next),
            _ => {}
        }
        match &self.places {
            Some(places) => places.get(name).copied(),
            None => self.nodes.iter().position(|(own, _)| **own == *name),
        }
    }

    /// The member of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        self.place(name).map(|place| &self.nodes[place].1)
    }

    /// The member of this name; a new one has missed what `missed` says.
    pub(super) fn get_or_add(&mut self, name: &str, missed: u64) -> &mut Node {
        let place = self.place(name).unwrap_or_else(|| {
            let name: Arc<str> = name.into();
            self.nodes.push((Arc::clone(&name), Node::new(missed)));
            let place = self.nodes.len() - 1;
            match &mut self.places {
                Some(places) => {
                    Arc::make_mut(places).insert(name, place);
                }
                None if self.nodes.len() > SMALL => self.index(),
                None => {}
            }
            place
        });
        self.next = place + 1;
        &mut self.nodes[place].1
    }

    fn index(&mut self) {
        let names = self.nodes.iter().enumerate();
        let places = names.map(|(place, (name, _))| (Arc::clone(name), place));
        self.places = (self.nodes.len() > SMALL).then(|| Arc::new(places.collect()));
        self.next = 0;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(name, node)| (&**name, node))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Node)> {
        self.nodes.iter_mut().map(|(name, node)| (&**name, node))
    }
}

impl Node {
    /// A field that is new.
    pub(super) fn new(missed: u64) -> Self {
        let statistics = FieldStatistics {
            missed,
            ..FieldStatistics::default()
        };
        Self {
            statistics: Arc::new(statistics),
            ..Self::default()
        }
    }

    /// The statistics, to change; a copy if they are shared.
    pub(super) fn own(&mut self) -> &mut FieldStatistics {
        Arc::make_mut(&mut self.statistics)
    }

    pub(super) fn items(&mut self, missed: u64) -> &mut Node {
        self.items
            .get_or_insert_with(|| Box::new(Node::new(missed)))
    }

    pub(super) fn entries(&mut self, missed: u64) -> &mut Node {
        self.entries
            .get_or_insert_with(|| Box::new(Node::new(missed)))
    }

    /// Everything below, parents before what is below them, with its path.
    pub(super) fn visit<'n>(&'n self, path: &mut String, seen: &mut dyn FnMut(&str, &'n Node)) {
        let length = path.len();
        for (name, node) in self.members.iter() {
            push_member(path, name);
            seen(path, node);
            node.visit(path, seen);
            path.truncate(length);
        }
        for (end, below) in [(ITEMS, &self.items), (ENTRIES, &self.entries)] {
            if let Some(node) = below {
                path.push_str(end);
                seen(path, node);
                node.visit(path, seen);
                path.truncate(length);
            }
        }
    }

    /// Everything below a path of so many bytes, in the order of [`Node::visit`], with the length of
    /// its path but for quotes.
    pub(super) fn each(&self, path: usize, seen: &mut dyn FnMut(usize, &Node)) {
        let members = self.members.iter();
        let members = members.map(|(name, node)| (path + 1 + name.len(), node));
        let below = [&self.items, &self.entries].into_iter().flatten();
        let below = below.map(|node| (path + ITEMS.len(), &**node));
        for (path, node) in members.chain(below) {
            seen(path, node);
            node.each(path, seen);
        }
    }

    /// Everything below, in the order of [`Node::visit`], to change.
    pub(super) fn visit_mut(&mut self, seen: &mut dyn FnMut(&mut Node)) {
        for (_, node) in self.members.iter_mut() {
            seen(node);
            node.visit_mut(seen);
        }
        for node in [&mut self.items, &mut self.entries].into_iter().flatten() {
            seen(node);
            node.visit_mut(seen);
        }
    }

    /// Keeps only what `keep` says of what is below; it is asked in the order of [`Node::visit`], and
    /// of nothing that is below what goes.
    pub(super) fn retain(&mut self, keep: &mut dyn FnMut(&Node) -> bool) {
        let before = self.members.nodes.len();
        self.members.nodes.retain_mut(|(_, node)| {
            let kept = keep(node);
            if kept {
                node.retain(keep);
            }
            kept
        });
        if self.members.nodes.len() < before {
            self.members.index();
        }
        for below in [&mut self.items, &mut self.entries] {
            let gone = match below {
                Some(node) if keep(node) => {
                    node.retain(keep);
                    false
                }
                Some(_) => true,
                None => false,
            };
            if gone {
                *below = None;
            }
        }
    }

    /// The field at a path that [`Node::visit`] would give.
    pub(super) fn find(&self, path: &str) -> Option<&Node> {
        let mut node = self;
        for step in steps(path)? {
            node = match step {
                Step::Member(name) => node.members.get(&name)?,
                Step::Items => node.items.as_deref()?,
                Step::Entries => node.entries.as_deref()?,
            };
        }
        Some(node)
    }
}
