//! Files of the source as they are opened and fetched.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::OutputError;
use super::mill::Grain;
use super::table::fields_of;
use super::transform::RowTransform;
use crate::log::{DataFile, Objects};
use crate::parquet::{FooterReader, Step};

/// A file of the source that is being read.
pub(super) struct SourceFile<'s> {
    objects: &'s Objects,
    name: &'s str,
}

impl<'s> SourceFile<'s> {
    pub(super) fn new(objects: &'s Objects, file: &'s DataFile) -> Self {
        Self {
            objects,
            name: &file.name,
        }
    }

    /// Reads its footer and prepares for its columns.
    pub(super) async fn open(
        &self,
        file: &DataFile,
        transform: &dyn RowTransform,
    ) -> Result<Grain, OutputError> {
        let unreadable = |error: crate::parquet::Unreadable| self.wrong(error.to_string());
        let mut reader = FooterReader::new(file.bytes).map_err(unreadable)?;
        let footer = loop {
            match reader.step().map_err(unreadable)? {
                Step::Done(footer) => break footer,
                Step::Needs(ranges) => {
                    let data = self.fetch(&ranges).await?;
                    reader.push(ranges, data).map_err(unreadable)?;
                }
            }
        };
        let schema = file.schema.as_deref();
        let schema = schema.ok_or_else(|| self.wrong("has no schema in its commit".to_owned()))?;
        let wanted = transform.wanted();
        let is_wanted = |name: &str| {
            let wanted = wanted.as_ref();
            wanted.is_none_or(|wanted| wanted.iter().any(|wanted| wanted == name))
        };
        let reader = footer.rows(Some(&is_wanted)).map_err(unreadable)?;
        let fields = fields_of(schema, reader.schema());
        let prepared = transform.for_file(&fields);
        let transform = prepared.map_err(|error| OutputError::Transform {
            file: self.name.to_owned(),
            error,
        })?;
        Ok(Grain {
            reader,
            fields,
            transform,
            name: Arc::from(self.name),
        })
    }

    /// Reads ranges of it.
    pub(super) async fn fetch(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, OutputError> {
        let mut data = Vec::with_capacity(ranges.len());
        for range in ranges {
            let bytes = self.objects.get_range(self.name, range.clone()).await?;
            data.push(bytes.ok_or_else(|| self.wrong("is not there any more".to_owned()))?);
        }
        Ok(data)
    }

    pub(super) fn wrong(&self, detail: String) -> OutputError {
        OutputError::SourceFile {
            name: self.name.to_owned(),
            detail,
        }
    }
}
