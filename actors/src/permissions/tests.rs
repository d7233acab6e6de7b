use std::path::Path;

use super::*;

fn actions(source: &DataSource, keys: &Keys) -> Vec<&'static str> {
    let needed = RIGHTS.iter().filter(|right| right.needed.by(source, keys));
    needed.map(|right| right.action).collect()
}

fn source(fan_out: Option<&str>, format: ContentFormat, target: &str) -> DataSource {
    let builder = DataSource::builder("clicks")
        .stream("clickstream")
        .content_format(format)
        .target(target);
    let builder = match fan_out {
        Some(consumer) => builder.fan_out(consumer),
        None => builder,
    };
    builder.build().unwrap()
}

#[test]
fn a_source_needs_what_its_features_need() {
    let arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/clickstream/consumer/mill:1";
    let reading = ["kinesis:ListShards", "kinesis:DescribeStreamSummary"];
    let polling = ["kinesis:GetShardIterator", "kinesis:GetRecords"];
    let fan_out = ["kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"];
    for (consumer, format, expected) in [
        (None, ContentFormat::Json, [reading, polling].concat()),
        (Some(arn), ContentFormat::Json, [reading, fan_out].concat()),
        (
            Some(arn),
            ContentFormat::Auto,
            [reading, polling, fan_out].concat(),
        ),
    ] {
        let source = source(consumer, format, "./lake");
        assert_eq!(actions(&source, &Keys::default()), expected);
    }
    let by_name = source(Some("mill"), ContentFormat::Json, "./lake");
    let by_name = actions(&by_name, &Keys::default());
    assert!(by_name.contains(&"kinesis:RegisterStreamConsumer"));
    let keys = Keys {
        stream: Some("arn:aws:kms:eu-west-1:123456789012:key/a".into()),
        bucket: Some("arn:aws:kms:eu-west-1:123456789012:key/b".into()),
    };
    let local = actions(&source(None, ContentFormat::Json, "./lake"), &keys);
    assert!(local.contains(&"kms:Decrypt") && !local.contains(&"kms:GenerateDataKey"));
    let on_s3 = actions(&source(None, ContentFormat::Json, "s3://lake/x"), &keys);
    assert!(on_s3.contains(&"s3:ListBucket") && on_s3.contains(&"kms:GenerateDataKey"));
}

#[test]
fn the_table_has_everything_once() {
    for right in RIGHTS {
        let same = |other: &&&Right| (other.action, other.on) == (right.action, right.on);
        assert_eq!(RIGHTS.iter().filter(same).count(), 1, "{}", right.action);
    }
}

#[test]
fn the_list_of_permissions_is_up_to_date() {
    const BEGIN: &str = "<!-- made from actors/src/permissions/mod.rs -->\n";
    const END: &str = "<!-- end of permissions -->";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/OPERATIONS.md");
    let page = std::fs::read_to_string(&path).expect("docs/OPERATIONS.md is there");
    let begin = page.find(BEGIN).expect("the opening mark") + BEGIN.len();
    let end = begin + page[begin..].find(END).expect("the closing mark");
    if std::env::var_os("SHARDMILL_WRITE_DOCS").is_some() {
        let page = format!("{}{}{}", &page[..begin], markdown(), &page[end..]);
        std::fs::write(&path, page).expect("the page can be written");
        return;
    }
    let is_current = page[begin..end] == markdown();
    assert!(
        is_current,
        "run the test with SHARDMILL_WRITE_DOCS=1 to bring the page up to date"
    );
}
