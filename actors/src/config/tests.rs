//! What a whole configuration is read as, and what is said of a wrong one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;

use super::*;

const SMALLEST: &str = "name = \"clicks\"\n[kinesis]\nstream = \"clickstream\"\n[target]\nurl = \
                        \"./lake\"\n";

fn read(text: &str) -> Result<DataSource, ConfigError> {
    DataSource::read(
        "source.toml",
        text,
        Some(Path::new("/conf")),
        &|name| match name {
            "STREAM" => Some("from-env".to_owned()),
            "SHARDS" => Some("8".to_owned()),
            "SECRET" => Some("hunter2".to_owned()),
            _ => None,
        },
    )
}

/// The smallest configuration with lines put under `[kinesis]` and `[target]`.
fn with(kinesis: &str, target: &str) -> String {
    format!(
        "name = \"clicks\"\n[kinesis]\nstream = \"clickstream\"\n{kinesis}\n[target]\nurl = \
         \"s3://lake/events\"\n{target}\n"
    )
}

fn problems(text: &str) -> Vec<Problem> {
    read(text).expect_err(text).problems().to_vec()
}

fn only_problem(text: &str) -> Problem {
    let mut all = problems(text);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn the_smallest_configuration_has_every_default() {
    let source = read(SMALLEST).unwrap();
    assert_eq!(source.name(), "clicks");
    assert_eq!(source.kinesis().read_from, StartFrom::Now);
    assert_eq!(source.kinesis().shards, 1);
    assert_eq!(source.kinesis().connection, Connection::default());
    assert_eq!(
        source.target().url,
        TargetUrl::Local(PathBuf::from("/conf/lake"))
    );
    assert_eq!(source.target().execution_parallelism, 1);
    assert_eq!(
        source.content().options.compression,
        ContentCompression::Auto
    );
    let auto = ContentOptions {
        format: ContentFormat::Auto,
        ..ContentOptions::default()
    };
    assert_eq!(source.content().options, auto);
    assert!(!source.content().wait_for_data);
    assert_eq!(source.parquet(), &ParquetOptions::default());
    let statistics = source.statistics();
    assert!(statistics.real_time);
    assert_eq!(statistics.max_bytes_per_window, 4 << 20);
    assert_eq!(
        (statistics.max_fields, statistics.top_values),
        (10_000, 100)
    );
    assert_eq!(source.engine().memory.budget, 256 << 20);
    assert_eq!(source.engine().stop_deadline, Duration::from_secs(30));
    assert!(source.engine().threads >= 1);
}

#[test]
fn what_is_written_is_what_is_read() {
    let text = r#"
name = "clicks"
[kinesis]
stream = "clickstream"
region = "eu-west-1"
connection = "prod"
read_from = 2026-11-22T10:00:00Z
shards = 4
[content]
compression = "zstd"
max_expanded_size = "8 MiB"
max_expansion_ratio = 50
[target]
url = "s3://lake/events/"
execution_parallelism = 2
[parquet]
compression = "gzip"
level = 9
[engine]
memory_budget = "1 GiB"
threads = 3
stop_deadline = "2 min"
[connection.prod]
endpoint_url = "http://user:word@127.0.0.1:4567"
region = "us-east-1"
role_arn = "arn:aws:iam::123456789012:role/reader"
external_id = "${SECRET}"
"#;
    let source = read(text).unwrap();
    let kinesis = source.kinesis();
    assert_eq!(kinesis.read_from, StartFrom::At(1_795_341_600_000));
    assert_eq!(kinesis.connection.region.as_deref(), Some("eu-west-1"));
    assert_eq!(kinesis.connection.external_id.as_deref(), Some("hunter2"));
    let url = TargetUrl::S3 {
        bucket: "lake".into(),
        prefix: "events".into(),
    };
    assert_eq!(source.target().url, url);
    let content = &source.content().options;
    assert_eq!(content.compression, ContentCompression::Zstd);
    assert_eq!(content.expansion.max_bytes, 8 << 20);
    assert_eq!(content.expansion.max_ratio, 50);
    assert_eq!(source.parquet().compression, Compression::Gzip(9));
    assert_eq!(source.engine().memory.lanes, 2);
    let shown = format!("{source:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("word@"),
        "{shown}"
    );
}

#[test]
fn the_builder_and_toml_make_the_same_data_source() {
    let text = with(
        "shards = 4\nread_from = \"start\"\nfan_out = \"mill\"",
        "execution_parallelism = 3\n[content]\nformat = \"json\"\ncompression = \
         \"snappy_raw\"\nmax_expanded_size = \"1 MiB\"\nmax_expansion_ratio = 9\n\
         [statistics]\nmax_bytes_per_window = \"1 MiB\"\nmax_fields = 50\ntop_values = 7",
    );
    let built = DataSource::builder("clicks")
        .stream("clickstream")
        .shards(4)
        .fan_out("mill")
        .read_from(StartFrom::Start)
        .content_format(ContentFormat::Json)
        .content_compression(ContentCompression::SnappyRaw)
        .max_expanded_size(1 << 20)
        .max_expansion_ratio(9)
        .target("s3://lake/events")
        .execution_parallelism(3)
        .real_time_statistics(true)
        .statistics_max_bytes_per_window(1 << 20)
        .statistics_max_fields(50)
        .statistics_top_values(7)
        .build();
    assert_eq!(built.unwrap(), read(&text).unwrap());
}

#[test]
fn the_builder_checks_what_toml_checks() {
    let error = DataSource::builder("../escape")
        .stream("clickstream")
        .target("./lake")
        .max_depth(0)
        .execution_parallelism(2)
        .build()
        .unwrap_err();
    let found: Vec<_> = error
        .problems()
        .iter()
        .map(|p| (p.code, p.key.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("config.wrong_value", "name"),
            ("config.wrong_value", "content.max_depth"),
            ("config.parallelism", "target.execution_parallelism"),
        ]
    );
}

#[test]
fn connections_of_the_builder_reach_both_sides() {
    let connection = Connection {
        endpoint_url: Some("http://127.0.0.1:4567".into()),
        region: Some("eu-west-1".into()),
        ..Connection::default()
    };
    let source = DataSource::builder("clicks")
        .stream("clickstream")
        .stream_connection(&connection)
        .target("s3://lake")
        .target_connection(&connection)
        .build()
        .unwrap();
    assert_eq!(source.kinesis().connection, connection);
    assert_eq!(source.target().connection, connection);
}

#[test]
fn an_unknown_key_is_shown_with_its_place_and_the_nearest_one() {
    let error = read(&with("shard = 4", "")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "error[config.unknown_key]: there is no key `kinesis.shard`\n  --> source.toml:4:1\n  |\n4 \
         | shard = 4\n  | ^^^^^\n  help: did you mean `shards`? allowed here: stream, region, \
         connection, read_from, end_read_at, fan_out, shards, accept_gap"
    );
}

#[test]
fn a_key_of_another_section_is_pointed_to() {
    let problem = only_problem(&with("", "memory_budget = \"1 GiB\""));
    assert_eq!(problem.code, "config.unknown_key");
    assert_eq!(
        problem.help.as_deref(),
        Some("there is `engine.memory_budget`")
    );
}

#[test]
fn every_problem_is_reported_in_the_order_of_the_text() {
    let text = "name = \"a b\"\n[kinesis]\nshards = \"four\"\nread_from = \"nwo\"\nsteam = \"x\"\n\
                [target]\nurl = \"gs://lake\"\n[parquet]\nlevel = 23\n[engine]\nthreads = 0\n";
    let found: Vec<_> = problems(text)
        .into_iter()
        .map(|problem| (problem.code, problem.key, problem.at.map(|at| at.line)))
        .collect();
    let expected = [
        ("config.wrong_value", "name", Some(1)),
        ("config.wrong_type", "kinesis.shards", Some(3)),
        ("config.wrong_value", "kinesis.read_from", Some(4)),
        ("config.unknown_key", "kinesis.steam", Some(5)),
        ("config.wrong_value", "target.url", Some(7)),
        ("config.wrong_value", "parquet.level", Some(9)),
        ("config.wrong_value", "engine.threads", Some(11)),
        ("config.missing_key", "kinesis.stream", None),
    ];
    assert_eq!(
        found,
        expected.map(|(code, key, line)| (code, key.to_owned(), line))
    );
}

#[test]
fn a_consumer_is_one_of_the_stream() {
    let arn = |stream: &str| {
        let own = format!("arn:aws:kinesis:eu-west-1:123456789012:stream/{stream}");
        format!("fan_out = \"{own}/consumer/mill:1700000000\"")
    };
    let source = read(&with(&arn("clickstream"), "")).unwrap();
    assert!(matches!(source.kinesis().fan_out, Some(ConsumerId::Arn(_))));
    for (fan_out, line) in [(arn("other"), 4), ("fan_out = \"a b\"".to_owned(), 4)] {
        let problem = only_problem(&with(&fan_out, ""));
        assert_eq!(problem.code, "config.wrong_value", "{fan_out}");
        assert_eq!(problem.key, "kinesis.fan_out");
        assert_eq!(problem.at.unwrap().line, line);
    }
}

#[test]
fn what_is_not_toml_is_shown_and_nothing_is_said_to_be_missing() {
    let problem = only_problem("name = \"clicks\n");
    assert_eq!(problem.code, "config.syntax");
    assert_eq!(problem.at.unwrap().line, 1);
}

#[test]
fn keys_that_are_still_to_come_say_so() {
    let text = with("", "[[lookup]]\nname = \"x\"");
    assert_eq!(only_problem(&text).code, "config.not_yet", "{text}");
}

const OUTPUT: &str = "[[output]]\nname = \"errors\"\nurl = \"./errors\"\n";

#[test]
fn an_output_has_the_defaults_of_the_reference() {
    use shardmill_engine::output::{Definition, OutputFormat};

    let source = DataSource::from_toml(&with("", OUTPUT)).unwrap();
    let [output] = source.outputs() else {
        panic!("one output: {:?}", source.outputs());
    };
    assert_eq!(output.name, "errors");
    assert_eq!(output.from, StartFrom::Now);
    assert_eq!(output.definition, Definition::default());
    assert_eq!(output.retention, None);
    assert_eq!(output.max_lag.as_secs(), 7 * 24 * 3_600);
    let OutputFormat::Parquet(options) = &output.format else {
        panic!("{:?}", output.format);
    };
    assert_eq!(options.compression, Compression::Zstd(1));
    // What an output needs of the memory is set aside.
    let without = DataSource::from_toml(&with("", "")).unwrap();
    let windows = |source: &DataSource| source.engine().memory.max_open_windows;
    assert!(windows(&source) < windows(&without));
    assert_eq!(
        source.engine().memory.budget,
        without.engine().memory.budget
    );
}

#[test]
fn outputs_in_rust_are_those_in_toml() {
    let options = OutputOptions {
        format: Some("csv".into()),
        compression: Some("zstd".into()),
        columns: Some(vec!["user.id".into(), "lower(path) AS path".into()]),
        filter: Some("status >= 500 AND path <> '$x'".into()),
        retention: Some(Duration::from_secs(3_600)),
        max_lag: Some(Duration::from_secs(60)),
        from: Some(StartFrom::Start),
        connection: Some(Connection {
            region: Some("eu-west-1".into()),
            ..Connection::default()
        }),
        ..OutputOptions::new("errors", "s3://lake/errors")
    };
    let built = DataSource::builder("clicks")
        .stream("clickstream")
        .target("s3://lake/events")
        .output(&options)
        .output(&OutputOptions::new("all", "./all"))
        .build()
        .unwrap();
    let text = with(
        "",
        "[[output]]\nname = \"errors\"\nurl = \"s3://lake/errors\"\nconnection = \"eu\"\n\
         format = \"csv\"\ncompression = \"zstd\"\nfrom = \"start\"\n\
         columns = [\"user.id\", \"lower(path) AS path\"]\n\
         filter = \"status >= 500 AND path <> '$x'\"\nretention = \"1 h\"\nmax_lag = \"1 min\"\n\
         [[output]]\nname = \"all\"\nurl = \"./all\"\n\
         [connection.eu]\nregion = \"eu-west-1\"\n",
    );
    let read = DataSource::from_toml(&text).unwrap();
    assert_eq!(built.outputs(), read.outputs());
    let again = DataSource::from_toml(&built.to_toml()).unwrap();
    assert_eq!(again, built);
}

#[test]
fn what_is_wrong_with_outputs_is_shown_where_it_stands() {
    for (more, code, line) in [
        ("filter = \"status >=\"\n", "config.expression", 10),
        ("columns = [\"a\", \"lower(b)\"]\n", "config.expression", 10),
        ("columns = [\"a.id\", \"id\"]\n", "config.expression", 10),
        ("columns = []\n", "config.wrong_value", 10),
        (
            "format = \"json\"\ncompression = \"snappy\"\n",
            "config.wrong_value",
            11,
        ),
        ("connection = \"none\"\n", "config.unknown_connection", 10),
        (
            "[[output]]\nname = \"errors\"\nurl = \"./e\"\n",
            "config.wrong_value",
            11,
        ),
    ] {
        let problem = only_problem(&with("", &format!("{OUTPUT}{more}")));
        assert_eq!(problem.code, code, "{more}");
        assert_eq!(problem.at.unwrap().line, line, "{more}");
    }
    let own = "[[output]]\nname = \"clicks\"\nurl = \"s3://lake/events\"\n";
    assert_eq!(only_problem(&with("", own)).key, "output[0].url");
    let inside = "[[output]]\nname = \"data\"\nurl = \"s3://lake/events/clicks\"\n";
    assert_eq!(only_problem(&with("", inside)).key, "output[0].url");
    let memory = format!("{OUTPUT}[engine]\nmemory_budget = \"100 MiB\"\n");
    let problem = only_problem(&with("", &memory));
    assert_eq!(problem.code, "config.memory_budget");
    assert!(
        problem.message.contains("an output (64 MiB)"),
        "{}",
        problem.message
    );
}

#[test]
fn retention_is_a_time_of_a_minute_or_more_and_for_ever_by_default() {
    let retention = |line: &str| read(&with("", line)).map(|s| s.target().retention);
    assert_eq!(retention("").unwrap(), None);
    for (text, minutes) in [("30 days", 43_200), ("36 hours", 2_160), ("90 min", 90)] {
        let kept = retention(&format!("retention = \"{text}\"")).unwrap();
        assert_eq!(kept, Some(Duration::from_secs(minutes * 60)));
    }
    for text in ["0 s", "59 s", "-1 day", "a while"] {
        let problem = only_problem(&with("", &format!("retention = \"{text}\"")));
        assert_eq!(problem.code, "config.wrong_value", "{text}");
    }
    let mode = |line: &str| read(&with("", line)).map(|s| s.target().retention_mode);
    assert_eq!(mode("").unwrap(), RetentionMode::Delete);
    assert_eq!(
        mode("retention_mode = \"soft\"").unwrap(),
        RetentionMode::Soft
    );
}

#[test]
fn lanes_above_one_must_be_less_than_shards() {
    for (shards, lanes, right) in [
        (1, 1, true),
        (4, 1, true),
        (4, 3, true),
        (4, 4, false),
        (4, 5, false),
        (1, 2, false),
    ] {
        let text = with(
            &format!("shards = {shards}"),
            &format!("execution_parallelism = {lanes}"),
        );
        let text = format!("{text}[engine]\nmemory_budget = \"1 GiB\"\n");
        match read(&text) {
            Ok(_) => assert!(right, "{shards} shards, {lanes} lanes"),
            Err(error) => {
                assert!(!right && error.code() == "config.parallelism", "{error}");
                assert!(error.to_string().contains("less than the number of shards"));
            }
        }
    }
}

#[test]
fn a_budget_that_is_too_small_says_the_least_that_would_do() {
    let small = with("", "[engine]\nmemory_budget = \"32 MiB\"");
    let problem = only_problem(&small);
    assert_eq!(problem.code, "config.memory_budget");
    let least = format_size(MemoryPlan::least(1, 4 << 20, false));
    assert!(
        problem.message.ends_with(&format!("at least {least}")),
        "{}",
        problem.message
    );
    let enough = with("", &format!("[engine]\nmemory_budget = \"{least}\""));
    assert_eq!(
        read(&enough).unwrap().engine().memory.max_open_windows,
        MIN_OPEN_WINDOWS
    );

    let bare = format_size(MemoryPlan::least(1, 0, false));
    let bare = format!("[engine]\nmemory_budget = \"{bare}\"\n");
    assert_eq!(only_problem(&with("", &bare)).code, "config.memory_budget");
    let bare = with("", &format!("{bare}[statistics]\nreal_time = false"));
    assert!(read(&bare).is_ok(), "counters take nothing of the budget");

    let lanes = with("shards = 9", "execution_parallelism = 8");
    assert_eq!(
        only_problem(&lanes).at.unwrap().line,
        7,
        "the lanes are what was written"
    );
}

#[test]
fn levels_belong_to_their_compression() {
    for (parquet, right) in [
        ("compression = \"zstd\"\nlevel = 22", true),
        ("compression = \"zstd\"\nlevel = 0", false),
        ("compression = \"gzip\"\nlevel = 10", false),
        ("compression = \"brotli\"\nlevel = 11", true),
        ("compression = \"snappy\"\nlevel = 1", false),
    ] {
        let text = with("", &format!("[parquet]\n{parquet}"));
        assert_eq!(read(&text).is_ok(), right, "{parquet}");
    }
}

#[test]
fn environment_variables_fill_values_in_and_never_show() {
    let text = SMALLEST.replace("clickstream", "${STREAM}");
    let source = read(&format!("{text}[content]\nmax_depth = \"${{SHARDS}}\"\n")).unwrap();
    assert_eq!(source.kinesis().stream, "from-env");
    assert_eq!(source.content().max_depth, 8);

    let problem = only_problem(&with("read_from = \"${UNSET}\"", ""));
    assert_eq!(problem.code, "config.unset_variable");
    assert_eq!(problem.at.unwrap().line, 4);

    let error = read(&with("shards = \"${SECRET}\"", "")).unwrap_err();
    assert_eq!(error.code(), "config.wrong_value");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn connections_must_exist_and_make_sense() {
    let text = with(
        "connection = \"prd\"",
        "[connection.prod]\nregion = \"eu-west-1\"",
    );
    let problem = only_problem(&text);
    assert_eq!(problem.code, "config.unknown_connection");
    assert_eq!(problem.help.as_deref(), Some("did you mean \"prod\"?"));
    assert!(read(&with("connection = \"prod\"", "[connection.prod]")).is_ok());
    let text = with(
        "connection = \"prod\"",
        "[connection.prod]\nexternal_id = \"x\"",
    );
    assert_eq!(only_problem(&text).key, "connection.prod.external_id");
}

#[test]
fn targets_are_buckets_or_folders() {
    let url = |text: &str| read(&SMALLEST.replace("./lake", text)).map(|s| s.target().url.clone());
    assert_eq!(
        url("/srv/lake").unwrap(),
        TargetUrl::Local("/srv/lake".into())
    );
    assert_eq!(
        url("file:///srv/lake").unwrap(),
        TargetUrl::Local("/srv/lake".into())
    );
    assert_eq!(url("s3://lake").unwrap().to_string(), "s3://lake");
    assert_eq!(url("s3://lake/a/b/").unwrap().to_string(), "s3://lake/a/b");
    for text in [
        "s3://",
        "s3://x/",
        "s3://lake/a//b",
        "s3://lake/../b",
        "gs://lake",
        "",
    ] {
        assert_eq!(
            url(text).unwrap_err().code(),
            "config.wrong_value",
            "{text}"
        );
    }
}

#[test]
fn a_file_that_is_not_there_is_an_error_with_its_name() {
    let error = DataSource::from_file("/no/such/source.toml").unwrap_err();
    assert_eq!(error.code(), "config.read_failed");
    assert!(error.to_string().contains("/no/such/source.toml"));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[a-z\\[\\].=\"$\\{\\}\n é0-9-]{0,80}") {
        if let Err(error) = read(&text) {
            prop_assert!(!error.problems().is_empty());
            let _ = error.to_string();
        }
    }
}
