//! Where in documents the events are, as a sample of them shows.

use bytes::Bytes;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::encoding;

/// The path of the elements that are events: the children of the roots, where each root holds only
/// elements of one name and one of them several. `None` where the roots are the events.
pub(in crate::decode) fn record_path<'c>(
    contents: impl Iterator<Item = &'c Bytes>,
) -> Option<String> {
    let mut path: Option<(String, String)> = None;
    let mut several = false;
    for content in contents {
        let decoded = encoding::decode(content).ok()?;
        let shape = Shape::of(&decoded.text)?;
        let found = (shape.root, shape.child?);
        if path.as_ref().is_some_and(|path| *path != found) {
            return None;
        }
        several |= shape.children > 1;
        path = Some(found);
    }
    let (root, child) = path.filter(|_| several)?;
    Some(format!("{root}/{child}"))
}

/// A document with one root.
struct Shape {
    root: String,
    /// The name of all elements in the root.
    child: Option<String>,
    children: usize,
}

impl Shape {
    /// `None` for what is not one document with one root that holds elements of one name alone.
    fn of(text: &str) -> Option<Self> {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        let mut depth = 0;
        let mut shape: Option<Self> = None;
        loop {
            match reader.read_event().ok()? {
                Event::Start(tag) => {
                    let name = tag.name();
                    let name: &str = name.as_ref();
                    match (depth, &mut shape) {
                        (0, None) => {
                            shape = Some(Self {
                                root: name.to_owned(),
                                child: None,
                                children: 0,
                            });
                        }
                        (0, Some(_)) => return None,
                        (1, Some(shape)) => {
                            if shape.child.as_ref().is_some_and(|child| child != name) {
                                return None;
                            }
                            shape.child.get_or_insert_with(|| name.to_owned());
                            shape.children += 1;
                        }
                        _ => {}
                    }
                    depth += 1;
                }
                Event::End(_) => depth -= 1,
                Event::Text(text)
                    if depth == 1 && !text.xml10_content().trim_ascii().is_empty() =>
                {
                    return None;
                }
                Event::CData(_) | Event::GeneralRef(_) if depth == 1 => return None,
                Event::Eof => return shape,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(contents: &[&'static str]) -> Option<String> {
        let contents: Vec<Bytes> = contents.iter().map(|text| Bytes::from(*text)).collect();
        record_path(contents.iter())
    }

    #[test]
    fn repeated_elements_below_the_root_are_the_events() {
        let several = "<rows><row>1</row> <row a='b'><c/></row></rows>";
        assert_eq!(path(&[several]).as_deref(), Some("rows/row"));
        let one = "<rows><row/></rows>";
        assert_eq!(path(&[one, several, one]).as_deref(), Some("rows/row"));
    }

    #[test]
    fn other_documents_are_events_themselves() {
        assert_eq!(path(&["<a><b>1</b><c>2</c></a>"]), None);
        assert_eq!(path(&["<a><b>1</b></a>"]), None, "nothing is repeated");
        assert_eq!(path(&["<a>1</a>"]), None);
        assert_eq!(path(&["<a><b/>text<b/></a>"]), None);
        assert_eq!(path(&["<a><b/><b/></a>", "<a><c/><c/></a>"]), None);
        assert_eq!(path(&["<a><b/><b/></a><a><b/></a>"]), None);
        assert_eq!(path(&["<a><b></a>"]), None);
    }
}
