//! Formats of lines: CSV, fixed width, regular expressions.

use super::Case;

pub(super) const CASES: &[Case] = &[
    Case {
        key: "content.csv.delimiter",
        without: r#"format = "csv"
"#,
        with: r#"format = "csv"
csv.delimiter = ";""#,
        payload: b"a;b\n1;2\n",
        was: &[r#"{"a;b":"1;2"}"#],
        is: &[r#"{"a":1,"b":2}"#],
    },
    Case {
        key: "content.csv.delimiter",
        without: r#"format = "tsv"
"#,
        with: r#"format = "tsv"
csv.delimiter = "|""#,
        payload: b"a|b\n1|2\n",
        was: &[r#"{"a|b":"1|2"}"#],
        is: &[r#"{"a":1,"b":2}"#],
    },
    Case {
        key: "content.csv.quote",
        without: r#"format = "csv"
"#,
        with: r#"format = "csv"
csv.quote = "'""#,
        payload: b"a\n'x,y'\n",
        was: &[r#"{"_column_2":"y'","a":"'x"}"#],
        is: &[r#"{"a":"x,y"}"#],
    },
    Case {
        key: "content.csv.quote",
        without: r#"format = "csv"
"#,
        with: r#"format = "csv"
csv.quote = """#,
        payload: b"a\n\"x\"\n",
        was: &[r#"{"a":"x"}"#],
        is: &[r#"{"a":"\"x\""}"#],
    },
    Case {
        key: "content.csv.escape",
        without: r#"format = "csv"
"#,
        with: r#"format = "csv"
csv.escape = '\'"#,
        payload: b"a,b\n1\\,2,3\n",
        was: &[r#"{"_column_3":3,"a":"1\\","b":2}"#],
        is: &[r#"{"a":"1,2","b":3}"#],
    },
    Case {
        key: "content.csv.header",
        without: r#"format = "csv"
csv.infer_types = false"#,
        with: r#"format = "csv"
csv.infer_types = false
csv.header = false"#,
        payload: b"a,b\n1,2\n",
        was: &[r#"{"a":"1","b":"2"}"#],
        is: &[
            r#"{"_column_1":"a","_column_2":"b"}"#,
            r#"{"_column_1":"1","_column_2":"2"}"#,
        ],
    },
    Case {
        key: "content.csv.columns",
        without: r#"format = "csv"
"#,
        with: r#"format = "csv"
csv.columns = ["x", "y"]"#,
        payload: b"a,b\n1,2\n",
        was: &[r#"{"a":1,"b":2}"#],
        is: &[r#"{"x":1,"y":2}"#],
    },
    Case {
        key: "content.csv.null_values",
        without: r#"format = "csv"
"#,
        with: r#"format = "csv"
csv.null_values = ["-"]"#,
        payload: b"a,b\n-,\n",
        was: &[r#"{"a":"-"}"#],
        is: &[r#"{"b":""}"#],
    },
    Case {
        key: "content.csv.quoted_nulls",
        without: r#"format = "csv"
"#,
        with: r#"format = "csv"
csv.quoted_nulls = true"#,
        payload: b"a,b\n\"\",1\n",
        was: &[r#"{"a":"","b":1}"#],
        is: &[r#"{"b":1}"#],
    },
    Case {
        key: "content.csv.infer_types",
        without: r#"format = "csv"
"#,
        with: r#"format = "csv"
csv.infer_types = false"#,
        payload: b"a\n1\n",
        was: &[r#"{"a":1}"#],
        is: &[r#"{"a":"1"}"#],
    },
    Case {
        key: "content.csv.trim",
        without: r#"format = "csv"
"#,
        with: r#"format = "csv"
csv.trim = true"#,
        payload: b"a,b\n x , 2\n",
        was: &[r#"{"a":" x ","b":" 2"}"#],
        is: &[r#"{"a":"x","b":2}"#],
    },
    Case {
        key: "content.csv.short_lines",
        without: r#"format = "csv"
"#,
        with: r#"format = "csv"
csv.short_lines = "fill""#,
        payload: b"a,b\n1\n",
        was: &["csv.ragged 1"],
        is: &[r#"{"a":1}"#],
    },
    Case {
        key: "content.csv.types.*",
        without: r#"format = "csv"
"#,
        with: r#"format = "csv"
csv.types = { a = "string" }"#,
        payload: b"a\n1\n",
        was: &[r#"{"a":1}"#],
        is: &[r#"{"a":"1"}"#],
    },
    Case {
        key: "content.fixed_width.columns",
        without: r#"format = "fixed_width"
fixed_width.columns = [{ name = "a", width = 2 }]"#,
        with: r#"format = "fixed_width"
fixed_width.columns = [{ name = "a", width = 1 }, { name = "b", width = 1 }]"#,
        payload: b"12",
        was: &[r#"{"a":12}"#],
        is: &[r#"{"a":1,"b":2}"#],
    },
    Case {
        key: "content.fixed_width.columns.*.name",
        without: r#"format = "fixed_width"
fixed_width.columns = [{ name = "a", width = 2 }]"#,
        with: r#"format = "fixed_width"
[[content.fixed_width.columns]]
name = "b"
width = 2"#,
        payload: b"12",
        was: &[r#"{"a":12}"#],
        is: &[r#"{"b":12}"#],
    },
    Case {
        key: "content.fixed_width.columns.*.start",
        without: r#"format = "fixed_width"
fixed_width.columns = [{ name = "a", width = 2 }]"#,
        with: r#"format = "fixed_width"
fixed_width.columns = [{ name = "a", start = 3, width = 2 }]"#,
        payload: b"1234",
        was: &[r#"{"_rest":"34","a":12}"#],
        is: &[r#"{"a":34}"#],
    },
    Case {
        key: "content.fixed_width.columns.*.width",
        without: r#"format = "fixed_width"
fixed_width.columns = [{ name = "a", width = 2 }]"#,
        with: r#"format = "fixed_width"
fixed_width.columns = [{ name = "a", width = 4 }]"#,
        payload: b"1234",
        was: &[r#"{"_rest":"34","a":12}"#],
        is: &[r#"{"a":1234}"#],
    },
    Case {
        key: "content.fixed_width.columns.*.type",
        without: r#"format = "fixed_width"
fixed_width.columns = [{ name = "a", width = 2 }]"#,
        with: r#"format = "fixed_width"
fixed_width.columns = [{ name = "a", width = 2, type = "string" }]"#,
        payload: b"12",
        was: &[r#"{"a":12}"#],
        is: &[r#"{"a":"12"}"#],
    },
    Case {
        key: "content.fixed_width.trim",
        without: r#"format = "fixed_width"
fixed_width.columns = [{ name = "a", width = 2 }]"#,
        with: r#"format = "fixed_width"
fixed_width.columns = [{ name = "a", width = 2 }]
fixed_width.trim = false"#,
        payload: b"x ",
        was: &[r#"{"a":"x"}"#],
        is: &[r#"{"a":"x "}"#],
    },
    Case {
        key: "content.fixed_width.infer_types",
        without: r#"format = "fixed_width"
fixed_width.columns = [{ name = "a", width = 2 }]"#,
        with: r#"format = "fixed_width"
fixed_width.columns = [{ name = "a", width = 2 }]
fixed_width.infer_types = false"#,
        payload: b"12",
        was: &[r#"{"a":12}"#],
        is: &[r#"{"a":"12"}"#],
    },
    Case {
        key: "content.fixed_width.null_values",
        without: r#"format = "fixed_width"
fixed_width.columns = [{ name = "a", width = 2 }]"#,
        with: r#"format = "fixed_width"
fixed_width.columns = [{ name = "a", width = 2 }]
fixed_width.null_values = ["-"]"#,
        payload: b"- ",
        was: &[r#"{"a":"-"}"#],
        is: &["{}"],
    },
    Case {
        key: "content.fixed_width.short_lines",
        without: r#"format = "fixed_width"
fixed_width.columns = [{ name = "a", width = 2 }, { name = "b", width = 2 }]"#,
        with: r#"format = "fixed_width"
fixed_width.columns = [{ name = "a", width = 2 }, { name = "b", width = 2 }]
fixed_width.short_lines = "reject""#,
        payload: b"12",
        was: &[r#"{"a":12}"#],
        is: &["fixed_width.short 12"],
    },
    Case {
        key: "content.regex.pattern",
        without: r#"format = "regex"
regex.pattern = '(?<a>\w+)'"#,
        with: r#"format = "regex"
regex.pattern = '^(?<b>.)(?<c>.*)$'"#,
        payload: b"xy",
        was: &[r#"{"a":"xy"}"#],
        is: &[r#"{"b":"x","c":"y"}"#],
    },
    Case {
        key: "content.regex.unit",
        without: r#"format = "regex"
regex.pattern = '(?<a>\w+)'"#,
        with: r#"format = "regex"
regex.pattern = '(?<a>\w+)'
regex.unit = "content""#,
        payload: b"x\ny",
        was: &[r#"{"a":"x"}"#, r#"{"a":"y"}"#],
        is: &[r#"{"a":"x"}"#],
    },
    Case {
        key: "content.regex.infer_types",
        without: r#"format = "regex"
regex.pattern = '(?<a>\w+)'"#,
        with: r#"format = "regex"
regex.pattern = '(?<a>\w+)'
regex.infer_types = false"#,
        payload: b"12",
        was: &[r#"{"a":12}"#],
        is: &[r#"{"a":"12"}"#],
    },
    Case {
        key: "content.regex.null_values",
        without: r#"format = "regex"
regex.pattern = '(?<a>\w+)'"#,
        with: r#"format = "regex"
regex.pattern = '(?<a>\w+)'
regex.null_values = ["x"]"#,
        payload: b"x",
        was: &[r#"{"a":"x"}"#],
        is: &["{}"],
    },
    Case {
        key: "content.regex.types.*",
        without: r#"format = "regex"
regex.pattern = '(?<a>\w+)'"#,
        with: r#"format = "regex"
regex.pattern = '(?<a>\w+)'
regex.types.a = "string""#,
        payload: b"12",
        was: &[r#"{"a":12}"#],
        is: &[r#"{"a":"12"}"#],
    },
];
