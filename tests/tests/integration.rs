//! `shardmill integration`: templates that cfn-lint takes, and policies that say what they should.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use shardmill_tests::{cli, paths, process, tools};

const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");

const S3: &str = r#"
name = "clicks"
[kinesis]
stream = "clickstream"
region = "eu-west-1"
[content]
format = "json"
[target]
url = "s3://lake/raw/events"
"#;

const LOCAL: &str = r#"
name = "orders"
[kinesis]
stream = "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/orders"
[target]
url = "./lake"
"#;

const FAN_OUT: &str = r#"
name = "views"
[kinesis]
stream = "clickstream"
fan_out = "views"
[target]
url = "s3://lake"
"#;

const ROLES: &str = r#"
name = "audit"
[kinesis]
stream = "audit"
connection = "reader"
[content]
format = "avro_glue"
avro_glue.connection = "reader"
[target]
url = "s3://lake/audit"
connection = "writer"
[connection.reader]
role_arn = "arn:aws:iam::111111111111:role/team/reader"
external_id = "never-to-be-seen"
region = "eu-west-1"
[connection.writer]
role_arn = "arn:aws:iam::222222222222:role/writer"
region = "eu-west-1"
"#;

/// Writes configurations into a folder; gives their paths.
fn written(folder: &Path, sources: &[&str]) -> Vec<String> {
    let write = |(number, text): (usize, &&str)| {
        let path = folder.join(format!("{number}.toml"));
        std::fs::write(&path, text).expect("a file can be written");
        path.display().to_string()
    };
    sources.iter().enumerate().map(write).collect()
}

fn integration(sources: &[&str], options: &[&str]) -> String {
    let folder = paths::new_folder();
    let files = written(folder.path(), sources);
    let files = files.iter().map(String::as_str);
    let arguments: Vec<&str> = ["integration"]
        .into_iter()
        .chain(files)
        .chain(options.iter().copied())
        .collect();
    cli::text(SHARDMILL, &arguments)
}

/// Has cfn-lint look at a template, with everything that it knows to say; gives what it says.
fn lint(template: &str) -> Result<(), String> {
    let folder = paths::new_folder();
    let path = folder.path().join("template.yaml");
    std::fs::write(&path, template).expect("a file can be written");
    let mut lint = Command::new(tools::python().with_file_name("cfn-lint"));
    // I3042 wants no partition by its name; but a stream in a known region is nowhere else.
    lint.args(["--include-checks", "I", "--ignore-checks", "I3042"])
        .args(["--regions", "eu-west-1", "cn-north-1", "--template"])
        .arg(&path);
    let output = lint.output().expect("cfn-lint can be started");
    if output.status.success() {
        return Ok(());
    }
    let (said, more) = (output.stdout, output.stderr);
    let said = [said, more].concat();
    Err(String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn cfn_lint_takes_every_template() {
    let keys = [
        "--stream-key",
        "arn:aws:kms:eu-west-1:123456789012:key/1",
        "--bucket-key",
        "arn:aws:kms:eu-west-1:123456789012:key/2",
    ];
    let account = ["--account", "123456789012"];
    for (sources, options) in [
        (&[S3][..], &[][..]),
        (&[LOCAL], &[]),
        (&[FAN_OUT], &[]),
        (&[FAN_OUT], &account),
        (&[ROLES], &[]),
        (&[S3], &keys),
        (&[S3, LOCAL, FAN_OUT, ROLES], &[]),
    ] {
        let template = integration(sources, options);
        assert!(!template.contains("never-to-be-seen"), "{template}");
        lint(&template).unwrap_or_else(|said| panic!("{said}\n{template}"));
    }
}

#[test]
fn cfn_lint_finds_what_is_wrong() {
    let template = integration(&[S3], &[]);
    let wrong = template.replace("kinesis:ListShards", "kinesis:ListShrads");
    assert_ne!(wrong, template);
    let said = lint(&wrong).expect_err("the action does not exist");
    assert!(said.to_lowercase().contains("listshrads"), "{said}");
}

#[test]
fn the_template_and_the_policies_say_the_same() {
    let folder = paths::new_folder();
    let options = ["--account", "123456789012", "--region", "eu-west-1"];
    let template = integration(&[S3, FAN_OUT], &options);
    let path = folder.path().join("template.yaml");
    std::fs::write(&path, &template).expect("a file can be written");
    let mut read = Command::new(tools::python());
    read.arg("-c")
        .arg("import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))")
        .arg(&path);
    let read = process::run("yaml", read, b"");
    let template: Value = serde_json::from_slice(&read).expect("JSON");
    let policy = integration(
        &[S3, FAN_OUT],
        &[&options[..], &["--format", "iam"]].concat(),
    );
    let policy: Value = serde_json::from_str(&policy).expect("JSON");
    let of_template = &template["Resources"]["ProcessPolicy"]["Properties"]["PolicyDocument"];
    // With nothing left open the only placeholder is the partition of what has no region.
    assert_eq!(of_template, &policy);
}

#[test]
fn policies_of_several_identities_are_told_by_who_they_are_for() {
    let whole: Value =
        serde_json::from_str(&integration(&[ROLES], &["--format", "iam"])).expect("JSON");
    let who: Vec<&String> = whole.as_object().expect("an object").keys().collect();
    let (reader, writer) = (
        "arn:aws:iam::111111111111:role/team/reader",
        "arn:aws:iam::222222222222:role/writer",
    );
    assert_eq!(who, [reader, writer, "process"]);
    let of_reader = whole[reader].to_string();
    assert!(
        of_reader.contains("glue:GetSchemaVersion") && of_reader.contains("kinesis:GetRecords")
    );

    let folder = paths::new_folder();
    let file = &written(folder.path(), &[ROLES])[0];
    let report = cli::report(SHARDMILL, &["integration", file, "--json"]);
    let [report] = &report[..] else {
        panic!("one object: {report:?}");
    };
    assert_eq!(report["event"], "integration");
    assert_eq!(report["sources"][0], "audit");
    let policies = report["policies"].as_array().expect("a list");
    let told: Vec<_> = policies
        .iter()
        .map(|policy| (&policy["identity"], &policy["external_id"]))
        .collect();
    assert_eq!(told[1], (&Value::from(reader), &Value::from(true)));
    assert_eq!(policies[1]["policy"], whole[reader]);
}
