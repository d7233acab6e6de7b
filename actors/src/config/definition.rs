//! Files that a configuration names: schemas and other definitions.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::value::format_size;

/// Bytes of such a file: none that people write comes near. A file without an end, such as a device,
/// must not fill the memory.
const MOST: u64 = 4 << 20;

/// The bytes of a file.
pub(super) fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        let most = format_size(MOST);
        return Err(io::Error::other(format!("it has more than {most}")));
    }
    Ok(bytes)
}

/// The text of a file.
pub(super) fn text(path: &Path) -> io::Result<String> {
    String::from_utf8(bytes(path)?).map_err(io::Error::other)
}
