//! From a tree to columns.

use crate::decode::cells::Cells;
use crate::decode::column::Column;
use crate::decode::fields::{Cursor, Fields};
use crate::decode::lexical::Reading;
use crate::schema::text::{ObjectText, quoted_key, write_null};

use super::options::XmlOptions;
use super::tree::{NodeId, Tree};

/// The name of an element's own text beside attributes and children.
const TEXT: &str = "#text";
/// The attribute that says of an element that it is null.
const NIL: &str = "@xsi:nil";

/// Writes a tree into columns.
pub(super) struct Writer<'a> {
    pub(super) tree: &'a Tree,
    pub(super) options: &'a XmlOptions,
}

/// What an element is.
enum Kind<'t> {
    Null,
    Text(&'t str),
    Object,
}

impl<'a> Writer<'a> {
    /// Writes the record as `row` of `fields`.
    pub(super) fn record(&self, fields: &mut Fields, row: usize, cells: &mut Cells) {
        let root = self.tree.root();
        let mut cursor = Cursor::default();
        if let Some(name) = &self.options.name_field
            && let Some(column) = fields.column(name, row, &mut cursor, cells)
        {
            column.push_str(row, self.tree.name(root));
        }
        self.members(root, fields, row, cursor, cells);
    }

    fn kind(&self, node: NodeId) -> Kind<'a> {
        let tree = self.tree;
        let text = tree.text_of(node);
        let mut children = tree.children(node);
        let (Some(first), second) = (children.next(), children.next()) else {
            return match self.is_null(text) {
                true => Kind::Null,
                false => Kind::Text(text),
            };
        };
        let nil = second.is_none() && text.is_empty() && tree.name(first) == NIL;
        match nil && matches!(tree.text_of(first), "true" | "1") {
            true => Kind::Null,
            false => Kind::Object,
        }
    }

    /// The text of an object beside its members; white space alone only sets those apart.
    fn own_text(&self, node: NodeId) -> Option<&'a str> {
        let text = self.tree.text_of(node);
        (!text.trim_ascii().is_empty() && !self.is_null(text)).then_some(text)
    }

    fn is_null(&self, text: &str) -> bool {
        self.options.null_values.iter().any(|null| null == text)
    }

    fn reading(&self, name: &str) -> Reading {
        match self.options.types.get(name) {
            Some(&decided) => Reading::Decided(decided),
            None => Reading::undecided(self.options.infer),
        }
    }

    /// Whether a member of an object is a list. Attributes are none.
    fn is_list(&self, node: NodeId) -> bool {
        let name = self.tree.name(node);
        self.tree.alike(node).nth(1).is_some() || self.options.lists.iter().any(|list| list == name)
    }

    fn members(
        &self,
        node: NodeId,
        fields: &mut Fields,
        row: usize,
        mut cursor: Cursor,
        cells: &mut Cells,
    ) {
        for member in self.firsts(node) {
            let name = self.tree.name(member);
            let Some(column) = fields.column(name, row, &mut cursor, cells) else {
                continue;
            };
            match self.is_list(member) {
                true => self.list(member, column, row, cells),
                false => self.value(member, column, row, cells),
            }
        }
        if let Some(text) = self.own_text(node)
            && let Some(column) = fields.column(TEXT, row, &mut cursor, cells)
        {
            self.reading(TEXT).push(column, row, text);
        }
        cells.add(fields.len());
    }

    /// The members of an object, the first one of each name.
    fn firsts(&self, node: NodeId) -> impl Iterator<Item = NodeId> + 'a {
        let tree = self.tree;
        tree.children(node).filter(|&child| !tree.repeats(child))
    }

    fn list(&self, first: NodeId, column: &mut Column, row: usize, cells: &mut Cells) {
        let Some(list) = column.list(row) else {
            return column.push_json(row, |out| self.list_text(first, out));
        };
        for item in self.tree.alike(first) {
            if cells.over() {
                break;
            }
            self.value(item, &mut list.column, list.items, cells);
            list.items += 1;
        }
        list.close();
    }

    fn value(&self, node: NodeId, column: &mut Column, row: usize, cells: &mut Cells) {
        match self.kind(node) {
            Kind::Null => column.push_null(row),
            Kind::Text(text) => self.reading(self.tree.name(node)).push(column, row, text),
            Kind::Object => match column.object(row) {
                Some(fields) => self.members(node, fields, row, Cursor::default(), cells),
                None => column.push_json(row, |out| self.object_text(node, out)),
            },
        }
    }

    /// Appends a list as canonical JSON text.
    fn list_text(&self, first: NodeId, out: &mut Vec<u8>) {
        out.push(b'[');
        for (place, item) in self.tree.alike(first).enumerate() {
            if place > 0 {
                out.push(b',');
            }
            self.value_text(item, out);
        }
        out.push(b']');
    }

    fn value_text(&self, node: NodeId, out: &mut Vec<u8>) {
        match self.kind(node) {
            Kind::Null => write_null(out),
            Kind::Text(text) => self.reading(self.tree.name(node)).write(text, out),
            Kind::Object => self.object_text(node, out),
        }
    }

    fn object_text(&self, node: NodeId, out: &mut Vec<u8>) {
        let tree = self.tree;
        let text = self.own_text(node);
        // `None` is the element's own text.
        let mut members: Vec<(&str, Option<NodeId>)> = self
            .firsts(node)
            .map(|member| (tree.name(member), Some(member)))
            .collect();
        members.extend(text.map(|_| (TEXT, None)));
        members.sort_unstable_by_key(|(name, _)| *name);
        let mut object = ObjectText::open(out);
        for (name, member) in members {
            let key = quoted_key(name);
            match member {
                None => {
                    let out = object.key(&key);
                    self.reading(TEXT).write(text.unwrap_or_default(), out);
                }
                Some(member) if self.is_list(member) => self.list_text(member, object.key(&key)),
                Some(member) if matches!(self.kind(member), Kind::Null) => {}
                Some(member) => self.value_text(member, object.key(&key)),
            }
        }
        object.close();
    }
}
