//! Columns and filters of outputs, from what is written in the configuration to a transformation of
//! rows. Paths are known always; other SQL expressions with the feature `sql`.

#[cfg(feature = "sql")]
mod sql;

use std::collections::BTreeSet;
use std::sync::Arc;

use shardmill_engine::output::{Definition, Pick, PlainTransform, RowTransform, TransformError};

/// Which part of a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Columns,
    Filter,
}

/// What is wrong with an expression, whatever the rows are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub message: String,
    /// It may be right, and this build does not know.
    pub needs_feature: bool,
}

impl Problem {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            needs_feature: false,
        }
    }
}

/// A column of an output.
enum Column {
    Path(Pick),
    #[cfg(feature = "sql")]
    Sql(Box<sql::NamedExpression>),
}

impl Column {
    fn parse(text: &str) -> Result<Self, Problem> {
        if let Ok(pick) = Pick::parse(text) {
            return Ok(Column::Path(pick));
        }
        #[cfg(feature = "sql")]
        return sql::NamedExpression::parse(text).map(|named| Column::Sql(Box::new(named)));
        #[cfg(not(feature = "sql"))]
        Err(no_sql(text))
    }

    /// The path, if it is one.
    fn pick(self) -> Option<Pick> {
        match self {
            Column::Path(pick) => Some(pick),
            #[cfg(feature = "sql")]
            Column::Sql(_) => None,
        }
    }

    fn name(&self) -> &str {
        match self {
            Column::Path(pick) => &pick.name,
            #[cfg(feature = "sql")]
            Column::Sql(expression) => &expression.name,
        }
    }
}

#[cfg(not(feature = "sql"))]
fn no_sql(text: &str) -> Problem {
    Problem {
        message: format!("\"{text}\" is no path, and this build knows no SQL expressions"),
        needs_feature: true,
    }
}

/// Everything that is wrong with a definition as it is written.
pub(crate) fn check(definition: &Definition) -> Vec<(Part, Problem)> {
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    for text in definition.columns.iter().flatten() {
        match Column::parse(text) {
            Ok(column) => {
                if !names.insert(column.name().to_owned()) {
                    let message = format!(
                        "two columns have the name \"{}\": give one another with AS",
                        column.name()
                    );
                    problems.push((Part::Columns, Problem::new(message)));
                }
            }
            Err(problem) => problems.push((Part::Columns, problem)),
        }
    }
    if let Some(filter) = &definition.filter {
        #[cfg(feature = "sql")]
        let parsed = sql::Expression::parse(filter);
        #[cfg(not(feature = "sql"))]
        let parsed: Result<(), _> = Err(no_sql(filter));
        problems.extend(parsed.err().map(|problem| (Part::Filter, problem)));
    }
    problems
}

/// The transformation of a definition.
pub(crate) fn make(definition: &Definition) -> Result<Arc<dyn RowTransform>, TransformError> {
    let failed = |what: &str, problem: Problem| TransformError {
        what: format!("`{what}`"),
        why: problem.message,
    };
    let columns = match &definition.columns {
        None => None,
        Some(texts) => {
            let columns = texts
                .iter()
                .map(|text| Column::parse(text).map_err(|problem| failed(text, problem)));
            Some(columns.collect::<Result<Vec<_>, _>>()?)
        }
    };
    let plain = columns.as_ref().is_none_or(|columns| {
        let mut columns = columns.iter();
        columns.all(|column| matches!(column, Column::Path(_)))
    });
    if plain && definition.filter.is_none() {
        let picks = columns.map(|columns| {
            let picks = columns.into_iter().filter_map(Column::pick);
            picks.collect()
        });
        return Ok(Arc::new(PlainTransform::new(picks)));
    }
    #[cfg(feature = "sql")]
    {
        let filter = definition
            .filter
            .as_deref()
            .map(|text| sql::Expression::parse(text).map_err(|problem| failed(text, problem)));
        let transform = sql::SqlTransform::new(columns, filter.transpose()?);
        Ok(Arc::new(transform))
    }
    #[cfg(not(feature = "sql"))]
    {
        let filter = definition.filter.as_deref().unwrap_or_default();
        Err(failed(filter, no_sql(filter)))
    }
}

/// The examples of the page about outputs, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/OUTPUTS.md")]
pub struct PageOfOutputs;

#[cfg(test)]
mod tests;
