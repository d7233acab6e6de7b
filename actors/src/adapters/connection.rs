//! How to reach AWS, or a server that speaks like it: region, credentials, endpoint.

use std::borrow::Cow;
use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, Region, SdkConfig};

use crate::config::Connection;

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
    #[error("`endpoint_url` must begin with `http://` or `https://`")]
    Endpoint,
}

impl ConnectionError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ConnectionError::NoRegion => "connection.no_region",
            ConnectionError::ExternalIdWithoutRole => "connection.external_id",
            ConnectionError::Endpoint => "connection.endpoint",
        }
    }
}

/// Says what is wrong with the values alone.
fn validate(connection: &Connection) -> Result<(), ConnectionError> {
    if connection.external_id.is_some() && connection.role_arn.is_none() {
        return Err(ConnectionError::ExternalIdWithoutRole);
    }
    match &connection.endpoint_url {
        Some(url) if !url.starts_with("http://") && !url.starts_with("https://") => {
            Err(ConnectionError::Endpoint)
        }
        _ => Ok(()),
    }
}

/// Makes the SDK's configuration. What the connection does not set comes from the SDK's usual
/// chain: environment variables, profiles, container and instance roles.
///
/// Resolves the region and sets the credentials up; they are fetched at the first call. A role is
/// assumed with the credentials found, at STS's own endpoint (`AWS_ENDPOINT_URL_STS` changes it),
/// since `endpoint_url` is that of the stream or the store. Without a region anywhere the
/// instance's metadata is asked, which may take seconds.
pub async fn sdk_config(connection: &Connection) -> Result<SdkConfig, ConnectionError> {
    validate(connection)?;
    let mut loader = loader(connection);
    if let Some(role_arn) = &connection.role_arn {
        let base = self::loader(connection).load().await;
        if base.region().is_none() {
            return Err(ConnectionError::NoRegion);
        }
        let mut role = AssumeRoleProvider::builder(role_arn)
            .session_name("shardmill")
            .configure(&base);
        if let Some(external_id) = &connection.external_id {
            role = role.external_id(external_id);
        }
        loader = loader.credentials_provider(role.build().await);
    }
    if let Some(url) = &connection.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let config = loader.load().await;
    match config.region() {
        Some(_) => Ok(config),
        None => Err(ConnectionError::NoRegion),
    }
}

fn loader(connection: &Connection) -> ConfigLoader {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    // Always a valid name; were it not, requests would merely not carry it.
    if let Ok(name) = AppName::new(Cow::Borrowed(APP_NAME)) {
        loader = loader.app_name(name);
    }
    if let Some(region) = &connection.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &connection.profile {
        loader = loader.profile_name(profile);
    }
    loader
}

/// How long a connection may take to be made, where the configuration does not say.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The time-outs that a configuration sets, and one for connecting.
pub(super) fn timeouts(sdk: &SdkConfig) -> TimeoutConfig {
    let mut timeouts = sdk
        .timeout_config()
        .cloned()
        .unwrap_or_else(|| TimeoutConfig::builder().build());
    let ours = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT);
    timeouts.take_defaults_from(&ours.build());
    timeouts
}

/// How we call ourselves in the User-Agent header.
pub(super) const APP_NAME: &str = concat!("shardmill-", env!("CARGO_PKG_VERSION"));

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
        let config = on_runtime(sdk_config(&connection)).unwrap();
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
            validate(&lonely_id).unwrap_err().code(),
            "connection.external_id"
        );
        let no_scheme = Connection {
            endpoint_url: Some("localhost:4566".into()),
            ..Connection::default()
        };
        assert_eq!(
            validate(&no_scheme).unwrap_err().code(),
            "connection.endpoint"
        );
    }
}
