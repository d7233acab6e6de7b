//! One record as a tree: elements with their attributes, children and text.
//!
//! Whether an element is a list shows only once its parent ends, so a record is read as a whole
//! before it is written. Nodes lie end to end and are used again for the next record.

use crate::decode::repeated::Repeated;

/// A record under way, or whole.
#[derive(Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// Names and texts end to end.
    text: String,
    /// The elements that are open, and what each has of text; those after `depth` wait to be used
    /// again.
    open: Vec<Open>,
    depth: usize,
    repeated: Repeated,
    children: Vec<u32>,
}

/// The place of a node.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct NodeId(u32);

/// An element, or an attribute: a name with text, and perhaps with others in it.
struct Node {
    name: Span,
    text: Span,
    first_child: Option<NodeId>,
    last_child: Option<NodeId>,
    next: Option<NodeId>,
    /// The next one with the same name in the same element.
    next_alike: Option<NodeId>,
    /// Whether one of the same name came before.
    repeats: bool,
}

/// Bytes of a tree's text.
#[derive(Clone, Copy, Default)]
struct Span {
    start: u32,
    end: u32,
}

#[derive(Default)]
struct Open {
    node: u32,
    text: String,
    /// Where white space begins to count, and where it ceases to: CDATA is kept as it is.
    exact: Option<(usize, usize)>,
}

/// Why a record cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// It has more nodes, or more bytes, than are kept.
    TooLarge,
    TooDeep,
}

/// An attribute that is there twice.
pub(super) struct AttributeTwice;

impl Tree {
    /// Forgets the record.
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.text.clear();
        self.depth = 0;
    }

    /// Opens an element within the one that is open.
    pub(super) fn open(&mut self, name: &str, limits: &Limits) -> Result<(), Full> {
        if self.depth == limits.max_depth {
            return Err(Full::TooDeep);
        }
        let name = self.keep("", name)?;
        let node = self.add(name, limits)?;
        if self.open.len() == self.depth {
            self.open.push(Open::default());
        }
        let open = &mut self.open[self.depth];
        open.node = node.0;
        open.text.clear();
        open.exact = None;
        self.depth += 1;
        Ok(())
    }

    /// Gives the open element an attribute.
    pub(super) fn attribute(
        &mut self,
        name: &str,
        value: &str,
        limits: &Limits,
    ) -> Result<(), Full> {
        let name = self.keep("@", name)?;
        let text = self.keep("", value)?;
        let node = self.add(name, limits)?;
        self.nodes[node.0 as usize].text = text;
        Ok(())
    }

    /// Gives the open element text; `exact` text is not trimmed.
    pub(super) fn text(&mut self, text: &str, exact: bool) {
        let Some(open) = self
            .depth
            .checked_sub(1)
            .and_then(|at| self.open.get_mut(at))
        else {
            return;
        };
        let start = open.text.len();
        open.text.push_str(text);
        if exact {
            let first = open.exact.map_or(start, |(first, _)| first);
            open.exact = Some((first, open.text.len()));
        }
    }

    /// Closes the open element; says whether that was the record.
    pub(super) fn close(&mut self, trim: bool) -> Result<bool, Closing> {
        let Some(depth) = self.depth.checked_sub(1) else {
            return Ok(true);
        };
        self.depth = depth;
        let open = std::mem::take(&mut self.open[depth]);
        let text = self.keep("", open.trimmed(trim)).map_err(Closing::Full)?;
        self.nodes[open.node as usize].text = text;
        let twice = self.find_alike(NodeId(open.node));
        self.open[depth] = open;
        twice.map_err(|AttributeTwice| Closing::AttributeTwice)?;
        Ok(depth == 0)
    }

    /// Finds children with the same name.
    fn find_alike(&mut self, parent: NodeId) -> Result<(), AttributeTwice> {
        let mut children = std::mem::take(&mut self.children);
        children.clear();
        children.extend(self.children(parent).map(|NodeId(child)| child));
        let mut repeated = std::mem::take(&mut self.repeated);
        repeated.find(children.len(), |child| {
            self.name(NodeId(children[child])).as_bytes()
        });
        let mut twice = Ok(());
        for (place, &child) in children.iter().enumerate() {
            let next = repeated.from(place).nth(1);
            if next.is_some() && self.name(NodeId(child)).starts_with('@') {
                twice = Err(AttributeTwice);
            }
            let node = &mut self.nodes[child as usize];
            node.next_alike = next.map(|next| NodeId(children[next]));
            node.repeats = !repeated.is_first(place);
        }
        self.repeated = repeated;
        self.children = children;
        twice
    }

    fn add(&mut self, name: Span, limits: &Limits) -> Result<NodeId, Full> {
        if self.nodes.len() == limits.max_nodes {
            return Err(Full::TooLarge);
        }
        let id = NodeId(u32::try_from(self.nodes.len()).map_err(|_| Full::TooLarge)?);
        self.nodes.push(Node {
            name,
            text: Span::default(),
            first_child: None,
            last_child: None,
            next: None,
            next_alike: None,
            repeats: false,
        });
        if let Some(depth) = self.depth.checked_sub(1) {
            let parent = self.open[depth].node as usize;
            match self.nodes[parent].last_child.replace(id) {
                Some(last) => self.nodes[last.0 as usize].next = Some(id),
                None => self.nodes[parent].first_child = Some(id),
            }
        }
        Ok(id)
    }

    /// Appends to the text.
    fn keep(&mut self, mark: &str, text: &str) -> Result<Span, Full> {
        let start = self.text.len();
        self.text.push_str(mark);
        self.text.push_str(text);
        let place = |at: usize| u32::try_from(at).map_err(|_| Full::TooLarge);
        Ok(Span {
            start: place(start)?,
            end: place(self.text.len())?,
        })
    }

    fn span(&self, span: Span) -> &str {
        let range = span.start as usize..span.end as usize;
        self.text.get(range).unwrap_or_default()
    }

    /// The record's element.
    pub(super) fn root(&self) -> NodeId {
        NodeId(0)
    }

    pub(super) fn name(&self, node: NodeId) -> &str {
        self.span(self.nodes[node.0 as usize].name)
    }

    pub(super) fn text_of(&self, node: NodeId) -> &str {
        self.span(self.nodes[node.0 as usize].text)
    }

    /// Attributes and elements in a node, in their order.
    pub(super) fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let first = self.nodes[node.0 as usize].first_child;
        std::iter::successors(first, |child| self.nodes[child.0 as usize].next)
    }

    /// Whether a node of the same name came before it in its element.
    pub(super) fn repeats(&self, node: NodeId) -> bool {
        self.nodes[node.0 as usize].repeats
    }

    /// A node and those of its name after it.
    pub(super) fn alike(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(Some(node), |node| self.nodes[node.0 as usize].next_alike)
    }
}

/// What a record may take.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) max_depth: usize,
    pub(super) max_nodes: usize,
}

/// Why an element cannot be closed.
pub(super) enum Closing {
    Full(Full),
    AttributeTwice,
}

impl Open {
    /// The text without white space around it.
    fn trimmed(&self, trim: bool) -> &str {
        if !trim {
            return &self.text;
        }
        let white = [' ', '\t', '\r', '\n'];
        let start = self.text.len() - self.text.trim_start_matches(white).len();
        let end = self.text.trim_end_matches(white).len();
        let (start, end) = match self.exact {
            Some((first, last)) => (start.min(first), end.max(last)),
            None => (start, end.max(start)),
        };
        self.text.get(start..end).unwrap_or_default()
    }
}
