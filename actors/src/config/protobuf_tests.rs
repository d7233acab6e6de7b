//! What is said of Protobuf: in files, in Rust, and wrongly.

use std::path::Path;

use rstest::rstest;
use shardmill_engine::preview::{decision, decodes_like, decodes_with};

use super::*;

const SET: &str =
    "CjsKCWhpdC5wcm90bxIDd2ViIiEKA0hpdBISCgRwYXRoGAEgASgJUgRwYXRoGgYKBFBhcnRiBnByb3RvMw==";

const HIT: &str = "syntax = \"proto3\";\npackage web;\nimport \"google/protobuf/timestamp.proto\";\n\
                   message Hit {\n  string path = 1;\n  google.protobuf.Timestamp at = 2;\n}\n";

/// A configuration in a folder, whose `[content.protobuf]` is this.
fn read(folder: &Path, keys: &str) -> Result<DataSource, ConfigError> {
    let text = format!(
        "name = \"clicks\"\n[kinesis]\nstream = \"s\"\n[target]\nurl = \"/lake\"\n[content]\n\
         format = \"protobuf\"\n[content.protobuf]\n{keys}\n"
    );
    DataSource::read("source.toml", &text, Some(folder), &|_| None)
}

/// A folder with `protos/hit.proto`, which is this.
fn folder(hit: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let protos = folder.path().join("protos");
    std::fs::create_dir(&protos).unwrap();
    std::fs::write(protos.join("hit.proto"), hit).unwrap();
    folder
}

const FILES: &str = "message = \"web.Hit\"\nproto_files = [\"protos/hit.proto\"]";

#[test]
fn files_stand_beside_the_configuration() {
    let folder = folder(HIT);
    let compiled = read(folder.path(), FILES).unwrap();
    for keys in [
        "message = \"web.Hit\"\nproto_files = [\"protos/hit.proto\"]\ninclude_paths = [\"protos\"]",
        "message = \"web.Hit\"\nproto_files = [\"hit.proto\"]\ninclude_paths = [\"protos\"]",
    ] {
        assert_eq!(read(folder.path(), keys).unwrap(), compiled);
    }
    // Written as a file it needs the others no longer.
    let again = DataSource::read("again", &compiled.to_toml(), None, &|_| None);
    assert_eq!(again.unwrap(), compiled);
}

#[test]
fn other_definitions_are_another_decision_and_the_stored_one_stays_as_it_is() {
    let folder = folder(HIT);
    let options = |hit: &str| {
        std::fs::write(folder.path().join("protos/hit.proto"), hit).unwrap();
        let source = read(folder.path(), FILES).unwrap();
        source.content().options.clone()
    };
    let first = options(HIT);
    let stored = decision(&first, "the configuration says so");
    let remarks = HIT.replace("string path", "// Where to.\n  string path") + "service Hits {}";
    assert!(decodes_like(&stored, &options(&remarks)));
    let changed = options(&HIT.replace("string path", "bytes path"));
    assert!(!decodes_like(&stored, &changed));
    std::fs::remove_file(folder.path().join("protos/hit.proto")).unwrap();
    assert_eq!(decodes_with(&stored).unwrap(), first.effective());
}

#[test]
fn what_holds_for_protobuf_is_the_same_in_rust() {
    let builder = || {
        let builder = DataSource::builder("clicks").stream("s").target("/lake");
        builder.content_format(ContentFormat::Protobuf)
    };
    let keys = format!(
        "message = \"web.Hit\"\ndescriptor_set = \"{SET}\"\nframing = \"delimited\"\n\
         unknown_fields = \"reject\""
    );
    let options = ProtobufOptions {
        descriptor_set: Some(SET.into()),
        message: Some("web.Hit".into()),
        framing: ProtobufFraming::Delimited,
        unknown_fields: UnknownFields::Reject,
    };
    let built = builder().protobuf(&options).build();
    assert_eq!(built.unwrap(), read(Path::new(""), &keys).unwrap());

    let folder = folder(HIT);
    let options = ProtobufOptions {
        message: Some("web.Hit".into()),
        ..ProtobufOptions::default()
    };
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (file, protos) = (path("protos/hit.proto"), path("protos"));
    let built = builder()
        .protobuf(&options)
        .proto_files(vec![file], vec![protos]);
    let read = read(folder.path(), FILES).unwrap();
    assert_eq!(built.build().unwrap(), read);
}

/// What is wrong: line, key, and a part of what is said.
#[rstest]
#[case::no_such_file(
    "message = \"web.Hit\"\ndescriptor_set_file = \"none.desc\"",
    10,
    "content.protobuf.descriptor_set_file",
    "\"none.desc\" cannot be read"
)]
#[case::no_such_proto(
    "message = \"web.Hit\"\nproto_files = [\"protos/none.proto\"]",
    10,
    "content.protobuf.proto_files",
    "none.proto"
)]
#[case::no_such_folder(
    "message = \"web.Hit\"\nproto_files = [\"hit.proto\"]\ninclude_paths = [\"none\"]",
    10,
    "content.protobuf.proto_files",
    "there is no folder"
)]
#[case::no_descriptor_set(
    "message = \"web.Hit\"\ndescriptor_set_file = \"protos/hit.proto\"",
    10,
    "content.protobuf.descriptor_set_file",
    "it is no descriptor set"
)]
#[case::no_such_message(
    "message = \"web.Hits\"\nproto_files = [\"protos/hit.proto\"]",
    9,
    "content.protobuf.message",
    "messages with the likest names: web.Hit, "
)]
#[case::twice(
    "message = \"web.Hit\"\nproto_files = [\"protos/hit.proto\"]\ndescriptor_set_file = \"x\"",
    10,
    "content.protobuf.proto_files",
    "has no meaning beside `content.protobuf.descriptor_set_file`"
)]
#[case::paths_alone(
    "message = \"web.Hit\"\ndescriptor_set_file = \"x\"\ninclude_paths = [\"protos\"]",
    11,
    "content.protobuf.include_paths",
    "has no meaning without `proto_files`"
)]
#[case::no_base64(
    "message = \"web.Hit\"\ndescriptor_set = \"?\"",
    10,
    "content.protobuf.descriptor_set",
    "it is not base64"
)]
fn what_is_wrong_is_named(
    #[case] keys: &str,
    #[case] line: usize,
    #[case] key: &str,
    #[case] says: &str,
) {
    let folder = folder(HIT);
    let error = read(folder.path(), keys).unwrap_err();
    let [problem] = error.problems() else {
        panic!("{error}");
    };
    assert_eq!((problem.code, &*problem.key), ("config.wrong_value", key));
    assert_eq!(problem.at.as_ref().map(|at| at.line), Some(line), "{error}");
    assert!(error.to_string().contains(says), "{error}");
}

#[test]
fn what_does_not_compile_is_shown_with_its_place() {
    let folder = folder("syntax = \"proto3\";\nmessage Hit {\n  strin path = 1;\n}\n");
    let error = read(folder.path(), FILES).unwrap_err();
    assert_eq!(error.problems()[0].at.as_ref().unwrap().line, 10);
    assert!(error.to_string().contains("hit.proto:3:3"), "{error}");
    let folder = self::folder("syntax = \"proto3\";\nimport \"none.proto\";\n");
    let error = read(folder.path(), FILES).unwrap_err();
    assert!(
        error.to_string().contains("import 'none.proto' not found"),
        "{error}"
    );
}

#[test]
fn a_set_without_its_imports_says_how_to_make_it() {
    let folder = folder(HIT);
    let protos = folder.path().join("protos");
    let mut compiler = protox::Compiler::new([&protos]).unwrap();
    compiler.open_file("hit.proto").unwrap();
    let set = compiler.encode_file_descriptor_set();
    std::fs::write(folder.path().join("hit.desc"), set).unwrap();
    let keys = "message = \"web.Hit\"\ndescriptor_set_file = \"hit.desc\"";
    let error = read(folder.path(), keys).unwrap_err();
    assert!(error.to_string().contains("--include_imports"), "{error}");
}
