//! What is said of formats: in Rust, and wrongly.

use std::collections::BTreeMap;

use rstest::rstest;

use super::*;

/// A configuration whose `[content]` is this.
pub(super) fn read(content: &str) -> Result<DataSource, ConfigError> {
    let text = format!(
        "name = \"clicks\"\n[kinesis]\nstream = \"s\"\n[target]\nurl = \"/lake\"\n[content]\n\
         {content}\n"
    );
    DataSource::read("source.toml", &text, None, &|_| None)
}

pub(super) fn builder(format: ContentFormat) -> DataSourceBuilder {
    let builder = DataSource::builder("clicks").stream("s").target("/lake");
    builder.content_format(format)
}

fn mark(character: char) -> Option<Mark> {
    Some(Mark::try_from(character).unwrap())
}

fn types(name: &str) -> BTreeMap<String, FieldType> {
    BTreeMap::from([(name.to_owned(), FieldType::Int64)])
}

fn texts(text: &str) -> Vec<String> {
    vec![text.to_owned()]
}

#[test]
fn what_holds_for_json_is_the_same_in_rust() {
    let toml = r#"
        format = "json"
        [content.json]
        split_root_array = false
        root_array_field = "rows"
        nested_json_fields = ["body"]
        keep_nested_text = true
        store_json_as_string = "only"
        json_text_field = "text"
    "#;
    let options = JsonOptions {
        split_root_array: false,
        root_array_field: "rows".to_owned(),
        nested_json_fields: texts("body"),
        keep_nested_text: true,
        store_json_as_string: StoreJson::Only,
        json_text_field: "text".to_owned(),
    };
    let built = builder(ContentFormat::Json).json(&options).build();
    assert_eq!(built.unwrap(), read(toml).unwrap());

    let toml = "format = \"cloudwatch\"\ncloudwatch = { parse_messages = true, keep_message_text = \
                true }";
    let options = CloudWatchOptions {
        nested_json: true,
        keep_message_text: true,
    };
    let built = builder(ContentFormat::CloudWatch).cloudwatch(&options);
    assert_eq!(built.build().unwrap(), read(toml).unwrap());
}

#[test]
fn what_holds_for_csv_is_the_same_in_rust() {
    let toml = r#"
        format = "tsv"
        [content.csv]
        delimiter = ";"
        quote = ""
        escape = '\'
        header = false
        columns = ["a"]
        null_values = ["", "NULL"]
        infer_types = false
        trim = true
        short_lines = "fill"
        types = { "a.b" = "int64" }
    "#;
    let options = DelimitedOptions {
        delimiter: mark(';'),
        quote: None,
        escape: mark('\\'),
        has_header: false,
        columns: Some(texts("a")),
        types: types("a.b"),
        infer: false,
        null_values: vec![String::new(), "NULL".to_owned()],
        quoted_nulls: false,
        trim: true,
        short_lines: ShortLines::Fill,
    };
    let built = builder(ContentFormat::Tsv).csv(&options);
    assert_eq!(built.build().unwrap(), read(toml).unwrap());
}

#[test]
fn what_holds_for_lines_is_the_same_in_rust() {
    let toml = r#"
        format = "fixed_width"
        [content.fixed_width]
        trim = false
        infer_types = false
        null_values = []
        short_lines = "reject"
        [[content.fixed_width.columns]]
        name = "id"
        width = 8
        [[content.fixed_width.columns]]
        name = "at"
        start = 20
        width = 10
        type = "string"
    "#;
    let column = |name: &str, start, width, field_type| FixedColumn {
        name: name.to_owned(),
        start,
        width,
        field_type,
    };
    let options = FixedWidthOptions {
        columns: vec![
            column("id", None, 8, None),
            column("at", Some(20), 10, Some(FieldType::String)),
        ],
        trim: false,
        infer: false,
        null_values: Vec::new(),
        short_lines: ShortLines::Reject,
    };
    let built = builder(ContentFormat::FixedWidth).fixed_width(&options);
    assert_eq!(built.build().unwrap(), read(toml).unwrap());

    let toml = r#"
        format = "regex"
        regex.pattern = '^(?<a>.*)$'
        regex.unit = "content"
        regex.infer_types = false
        regex.null_values = ["-"]
        regex.types.a = "int64"
    "#;
    let options = RegexOptions {
        pattern: Some(Pattern::new("^(?<a>.*)$").unwrap()),
        unit: RegexUnit::Content,
        types: types("a"),
        infer: false,
        null_values: texts("-"),
    };
    let built = builder(ContentFormat::Regex).regex(&options);
    assert_eq!(built.build().unwrap(), read(toml).unwrap());

    let options = LinesOptions {
        field: "message".to_owned(),
    };
    let built = builder(ContentFormat::Lines).lines(&options);
    let toml = "format = \"lines\"\nlines.field = \"message\"";
    assert_eq!(built.build().unwrap(), read(toml).unwrap());
}

#[test]
fn what_holds_for_other_formats_is_the_same_in_rust() {
    let toml = r##"
        format = "xml"
        [content.xml]
        record_path = "orders/order"
        name_field = ""
        list_fields = ["item"]
        infer_types = false
        trim = false
        null_values = [""]
        [content.xml.types]
        "@id" = "int64"
    "##;
    let options = XmlOptions {
        record: Some("orders/order".to_owned()),
        name_field: None,
        lists: texts("item"),
        types: types("@id"),
        infer: false,
        trim: false,
        null_values: texts(""),
    };
    let built = builder(ContentFormat::Xml).xml(&options);
    assert_eq!(built.build().unwrap(), read(toml).unwrap());

    let toml = "format = \"form\"\nform = { infer_types = false, null_values = [\"\"], list_fields = \
                [\"tag\"], types = { n = \"int64\" } }";
    let options = FormOptions {
        types: types("n"),
        infer: false,
        null_values: texts(""),
        lists: texts("tag"),
    };
    let built = builder(ContentFormat::Form).form(&options);
    assert_eq!(built.build().unwrap(), read(toml).unwrap());

    let options = RawOptions {
        field: "body".to_owned(),
    };
    let built = builder(ContentFormat::Raw).raw(&options);
    let toml = "format = \"raw\"\nraw.field = \"body\"";
    assert_eq!(built.build().unwrap(), read(toml).unwrap());

    let built = builder(ContentFormat::AvroRecord).avro_schema("\"string\"");
    let toml = "format = \"avro_record\"\navro_record.schema = '\"string\"'";
    assert_eq!(built.build().unwrap(), read(toml).unwrap());
}

#[test]
fn the_builder_takes_the_last_word_and_checks_it() {
    let named = |field: &str| LinesOptions {
        field: field.to_owned(),
    };
    let built = builder(ContentFormat::Lines)
        .lines(&named("other"))
        .lines(&LinesOptions::default());
    assert_eq!(built.build().unwrap(), read("format = \"lines\"").unwrap());

    let mut wrong = FixedWidthOptions::default();
    wrong.columns.push(FixedColumn {
        name: String::new(),
        start: Some(0),
        width: 3,
        field_type: None,
    });
    let problems = |builder: DataSourceBuilder| {
        let error = builder.build().unwrap_err();
        let keys = error.problems().iter().map(|problem| problem.key.clone());
        keys.collect::<Vec<_>>()
    };
    assert_eq!(
        problems(builder(ContentFormat::FixedWidth).fixed_width(&wrong)),
        [
            "content.fixed_width.columns[0].name",
            "content.fixed_width.columns[0].start"
        ]
    );
    assert_eq!(
        problems(builder(ContentFormat::Regex).regex(&RegexOptions::default())),
        ["content.regex.pattern"]
    );
    assert_eq!(
        problems(builder(ContentFormat::Json).lines(&named("other"))),
        ["content.lines"]
    );
}

/// What is wrong in a `[content]`: line, key, and parts of the message and the help.
#[rstest]
#[case::another_name(
    "format = \"csv\"\ncsv.separator = \";\"",
    8,
    "content.csv.separator",
    "did you mean `delimiter`? allowed here: delimiter, quote"
)]
#[case::nearly_right(
    "format = \"csv\"\ncsv.delimeter = \";\"",
    8,
    "content.csv.delimeter",
    "did you mean `delimiter`?"
)]
#[case::of_another_format(
    "format = \"csv\"\ncsv.nested_json_fields = []",
    8,
    "content.csv.nested_json_fields",
    "there is `content.json.nested_json_fields`"
)]
#[case::of_a_section(
    "delimiter = \";\"",
    7,
    "content.delimiter",
    "there is `content.csv.delimiter`"
)]
#[case::another_section(
    "format = \"tsv\"\n[content.tsv]\nquote = \"'\"",
    8,
    "content.tsv",
    "did you mean `csv`? allowed here: format"
)]
#[case::outside(
    "[fixed_width]\ntrim = true",
    7,
    "fixed_width",
    "there is `content.fixed_width`"
)]
#[case::two_characters(
    "format = \"csv\"\ncsv.delimiter = \"||\"",
    8,
    "content.csv.delimiter",
    "must be one character of ASCII that is no line end, not \"||\""
)]
#[case::no_delimiter(
    "format = \"csv\"\ncsv.delimiter = \"\"",
    8,
    "content.csv.delimiter",
    "not \"\""
)]
#[case::one_character_twice(
    "format = \"csv\"\ncsv.escape = '\"'",
    8,
    "content.csv.escape",
    "must differ; '\"' is two of them"
)]
#[case::as_by_default(
    "format = \"tsv\"\ncsv.quote = \"\\t\"",
    8,
    "content.csv.quote",
    "must differ"
)]
#[case::no_list(
    "format = \"csv\"\ncsv.columns = \"a\"",
    8,
    "content.csv.columns",
    "must be a list of texts, not a text"
)]
#[case::no_column(
    "format = \"csv\"\ncsv.columns = []",
    8,
    "content.csv.columns",
    "none is named"
)]
#[case::an_empty_name(
    "format = \"csv\"\ncsv.columns = [\"\"]",
    8,
    "content.csv.columns",
    "not a list with an empty text"
)]
#[case::another_type(
    "format = \"csv\"\n[content.csv.types]\na = \"int\"",
    9,
    "content.csv.types.a",
    "did you mean \"int64\"?"
)]
#[case::types_in_line(
    "format = \"csv\"\ncsv.types = { a = 1 }",
    8,
    "content.csv.types.a",
    "must be \"string\", \"int64\", \"float64\" or \"boolean\", not a number"
)]
#[case::types_as_a_list(
    "format = \"csv\"\ncsv.types = [\"int64\"]",
    8,
    "content.csv.types",
    "is a section, not an array"
)]
#[case::no_tables(
    "format = \"fixed_width\"\nfixed_width.columns = [\"id\"]",
    8,
    "content.fixed_width.columns[0]",
    "must be a table such as { name = \"id\", width = 8 }, not a string"
)]
#[case::one_table(
    "format = \"fixed_width\"\nfixed_width.columns = { name = \"id\" }",
    8,
    "content.fixed_width.columns",
    "must be a list of tables, not a table"
)]
#[case::in_a_table(
    "format = \"fixed_width\"\nfixed_width.columns = [{ name = \"id\", width = 8, length = 9 }]",
    8,
    "content.fixed_width.columns[0].length",
    "did you mean `width`? allowed here: name, start, width, type"
)]
#[case::in_the_second(
    "format = \"fixed_width\"\n[[content.fixed_width.columns]]\nname = \"a\"\nwidth = 1\n[[content.fixed_width.columns]]\nname = \"b\"\nwidth = 0",
    13,
    "content.fixed_width.columns[1].width",
    "must be a whole number from 1 to"
)]
#[case::a_part_is_missing(
    "format = \"fixed_width\"\nfixed_width.columns = [{ name = \"id\" }]",
    8,
    "content.fixed_width.columns[0]",
    "columns[0].width` is missing: it must be a whole number"
)]
#[case::a_name_twice(
    "format = \"fixed_width\"\nfixed_width.columns = [{ name = \"a\", width = 1 }, { name = \"a\", width = 1 }]",
    8,
    "content.fixed_width.columns",
    "column \"a\" is there twice"
)]
#[case::nothing_in_it(
    "format = \"fixed_width\"\nfixed_width.columns = []",
    8,
    "content.fixed_width.columns",
    "fixed width needs columns"
)]
#[case::no_expression(
    "format = \"regex\"\nregex.pattern = '(?<a>x'",
    8,
    "content.regex.pattern",
    "cannot be that: unclosed group"
)]
#[case::no_group(
    "format = \"regex\"\nregex.pattern = 'x'",
    8,
    "content.regex.pattern",
    "the pattern names no group"
)]
#[case::no_path(
    "format = \"xml\"\nxml.record_path = 'a//b'",
    8,
    "content.xml.record_path",
    "names with / between them"
)]
#[case::no_field(
    "max_depth = 9\njson.nested_json_fields = ['a..b']",
    8,
    "content.json.nested_json_fields",
    "\"a..b\" is no path of a field"
)]
#[case::no_schema(
    "format = \"avro_record\"\navro_record.schema = '{}'",
    8,
    "content.avro_record.schema",
    "cannot be that"
)]
#[case::no_file(
    "format = \"avro_record\"\navro_record.schema_file = '/no/such.avsc'",
    8,
    "content.avro_record.schema_file",
    "\"/no/such.avsc\" cannot be read"
)]
#[case::twice(
    "format = \"avro_record\"\navro_record = { schema = '\"int\"', schema_file = 'x' }",
    8,
    "content.avro_record.schema_file",
    "has no meaning beside `schema`"
)]
#[case::of_no_use(
    "json.root_array_field = \"rows\"",
    7,
    "content.json.root_array_field",
    "has no meaning while `content.json.split_root_array` is true"
)]
#[case::foreign(
    "format = \"json\"\n[content.csv]\nquote = \"'\"\nheader = true",
    9,
    "content.csv",
    "has no meaning while `content.format` is \"json\": it is for \"csv\" or \"tsv\""
)]
fn what_is_wrong_is_named(
    #[case] content: &str,
    #[case] line: usize,
    #[case] key: &str,
    #[case] says: &str,
) {
    is_named(content, line, key, says);
}

/// Whether a problem with a key is reported at its line, in these words.
pub(super) fn is_named(content: &str, line: usize, key: &str, says: &str) {
    let error = read(content).unwrap_err();
    let mut problems = error.problems().iter();
    let found = problems.find(|problem| problem.key == key);
    let found = found.unwrap_or_else(|| panic!("{error}"));
    assert_eq!(found.at.as_ref().map(|at| at.line), Some(line), "{error}");
    assert!(error.to_string().contains(says), "{error}");
}

#[rstest]
#[case("regex", "content.regex.pattern")]
#[case("fixed_width", "content.fixed_width.columns")]
#[case("avro_record", "content.avro_record.schema")]
#[case("avro_confluent", "content.avro_confluent.url")]
#[case("protobuf", "content.protobuf.message")]
fn what_a_format_needs_must_be_written(#[case] format: &str, #[case] key: &str) {
    let error = read(&format!("format = \"{format}\"")).unwrap_err();
    let problem = &error.problems()[0];
    assert_eq!((problem.code, &*problem.key), ("config.missing_key", key));
}

/// A file without an end, such as a device, must not fill the memory either.
#[rstest]
#[case("format = \"avro_record\"\navro_record.schema_file = ")]
#[case("format = \"protobuf\"\nprotobuf.message = \"x\"\nprotobuf.descriptor_set_file = ")]
fn no_more_is_read_of_a_file_than_a_schema_may_have(#[case] content: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large");
    std::fs::File::create(&file)
        .and_then(|file| file.set_len(5 << 20))
        .unwrap();
    let error = read(&format!("{content}'{}'", file.display()));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("has more than 4 MiB"), "{error}");
}

#[test]
fn a_wrong_format_is_the_only_problem() {
    let error = read("format = \"cssv\"\ncsv.header = false").unwrap_err();
    assert_eq!(error.problems().len(), 1, "{error}");
    assert!(error.to_string().contains("did you mean \"csv\"?"));
}
