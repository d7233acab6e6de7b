//! What XML becomes, rule by rule.

use rstest::rstest;

use super::payloads::{batch, decode_as, one, outcome, types_of};
use crate::budget::Budget;
use crate::decode::{ContentOptions, DecodeLimits, Decoder};
use crate::schema::DataType;

fn xml(options: &str) -> ContentOptions {
    let stored = format!(r##"{{"format":"xml","xml":{{"name_field":null{options}}}}}"##);
    serde_json::from_str(&stored).unwrap()
}

#[rstest]
#[case::empty(" \n", &[])]
#[case::elements("<r><a>1</a><b>x</b><c>true</c><d>0.5</d></r>", &[r#"{"a":1,"b":"x","c":true,"d":0.5}"#])]
#[case::attributes("<r a='1' b=\"x &amp; &#x41;\"><c d='2'/><e f='3'>t</e></r>",
    &[r##"{"@a":1,"@b":"x & A","c":{"@d":2},"e":{"#text":"t","@f":3}}"##])]
#[case::lists("<r><a>1</a><b/><a>x</a><a><c>2</c></a></r>", &[r#"{"a":[1,"x",{"c":2}],"b":""}"#])]
#[case::many_members("<r><a/><b/><c/><d/><e/><f/><g/><h/><i/><a>1</a></r>",
    &[r#"{"a":["",1],"b":"","c":"","d":"","e":"","f":"","g":"","h":"","i":""}"#])]
#[case::root_text("<r>text</r>", &[r##"{"#text":"text"}"##])]
#[case::root_empty("<r/>", &["{}"])]
#[case::mixed("<r>one <b>two</b> three</r>", &[r##"{"#text":"one  three","b":"two"}"##])]
#[case::white_space("<r>\n <a>\n x y </a>\n</r>\n", &[r#"{"a":"x y"}"#])]
#[case::cdata("<r><a><![CDATA[ <b>&amp; ]]></a><c> x<![CDATA[ ]]> </c></r>", &[r#"{"a":" <b>&amp; ","c":"x "}"#])]
#[case::entities("<r><a>&lt;&gt;&amp;&apos;&quot;&#233;&#x1F600;&#32;</a></r>", &[r#"{"a":"<>&'\"é😀 "}"#])]
#[case::namespaces("<n:r xmlns:n='u'><n:a>1</n:a></n:r>", &[r#"{"@xmlns:n":"u","n:a":1}"#])]
#[case::nil("<r xmlns:xsi='u'><a xsi:nil='true'/><b xsi:nil='true' c='1'/></r>",
    &[r#"{"@xmlns:xsi":"u","b":{"@c":1,"@xsi:nil":true}}"#])]
#[case::around("<?xml version='1.0'?>\n<!DOCTYPE r SYSTEM 'x.dtd'><!-- c --><?p i?><r><!-- c -->1<?p?>2</r><!-- d -->",
    &[r##"{"#text":12}"##])]
#[case::several("<r>1</r><?xml version='1.0'?><r>2</r>\n<r>3</r>", &[r##"{"#text":1}"##, r##"{"#text":2}"##, r##"{"#text":3}"##])]
#[case::line_ends("<r>a\r\nb</r>", &[r##"{"#text":"a\nb"}"##])]
#[case::byte_order_mark("\u{feff}<r>é</r>", &[r##"{"#text":"é"}"##])]
#[case::not_closed("<r>1</r><r><a>", &[r##"{"#text":1}"##, "xml.syntax <r><a>"])]
#[case::crossed("<r><a></r></a>", &["xml.syntax <r><a></r></a>"])]
#[case::closed_twice("<r>1</r></r>", &[r##"{"#text":1}"##, "xml.syntax </r>"])]
#[case::no_xml("oops", &["xml.syntax oops"])]
#[case::text_after("<r/>oops", &["{}", "xml.syntax oops"])]
#[case::bad_name("<r><1a/></r>", &["xml.syntax <r><1a/></r>"])]
#[case::no_name("<><a/></>", &["xml.syntax <><a/></>"])]
#[case::bad_attribute("<r a=1/>", &["xml.syntax <r a=1/>"])]
#[case::attribute_twice("<r a='1' a='2'/><r a='3'/>", &["xml.syntax <r a='1' a='2'/>", r#"{"@a":3}"#])]
#[case::less_in_attribute("<r a='<'/>", &["xml.syntax <r a='<'/>"])]
#[case::open_reference("<r>a & b</r>", &["xml.syntax <r>a & b</r>"])]
#[case::character_of_none("<r>&#xD800;</r>", &["xml.syntax <r>&#xD800;</r>"])]
#[case::declaration_inside("<r><?xml version='1.0'?></r>", &["xml.syntax <r><?xml version='1.0'?></r>"])]
fn a_payload_becomes(#[case] payload: &str, #[case] expected: &[&str]) {
    let decoded = decode_as(&xml(""), &[payload.as_bytes()]);
    assert_eq!(outcome(&decoded), [expected]);
    // Also where columns hold other things already.
    let first = "<r><a>true</a><b><q/></b><c><l/><l/></c></r>".as_bytes();
    let beside = decode_as(&xml(""), &[first, payload.as_bytes()]);
    assert_eq!(outcome(&beside)[1], expected);
}

#[test]
fn entities_are_never_expanded() {
    let laughs = "<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'><!ENTITY x SYSTEM 'file:///etc/passwd'>]>";
    for use_of in ["&b;", "&x;", "&#x26;b;", "<a t='&b;'/>"] {
        let document = format!("{laughs}<l>{use_of}</l>");
        let found = one(&xml(""), format!("{document}<l>1</l>").as_bytes());
        if use_of == "&#x26;b;" {
            assert_eq!(found[0], r##"{"#text":"&b;"}"##);
        } else {
            assert_eq!(found[0], format!("xml.entity <l>{use_of}</l>"));
        }
        assert_eq!(found[1], r##"{"#text":1}"##, "the next record is read");
    }
}

#[test]
fn records_stand_at_their_path() {
    let options = xml(r#","record_path":"/batch/items/item""#);
    let payload = "<batch><head><item>0</item></head><items n='2'><item>1</item>\
        <other><item>3</item></other><item a='x'><item>2</item></item></items><items><item/></items></batch>";
    assert_eq!(
        one(&options, payload.as_bytes()),
        [r##"{"#text":1}"##, r#"{"@a":"x","item":2}"#, "{}"]
    );
    assert_eq!(
        one(
            &options,
            b"<batch><items><item>1</item><item>2</items></batch>"
        ),
        [r##"{"#text":1}"##, "xml.syntax <item>2</items></batch>"]
    );
    assert_eq!(
        one(&options, b"<batch><items><item>1</item>"),
        [
            r##"{"#text":1}"##.to_owned(),
            "xml.syntax <batch><items><item>1</item>".to_owned()
        ]
    );
    assert_eq!(one(&options, b"<items/>"), ["xml.no_record <items/>"]);
    let decoded = decode_as(&options, &[b"<batch/>", b"<batch><items/></batch>"]);
    assert_eq!(decoded.counts.empty, 2);
    for path in ["", "/", "a//b", "a/"] {
        let options = xml(&format!(r#","record_path":"{path}""#));
        assert!(options.check().is_err(), "{path}");
    }
}

#[test]
fn xml_has_its_options() {
    let named: ContentOptions = serde_json::from_str(r#"{"format":"xml"}"#).unwrap();
    assert_eq!(
        one(&named, b"<click x='1'/><view/>"),
        [r##"{"#name":"click","@x":1}"##, r##"{"#name":"view"}"##]
    );
    let options = xml(
        r##","list_fields":["a"],"infer_types":false,"types":{"n":"int64","@n":"string"},"null_values":[""],"trim":false"##,
    );
    assert_eq!(
        one(
            &options,
            b"<r n='1'>\n<a>1</a>\n<n>2</n><b> x </b><c></c></r>"
        ),
        [r#"{"@n":"1","a":["1"],"b":" x ","n":2}"#]
    );
    assert_eq!(
        one(&options, b"<r><a/><a>1</a></r>"),
        [r#"{"a":[null,"1"]}"#]
    );
}

#[test]
fn lists_keep_one_type_where_they_are_named() {
    let options = xml(r#","list_fields":["a"]"#);
    let decoded = decode_as(&options, &[b"<r><a>1</a></r>", b"<r><a>1</a><a>2</a></r>"]);
    let list = DataType::List(Box::new(DataType::Int53));
    assert_eq!(types_of(&decoded), [("a".to_owned(), list)]);
    let decoded = decode_as(&xml(""), &[b"<r><a>1</a></r>", b"<r><a>1</a><a>2</a></r>"]);
    assert_eq!(types_of(&decoded), [("a".to_owned(), DataType::Json)]);
    assert_eq!(outcome(&decoded).concat(), [r#"{"a":1}"#, r#"{"a":[1,2]}"#]);
}

#[test]
fn encodings_are_known_by_bytes_and_declaration() {
    let utf16 = |text: &str, unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    };
    let expected = [r##"{"#text":"é€😀"}"##];
    let text = "<?xml version='1.0' encoding='UTF-16'?><r>é€😀</r>";
    for content in [
        text.as_bytes().to_vec(),
        utf16(&format!("\u{feff}{text}"), u16::to_le_bytes),
        utf16(&format!("\u{feff}{text}"), u16::to_be_bytes),
        utf16(text, u16::to_le_bytes),
        utf16(text, u16::to_be_bytes),
    ] {
        assert_eq!(one(&xml(""), &content), expected);
    }
    let latin = b"<?xml version=\"1.0\" encoding = \"ISO-8859-1\"?><r>\xe9</r>";
    assert_eq!(one(&xml(""), latin), [r##"{"#text":"é"}"##]);
    let starts = |content: &[u8], code: &str| {
        let found = one(&xml(""), content);
        assert!(found.len() == 1 && found[0].starts_with(code), "{found:?}");
    };
    starts(
        b"<?xml version='1.0' encoding='koi8-r'?><r/>",
        "xml.encoding",
    );
    starts(b"\xff\xfe<\0r\0/\0>", "xml.encoding");
    starts(b"\xff\xfe\x00\xd8", "xml.encoding");
    starts(b"<r>\xe9</r>", "text.not_utf8");
}

#[test]
fn limits_hold_and_the_next_record_is_read() {
    let limits = DecodeLimits {
        max_depth: 3,
        max_event_bytes: 200,
        max_event_cells: 640,
        ..DecodeLimits::default()
    };
    let deep = "<r><a><b><c><d/></c></b></a></r>";
    let long = format!("<r>{}</r>", "x".repeat(200));
    let many = format!("<r>{}</r>", "<a/>".repeat(81));
    let payload = format!("<r>1</r>{deep}{long}{many}<r><a><b>2</b></a></r>");
    let budget = Budget::new(1 << 20);
    let mut decoder = Decoder::new(limits, &xml(""));
    let decoded = decoder.decode(batch(&[payload.as_bytes()], &budget), &budget);
    assert_eq!(
        outcome(&decoded).concat(),
        [
            r##"{"#text":1}"##.to_owned(),
            format!("xml.too_deep {deep}"),
            format!("decode.too_large {long}"),
            format!("decode.too_large {many}"),
            r#"{"a":{"b":2}}"#.to_owned(),
        ]
    );
}

#[test]
fn an_absurd_document_is_one_reject() {
    for absurd in [
        "<a>".repeat(100_000),
        format!("<r {}/>", "a='' ".repeat(100_000)),
    ] {
        assert_eq!(decode_as(&xml(""), &[absurd.as_bytes()]).rejects.len(), 1);
    }
}
