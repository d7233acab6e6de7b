//! Names of objects and of temporary files.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use shardmill_engine::ports::StoreError;

use super::refused;

/// The folder of temporary files, below the root.
pub(super) const TEMPORARY: &str = "_tmp";

const UPLOAD: &str = "upload~";
const PUT: &str = "put~";

/// The file of an object. A name that could lead outside of the root, or among the temporary
/// files, is refused.
pub(super) fn path(root: &Path, name: &str) -> Result<PathBuf, StoreError> {
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
    let mut parts = name.split('/');
    if !parts.clone().all(plain) || parts.next() == Some(TEMPORARY) {
        let detail = "it is no name of an object: parts between `/` must not be empty, `.` or \
                      `..`, and the first must not be `_tmp`";
        return Err(refused(name, detail.to_owned()));
    }
    Ok(root.join(name))
}

/// The temporary file of a whole object.
pub(super) fn put_file(root: &Path, name: &str, id: &str) -> PathBuf {
    temporary(root, PUT, name, id)
}

/// The temporary file of an upload in parts; its name gives the object's name back.
pub(super) fn upload_file(root: &Path, name: &str, id: &str) -> PathBuf {
    temporary(root, UPLOAD, name, id)
}

fn temporary(root: &Path, kind: &str, name: &str, id: &str) -> PathBuf {
    root.join(TEMPORARY)
        .join(format!("{kind}{}~{id}", escape(name)))
}

/// The name and id of an upload from the file name of its temporary file.
pub(super) fn parse_upload_file(file_name: &str) -> Option<(String, String)> {
    let (escaped, id) = file_name.strip_prefix(UPLOAD)?.rsplit_once('~')?;
    Some((unescape(escaped)?, id.to_owned()))
}

/// Whether a text can be the id of a temporary file: a check of what comes from outside.
pub(super) fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Makes a name one part of a path, without `/` and `~`.
fn escape(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len() + 16);
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'=' => {
                escaped.push(char::from(byte));
            }
            // Writing to a String cannot fail.
            _ => write!(escaped, "%{byte:02X}").unwrap_or_default(),
        }
    }
    escaped
}

fn unescape(escaped: &str) -> Option<String> {
    let mut pieces = escaped.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(piece.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_could_leave_the_root_is_no_name() {
        let root = Path::new("/lake");
        for name in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "a/../b",
            "a/./b",
            "a//b",
            "a/",
            "a\0",
            "_tmp/x",
            "_tmp",
        ] {
            assert!(path(root, name).is_err(), "{name:?}");
        }
        assert_eq!(
            path(root, "data/date=2026-11-23/hour=05/x.parquet").unwrap(),
            Path::new("/lake/data/date=2026-11-23/hour=05/x.parquet")
        );
    }

    proptest! {
        #[test]
        fn an_upload_file_gives_its_name_back(name in ".{1,40}", id in "[0-9a-f]{32}") {
            let file = upload_file(Path::new("/lake"), &name, &id);
            prop_assert_eq!(file.parent().unwrap(), Path::new("/lake/_tmp"));
            let file_name = file.file_name().unwrap().to_str().unwrap();
            prop_assert_eq!(parse_upload_file(file_name), Some((name, id)));
        }

        #[test]
        fn a_foreign_file_name_is_no_upload_and_no_panic(file_name in ".{0,40}") {
            if let Some((name, id)) = parse_upload_file(&format!("upload~{file_name}")) {
                prop_assert!(!name.is_empty() || file_name.starts_with('~'));
                prop_assert!(file_name.ends_with(&id));
            }
        }
    }
}
