//! What is said of schema registries: in TOML, in Rust, and wrongly.

use rstest::rstest;

use super::content_tests::{builder, is_named, read};
use super::*;

fn confluent(credentials: RegistryCredentials) -> ConfluentSettings {
    ConfluentSettings {
        url: "https://registry/a".to_owned(),
        credentials,
    }
}

#[test]
fn registries_are_the_same_in_rust() {
    let secret = |text: &str| Secret::Value(text.to_owned());
    let file = |name: &str| Secret::File(name.into());
    let user = "reader".to_owned();
    let basic = |password| RegistryCredentials::Basic {
        user: user.clone(),
        password,
    };
    for (keys, credentials) in [
        ("", RegistryCredentials::None),
        ("user = \"reader\"\npassword = \"p\"", basic(secret("p"))),
        ("user = \"reader\"\nsecret_file = \"/f\"", basic(file("/f"))),
        ("token = \"t\"", RegistryCredentials::Bearer(secret("t"))),
        (
            "secret_file = \"/f\"",
            RegistryCredentials::Bearer(file("/f")),
        ),
    ] {
        let toml = format!(
            "format = \"avro_confluent\"\n[content.avro_confluent]\n\
             url = \"https://registry/a\"\n{keys}"
        );
        let read = read(&toml).unwrap();
        let mine = confluent(credentials);
        let registry = &read.content().registry;
        assert_eq!(*registry, Some(RegistrySettings::Confluent(mine.clone())));
        // The decision says whose numbers they are.
        let options = &read.content().options;
        assert_eq!(options.registry.as_deref(), Some("https://registry/a"));
        let built = builder(ContentFormat::AvroConfluent)
            .avro_confluent(&confluent(basic(secret("other"))))
            .avro_confluent(&mine);
        assert_eq!(built.build().unwrap(), read);
        let again = DataSource::read("t", &read.to_toml(), None, &|name| match name {
            "SHARDMILL_REGISTRY_PASSWORD" => Some("p".to_owned()),
            "SHARDMILL_REGISTRY_TOKEN" => Some("t".to_owned()),
            _ => None,
        });
        assert_eq!(again.unwrap(), read);
    }

    let connection = Connection {
        region: Some("eu-west-1".to_owned()),
        ..Connection::default()
    };
    let toml = "format = \"avro_glue\"\navro_glue.connection = \"glue\"\n[connection.glue]\n\
                region = \"eu-west-1\"";
    let built = builder(ContentFormat::AvroGlue).avro_glue(&connection);
    assert_eq!(built.build().unwrap(), read(toml).unwrap());
    let usual = read("format = \"avro_glue\"").unwrap();
    let expected = RegistrySettings::Glue(Connection::default());
    assert_eq!(usual.content().registry, Some(expected));
}

#[cfg(feature = "cli")]
#[test]
fn glue_is_reached_as_the_stream_where_nothing_else_is_said() {
    let stream = Connection {
        endpoint_url: Some("http://127.0.0.1:4567".to_owned()),
        profile: Some("analytics".to_owned()),
        region: Some("eu-west-1".to_owned()),
        ..Connection::default()
    };
    let source = builder(ContentFormat::Auto).stream_connection(&stream);
    let glue = ContentOptions {
        format: ContentFormat::AvroGlue,
        ..ContentOptions::default()
    };
    let source = source.build().unwrap().with_content_options(glue);
    let registry = RegistrySettings::Glue(Connection {
        endpoint_url: None,
        ..stream
    });
    assert_eq!(source.content().registry, Some(registry));
    let again = DataSource::read("t", &source.to_toml(), None, &|_| None);
    assert_eq!(again.unwrap(), source);
    let source = source.with_content_options(ContentOptions::default());
    assert_eq!(source.content().registry, None);
}

#[test]
fn secrets_of_registries_are_never_shown() {
    let toml = "format = \"avro_confluent\"\navro_confluent = { url = \"https://r\", user = \"u\", \
                password = \"hunter2\" }";
    let source = read(toml).unwrap();
    let shown = format!("{source:?} {}", source.to_toml());
    assert!(!shown.contains("hunter2"), "{shown}");
    let stored = serde_json::to_string(&source.content().options).unwrap();
    assert!(!stored.contains("hunter2"), "{stored}");
}

#[test]
fn a_secret_file_counts_from_the_folder_of_the_configuration() {
    let text = "name = \"n\"\n[kinesis]\nstream = \"s\"\n[target]\nurl = \"/lake\"\n[content]\n\
                format = \"avro_confluent\"\navro_confluent = { url = \"https://r\", secret_file = \
                \"token\" }";
    let folder = std::path::Path::new("/etc/shardmill");
    let source = DataSource::read("t", text, Some(folder), &|_| None).unwrap();
    let Some(RegistrySettings::Confluent(registry)) = &source.content().registry else {
        panic!("it has a registry");
    };
    let file = Secret::File("/etc/shardmill/token".into());
    assert_eq!(registry.credentials, RegistryCredentials::Bearer(file));
}

/// What is wrong in a `[content]`: line, key, and parts of the message.
#[rstest]
#[case::no_url(
    "format = \"avro_confluent\"\navro_confluent.url = \"registry\"",
    8,
    "content.avro_confluent.url",
    "must be a URL that begins with `http://` or `https://`"
)]
#[case::credentials_in_the_url(
    "format = \"avro_confluent\"\navro_confluent.url = \"https://u:p@registry\"",
    8,
    "content.avro_confluent.url",
    "must hold no credentials"
)]
#[case::two_secrets(
    "format = \"avro_confluent\"\n[content.avro_confluent]\nurl = \"https://r\"\ntoken = \"t\"\nsecret_file = \"f\"",
    11,
    "content.avro_confluent.secret_file",
    "has no meaning beside `token`: write one of them"
)]
#[case::a_user_with_a_token(
    "format = \"avro_confluent\"\n[content.avro_confluent]\nurl = \"https://r\"\ntoken = \"t\"\nuser = \"u\"",
    11,
    "content.avro_confluent.user",
    "has no meaning beside `token`"
)]
#[case::a_user_alone(
    "format = \"avro_confluent\"\n[content.avro_confluent]\nurl = \"https://r\"\nuser = \"u\"",
    10,
    "content.avro_confluent.user",
    "has no meaning without `password` or `secret_file`"
)]
#[case::a_password_alone(
    "format = \"avro_confluent\"\n[content.avro_confluent]\nurl = \"https://r\"\npassword = \"p\"",
    10,
    "content.avro_confluent.password",
    "has no meaning without `user`"
)]
#[case::a_colon(
    "format = \"avro_confluent\"\n[content.avro_confluent]\nurl = \"https://r\"\nuser = \"u:v\"\npassword = \"p\"",
    10,
    "content.avro_confluent.user",
    "must hold no colon"
)]
#[case::no_connection(
    "format = \"avro_glue\"\navro_glue.connection = \"prod\"",
    8,
    "content.avro_glue.connection",
    "there is no such connection"
)]
#[case::of_the_other_registry(
    "format = \"avro_glue\"\navro_confluent.url = \"https://r\"",
    8,
    "content.avro_confluent",
    "has no meaning while `content.format` is \"avro_glue\""
)]
fn what_is_wrong_is_named(
    #[case] content: &str,
    #[case] line: usize,
    #[case] key: &str,
    #[case] says: &str,
) {
    is_named(content, line, key, says);
}
