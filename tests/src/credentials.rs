//! Credentials that local servers take: any will do.

use aws_credential_types::Credentials;

/// What child processes get in their environment.
pub const ENVIRONMENT: [(&str, &str); 4] = [
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
    ("AWS_REGION", REGION),
    ("AWS_EC2_METADATA_DISABLED", "true"),
];

/// The region that everything is in.
pub const REGION: &str = "us-east-1";

/// The same for clients in this process.
pub fn credentials() -> Credentials {
    Credentials::new("test", "test", None, None, "tests")
}
