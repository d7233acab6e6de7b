//! What goes when there is too much.

use std::cmp::Reverse;

use super::pane::{Pane, node_size};
use super::tree::Node;

/// A field as a candidate: its events, how deep it lies, and its place in the order of a visit.
type Candidate = (u64, Reverse<usize>, usize);

impl Pane {
    /// Gives up what is beyond the limits: first fields beyond their number, then sketches, then
    /// more fields; always those of the sparsest fields first.
    pub(super) fn keep_limits(&mut self) {
        let (fields, mut bytes) = self.size();
        if fields > self.limits.max_fields {
            self.drop_fields(fields - self.limits.max_fields);
            bytes = self.memory_size();
        }
        if bytes > self.limits.max_bytes {
            self.save_bytes(bytes);
        }
    }

    /// The fields, the sparsest first. What is below a field is in no more events than it and comes
    /// before it, so any number of the first ones can go together.
    fn sparsest(&self) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        let mut place = 0;
        self.root.visit(&mut String::new(), &mut |path, node| {
            let depth = path.split(['.', '[', '{']).count();
            let events = node.statistics.events + node.statistics.missed;
            candidates.push((events, Reverse(depth), place));
            place += 1;
        });
        candidates.sort_unstable();
        candidates
    }

    fn drop_fields(&mut self, most: usize) {
        let candidates = self.sparsest();
        let mut gone = vec![false; candidates.len()];
        for (events, _, place) in candidates.into_iter().take(most) {
            gone[place] = true;
            self.given_up.events = self.given_up.events.max(events);
            self.given_up.fields += 1;
        }
        // Places count what goes with its parent, too.
        let mut place = 0;
        self.root.retain(&mut |node| {
            let keep = !gone[place];
            place += 1;
            if !keep {
                place += below(node);
            }
            keep
        });
    }

    fn save_bytes(&mut self, mut bytes: usize) {
        let candidates = self.sparsest();
        let mut sizes = Vec::with_capacity(candidates.len());
        self.root.each(0, &mut |path, node| {
            let statistics = &node.statistics;
            let sketches: usize = statistics
                .types()
                .map(|(_, typed)| typed.sketches.memory_size())
                .sum();
            let all = node_size(path, node);
            sizes.push((statistics.has_sketches().then_some(sketches), all));
        });
        let mut without = vec![false; candidates.len()];
        for (_, _, place) in &candidates {
            if bytes <= self.limits.max_bytes {
                break;
            }
            if let Some(sketches) = sizes[*place].0 {
                bytes -= sketches.min(bytes);
                sizes[*place].1 -= sketches;
                without[*place] = true;
                self.given_up.sketches += 1;
            }
        }
        let mut place = 0;
        self.root.visit_mut(&mut |node| {
            if without[place] {
                node.own().give_up_sketches();
            }
            place += 1;
        });
        let mut fields = 0;
        for (_, _, place) in &candidates {
            if bytes <= self.limits.max_bytes {
                break;
            }
            bytes -= sizes[*place].1.min(bytes);
            fields += 1;
        }
        if fields > 0 {
            self.drop_fields(fields);
        }
    }
}

/// How many fields are below one.
fn below(node: &Node) -> usize {
    let mut fields = 0;
    node.each(0, &mut |_, _| fields += 1);
    fields
}
