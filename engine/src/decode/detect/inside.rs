//! What is in the payloads of a sample.

use bytes::Bytes;

use crate::decode::expand::Expander;
use crate::decode::options::{Compression, ContentOptions};
use crate::types::RejectCode;

/// What is in one payload of a sample.
#[derive(Clone, Debug)]
pub struct Inside {
    /// Its contents; none where its compression cannot be undone.
    pub contents: Vec<Bytes>,
    /// The compressions that were undone, the outermost first. Equal ones side by side, as in an
    /// archive of compressed files, are there once.
    pub compressions: Vec<Compression>,
    /// Why its compression cannot be undone.
    pub failure: Option<(RejectCode, String)>,
}

/// Undoes the compression of payloads, as a decoder with these options does. Stops once what came
/// out has `max_bytes` bytes, which may be passed by one payload: so there may be fewer answers than
/// payloads.
pub fn open_payloads(
    payloads: &[Bytes],
    options: &ContentOptions,
    max_bytes: usize,
) -> Vec<Inside> {
    let mut expander = Expander::new(options);
    let mut insides = Vec::with_capacity(payloads.len());
    let mut bytes = 0;
    for payload in payloads {
        if bytes >= max_bytes {
            break;
        }
        let mut contents = Vec::new();
        let failure = match expander.expand(payload, &mut contents) {
            Ok(more) => {
                bytes += more.max(payload.len());
                None
            }
            Err(failure) => {
                contents.clear();
                Some((failure.code(), failure.reason()))
            }
        };
        let mut compressions = expander.undone().to_vec();
        compressions.dedup();
        insides.push(Inside {
            contents,
            compressions,
            failure,
        });
    }
    insides
}
