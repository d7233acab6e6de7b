//! The SDK's configuration for a local server, as the product's adapters take it.

use aws_config::{BehaviorVersion, Region, SdkConfig};

use crate::credentials;

/// A configuration that reaches `url`.
pub async fn config(url: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::new(credentials::REGION))
        .credentials_provider(credentials::credentials())
        .load()
        .await
}
