//! What an output makes of rows. Expressions come from outside: the engine knows paths only.

use std::sync::Arc;

use super::path::{Path, Pick};
use super::table::Table;
use crate::schema::Field;

/// Why rows cannot be made into what the definition says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot be had: {why}")]
pub struct TransformError {
    /// The column or the filter, as it was written.
    pub what: String,
    /// Why.
    pub why: String,
}

/// What an output makes of the rows of any file. A row of the source gives the same whatever file
/// and batch it is in, as long as its columns have the same types.
pub trait RowTransform: Send + Sync + 'static {
    /// The top-level columns that it looks at; `None` for all.
    fn wanted(&self) -> Option<Vec<String>>;

    /// Prepares for files with these columns, of which those that are wanted come.
    ///
    /// # Errors
    /// If columns of these types cannot be made into what is asked for.
    fn for_file(&self, fields: &[Field]) -> Result<Arc<dyn FileTransform>, TransformError>;
}

/// What an output makes of the rows of a file.
pub trait FileTransform: Send + Sync {
    /// Takes rows, in their order.
    ///
    /// # Errors
    /// If a value cannot be computed.
    fn apply(&self, rows: Table) -> Result<Table, TransformError>;
}

/// All rows, with all columns or with some as they stand.
#[derive(Clone, Debug)]
pub struct PlainTransform {
    columns: Option<Arc<[Pick]>>,
}

impl PlainTransform {
    /// All columns, or these.
    pub fn new(columns: Option<Vec<Pick>>) -> Self {
        Self {
            columns: columns.map(Arc::from),
        }
    }
}

impl RowTransform for PlainTransform {
    fn wanted(&self) -> Option<Vec<String>> {
        let columns = self.columns.as_deref()?;
        Some(roots(columns.iter().map(|pick| &pick.path)))
    }

    fn for_file(&self, fields: &[Field]) -> Result<Arc<dyn FileTransform>, TransformError> {
        let Some(columns) = &self.columns else {
            return Ok(Arc::new(Everything));
        };
        let named = columns
            .iter()
            .map(|pick| Field::new(pick.name.as_str(), pick.path.type_in(fields)));
        Ok(Arc::new(Picked {
            fields: named.collect(),
            columns: Arc::clone(columns),
        }))
    }
}

/// The top-level columns of paths, each once.
pub fn roots<'p>(paths: impl Iterator<Item = &'p Path>) -> Vec<String> {
    let mut roots: Vec<String> = paths.map(|path| path.root().to_owned()).collect();
    roots.sort_unstable();
    roots.dedup();
    roots
}

struct Everything;

impl FileTransform for Everything {
    fn apply(&self, rows: Table) -> Result<Table, TransformError> {
        Ok(rows)
    }
}

struct Picked {
    columns: Arc<[Pick]>,
    fields: Arc<[Field]>,
}

impl FileTransform for Picked {
    fn apply(&self, rows: Table) -> Result<Table, TransformError> {
        let columns = self.columns.iter().map(|pick| pick.path.values_in(&rows));
        let made = Table::new(Arc::clone(&self.fields), columns.collect(), rows.len());
        made.map_err(|error| TransformError {
            what: "columns".to_owned(),
            why: error.to_string(),
        })
    }
}
