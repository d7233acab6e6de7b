use super::*;

fn definition(columns: &[&str], filter: Option<&str>) -> Definition {
    let texts: Vec<String> = columns.iter().map(|text| (*text).to_owned()).collect();
    Definition {
        columns: (!texts.is_empty()).then_some(texts),
        filter: filter.map(str::to_owned),
    }
}

fn problems(columns: &[&str], filter: Option<&str>) -> Vec<String> {
    let found = check(&definition(columns, filter)).into_iter();
    found.map(|(_, problem)| problem.message).collect()
}

#[test]
fn paths_need_no_feature() {
    assert_eq!(
        problems(&["user.id", "id AS number", "\"a b\""], None),
        [""; 0]
    );
    let twice = problems(&["user.id", "id"], None);
    assert!(
        twice[0].contains("two columns have the name \"id\""),
        "{twice:?}"
    );
}

/// The configuration of the page about outputs, and its paths.
#[cfg(feature = "sql")]
#[test]
fn the_examples_of_the_page_work() {
    use crate::config::DataSource;

    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/OUTPUTS.md");
    let page = std::fs::read_to_string(page).unwrap();
    let block = |language: &str| {
        let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap();
        rest.split_once("```").unwrap().0
    };
    let source = DataSource::from_toml(block("toml")).unwrap();
    assert_eq!(source.outputs().len(), 2);
    for line in block("text").lines() {
        let (path, _) = line.split_once("  ").unwrap();
        assert!(Pick::parse(path).is_ok(), "{path}");
    }
}

#[cfg(not(feature = "sql"))]
#[test]
fn expressions_say_which_feature_they_need() {
    let found = check(&definition(&["lower(path) AS path"], Some("status >= 500")));
    assert!(found.len() == 2 && found.iter().all(|(_, problem)| problem.needs_feature));
}

#[cfg(feature = "sql")]
mod sql {
    use arrow::array::{ArrayRef, Int64Array, StringArray, StructArray};
    use shardmill_engine::output::Table;
    use shardmill_engine::schema::text::RowText;
    use shardmill_engine::schema::{DataType, Field};

    use super::*;

    fn rows() -> Table {
        let user = vec![Field::new("id", DataType::Int64)];
        let members: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]))];
        let arrow: Vec<_> = user.iter().map(Field::to_arrow).collect();
        let fields = [
            Field::new("status", DataType::Int64),
            Field::new("Path", DataType::Utf8),
            Field::new("user", DataType::Struct(user)),
            Field::new("mixed", DataType::Json),
        ];
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![Some(200), Some(500), None])),
            Arc::new(StringArray::from(vec![Some("/A"), None, Some("/b")])),
            Arc::new(StructArray::new(arrow.into(), members, None)),
            Arc::new(StringArray::from(vec![
                Some("\"x\""),
                Some("7"),
                Some("{\"a\":1}"),
            ])),
        ];
        Table::new(fields.into(), columns, 3).unwrap()
    }

    fn run(columns: &[&str], filter: Option<&str>) -> Result<Vec<String>, TransformError> {
        let rows = rows();
        let transform = make(&definition(columns, filter))?;
        let made = transform.for_file(rows.fields())?.apply(rows)?;
        let text = RowText::of(made.fields(), made.columns());
        Ok((0..made.len()).map(|row| text.text(row)).collect())
    }

    #[test]
    fn rows_for_which_the_filter_is_true_are_kept() {
        let ids = |filter: &str| run(&["status"], Some(filter)).unwrap();
        assert_eq!(ids("status >= 500"), ["{\"status\":500}"]);
        assert_eq!(
            ids("status < 500 AND lower(\"Path\") = '/a'"),
            ["{\"status\":200}"]
        );
        assert_eq!(ids("user.id IN (3, 4)"), ["{}"]);
        assert_eq!(
            ids("status IS NULL OR user.id IS NULL"),
            ["{\"status\":500}", "{}"]
        );
        assert_eq!(ids("nowhere = 1"), [""; 0]);
        assert_eq!(ids("nowhere.deeper IS NULL").len(), 3);
        assert_eq!(ids("Path LIKE '/%'").len(), 2);
        assert_eq!(ids("regexp_like(Path, '^/[a-z]$')"), ["{}"]);
        assert_eq!(ids("true").len(), 3);
        assert_eq!(ids("NULL").len(), 0);
        // All columns stay without `columns`.
        assert_eq!(run(&[], Some("user.id = 1")).unwrap().len(), 1);
    }

    #[test]
    fn columns_are_computed() {
        let made = run(
            &[
                "user.id",
                "upper(Path) AS path",
                "status / 100 AS class",
                "CASE WHEN status >= 500 THEN 'bad' ELSE 'good' END AS verdict",
                "coalesce(status, -1) AS known",
                "mixed AS json",
                "concat('<', mixed, '>') AS text",
                "CAST('2026-11-22T10:00:00Z' AS TIMESTAMP) AS at",
                "1.5 AS half",
            ],
            Some("status = 200"),
        );
        let expected = "{\"at\":\"2026-11-22T10:00:00\",\"class\":2,\"half\":1.5,\"id\":1,\
                        \"json\":\"x\",\"known\":200,\"path\":\"/A\",\"text\":\"<x>\",\
                        \"verdict\":\"good\"}";
        assert_eq!(made.unwrap(), [expected]);
    }

    #[test]
    fn only_what_is_looked_at_is_wanted() {
        let transform = make(&definition(
            &["user.id", "upper(Path) AS p"],
            Some("status > 1"),
        ));
        let wanted = transform.unwrap().wanted();
        let expected = ["Path", "status", "user"].map(str::to_owned);
        assert_eq!(wanted, Some(expected.to_vec()));
        let all = make(&definition(&[], Some("status > 1")));
        assert_eq!(all.unwrap().wanted(), None);
    }

    #[test]
    fn what_is_wrong_is_told_before_there_are_rows() {
        for (column, said) in [
            ("lower(path)", "needs a name"),
            ("lower(path AS p", "is no SQL expression"),
            ("lowr(path) AS p", "did you mean lower?"),
            ("random() AS r", "gives another value each time"),
            ("now() AS t", "gives another value each time"),
            ("(SELECT 1) AS one", "a query within an expression"),
            ("sum(status) AS s", "there is no function sum"),
            ("status; DROP TABLE x", "stands behind its end"),
        ] {
            let found = problems(&[column], None);
            assert!(
                found.len() == 1 && found[0].contains(said),
                "{column}: {found:?}"
            );
        }
        let found = problems(&[], Some("status >="));
        assert!(found[0].contains("is no SQL expression"), "{found:?}");
        assert!(!problems(&[], Some("status > 1 AS x")).is_empty());
        let deep = format!("{}1{} = 1", "(".repeat(10_000), ")".repeat(10_000));
        assert!(!problems(&[], Some(&deep)).is_empty());
    }

    #[test]
    fn what_does_not_go_with_the_types_names_the_expression_and_the_field() {
        let error = run(&["status"], Some("user + 1 > 2")).unwrap_err();
        assert_eq!(error.what, "`user + 1 > 2`");
        let error = run(&["status"], Some("status + 1")).unwrap_err();
        assert!(error.why.contains("neither true nor false"), "{error}");
        let error = run(&["1 / (status - 200) AS x"], None).unwrap_err();
        assert!(error.why.to_lowercase().contains("zero"), "{error}");
    }
}
