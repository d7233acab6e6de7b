//! How to reach AWS, or a server that speaks like it: region, credentials, endpoint.

use std::borrow::Cow;

use aws_config::sts::AssumeRoleProvider;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, Region, SdkConfig};
use serde::Deserialize;

/// One `[connection.NAME]` table. What is not set comes from the SDK's usual chain: environment
/// variables, profiles, container and instance roles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Connection {
    /// The server to talk to instead of AWS's own, with `http://` or `https://`.
    pub endpoint_url: Option<String>,
    /// The AWS region.
    pub region: Option<String>,
    /// The profile in the AWS configuration files.
    pub profile: Option<String>,
    /// A role to assume with the credentials found. STS is asked at its own endpoint, not at
    /// `endpoint_url`.
    pub role_arn: Option<String>,
    /// The external id that the role asks for.
    pub external_id: Option<String>,
}

/// What is wrong with a connection before any call is made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// No region is set anywhere.
    #[error(
        "no AWS region is known: set `region` in the connection (or in the source's table), set \
         AWS_REGION, or give the profile a region; a server of your own accepts any, \
         \"us-east-1\" for instance"
    )]
    NoRegion,
    /// An external id without a role.
    #[error("`external_id` is set without `role_arn`: it is used only to assume a role")]
    ExternalIdWithoutRole,
    /// An endpoint that is no HTTP URL.
    #[error("`endpoint_url` must begin with `http://` or `https://`, not `{0}`")]
    Endpoint(String),
}

impl ConnectionError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ConnectionError::NoRegion => "connection.no_region",
            ConnectionError::ExternalIdWithoutRole => "connection.external_id",
            ConnectionError::Endpoint(_) => "connection.endpoint",
        }
    }
}

impl Connection {
    /// Says what is wrong with the values alone.
    pub fn validate(&self) -> Result<(), ConnectionError> {
        if self.external_id.is_some() && self.role_arn.is_none() {
            return Err(ConnectionError::ExternalIdWithoutRole);
        }
        match &self.endpoint_url {
            Some(url) if !url.starts_with("http://") && !url.starts_with("https://") => {
                Err(ConnectionError::Endpoint(url.clone()))
            }
            _ => Ok(()),
        }
    }

    /// Resolves the region and sets the credentials up; they are fetched at the first call. Reads
    /// the environment and the profile files, and without a region asks the instance's metadata.
    pub async fn load(&self) -> Result<SdkConfig, ConnectionError> {
        self.validate()?;
        let mut loader = self.loader();
        if let Some(role_arn) = &self.role_arn {
            // A loader of its own, since `endpoint_url` is that of the stream or the store.
            let base = self.loader().load().await;
            if base.region().is_none() {
                return Err(ConnectionError::NoRegion);
            }
            let mut role = AssumeRoleProvider::builder(role_arn)
                .session_name("shardmill")
                .configure(&base);
            if let Some(external_id) = &self.external_id {
                role = role.external_id(external_id);
            }
            loader = loader.credentials_provider(role.build().await);
        }
        if let Some(url) = &self.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        let config = loader.load().await;
        match config.region() {
            Some(_) => Ok(config),
            None => Err(ConnectionError::NoRegion),
        }
    }

    fn loader(&self) -> ConfigLoader {
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        // Always a valid name; were it not, requests would merely not carry it.
        if let Ok(name) = AppName::new(Cow::Borrowed(APP_NAME)) {
            loader = loader.app_name(name);
        }
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        loader
    }
}

/// How we call ourselves in the User-Agent header.
const APP_NAME: &str = concat!("shardmill-", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;

    fn on_runtime<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(future)
    }

    #[test]
    fn what_is_set_is_what_the_sdk_gets() {
        let connection = Connection {
            endpoint_url: Some("http://127.0.0.1:4567".into()),
            region: Some("eu-west-1".into()),
            ..Connection::default()
        };
        let config = on_runtime(connection.load()).unwrap();
        assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:4567"));
        assert_eq!(config.region().unwrap().as_ref(), "eu-west-1");
        assert_eq!(config.app_name().unwrap().as_ref(), APP_NAME);
    }

    #[test]
    fn values_that_cannot_work_are_refused_before_any_call() {
        let lonely_id = Connection {
            external_id: Some("x".into()),
            ..Connection::default()
        };
        assert_eq!(
            lonely_id.validate().unwrap_err().code(),
            "connection.external_id"
        );
        let no_scheme = Connection {
            endpoint_url: Some("localhost:4566".into()),
            ..Connection::default()
        };
        assert_eq!(
            no_scheme.validate().unwrap_err().code(),
            "connection.endpoint"
        );
    }

    #[test]
    fn unknown_keys_are_errors() {
        let text = "region = \"eu-west-1\"\nregoin = \"x\"";
        assert!(toml::from_str::<Connection>(text).is_err());
    }
}
