//! The other formats.

use super::Case;

pub(super) const CASES: &[Case] = &[
    Case {
        key: "content.json.split_root_array",
        without: r#"format = "json"
"#,
        with: r#"format = "json"
json.split_root_array = false"#,
        payload: b"[{\"a\":1},{\"a\":2}]",
        was: &[r#"{"a":1}"#, r#"{"a":2}"#],
        is: &[r#"{"items":[{"a":1},{"a":2}]}"#],
    },
    Case {
        key: "content.json.root_array_field",
        without: r#"format = "json"
json.split_root_array = false"#,
        with: r#"format = "json"
json.split_root_array = false
json.root_array_field = "rows""#,
        payload: b"[{\"a\":1},{\"a\":2}]",
        was: &[r#"{"items":[{"a":1},{"a":2}]}"#],
        is: &[r#"{"rows":[{"a":1},{"a":2}]}"#],
    },
    Case {
        key: "content.json.nested_json_fields",
        without: r#"format = "json"
"#,
        with: r#"format = "json"
json.nested_json_fields = ["body"]"#,
        payload: b"{\"body\":\"{\\\"a\\\":1}\"}",
        was: &[r#"{"body":"{\"a\":1}"}"#],
        is: &[r#"{"body":{"a":1}}"#],
    },
    Case {
        key: "content.json.keep_nested_text",
        without: r#"format = "json"
json.nested_json_fields = ["body"]"#,
        with: r#"format = "json"
json.nested_json_fields = ["body"]
json.keep_nested_text = true"#,
        payload: b"{\"body\":\"{\\\"a\\\":1}\"}",
        was: &[r#"{"body":{"a":1}}"#],
        is: &[r#"{"body":{"a":1},"body_text":"{\"a\":1}"}"#],
    },
    Case {
        key: "content.json.store_json_as_string",
        without: r#"format = "json"
"#,
        with: r#"format = "json"
json.store_json_as_string = "beside""#,
        payload: b"{\"a\":1}",
        was: &[r#"{"a":1}"#],
        is: &[r#"{"a":1,"json":"{\"a\":1}"}"#],
    },
    Case {
        key: "content.json.json_text_field",
        without: r#"format = "json"
json.store_json_as_string = "only""#,
        with: r#"format = "json"
json.store_json_as_string = "only"
json.json_text_field = "text""#,
        payload: b"{\"a\":1}",
        was: &[r#"{"json":"{\"a\":1}"}"#],
        is: &[r#"{"text":"{\"a\":1}"}"#],
    },
    Case {
        key: "content.cloudwatch.parse_messages",
        without: r#"format = "cloudwatch"
"#,
        with: r#"format = "cloudwatch"
cloudwatch.parse_messages = true"#,
        payload: b"{\"messageType\":\"DATA_MESSAGE\",\"owner\":\"1\",\"logGroup\":\"g\",\"logStream\":\"s\",\"subscriptionFilters\":[\"f\"],\"logEvents\":[{\"id\":\"9\",\"timestamp\":5,\"message\":\"{\\\"a\\\":1}\"}]}",
        was: &[r#"{"id":"9","logGroup":"g","logStream":"s","message":"{\"a\":1}","messageType":"DATA_MESSAGE","owner":"1","subscriptionFilters":["f"],"timestamp":5}"#],
        is: &[r#"{"id":"9","logGroup":"g","logStream":"s","message":{"a":1},"messageType":"DATA_MESSAGE","owner":"1","subscriptionFilters":["f"],"timestamp":5}"#],
    },
    Case {
        key: "content.cloudwatch.keep_message_text",
        without: r#"format = "cloudwatch"
cloudwatch.parse_messages = true"#,
        with: r#"format = "cloudwatch"
cloudwatch.parse_messages = true
cloudwatch.keep_message_text = true"#,
        payload: b"{\"messageType\":\"DATA_MESSAGE\",\"owner\":\"1\",\"logGroup\":\"g\",\"logStream\":\"s\",\"subscriptionFilters\":[\"f\"],\"logEvents\":[{\"id\":\"9\",\"timestamp\":5,\"message\":\"{\\\"a\\\":1}\"}]}",
        was: &[r#"{"id":"9","logGroup":"g","logStream":"s","message":{"a":1},"messageType":"DATA_MESSAGE","owner":"1","subscriptionFilters":["f"],"timestamp":5}"#],
        is: &[r#"{"id":"9","logGroup":"g","logStream":"s","message":{"a":1},"messageType":"DATA_MESSAGE","message_text":"{\"a\":1}","owner":"1","subscriptionFilters":["f"],"timestamp":5}"#],
    },
    Case {
        key: "content.form.infer_types",
        without: r#"format = "form"
"#,
        with: r#"format = "form"
form.infer_types = false"#,
        payload: b"a=1",
        was: &[r#"{"a":1}"#],
        is: &[r#"{"a":"1"}"#],
    },
    Case {
        key: "content.form.null_values",
        without: r#"format = "form"
"#,
        with: r#"format = "form"
form.null_values = [""]"#,
        payload: b"a=&b=1",
        was: &[r#"{"a":"","b":1}"#],
        is: &[r#"{"b":1}"#],
    },
    Case {
        key: "content.form.list_fields",
        without: r#"format = "form"
"#,
        with: r#"format = "form"
form.list_fields = ["a"]"#,
        payload: b"a=1&b=2",
        was: &[r#"{"a":1,"b":2}"#],
        is: &[r#"{"a":[1],"b":2}"#],
    },
    Case {
        key: "content.form.types.*",
        without: r#"format = "form"
"#,
        with: r#"format = "form"
form.types."a.b" = "string""#,
        payload: b"a.b=1",
        was: &[r#"{"a.b":1}"#],
        is: &[r#"{"a.b":"1"}"#],
    },
    Case {
        key: "content.xml.record_path",
        without: r#"format = "xml"
"#,
        with: r#"format = "xml"
xml.record_path = "r/i""#,
        payload: b"<r><i><a>1</a></i><i><a>2</a></i></r>",
        was: &[r##"{"#name":"r","i":[{"a":1},{"a":2}]}"##],
        is: &[r##"{"#name":"i","a":1}"##, r##"{"#name":"i","a":2}"##],
    },
    Case {
        key: "content.xml.name_field",
        without: r#"format = "xml"
"#,
        with: r#"format = "xml"
xml.name_field = """#,
        payload: b"<r><a>1</a></r>",
        was: &[r##"{"#name":"r","a":1}"##],
        is: &[r#"{"a":1}"#],
    },
    Case {
        key: "content.xml.list_fields",
        without: r#"format = "xml"
"#,
        with: r#"format = "xml"
xml.list_fields = ["a"]"#,
        payload: b"<r><a>1</a></r>",
        was: &[r##"{"#name":"r","a":1}"##],
        is: &[r##"{"#name":"r","a":[1]}"##],
    },
    Case {
        key: "content.xml.infer_types",
        without: r#"format = "xml"
"#,
        with: r#"format = "xml"
xml.infer_types = false"#,
        payload: b"<r><a>1</a></r>",
        was: &[r##"{"#name":"r","a":1}"##],
        is: &[r##"{"#name":"r","a":"1"}"##],
    },
    Case {
        key: "content.xml.trim",
        without: r#"format = "xml"
"#,
        with: r#"format = "xml"
xml.trim = false"#,
        payload: b"<r><a> x </a></r>",
        was: &[r##"{"#name":"r","a":"x"}"##],
        is: &[r##"{"#name":"r","a":" x "}"##],
    },
    Case {
        key: "content.xml.null_values",
        without: r#"format = "xml"
"#,
        with: r#"format = "xml"
xml.null_values = [""]"#,
        payload: b"<r><a/><b>1</b></r>",
        was: &[r##"{"#name":"r","a":"","b":1}"##],
        is: &[r##"{"#name":"r","b":1}"##],
    },
    Case {
        key: "content.xml.types.*",
        without: r#"format = "xml"
"#,
        with: r#"format = "xml"
[content.xml.types]
"@a" = "string""#,
        payload: b"<r a=\"1\"/>",
        was: &[r##"{"#name":"r","@a":1}"##],
        is: &[r##"{"#name":"r","@a":"1"}"##],
    },
    Case {
        key: "content.lines.field",
        without: r#"format = "lines"
"#,
        with: r#"format = "lines"
lines.field = "message""#,
        payload: b"x",
        was: &[r#"{"line":"x"}"#],
        is: &[r#"{"message":"x"}"#],
    },
    Case {
        key: "content.raw.field",
        without: r#"format = "raw"
"#,
        with: r#"format = "raw"
raw.field = "body""#,
        payload: b"x",
        was: &[r#"{"data":"eA=="}"#],
        is: &[r#"{"body":"eA=="}"#],
    },
    Case {
        key: "content.avro_record.schema",
        without: r#"format = "avro_record"
avro_record.schema = '{"type": "record", "name": "R", "fields": [{"name": "n", "type": "int"}]}'"#,
        with: r#"format = "avro_record"
avro_record.schema = '{"type": "record", "name": "R", "fields": [{"name": "m", "type": "int"}]}'"#,
        payload: &[2],
        was: &[r#"{"n":1}"#],
        is: &[r#"{"m":1}"#],
    },
    Case {
        key: "content.protobuf.descriptor_set",
        without: r#"format = "protobuf"
protobuf.message = "web.Hit"
protobuf.descriptor_set = "CjsKCWhpdC5wcm90bxIDd2ViIiEKA0hpdBISCgRwYXRoGAEgASgJUgRwYXRoGgYKBFBhcnRiBnByb3RvMw==""#,
        with: r#"format = "protobuf"
protobuf.message = "web.Hit"
protobuf.descriptor_set = "CjEKCWhpdC5wcm90bxIDd2ViIhcKA0hpdBIQCgN1cmwYASABKAlSA3VybGIGcHJvdG8z""#,
        payload: b"\x0a\x01x",
        was: &[r#"{"path":"x"}"#],
        is: &[r#"{"url":"x"}"#],
    },
    Case {
        key: "content.protobuf.message",
        without: r#"format = "protobuf"
protobuf.message = "web.Hit"
protobuf.descriptor_set = "CjsKCWhpdC5wcm90bxIDd2ViIiEKA0hpdBISCgRwYXRoGAEgASgJUgRwYXRoGgYKBFBhcnRiBnByb3RvMw==""#,
        with: r#"format = "protobuf"
protobuf.message = "web.Hit.Part"
protobuf.descriptor_set = "CjsKCWhpdC5wcm90bxIDd2ViIiEKA0hpdBISCgRwYXRoGAEgASgJUgRwYXRoGgYKBFBhcnRiBnByb3RvMw==""#,
        payload: b"\x0a\x01x",
        was: &[r#"{"path":"x"}"#],
        is: &["{}"],
    },
    Case {
        key: "content.protobuf.framing",
        without: r#"format = "protobuf"
protobuf.message = "web.Hit"
protobuf.descriptor_set = "CjsKCWhpdC5wcm90bxIDd2ViIiEKA0hpdBISCgRwYXRoGAEgASgJUgRwYXRoGgYKBFBhcnRiBnByb3RvMw==""#,
        with: r#"format = "protobuf"
protobuf.message = "web.Hit"
protobuf.descriptor_set = "CjsKCWhpdC5wcm90bxIDd2ViIiEKA0hpdBISCgRwYXRoGAEgASgJUgRwYXRoGgYKBFBhcnRiBnByb3RvMw=="
protobuf.framing = "delimited""#,
        payload: b"\x03\x0a\x01x",
        was: &["protobuf.damaged \u{3}\n\u{1}x"],
        is: &[r#"{"path":"x"}"#],
    },
    Case {
        key: "content.protobuf.unknown_fields",
        without: r#"format = "protobuf"
protobuf.message = "web.Hit"
protobuf.descriptor_set = "CjsKCWhpdC5wcm90bxIDd2ViIiEKA0hpdBISCgRwYXRoGAEgASgJUgRwYXRoGgYKBFBhcnRiBnByb3RvMw==""#,
        with: r#"format = "protobuf"
protobuf.message = "web.Hit"
protobuf.descriptor_set = "CjsKCWhpdC5wcm90bxIDd2ViIiEKA0hpdBISCgRwYXRoGAEgASgJUgRwYXRoGgYKBFBhcnRiBnByb3RvMw=="
protobuf.unknown_fields = "reject""#,
        payload: b"\x0a\x01x\x10\x01",
        was: &[r#"{"path":"x"}"#],
        is: &["protobuf.unknown_field \n\u{1}x\u{10}\u{1}"],
    },
];
