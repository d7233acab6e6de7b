//! Contents that are files of a columnar format: all of one becomes rows, or all of it is a reject.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;

use super::DecodeLimits;
use super::columns::Columns;
use super::content::Content;
use super::sink::Sink;
use crate::schema::FromArrowError;
use crate::types::RejectCode;

/// Why a content is a reject.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It cannot be read; what the library or a check says.
    Damaged(String),
    /// Its schema is nested deeper than the limit.
    TooDeep,
    /// It would take more room than one event may.
    TooLarge(String),
}

impl Refusal {
    pub(super) fn damaged(error: impl std::fmt::Display) -> Self {
        Refusal::Damaged(error.to_string())
    }
}

impl From<FromArrowError> for Refusal {
    fn from(error: FromArrowError) -> Self {
        match error {
            FromArrowError::TooLarge => Refusal::TooLarge(error.to_string()),
            FromArrowError::TooDeep => Refusal::TooDeep,
            FromArrowError::Arrow(text) => Refusal::Damaged(text),
        }
    }
}

/// What rejects of a format are called.
pub(super) struct Family {
    /// The format's name for people.
    pub(super) name: &'static str,
    pub(super) damaged: RejectCode,
    pub(super) too_deep: RejectCode,
}

impl Family {
    /// Decodes each content as a whole. An empty one holds nothing. A panic of `decode`, which must
    /// leave nothing behind, is a reject like any other damage.
    pub(super) fn decode(
        &self,
        contents: &[Content<'_>],
        sink: &mut Sink<'_>,
        (limits, max_ratio): (&DecodeLimits, usize),
        mut decode: impl FnMut(&Bytes, &DecodeLimits) -> Result<Vec<Columns>, Refusal>,
    ) {
        for content in contents.iter().filter(|content| !content.data.is_empty()) {
            let limits = &limits.of_content(content.data.len(), max_ratio);
            let outcome = catch_unwind(AssertUnwindSafe(|| decode(content.data, limits)))
                .unwrap_or_else(|panic| Err(Refusal::Damaged(said(&*panic))));
            match outcome {
                Ok(tables) => {
                    for columns in tables {
                        sink.table(content, columns);
                    }
                }
                Err(refusal) => self.reject(content, sink, limits, refusal),
            }
        }
    }

    /// Makes a whole content a reject.
    pub(super) fn reject(
        &self,
        content: &Content<'_>,
        sink: &mut Sink<'_>,
        limits: &DecodeLimits,
        refusal: Refusal,
    ) {
        let (code, reason) = self.said(limits, refusal);
        sink.reject(content, 0..content.data.len(), code, reason);
    }

    /// The code and the reason of a reject.
    pub(super) fn said(&self, limits: &DecodeLimits, refusal: Refusal) -> (RejectCode, String) {
        let name = self.name;
        match refusal {
            Refusal::Damaged(why) => (self.damaged, format!("cannot be read as {name}: {why}")),
            Refusal::TooDeep => {
                let reason = format!("nested deeper than {} levels", limits.max_depth);
                (self.too_deep, reason)
            }
            Refusal::TooLarge(why) => (RejectCode::TooLarge, why),
        }
    }
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it is damaged".to_owned())
}
