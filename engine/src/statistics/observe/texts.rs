//! Text.

use super::groups::Groups;
use super::others::sizes;
use crate::statistics::field::FieldStatistics;
use crate::statistics::pane::PaneLimits;
use crate::statistics::sketch::TopValues;
use crate::statistics::typed::{Bound, ValueType};

/// Texts are told apart by so many bytes in what is shown of them: bounds, top and latest values.
/// Distinct counts and lengths are of the whole text.
const SHOWN: usize = 256;

/// A text cut after 256 bytes, at the end of a character.
pub(super) fn clip(text: &str) -> &str {
    if text.len() <= SHOWN {
        return text;
    }
    &text[..text.floor_char_boundary(SHOWN)]
}

/// The different texts of a column.
#[derive(Default)]
pub(super) struct TextGroups<'r> {
    texts: Groups<&'r str>,
    /// What is shown of them, where some are long.
    clipped: Groups<&'r str>,
    lengths: Groups<i64>,
}

impl<'r> TextGroups<'r> {
    /// See [`Groups::with_seed`].
    pub(super) fn with_seed(seed: u64) -> Self {
        Self {
            texts: Groups::with_seed(seed),
            clipped: Groups::with_seed(seed),
            lengths: Groups::with_seed(seed),
        }
    }

    #[inline]
    pub(super) fn add(&mut self, text: &'r str) {
        self.texts.add(text);
    }

    /// Adds a text of a column in which equal texts stand together.
    #[inline]
    pub(super) fn add_in_order(&mut self, text: &'r str) {
        self.texts.add_in_order(text);
    }

    pub(super) fn add_many(&mut self, text: &'r str, times: u64) {
        self.texts.add_many(text, times);
    }

    /// Takes the texts so far into a field's statistics.
    pub(super) fn flush(&mut self, field: &mut FieldStatistics, limits: &PaneLimits) {
        if self.texts.is_empty() {
            return;
        }
        let groups = self.texts.drain();
        // Cut first: two texts need not compare as what is shown of them.
        let (mut low, mut high) = (clip(groups[0].0), clip(groups[0].0));
        let mut long = false;
        for (text, count) in groups.iter() {
            low = low.min(clip(text));
            high = high.max(clip(text));
            long |= text.len() > SHOWN;
            self.lengths.add_many(text.len() as i64, *count);
        }
        sizes(field, ValueType::String, self.lengths.drain());
        let sketching = !field.without_sketches;
        let typed = field.of_mut(ValueType::String);
        let bound = |text: &str| Bound::Text(text.into());
        typed.add_bounds((bound(low), bound(high)));
        if !sketching {
            return;
        }
        let sketches = &mut typed.sketches;
        let distinct = sketches.distinct.get_or_insert_default();
        groups.iter().for_each(|(text, _)| distinct.add_text(text));
        let top = sketches
            .top
            .get_or_insert_with(|| TopValues::new(limits.top_values));
        if long {
            // Texts that differ only later on are one here.
            for (text, count) in groups.iter() {
                self.clipped.add_many(clip(text), *count);
            }
        }
        let clipped = self.clipped.drain();
        let shown: &[(&str, u64)] = if long { &clipped } else { &groups };
        top.add(shown.iter().map(|(_, count)| *count), |place, text| {
            text.push_str(shown[place].0);
        });
    }
}
