//! Members that share a name: in forms and XML they are a list.

/// Which members of an object have the same name. Keeps its buffers between objects.
#[derive(Default)]
pub(super) struct Repeated {
    /// For each member, the next one of its name.
    next: Vec<Option<usize>>,
    /// For each member, whether it is the first one of its name.
    first: Vec<bool>,
    order: Vec<usize>,
}

impl Repeated {
    /// Up to so many members are compared one by one.
    const FEW: usize = 8;

    /// Finds the members of equal names among `members`.
    pub(super) fn find<'n>(&mut self, members: usize, name: impl Fn(usize) -> &'n [u8]) {
        self.next.clear();
        self.next.resize(members, None);
        self.first.clear();
        self.first.resize(members, true);
        if members <= Self::FEW {
            for member in 1..members {
                let before = (0..member).rev().find(|&other| name(other) == name(member));
                self.link(before, member);
            }
            return;
        }
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        order.extend(0..members);
        // Stable, so members of one name stay in their order.
        order.sort_by(|&a, &b| name(a).cmp(name(b)));
        for pair in order.windows(2) {
            if name(pair[0]) == name(pair[1]) {
                self.link(Some(pair[0]), pair[1]);
            }
        }
        self.order = order;
    }

    fn link(&mut self, before: Option<usize>, member: usize) {
        if let Some(before) = before {
            self.next[before] = Some(member);
            self.first[member] = false;
        }
    }

    /// Whether a member is the first one of its name.
    pub(super) fn is_first(&self, member: usize) -> bool {
        self.first[member]
    }

    /// Whether others of its name come after a member.
    pub(super) fn goes_on(&self, member: usize) -> bool {
        self.next[member].is_some()
    }

    /// A member and those of its name after it.
    pub(super) fn from(&self, member: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(member), |&member| self.next[member])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lists_are_those_of_one_name_in_their_order(names in prop::collection::vec("[a-d]", 0..20)) {
            let mut repeated = Repeated::default();
            repeated.find(names.len(), |member| names[member].as_bytes());
            let mut lists = Vec::new();
            for member in (0..names.len()).filter(|&member| repeated.is_first(member)) {
                let list: Vec<usize> = repeated.from(member).collect();
                prop_assert_eq!(repeated.goes_on(member), list.len() > 1);
                lists.push(list);
            }
            let mut seen: Vec<&String> = Vec::new();
            let mut expected = Vec::new();
            for name in &names {
                if !seen.contains(&name) {
                    seen.push(name);
                    expected.push((0..names.len()).filter(|&at| names[at] == *name).collect::<Vec<_>>());
                }
            }
            prop_assert_eq!(lists, expected);
        }
    }
}
