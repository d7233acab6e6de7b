//! Undoing the compression of payloads.
//!
//! What a payload holds depends on its bytes and the stored decision alone (I10):
//! - Under `auto` a payload is what its first bytes say ([`detect`]), and what comes out is looked at
//!   in the same way, up to [`MAX_LAYERS`] layers (a tar in a gzip in a zip has three). What looks
//!   like no compression is a content.
//! - Under a name it is that compression alone, and what comes out is a content whatever it looks
//!   like. A payload that is not of it is a reject.
//! - Several members, frames or streams one after the other are one content; each file of an archive
//!   is one.
//! - A payload is expanded whole or not at all: what is damaged, cut off, followed by other bytes, or
//!   past a limit is a reject with the payload's own bytes, and none of it becomes rows. Zeros that
//!   tools add for padding are let pass after gzip, xz and tar.
//!
//! Memory: what comes out of a payload, over all layers, stays within its limit; lengths that stand
//! in the data are never believed beyond that.

mod bzip2;
mod deflate;
mod detect;
mod failure;
mod lz4;
mod output;
mod snappy;
mod tar;
mod xz;
mod zip;
mod zstd;

use bytes::Bytes;

pub(super) use self::failure::Failure;

use self::deflate::Inflater;
use self::detect::Look;
use self::output::Output;
use self::zstd::Unzstd;
use super::options::{Compression, ContentOptions, ExpansionLimits};

/// Compressions that may be undone one within another.
const MAX_LAYERS: usize = 4;
/// Files of an archive, and frames or streams one after the other, that a payload may have: each
/// costs memory or time, however small it is.
const MAX_PARTS: usize = 65_536;

/// Undoes the compression of payloads. Keeps its buffers and the state of the libraries.
pub(super) struct Expander {
    compression: Compression,
    limits: ExpansionLimits,
    output: Output,
    inflater: Inflater,
    unzstd: Unzstd,
    /// What was undone of the last payload that was expanded, in that order.
    undone: Vec<Compression>,
}

impl Expander {
    pub(super) fn new(content: &ContentOptions) -> Self {
        Self {
            compression: content.compression,
            limits: content.expansion,
            output: Output::default(),
            inflater: Inflater::default(),
            unzstd: Unzstd::default(),
            undone: Vec::new(),
        }
    }

    /// What was undone of the last payload that was expanded, in that order. Each file of an archive
    /// counts for itself.
    pub(super) fn undone(&self) -> &[Compression] {
        &self.undone
    }

    /// Whether it looks at the bytes of each payload.
    pub(super) fn looks(&self) -> bool {
        self.compression == Compression::Auto
    }

    /// Whether a payload is its own content, as far as its first bytes tell.
    #[inline]
    pub(super) fn is_plain(&self, payload: &[u8]) -> bool {
        match self.compression {
            Compression::Auto => matches!(detect::look(payload), Look::Plain),
            Compression::None => true,
            _ => payload.is_empty(),
        }
    }

    /// Appends the contents of a payload, and gives how many bytes they take beside the payload's
    /// own. On a failure nothing of the payload is to be used.
    pub(super) fn expand(
        &mut self,
        payload: &Bytes,
        contents: &mut Vec<Bytes>,
    ) -> Result<usize, Failure> {
        self.output.begin_payload(payload.len(), self.limits);
        self.undone.clear();
        let outcome = match self.compression {
            Compression::Auto => self.open(payload.clone(), 0, contents),
            Compression::None => {
                contents.push(payload.clone());
                Ok(())
            }
            // Nothing is compressed in no bytes.
            _ if payload.is_empty() => {
                contents.push(payload.clone());
                Ok(())
            }
            named if detect::begins_as(named, payload) => self.undo(named, payload, contents),
            named => Err(Failure::Mismatch(named)),
        };
        self.output.end_payload();
        outcome.map(|()| self.output.total())
    }

    /// Forgets whatever a panic may have left behind.
    pub(super) fn reset(&mut self) {
        self.output = Output::default();
        self.inflater = Inflater::default();
        self.unzstd = Unzstd::default();
    }

    /// Appends what is in `data`, which lies below `layers` compressions.
    fn open(
        &mut self,
        data: Bytes,
        layers: usize,
        contents: &mut Vec<Bytes>,
    ) -> Result<(), Failure> {
        let mut inside = Vec::new();
        let compressed = match detect::look(&data) {
            Look::Plain => false,
            Look::Is(_) if layers == MAX_LAYERS => return Err(Failure::TooDeep),
            Look::Is(compression) => {
                self.undo(compression, &data, &mut inside)?;
                true
            }
            Look::Perhaps => match self.try_undo(&data)? {
                Some(_) if layers == MAX_LAYERS => return Err(Failure::TooDeep),
                undone => {
                    inside.extend(undone);
                    !inside.is_empty()
                }
            },
        };
        if !compressed {
            contents.push(data);
            return Ok(());
        }
        drop(data);
        for data in inside {
            self.open(data, layers + 1, contents)?;
        }
        Ok(())
    }

    /// Undoes one compression.
    fn undo(
        &mut self,
        compression: Compression,
        data: &Bytes,
        inside: &mut Vec<Bytes>,
    ) -> Result<(), Failure> {
        let output = &mut self.output;
        output.begin();
        match compression {
            Compression::Auto | Compression::None => {
                inside.push(data.clone());
                return Ok(());
            }
            Compression::Zip => {
                self.undone.push(compression);
                return zip::files(data, output, inside);
            }
            Compression::Tar => {
                self.undone.push(compression);
                return tar::files(data, output, inside);
            }
            Compression::Gzip => self.inflater.gzip(data, output),
            Compression::Zlib => self.inflater.zlib(data, output),
            Compression::Zstd => self.unzstd.frames(data, output),
            Compression::Lz4 => lz4::frames(data, output),
            Compression::Snappy => snappy::framed(data, output),
            Compression::SnappyRaw => snappy::raw(data, output),
            Compression::Bzip2 => bzip2::streams(data, output),
            Compression::Xz => xz::streams(data, output),
        }?;
        inside.push(output.take()?);
        self.undone.push(compression);
        Ok(())
    }

    /// Undoes a compression that has no magic bytes, where `data` is wholly that. More than the
    /// limit allows is a failure all the same: what goes so far is no accident.
    fn try_undo(&mut self, data: &Bytes) -> Result<Option<Bytes>, Failure> {
        if detect::has_zlib_header(data) {
            self.output.begin();
            match self.inflater.zlib(data, &mut self.output) {
                Ok(()) => {
                    self.undone.push(Compression::Zlib);
                    return self.output.take().map(Some);
                }
                Err(failure @ Failure::TooMuch { .. }) => return Err(failure),
                Err(_) => {}
            }
        }
        if !snappy::may_be_raw(data) || detect::is_text(data) || !snappy::is_raw(data) {
            return Ok(None);
        }
        self.output.begin();
        snappy::raw(data, &mut self.output)?;
        if !detect::is_known(self.output.filled()) {
            return Ok(None);
        }
        self.undone.push(Compression::SnappyRaw);
        self.output.take().map(Some)
    }
}
