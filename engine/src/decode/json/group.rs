//! Pieces of contents that are parsed together.

use std::ops::Range;

use crate::decode::content::Content;

/// Pieces of one content that are parsed together or not at all.
pub(super) struct Unit {
    /// The place of the content in its group.
    pub(super) content: usize,
    pub(super) kind: Kind,
    pub(super) pieces: Range<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The whole content, taken for one document.
    Whole,
    /// The lines of a content, taken for one document each.
    Lines,
    /// A document that was split off.
    Document,
    /// An item of a list at the root that was split off.
    Item,
}

/// Units with their pieces: ranges of bytes in the unit's content.
#[derive(Default)]
pub(super) struct Units {
    pub(super) units: Vec<Unit>,
    pub(super) pieces: Vec<Range<usize>>,
    pub(super) bytes: usize,
}

impl Units {
    pub(super) fn add(
        &mut self,
        content: usize,
        kind: Kind,
        pieces: impl Iterator<Item = Range<usize>>,
    ) {
        let start = self.pieces.len();
        self.pieces
            .extend(pieces.inspect(|piece| self.bytes += piece.len()));
        self.units.push(Unit {
            content,
            kind,
            pieces: start..self.pieces.len(),
        });
    }

    pub(super) fn clear(&mut self) {
        self.units.clear();
        self.pieces.clear();
        self.bytes = 0;
    }
}

/// What is read in one go: the contents, and units of them with the ranges of their pieces.
#[derive(Clone, Copy)]
pub(super) struct Group<'a> {
    pub(super) contents: &'a [Content<'a>],
    pub(super) pieces: &'a [Range<usize>],
    pub(super) units: &'a [Unit],
}

impl<'a> Group<'a> {
    pub(super) fn halves(self) -> [Self; 2] {
        let (left, right) = self.units.split_at(self.units.len() / 2);
        [left, right].map(|units| Self { units, ..self })
    }

    pub(super) fn content(&self, unit: &Unit) -> &'a Content<'a> {
        &self.contents[unit.content]
    }

    pub(super) fn data(&self, unit: &Unit) -> &'a [u8] {
        self.contents[unit.content].data
    }

    pub(super) fn pieces(&self) -> impl Iterator<Item = &'a [u8]> {
        self.units.iter().flat_map(move |unit| {
            let data = self.data(unit);
            self.pieces[unit.pieces.clone()]
                .iter()
                .map(move |piece| &data[piece.clone()])
        })
    }
}
