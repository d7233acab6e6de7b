//! Contents that are ORC files.
//!
//! The library decodes. It trusts what it reads: a type within itself overflows the stack, and a
//! length from the file is allocated as it stands, and neither can be caught. So the file is walked
//! first: its tail and the tree of its types ([`tail`]), what every stream expands to ([`chunks`]),
//! and the sums of all lengths ([`lengths`]).

mod chunks;
mod lengths;
mod proto;
mod tail;
mod times;
mod walk;

use std::sync::Arc;

use bytes::Bytes;
use orc_rust::ArrowReaderBuilder;

use super::DecodeLimits;
use super::columns::Columns;
use super::content::Content;
use super::format::Format;
use super::sink::Sink;
use super::whole_file::{Family, Refusal};
use crate::types::RejectCode;

const FAMILY: Family = Family {
    name: "ORC",
    damaged: RejectCode::OrcDamaged,
    too_deep: RejectCode::OrcTooDeep,
};

/// Rows that are read at a time, at most.
const BATCH_ROWS: usize = 8_192;

/// Decodes ORC files.
pub(super) struct OrcFile {
    limits: DecodeLimits,
    max_ratio: usize,
}

impl OrcFile {
    pub(super) fn new(limits: &DecodeLimits, max_ratio: usize) -> Self {
        let limits = limits.clone();
        Self { limits, max_ratio }
    }
}

impl Format for OrcFile {
    fn decode(&mut self, contents: &[Content<'_>], sink: &mut Sink<'_>) {
        let each = (&self.limits, self.max_ratio);
        FAMILY.decode(contents, sink, each, decode);
    }

    fn reset(&mut self) {}
}

/// All rows of a file.
fn decode(file: &Bytes, limits: &DecodeLimits) -> Result<Vec<Columns>, Refusal> {
    let seen = walk::walk(file, limits)?;
    let builder = ArrowReaderBuilder::try_new(file.clone()).map_err(Refusal::damaged)?;
    let schema = builder.schema();
    let reader = builder
        .with_schema(Arc::new(times::read_as(&schema)))
        .with_batch_size(seen.batch_rows(limits).min(BATCH_ROWS))
        .build();
    let mut tables = Vec::new();
    let mut left = limits.max_event_bytes;
    for batch in reader {
        let batch = batch.map_err(Refusal::damaged)?;
        let batch = times::restored(&batch, &schema).map_err(Refusal::damaged)?;
        let columns = Columns::from_batch(batch, left, limits)?;
        left = left.checked_sub(columns.memory_size()).ok_or_else(|| {
            Refusal::TooLarge("its rows take more room than one event may".to_owned())
        })?;
        tables.push(columns);
    }
    Ok(tables)
}
