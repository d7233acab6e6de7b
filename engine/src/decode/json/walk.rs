//! From the parser's tape to columns.

use std::slice::Iter;

use simd_json::{Node, StaticNode};

use super::numbers::BigNumbers;
use crate::decode::cells::Cells;
use crate::decode::column::Column;
use crate::decode::fields::{Cursor, Fields};
use crate::schema::text::{
    ObjectText, quoted_key, write_bool, write_float, write_int, write_null, write_string,
};

/// The nodes of values one after the other, each with what is in it.
pub(super) type Nodes<'t, 'i> = Iter<'t, Node<'i>>;

/// Writes values of a tape into columns.
pub(super) struct Walk<'a> {
    pub(super) cells: &'a mut Cells,
    /// Numbers that stand on the tape as strings.
    pub(super) numbers: &'a BigNumbers,
    /// The address of the text that the strings of the tape lie in.
    pub(super) base: usize,
}

impl Walk<'_> {
    /// Writes the `len` members of an object, whose node was taken, as `row` of `fields`.
    pub(super) fn object(
        &mut self,
        nodes: &mut Nodes<'_, '_>,
        len: usize,
        fields: &mut Fields,
        row: usize,
    ) {
        let mut cursor = Cursor::default();
        for _ in 0..len {
            let Some(Node::String(key)) = nodes.next() else {
                return;
            };
            match fields.column(key, row, &mut cursor, self.cells) {
                Some(column) => self.value(nodes, column, row),
                None => skip(nodes),
            }
        }
        self.cells.add(fields.len());
    }

    /// Writes the next value as the member `name` of `row`.
    pub(super) fn member(
        &mut self,
        name: &str,
        nodes: &mut Nodes<'_, '_>,
        fields: &mut Fields,
        row: usize,
        cursor: &mut Cursor,
    ) {
        match fields.column(name, row, cursor, self.cells) {
            Some(column) => self.value(nodes, column, row),
            None => skip(nodes),
        }
    }

    fn value(&mut self, nodes: &mut Nodes<'_, '_>, column: &mut Column, row: usize) {
        let before = nodes.clone();
        match nodes.next() {
            Some(Node::String(text)) => match self.digits(text) {
                None => column.push_str(row, text),
                Some(digits) => {
                    column.push_json(row, |out| out.extend_from_slice(digits.as_bytes()));
                }
            },
            Some(Node::Static(node)) => push_static(column, row, *node),
            Some(Node::Object { len, .. }) => match column.object(row) {
                Some(fields) => self.object(nodes, *len, fields, row),
                None => self.json(nodes, before, column, row),
            },
            Some(Node::Array { len, .. }) => match column.list(row) {
                Some(list) => {
                    for _ in 0..*len {
                        if self.cells.over() {
                            break;
                        }
                        self.value(nodes, &mut list.column, list.items);
                        list.items += 1;
                    }
                    list.close();
                }
                None => self.json(nodes, before, column, row),
            },
            None => {}
        }
    }

    fn json<'t, 'i>(
        &self,
        nodes: &mut Nodes<'t, 'i>,
        before: Nodes<'t, 'i>,
        column: &mut Column,
        row: usize,
    ) {
        *nodes = before;
        column.push_json(row, |out| self.text(nodes, out));
    }

    /// Appends a value as canonical JSON text.
    fn text(&self, nodes: &mut Nodes<'_, '_>, out: &mut Vec<u8>) {
        match nodes.next() {
            Some(Node::String(text)) => match self.digits(text) {
                None => write_string(out, text),
                Some(digits) => out.extend_from_slice(digits.as_bytes()),
            },
            Some(Node::Static(node)) => write_static(*node, out),
            Some(Node::Object { len, .. }) => self.object_text(nodes, *len, out),
            Some(Node::Array { len, .. }) => {
                out.push(b'[');
                for place in 0..*len {
                    if place > 0 {
                        out.push(b',');
                    }
                    self.text(nodes, out);
                }
                out.push(b']');
            }
            None => write_null(out),
        }
    }

    /// Members in the order of their keys, the last one of equal keys, none that is null.
    fn object_text(&self, nodes: &mut Nodes<'_, '_>, len: usize, out: &mut Vec<u8>) {
        let mut members = Vec::with_capacity(len);
        for _ in 0..len {
            let Some(Node::String(key)) = nodes.next() else {
                break;
            };
            members.push((*key, nodes.clone()));
            skip(nodes);
        }
        members.sort_by_key(|(key, _)| *key);
        let mut object = ObjectText::open(out);
        for (place, (key, value)) in members.iter().enumerate() {
            let overwritten = members.get(place + 1).is_some_and(|(next, _)| next == key);
            let null = matches!(
                value.clone().next(),
                Some(Node::Static(StaticNode::Null)) | None
            );
            if !overwritten && !null {
                self.text(&mut value.clone(), object.key(&quoted_key(key)));
            }
        }
        object.close();
    }

    /// The digits that a string of the tape stands for, where it does.
    #[inline]
    fn digits(&self, text: &str) -> Option<&str> {
        if self.numbers.is_empty() {
            return None;
        }
        self.numbers.digits(text.as_ptr() as usize - self.base)
    }
}

fn push_static(column: &mut Column, row: usize, node: StaticNode) {
    match node {
        StaticNode::I64(value) => column.push_int(row, value),
        StaticNode::U64(value) => match i64::try_from(value) {
            Ok(value) => column.push_int(row, value),
            Err(_) => column.push_json(row, |out| write_static(node, out)),
        },
        StaticNode::F64(value) => column.push_float(row, value),
        StaticNode::Bool(value) => column.push_bool(row, value),
        StaticNode::Null => column.push_null(row),
    }
}

fn write_static(node: StaticNode, out: &mut Vec<u8>) {
    match node {
        StaticNode::I64(value) => write_int(out, value),
        StaticNode::U64(value) => {
            out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        }
        StaticNode::F64(value) => write_float(out, value),
        StaticNode::Bool(value) => write_bool(out, value),
        StaticNode::Null => write_null(out),
    }
}

/// Leaves out the next value.
pub(super) fn skip(nodes: &mut Nodes<'_, '_>) {
    let inside = match nodes.next() {
        Some(Node::Object { count, .. } | Node::Array { count, .. }) => *count,
        _ => return,
    };
    *nodes = nodes.as_slice()[inside..].iter();
}
