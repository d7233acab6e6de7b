//! Values behind a key: HMAC-SHA-256.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The fewest bytes of a key.
const LEAST_BYTES: usize = 16;

/// The key of `hash_columns`. It is never shown, logged or stored; its [`HashKey::id`] is.
#[derive(Clone)]
pub struct HashKey {
    begun: Hmac<Sha256>,
}

impl HashKey {
    /// A key of these bytes; `None` if there are fewer than 16.
    pub fn new(key: &[u8]) -> Option<Self> {
        if key.len() < LEAST_BYTES {
            return None;
        }
        // A key of any length will do.
        let begun = Hmac::new_from_slice(key).ok()?;
        Some(Self { begun })
    }

    /// What tells two keys apart and says nothing of them: 16 hexadecimal digits.
    pub fn id(&self) -> String {
        let mut id = String::new();
        self.write(b"shardmill: which key is this", &mut id);
        id.truncate(16);
        id
    }

    /// Appends the 64 hexadecimal digits that stand for `value`.
    pub(in crate::decode) fn write(&self, value: &[u8], out: &mut String) {
        let mut mac = self.begun.clone();
        mac.update(value);
        for byte in mac.finalize().into_bytes() {
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 0xf)]));
        }
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HashKey({})", self.id())
    }
}

impl PartialEq for HashKey {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_hmac_sha_256_as_others_compute_it() {
        // Test case 6 of RFC 4231: a key that is longer than a block.
        let key = HashKey::new(&[0xaa; 131]).unwrap();
        let mut hash = String::new();
        key.write(
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            &mut hash,
        );
        assert_eq!(
            hash,
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn a_key_is_never_shown_and_not_too_short() {
        assert!(HashKey::new(b"0123456789abcde").is_none());
        let key = HashKey::new(b"0123456789abcdef").unwrap();
        assert!(!format!("{key:?}").contains("0123456789abcdef"));
        assert_eq!(key.id().len(), 16);
        assert_ne!(key.id(), HashKey::new(b"0123456789abcdeX").unwrap().id());
    }
}
