use serde_json::{Value, json};

use super::*;

fn source(text: &str) -> DataSource {
    DataSource::from_toml(text).unwrap_or_else(|error| panic!("{error}"))
}

fn on_s3(more: &str) -> DataSource {
    source(&format!(
        "name = \"clicks\"\n[kinesis]\nstream = \"clickstream\"\nregion = \"eu-west-1\"\n\
         {more}\n[content]\nformat = \"json\"\n[target]\nurl = \"s3://lake/raw/events\"\n"
    ))
}

fn place() -> Place {
    Place {
        region: None,
        account: Some("123456789012".into()),
    }
}

fn statement(document: &Value, id: &str) -> Value {
    let statements = document["Statement"].as_array().unwrap();
    let found = statements.iter().find(|statement| statement["Sid"] == id);
    found
        .unwrap_or_else(|| panic!("no {id}: {document}"))
        .clone()
}

#[test]
fn rights_are_on_the_stream_and_below_the_prefix_and_nowhere_else() {
    let sources = [on_s3("")];
    let policies = Policies::of(&sources, &place(), &Keys::default());
    assert_eq!(
        policies.identities().collect::<Vec<_>>(),
        [&Identity::Process]
    );
    let document = policies.document(&Identity::Process, &place());
    assert_eq!(
        statement(&document, "Stream")["Resource"],
        json!(["arn:aws:kinesis:eu-west-1:123456789012:stream/clickstream"])
    );
    assert_eq!(
        statement(&document, "Objects"),
        json!({
            "Sid": "Objects", "Effect": "Allow",
            "Action": ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
            "Resource": ["arn:aws:s3:::lake/raw/events/clicks/*"],
        })
    );
    let listing = statement(&document, "Listing");
    assert_eq!(listing["Action"], json!(["s3:ListBucket"]));
    assert_eq!(listing["Resource"], json!(["arn:aws:s3:::lake"]));
    assert_eq!(
        listing["Condition"],
        json!({ "StringLikeIfExists": { "s3:prefix": ["raw/events/clicks/*"] } })
    );
    let text = document.to_string();
    assert!(!text.contains("kms:") && !text.contains("Consumer") && !text.contains("sts:"));
}

#[test]
fn each_role_has_the_rights_of_its_own_side() {
    let text = r#"
name = "clicks"
[kinesis]
stream = "clickstream"
connection = "reader"
[target]
url = "s3://lake"
connection = "writer"
[content]
format = "json"
[connection.reader]
role_arn = "arn:aws:iam::111111111111:role/team/reader"
external_id = "the-secret"
[connection.writer]
role_arn = "arn:aws:iam::222222222222:role/writer"
region = "eu-west-1"
"#;
    let sources = [source(text)];
    let policies = Policies::of(&sources, &Place::default(), &Keys::default());
    let role = |arn: &str, external_id| Identity::Role {
        arn: arn.into(),
        external_id,
    };
    let reader = role("arn:aws:iam::111111111111:role/team/reader", true);
    let writer = role("arn:aws:iam::222222222222:role/writer", false);
    let all: Vec<_> = policies.identities().collect();
    assert_eq!(all, [&Identity::Process, &reader, &writer]);
    let document = |identity| policies.document(identity, &Place::default());
    assert_eq!(
        statement(&document(&Identity::Process), "Roles")["Resource"],
        json!([
            "arn:aws:iam::111111111111:role/team/reader",
            "arn:aws:iam::222222222222:role/writer"
        ])
    );
    let of_reader = document(&reader).to_string();
    // The role is in the account of the stream.
    assert!(of_reader.contains("arn:*:kinesis:*:111111111111:stream/clickstream"));
    assert!(!of_reader.contains("s3:"));
    let of_writer = document(&writer).to_string();
    assert!(of_writer.contains("arn:aws:s3:::lake/clicks/*") && !of_writer.contains("kinesis:"));

    let template = cloudformation(&sources, &Place::default(), &Keys::default());
    assert!(!template.contains("the-secret"), "{template}");
    assert!(template.contains("NoEcho: true"), "{template}");
    assert!(template.contains("RoleName: \"reader\"") && template.contains("Path: \"/team/\""));
}

#[test]
fn outputs_have_the_rights_of_a_target_in_their_own_place() {
    let text = r#"
name = "clicks"
[kinesis]
stream = "clickstream"
[content]
format = "json"
[target]
url = "./lake"
[[output]]
name = "errors"
url = "s3://elsewhere/out"
connection = "writer"
[connection.writer]
role_arn = "arn:aws:iam::222222222222:role/writer"
region = "eu-west-1"
"#;
    let policies = Policies::of(&[source(text)], &place(), &Keys::default());
    let writer = Identity::Role {
        arn: "arn:aws:iam::222222222222:role/writer".into(),
        external_id: false,
    };
    let document = policies.document(&writer, &place());
    assert_eq!(
        statement(&document, "Objects")["Resource"],
        json!(["arn:aws:s3:::elsewhere/out/errors/*"])
    );
    let document = policies.document(&Identity::Process, &place());
    assert_eq!(
        statement(&document, "Roles")["Resource"],
        json!(["arn:aws:iam::222222222222:role/writer"])
    );
}

#[test]
fn names_that_are_arns_are_taken_as_they_stand() {
    let arn = "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/clickstream";
    let by_arn = source(&format!(
        "name = \"clicks\"\n[kinesis]\nstream = \"{arn}\"\nfan_out = \"mill\"\n[target]\nurl = \
         \"./lake\"\n"
    ));
    let document = Policies::of(&[by_arn], &Place::default(), &Keys::default())
        .document(&Identity::Process, &Place::default());
    assert_eq!(statement(&document, "Stream")["Resource"], json!([arn]));
    assert_eq!(
        statement(&document, "Consumer")["Resource"],
        json!([format!("{arn}/consumer/mill:*")])
    );
    let consumer = format!("{arn}/consumer/mill:1700000000");
    let by_consumer = source(&format!(
        "name = \"clicks\"\n[kinesis]\nstream = \"clickstream\"\nfan_out = \"{consumer}\"\n\
         [content]\nformat = \"json\"\n[target]\nurl = \"./lake\"\n"
    ));
    let document = Policies::of(&[by_consumer], &Place::default(), &Keys::default())
        .document(&Identity::Process, &Place::default());
    assert_eq!(statement(&document, "Stream")["Resource"], json!([arn]));
    assert_eq!(
        statement(&document, "Consumer")["Resource"],
        json!([consumer])
    );
    assert!(!document.to_string().contains("Register"));
}

#[test]
fn what_several_sources_have_in_common_is_there_once() {
    let other = on_s3("").to_toml().replace("\"clicks\"", "\"orders\"");
    let sources = [on_s3(""), source(&other)];
    let policies = Policies::of(&sources, &place(), &Keys::default());
    let document = policies.document(&Identity::Process, &place());
    let ids: Vec<_> = document["Statement"]
        .as_array()
        .unwrap()
        .iter()
        .map(|statement| statement["Sid"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        [
            "Stream", "Listing", "Bucket", "Objects", "Listing2", "Objects2"
        ]
    );
}

#[test]
fn many_sources_make_several_policies_that_aws_takes() {
    let sources: Vec<DataSource> = (0..60)
        .map(|number| {
            let text = on_s3("").to_toml();
            source(&text.replace("\"clicks\"", &format!("\"clicks-of-country-{number}\"")))
        })
        .collect();
    let policies = Policies::of(&sources, &place(), &Keys::default());
    let names: Vec<&str> = sources.iter().map(DataSource::name).collect();
    let template = template::template(&policies, &names);
    let resources = template["Resources"].as_object().unwrap();
    assert!(resources.len() > 1);
    let mut statements = 0;
    for policy in resources.values() {
        let document = &policy["Properties"]["PolicyDocument"];
        assert!(document.to_string().len() <= 6_144);
        statements += document["Statement"].as_array().unwrap().len();
    }
    let whole = policies.document(&Identity::Process, &place());
    assert_eq!(statements, whole["Statement"].as_array().unwrap().len());
}

#[test]
fn keys_are_there_only_if_asked_for() {
    let keys = Keys {
        stream: Some("arn:aws:kms:eu-west-1:123456789012:key/a".into()),
        bucket: Some("arn:aws:kms:eu-west-1:123456789012:key/b".into()),
    };
    let policies = Policies::of(&[on_s3("")], &place(), &keys);
    let document = policies.document(&Identity::Process, &place());
    assert_eq!(
        statement(&document, "StreamKey")["Action"],
        json!(["kms:Decrypt"])
    );
    assert_eq!(
        statement(&document, "BucketKey")["Action"],
        json!(["kms:Decrypt", "kms:GenerateDataKey"])
    );
}
