//! The schema registry of AWS Glue, by its one call GetSchemaVersion.

use aws_config::SdkConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{AuthSchemeOptionResolverParams, SharedAuthScheme};
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::config_bag::Layer;
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use aws_types::service_config::ServiceConfigKey;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::json;
use shardmill_engine::ports::{RegistryError, SchemaRegistry};
use shardmill_engine::types::{AvroSchema, Registered, SchemaId};

use super::http::{Answer, Ask, Client};
use super::{MAX_SCHEMA_BYTES, too_large, unusable_type};
use crate::adapters::ConnectionError;
use crate::adapters::dispatch::is_throttle;

/// The schema registry of AWS Glue.
#[derive(Debug)]
pub struct GlueRegistry {
    client: Client,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SchemaVersion {
    schema_definition: String,
    data_format: String,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "__type")]
    code: String,
    #[serde(alias = "Message", default)]
    message: String,
}

impl GlueRegistry {
    /// The registry of the configuration's region. Makes no call.
    ///
    /// # Errors
    /// If the configuration has no region.
    pub fn new(sdk: &SdkConfig) -> Result<Self, ConnectionError> {
        let auth = signing(sdk).ok_or(ConnectionError::NoRegion)?;
        let url = endpoint(sdk).ok_or(ConnectionError::NoRegion)?;
        let client = Client::new("glue", &url, Some(auth));
        Ok(Self { client })
    }

    async fn look_up(&self, id: SchemaId) -> Result<Registered, RegistryError> {
        let ask = Ask {
            method: "POST",
            path: "/".to_owned(),
            headers: vec![
                ("content-type", "application/x-amz-json-1.1".to_owned()),
                ("x-amz-target", "AWSGlue.GetSchemaVersion".to_owned()),
            ],
            body: json!({ "SchemaVersionId": id.to_string() }).to_string(),
        };
        read(&self.client.call(ask).await?)
    }
}

impl SchemaRegistry for GlueRegistry {
    fn schema(&self, id: SchemaId) -> BoxFuture<'_, Result<Registered, RegistryError>> {
        Box::pin(async move {
            match id {
                SchemaId::Glue(_) => self.look_up(id).await,
                SchemaId::Confluent(_) => Ok(Registered::Unknown),
            }
        })
    }

    fn no_schema(&self) -> SchemaId {
        SchemaId::Glue([0; 16])
    }
}

fn read(answer: &Answer) -> Result<Registered, RegistryError> {
    if answer.status == 200 {
        let version: SchemaVersion = serde_json::from_str(&answer.body).map_err(|error| {
            let text = format!("it does not answer as AWS Glue does: {error}");
            RegistryError::Unavailable(text)
        })?;
        let text = version.schema_definition;
        return Ok(match version.data_format.as_str() {
            "AVRO" if text.len() <= MAX_SCHEMA_BYTES => Registered::Schema(AvroSchema {
                text: text.into(),
                references: Vec::new(),
            }),
            "AVRO" => Registered::Unusable(too_large(text.len())),
            other => Registered::Unusable(unusable_type(other)),
        });
    }
    let Ok(refusal) = serde_json::from_str::<Refusal>(&answer.body) else {
        let said = format!("HTTP {}: {}", answer.status, answer.excerpt());
        return Err(match answer.status {
            401 | 403 => RegistryError::Refused(said),
            429 => RegistryError::Throttled(said),
            _ => RegistryError::Unavailable(said),
        });
    };
    // The name may have a namespace before it.
    let code = refusal.code.rsplit('#').next().unwrap_or_default();
    let said = format!("{code}: {} (HTTP {})", refusal.message, answer.status);
    Err(match (answer.status, code) {
        (400, "EntityNotFoundException") => return Ok(Registered::Unknown),
        (_, code) if is_throttle(code) => RegistryError::Throttled(said),
        (429, _) => RegistryError::Throttled(said),
        // Rights, signatures and the like: somebody has to change something.
        (400..=499, _) => RegistryError::Refused(said),
        _ => RegistryError::Unavailable(said),
    })
}

/// What signs calls, and the credentials for it, kept by the SDK as long as they hold.
fn signing(sdk: &SdkConfig) -> Option<StaticRuntimePlugin> {
    let region = sdk.region()?.clone();
    let credentials: SharedCredentialsProvider = sdk.credentials_provider()?;
    let mut components = RuntimeComponentsBuilder::new("glue");
    let schemes = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
    components.set_auth_scheme_option_resolver(Some(schemes));
    components.push_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()));
    components.set_identity_resolver(SCHEME_ID, SharedIdentityResolver::new(credentials));
    components.set_identity_cache(sdk.identity_cache());
    components.set_time_source(sdk.time_source());
    let mut config = Layer::new("glue");
    config.store_put(AuthSchemeOptionResolverParams::new(()));
    config.store_put(SigV4OperationSigningConfig {
        region: Some(SigningRegion::from(region)),
        name: Some(SigningName::from_static("glue")),
        ..SigV4OperationSigningConfig::default()
    });
    let plugin = StaticRuntimePlugin::new().with_config(config.freeze());
    Some(plugin.with_runtime_components(components))
}

/// Where the service is: as the connection says, as the environment says of Glue, as it says of all
/// services, or AWS's own.
fn endpoint(sdk: &SdkConfig) -> Option<String> {
    let of_all = || sdk.endpoint_url().map(str::to_owned);
    if sdk.get_origin("endpoint_url").is_client_config() {
        return of_all();
    }
    let key = ServiceConfigKey::builder()
        .service_id("Glue")
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let of_glue = sdk
        .service_config()
        .zip(key.ok())
        .and_then(|(config, key)| config.load_config(key));
    of_glue.or_else(of_all).or_else(|| {
        let fips = sdk.use_fips() == Some(true);
        let dual_stack = sdk.use_dual_stack() == Some(true);
        Some(aws_endpoint(sdk.region()?.as_ref(), fips, dual_stack))
    })
}

fn aws_endpoint(region: &str, fips: bool, dual_stack: bool) -> String {
    let service = if fips { "glue-fips" } else { "glue" };
    let partition = [
        ("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
        ("us-iso-", "c2s.ic.gov", "c2s.ic.gov"),
        ("us-isob-", "sc2s.sgov.gov", "sc2s.sgov.gov"),
        ("eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
        ("", "amazonaws.com", "api.aws"),
    ];
    let of_region = partition
        .iter()
        .find(|(start, ..)| region.starts_with(start));
    let suffix = match of_region {
        Some((_, _, dual)) if dual_stack => dual,
        Some((_, single, _)) => single,
        None => "amazonaws.com",
    };
    format!("https://{service}.{region}.{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> Result<Registered, RegistryError> {
        let body = body.to_owned();
        read(&Answer { status, body })
    }

    #[test]
    fn schemas_and_what_is_none_are_told_apart() {
        let avro =
            r#"{"SchemaVersionId": "x", "SchemaDefinition": "\"int\"", "DataFormat": "AVRO"}"#;
        let schema = AvroSchema {
            text: "\"int\"".into(),
            references: Vec::new(),
        };
        assert_eq!(answered(200, avro), Ok(Registered::Schema(schema)));
        let other = avro.replace("AVRO", "PROTOBUF");
        let why = "it is a schema of the type PROTOBUF, not of Avro".to_owned();
        assert_eq!(answered(200, &other), Ok(Registered::Unusable(why)));
        for code in [
            "EntityNotFoundException",
            "com.amazonaws.glue#EntityNotFoundException",
        ] {
            let body = format!(r#"{{"__type": "{code}", "Message": "no"}}"#);
            assert_eq!(answered(400, &body), Ok(Registered::Unknown));
        }
    }

    #[test]
    fn nothing_else_says_that_there_is_no_schema() {
        let error = |status, code: &str| {
            let body = format!(r#"{{"__type": "{code}", "message": "m"}}"#);
            answered(status, &body).unwrap_err()
        };
        for (status, code) in [
            (400, "AccessDeniedException"),
            (400, "UnrecognizedClientException"),
            (403, "InvalidSignatureException"),
            (400, "InvalidInputException"),
            (404, "EntityNotFoundException"),
        ] {
            let found = error(status, code);
            assert!(
                matches!(found, RegistryError::Refused(_)),
                "{code}: {found}"
            );
        }
        let throttled = error(400, "ThrottlingException");
        assert!(matches!(throttled, RegistryError::Throttled(_)));
        let broken = error(500, "InternalServiceException");
        assert!(matches!(broken, RegistryError::Unavailable(_)));
        for (status, body) in [(200, "{}"), (404, "<html>"), (503, "")] {
            let found = answered(status, body).unwrap_err();
            assert!(matches!(found, RegistryError::Unavailable(_)), "{found}");
        }
    }

    #[test]
    fn regions_are_in_their_partitions() {
        for (region, fips, dual_stack, url) in [
            (
                "eu-west-1",
                false,
                false,
                "https://glue.eu-west-1.amazonaws.com",
            ),
            (
                "us-east-1",
                true,
                false,
                "https://glue-fips.us-east-1.amazonaws.com",
            ),
            ("us-east-1", false, true, "https://glue.us-east-1.api.aws"),
            (
                "cn-north-1",
                false,
                false,
                "https://glue.cn-north-1.amazonaws.com.cn",
            ),
            (
                "us-isob-east-1",
                false,
                false,
                "https://glue.us-isob-east-1.sc2s.sgov.gov",
            ),
        ] {
            assert_eq!(aws_endpoint(region, fips, dual_stack), url);
        }
    }
}
