//! Formats of text: CSV and TSV, lines, raw bytes, fixed width, regular expressions, forms, and
//! CloudWatch Logs.

use std::sync::LazyLock;

use shardmill_engine::decode::{ContentOptions, FormatChoice};

use super::choices::{self, Choice};
use super::{Family, Seen};
use crate::decoding::{Case, seen};
use crate::fixtures;
use crate::input::Input;

/// Formats of text.
pub const FAMILY: Family = Family {
    name: "text",
    law,
    seeds,
};

const FORMS: &[&str] = &["a=1&b=x+y&a=%41", "b=%C3%A9&c\na=&=1&&d"];
const FIXED: &[&str] = &["1 two 3\n22éé", " 7abc  rest\r\n"];
const LOGS: &[&str] = &[
    r#"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[{"id":"1","timestamp":1,"message":"{\"a\":1}"},{"id":"2","timestamp":2,"message":"x"}]}"#,
    r#"{"messageType":"CONTROL_MESSAGE","logEvents":[]}"#,
];

const CHOICES: &[Choice] = &[
    Choice {
        options: r#"{"format":"csv"}"#,
        samples: &[
            "a,b,a\n1,\"x\"\"y\nz\",true\n2,,0.5,9\n",
            "b,a\r\nx,1e-7\r\n",
        ],
    },
    Choice {
        options: r#"{"format":"tsv","csv":{"quote":null,"infer_types":false,"short_lines":"fill"}}"#,
        samples: &["a\tb\n1\n2\t\"x\"\n", "b\n\ty\n"],
    },
    Choice {
        options: r#"{"format":"csv","csv":{"escape":"\\","trim":true,"header":false}}"#,
        samples: &["1, \"a\\\"b\" ,c\n", "x\\,y,2\r"],
    },
    Choice {
        options: r#"{"format":"csv","csv":{"columns":["a","b"],"types":{"a":"int64","b":"float64"},"null_values":["-","NULL"],"quoted_nulls":true,"header":false}}"#,
        samples: &["1,2.5\n-,\"NULL\"\n", "x,007,more\n"],
    },
    Choice {
        options: r#"{"format":"csv","csv":{"delimiter":"|","quote":"'"}}"#,
        samples: &["a|b\n'1|2'|3\n", "c|c\n1|2\n"],
    },
    Choice {
        options: r#"{"format":"lines"}"#,
        samples: &["one\ntwo\r\n\nthree", "é"],
    },
    Choice {
        options: r#"{"format":"raw"}"#,
        samples: &["any bytes", "\0"],
    },
    Choice {
        options: r#"{"format":"fixed_width","fixed_width":{"columns":[{"name":"a","width":2},{"name":"b","width":3}]}}"#,
        samples: FIXED,
    },
    Choice {
        options: r#"{"format":"fixed_width","fixed_width":{"columns":[{"name":"b","start":4,"width":2,"type":"string"},{"name":"a","start":2,"width":1}],"trim":false,"short_lines":"reject","null_values":["-"]}}"#,
        samples: FIXED,
    },
    Choice {
        options: r#"{"format":"regex","regex":{"pattern":"(?<a>[a-z]+)?,(?<b>.)","types":{"b":"boolean"}}}"#,
        samples: &["abc,1\n,x\nno match", "ä,é"],
    },
    Choice {
        options: r#"{"format":"regex","regex":{"pattern":"(?s)^(?<a>.*)\"(?<b>.*)","unit":"content","infer_types":false,"null_values":["-"]}}"#,
        samples: &["one\n\"two\"three", "-\"-\n"],
    },
    Choice {
        options: r#"{"format":"form"}"#,
        samples: FORMS,
    },
    Choice {
        options: r#"{"format":"form","form":{"infer_types":false,"list_fields":["a"],"null_values":[""]}}"#,
        samples: FORMS,
    },
    Choice {
        options: r#"{"format":"cloudwatch"}"#,
        samples: LOGS,
    },
    Choice {
        options: r#"{"format":"cloudwatch","cloudwatch":{"parse_messages":true,"keep_message_text":true}}"#,
        samples: LOGS,
    },
];

static OPTIONS: LazyLock<Vec<ContentOptions>> = LazyLock::new(|| choices::options(CHOICES));

fn law(bytes: &[u8]) -> Seen {
    let input = Input::read(bytes);
    let options = choices::chosen(&OPTIONS, &input);
    seen(&Case::new(options, &input).check())
}

fn seeds() -> Vec<Vec<u8>> {
    choices::seeds(CHOICES, |options| match options.format {
        FormatChoice::Csv | FormatChoice::Tsv => fixtures::texts("csv"),
        FormatChoice::Form => fixtures::texts("form"),
        FormatChoice::FixedWidth => fixtures::texts("fixed_width"),
        FormatChoice::Regex => fixtures::texts("regex"),
        FormatChoice::CloudWatch => vec![fixtures::of_format("cloudwatch").1],
        _ => vec![fixtures::of_format("lines").1],
    })
}
