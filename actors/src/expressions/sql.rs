//! SQL expressions over rows, by DataFusion.
//!
//! Paths in an expression are found first and become flat columns, so that DataFusion plans over
//! names without parts, every path means the same as it does alone, and a field that a file does not
//! have is null. An expression is planned for the types of each file. Only functions whose value
//! depends on their arguments alone are known, so that a row gives the same whenever it is read.

use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType as ArrowType, Field as ArrowField, Schema as ArrowSchema, SchemaRef, TimeUnit,
};
use datafusion_common::config::ConfigOptions;
use datafusion_common::{DFSchema, DataFusionError, TableReference};
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_expr::planner::{ContextProvider, ExprPlanner};
use datafusion_expr::simplify::SimplifyContext;
use datafusion_expr::{
    AggregateUDF, HigherOrderUDF, ScalarUDF, TableSource, Volatility, WindowUDF,
};
use datafusion_optimizer::simplify_expressions::ExprSimplifier;
use datafusion_physical_expr::{PhysicalExpr, create_physical_expr};
use datafusion_sql::planner::{ParserOptions, PlannerContext, SqlToRel};
use datafusion_sql::sqlparser::ast::{
    Expr as SqlExpr, Ident, SelectItem, visit_expressions, visit_expressions_mut,
};
use datafusion_sql::sqlparser::dialect::DuckDbDialect;
use datafusion_sql::sqlparser::parser::Parser;
use datafusion_sql::sqlparser::tokenizer::Token;
use shardmill_engine::output::{FileTransform, Path, RowTransform, Table, TransformError, roots};
use shardmill_engine::schema::{DataType, Field};

use super::{Column, Problem};
use crate::config::nearest;

/// How deep an expression may be nested.
const MAX_DEPTH: usize = 50;

/// An expression whose paths have become flat columns.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    /// As it was written.
    text: String,
    sql: SqlExpr,
    /// The paths: that of the column `cN` is the one at N.
    paths: Vec<Path>,
}

/// An expression with the name of its column.
#[derive(Clone, Debug)]
pub(super) struct NamedExpression {
    pub(super) name: String,
    expression: Expression,
}

impl Expression {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        match parse(text)? {
            SelectItem::UnnamedExpr(sql) => Self::of(text, sql),
            SelectItem::ExprWithAlias { .. } | SelectItem::ExprWithAliases { .. } => {
                Err(Problem::new("a filter has no name: take AS out"))
            }
            _ => Err(Problem::new("`*` is no expression")),
        }
    }

    fn of(text: &str, mut sql: SqlExpr) -> Result<Self, Problem> {
        check_functions(&sql)?;
        let mut paths: Vec<Path> = Vec::new();
        let _: ControlFlow<()> = visit_expressions_mut(&mut sql, |expr| {
            let names = match expr {
                SqlExpr::Identifier(name) => vec![name.value.clone()],
                SqlExpr::CompoundIdentifier(names) => {
                    names.iter().map(|name| name.value.clone()).collect()
                }
                _ => return ControlFlow::Continue(()),
            };
            let path = Path(names);
            let known = paths.iter().position(|known| *known == path);
            let place = known.unwrap_or_else(|| {
                paths.push(path);
                paths.len() - 1
            });
            *expr = SqlExpr::Identifier(Ident::with_quote('"', flat_name(place)));
            ControlFlow::Continue(())
        });
        Ok(Self {
            text: text.to_owned(),
            sql,
            paths,
        })
    }

    /// Plans it for files with these columns.
    fn plan(&self, fields: &[Field]) -> Result<Planned, TransformError> {
        let flat: Vec<ArrowField> = self
            .paths
            .iter()
            .enumerate()
            .map(|(place, path)| {
                let data_type = flat_type(&path.type_in(fields));
                ArrowField::new(flat_name(place), data_type, true)
            })
            .collect();
        let schema = Arc::new(ArrowSchema::new(flat));
        let planned = self
            .physical(&schema)
            .map_err(|error| self.failed(&error))?;
        let data_type = planned
            .data_type(&schema)
            .map_err(|error| self.failed(&error))?;
        Ok(Planned {
            expression: self.clone(),
            fields: fields.into(),
            schema,
            physical: planned,
            data_type,
        })
    }

    fn physical(&self, schema: &SchemaRef) -> Result<Arc<dyn PhysicalExpr>, DataFusionError> {
        let schema = Arc::new(DFSchema::try_from(Arc::clone(schema))?);
        let options = ParserOptions {
            enable_ident_normalization: false,
            ..ParserOptions::default()
        };
        let functions = &*FUNCTIONS;
        let planner = SqlToRel::new_with_options(functions, options);
        let mut context = PlannerContext::new();
        let planned = planner.sql_to_expr(self.sql.clone(), &schema, &mut context)?;
        let context = SimplifyContext::builder()
            .with_schema(Arc::clone(&schema))
            .build();
        let simplifier = ExprSimplifier::new(context);
        let planned = simplifier.coerce(planned, &schema)?;
        let planned = simplifier.simplify(planned)?;
        let (props, context) = (ExecutionProps::new(), PhysicalPlanningContext::default());
        create_physical_expr(&planned, &schema, &props, &context)
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> TransformError {
        let mut why = error.to_string();
        // People know their fields by other names.
        for (place, path) in self.paths.iter().enumerate().rev() {
            why = why.replace(&flat_name(place), &path.0.join("."));
        }
        TransformError {
            what: format!("`{}`", self.text),
            why,
        }
    }
}

impl NamedExpression {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        match parse(text)? {
            SelectItem::ExprWithAlias { expr, alias } => Ok(Self {
                name: alias.value,
                expression: Expression::of(text, expr)?,
            }),
            SelectItem::UnnamedExpr(_) => Err(Problem::new(format!(
                "\"{text}\" needs a name: write \"{text} AS name\""
            ))),
            _ => Err(Problem::new(
                "`*` is no expression: leave `columns` out to take all",
            )),
        }
    }
}

fn flat_name(place: usize) -> String {
    format!("__column_{place}__")
}

fn parse(text: &str) -> Result<SelectItem, Problem> {
    let wrong = |error: &dyn std::fmt::Display| {
        let error = error.to_string();
        let error = error.trim_start_matches("sql parser error: ");
        Problem::new(format!("\"{text}\" is no SQL expression: {error}"))
    };
    // One in which `user` is a name like any other.
    let parser = Parser::new(&DuckDbDialect {}).with_recursion_limit(MAX_DEPTH);
    let mut parser = parser.try_with_sql(text).map_err(|error| wrong(&error))?;
    let item = parser.parse_select_item().map_err(|error| wrong(&error))?;
    match parser.peek_token().token {
        Token::EOF => Ok(item),
        token => Err(wrong(&format!("{token} stands behind its end"))),
    }
}

/// Functions must be known, and depend on their arguments alone.
fn check_functions(sql: &SqlExpr) -> Result<(), Problem> {
    let outcome = visit_expressions(sql, |expr| {
        let problem = match expr {
            SqlExpr::Function(function) => FUNCTIONS.problem_of(&function.name.to_string()),
            SqlExpr::Subquery(_) | SqlExpr::InSubquery { .. } | SqlExpr::Exists { .. } => {
                Some("a query within an expression is not known".to_owned())
            }
            _ => None,
        };
        match problem {
            Some(problem) => ControlFlow::Break(Problem::new(problem)),
            None => ControlFlow::Continue(()),
        }
    });
    match outcome {
        ControlFlow::Break(problem) => Err(problem),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// The functions that expressions know.
struct Functions {
    options: ConfigOptions,
    scalar: Vec<Arc<ScalarUDF>>,
    planners: Vec<Arc<dyn ExprPlanner>>,
}

static FUNCTIONS: LazyLock<Functions> = LazyLock::new(|| Functions {
    options: ConfigOptions::default(),
    scalar: datafusion_functions::all_default_functions(),
    planners: vec![
        Arc::new(datafusion_functions::core::planner::CoreFunctionPlanner::default()),
        Arc::new(datafusion_functions::datetime::planner::DatetimeFunctionPlanner),
        Arc::new(datafusion_functions::unicode::planner::UnicodeFunctionPlanner),
    ],
});

impl Functions {
    fn find(&self, name: &str) -> Option<&Arc<ScalarUDF>> {
        self.scalar.iter().find(|function| {
            let aliases = function.aliases().iter().map(String::as_str);
            let mut names = aliases.chain([function.name()]);
            names.any(|known| known.eq_ignore_ascii_case(name))
        })
    }

    fn problem_of(&self, name: &str) -> Option<String> {
        let Some(function) = self.find(name) else {
            let known = self.scalar.iter().map(|function| function.name());
            return Some(match nearest(name, known) {
                Some(near) => format!("there is no function {name}; did you mean {near}?"),
                None => format!("there is no function {name}"),
            });
        };
        (function.signature().volatility != Volatility::Immutable).then(|| {
            format!("{name} gives another value each time, so the same row would not stay the same")
        })
    }
}

impl ContextProvider for Functions {
    fn get_table_source(
        &self,
        _name: TableReference,
    ) -> Result<Arc<dyn TableSource>, DataFusionError> {
        Err(DataFusionError::Plan("there are no tables".to_owned()))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.planners
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.find(name).cloned()
    }

    fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, _name: &str) -> Option<Arc<AggregateUDF>> {
        None
    }

    fn get_window_meta(&self, _name: &str) -> Option<Arc<WindowUDF>> {
        None
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<ArrowType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.options
    }

    fn udf_names(&self) -> Vec<String> {
        let names = self
            .scalar
            .iter()
            .map(|function| function.name().to_owned());
        names.collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udwf_names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Columns of paths and expressions, and a filter.
pub(super) struct SqlTransform {
    columns: Option<Vec<Column>>,
    filter: Option<Expression>,
}

impl SqlTransform {
    pub(super) fn new(columns: Option<Vec<Column>>, filter: Option<Expression>) -> Self {
        Self { columns, filter }
    }
}

impl RowTransform for SqlTransform {
    fn wanted(&self) -> Option<Vec<String>> {
        let columns = self.columns.as_ref()?.iter();
        let of_columns = columns.flat_map(|column| match column {
            Column::Path(pick) => std::slice::from_ref(&pick.path),
            Column::Sql(named) => &named.expression.paths,
        });
        let of_filter = self.filter.iter().flat_map(|filter| &filter.paths);
        Some(roots(of_columns.chain(of_filter)))
    }

    fn for_file(&self, fields: &[Field]) -> Result<Arc<dyn FileTransform>, TransformError> {
        let filter = match &self.filter {
            None => None,
            Some(filter) => {
                let planned = filter.plan(fields)?;
                if !matches!(planned.data_type, ArrowType::Boolean | ArrowType::Null) {
                    let found = &planned.data_type;
                    let why = format!("it is {found}, and neither true nor false");
                    return Err(filter.failed(&why));
                }
                Some(planned)
            }
        };
        let columns = match &self.columns {
            None => None,
            Some(columns) => {
                let planned = columns
                    .iter()
                    .map(|column| FileColumn::plan(column, fields));
                Some(planned.collect::<Result<Vec<_>, _>>()?)
            }
        };
        Ok(Arc::new(SqlFile { columns, filter }))
    }
}

/// An expression for the columns of a file.
struct Planned {
    expression: Expression,
    fields: Arc<[Field]>,
    schema: SchemaRef,
    physical: Arc<dyn PhysicalExpr>,
    data_type: ArrowType,
}

impl Planned {
    fn evaluate(&self, rows: &Table) -> Result<ArrayRef, TransformError> {
        let paths = self.expression.paths.iter();
        let columns = paths.map(|path| flat(&path.values_in(rows), &path.type_in(&self.fields)));
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let schema = Arc::clone(&self.schema);
        let batch = RecordBatch::try_new_with_options(schema, columns.collect(), &options);
        let batch = batch.map_err(|error| self.expression.failed(&error))?;
        let value = self.physical.evaluate(&batch);
        let array = value.and_then(|value| value.into_array(rows.len()));
        array.map_err(|error| self.expression.failed(&error))
    }
}

struct SqlFile {
    columns: Option<Vec<FileColumn>>,
    filter: Option<Planned>,
}

struct FileColumn {
    field: Field,
    made: Made,
}

enum Made {
    Path(Path),
    Sql(Box<Planned>),
}

impl FileColumn {
    fn plan(column: &Column, fields: &[Field]) -> Result<Self, TransformError> {
        Ok(match column {
            Column::Path(pick) => Self {
                field: Field::new(pick.name.as_str(), pick.path.type_in(fields)),
                made: Made::Path(pick.path.clone()),
            },
            Column::Sql(named) => {
                let planned = named.expression.plan(fields)?;
                let data_type = own_type(&planned.data_type).ok_or_else(|| {
                    let found = &planned.data_type;
                    let why = format!("it is {found}, which is not written: cast it to another");
                    named.expression.failed(&why)
                })?;
                Self {
                    field: Field::new(named.name.as_str(), data_type),
                    made: Made::Sql(Box::new(planned)),
                }
            }
        })
    }

    fn values(&self, rows: &Table) -> Result<ArrayRef, TransformError> {
        match &self.made {
            Made::Path(path) => Ok(path.values_in(rows)),
            Made::Sql(planned) => {
                let array = planned.evaluate(rows)?;
                let wanted = self.field.data_type.to_arrow();
                cast(&array, &wanted).map_err(|error| planned.expression.failed(&error))
            }
        }
    }
}

impl FileTransform for SqlFile {
    fn apply(&self, rows: Table) -> Result<Table, TransformError> {
        let rows = match &self.filter {
            None => rows,
            Some(filter) => {
                let kept = filter.evaluate(&rows)?;
                let kept = match kept.as_boolean_opt() {
                    Some(kept) => kept.clone(),
                    None => BooleanArray::from(vec![false; rows.len()]),
                };
                let filtered = rows.filtered(&kept);
                filtered.map_err(|error| filter.expression.failed(&error))?
            }
        };
        let Some(columns) = &self.columns else {
            return Ok(rows);
        };
        let values = columns.iter().map(|column| column.values(&rows));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let fields = columns.iter().map(|column| column.field.clone()).collect();
        Table::new(fields, values, rows.len()).map_err(|error| TransformError {
            what: "columns".to_owned(),
            why: error.to_string(),
        })
    }
}

/// The type that a field has in an expression. JSON text is text there.
fn flat_type(data_type: &DataType) -> ArrowType {
    data_type.to_arrow()
}

/// Values as an expression sees them: JSON text whose value is a text is that text.
fn flat(array: &ArrayRef, data_type: &DataType) -> ArrayRef {
    if *data_type != DataType::Json {
        return Arc::clone(array);
    }
    let texts = array.as_string::<i32>();
    let plain: StringArray = texts
        .iter()
        .map(|text| {
            let text = text?;
            let inner = text
                .starts_with('"')
                .then(|| serde_json::from_str(text).ok());
            Some(inner.flatten().unwrap_or_else(|| text.to_owned()))
        })
        .collect();
    Arc::new(plain)
}

/// The type of ours that holds what an expression gives.
fn own_type(found: &ArrowType) -> Option<DataType> {
    Some(match found {
        ArrowType::Null => DataType::Null,
        ArrowType::Boolean => DataType::Bool,
        ArrowType::Int8
        | ArrowType::Int16
        | ArrowType::Int32
        | ArrowType::Int64
        | ArrowType::UInt8
        | ArrowType::UInt16
        | ArrowType::UInt32 => DataType::Int64,
        ArrowType::UInt64 => DataType::Decimal {
            precision: 20,
            scale: 0,
        },
        ArrowType::Float16 | ArrowType::Float32 | ArrowType::Float64 => DataType::Float64,
        ArrowType::Decimal32(precision, scale)
        | ArrowType::Decimal64(precision, scale)
        | ArrowType::Decimal128(precision, scale) => DataType::Decimal {
            precision: *precision,
            scale: u8::try_from(*scale).ok()?,
        },
        ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View => DataType::Utf8,
        ArrowType::Binary
        | ArrowType::LargeBinary
        | ArrowType::BinaryView
        | ArrowType::FixedSizeBinary(_) => DataType::Binary,
        ArrowType::Date32 => DataType::Date,
        ArrowType::Time32(_) | ArrowType::Time64(_) => DataType::Time,
        ArrowType::Timestamp(
            TimeUnit::Nanosecond | TimeUnit::Microsecond | TimeUnit::Millisecond | TimeUnit::Second,
            zone,
        ) => match zone {
            Some(_) => DataType::Timestamp,
            None => DataType::LocalTimestamp,
        },
        _ => return None,
    })
}
