//! Which values there were most often.

use serde::Serialize;

use super::Typed;
use crate::statistics::sketch::TopValues;
use crate::statistics::typed::ValueType;
use crate::statistics::view::View;

/// The most frequent values of a field: of its integers and texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TopAnswer {
    /// The values, the most frequent first; equal counts by their texts.
    pub values: Vec<TopValueAnswer>,
    /// A value that is not listed was there at most so many times.
    pub others_at_most: u64,
}

/// A frequent value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TopValueAnswer {
    /// The value as text, cut after 256 bytes.
    pub value: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ValueType,
    /// It was there at least so many times.
    pub count: u64,
    /// It was there at most so many times.
    pub at_most: u64,
}

impl TopAnswer {
    /// `None` of no integer and no text.
    pub(super) fn of(types: &[Typed<'_>], most: usize) -> Option<Self> {
        let mut answer: Option<Self> = None;
        for (kind, typed) in types {
            if !matches!(kind, ValueType::Integer | ValueType::String) {
                continue;
            }
            let top = typed.sketches.top.as_ref();
            // What the sketches have not seen may have been any value.
            let unseen = typed.values.saturating_sub(typed.sketched);
            let error = top.map_or(0, TopValues::error) + unseen;
            let answer = answer.get_or_insert_default();
            answer.others_at_most = answer.others_at_most.max(error.min(typed.values));
            // One more than is listed: the most frequent of those that are not.
            let kept = top.map_or(0, TopValues::top).min(most);
            let values = top.map_or_else(Vec::new, |top| top.values(kept + 1));
            let values = values.iter().map(|own| TopValueAnswer {
                value: own.value.to_owned(),
                kind: *kind,
                count: own.count,
                at_most: (own.count + error).min(typed.values),
            });
            for (place, value) in values.enumerate() {
                match place < kept {
                    true => answer.values.push(value),
                    false => answer.leave_out(&value),
                }
            }
        }
        let mut answer = answer?;
        let order = |a: &TopValueAnswer, b: &TopValueAnswer| {
            b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value))
        };
        answer.values.sort_by(order);
        let rest = answer.values.split_off(most.min(answer.values.len()));
        rest.iter().for_each(|value| answer.leave_out(value));
        Some(answer)
    }

    fn leave_out(&mut self, value: &TopValueAnswer) {
        self.others_at_most = self.others_at_most.max(value.at_most);
    }
}

impl View {
    /// The most frequent values of a field, at most `most` (and no more than the source keeps:
    /// `statistics.top_values`). `None` if there is no such field; empty if it has no integer and no
    /// text.
    pub fn top_values(&self, path: &str, most: usize) -> Option<TopAnswer> {
        let field = self.field_statistics(path)?;
        let types: Vec<_> = field.types().collect();
        Some(TopAnswer::of(&types, most).unwrap_or_default())
    }
}
