//! `shardmill integration`: what does AWS have to allow?

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Exit, Failure, Json, Outcome, output};
use crate::config::DataSource;
use crate::integration::{Identity, Place, Policies, cloudformation};
use crate::permissions::Keys;

/// Print the least rights that sources need on AWS, as a CloudFormation template or as IAM policies
///
/// The rights are on the sources' streams, consumers and prefixes alone. A `role_arn` of a connection
/// gets a role in the template, with the rights of its side; an external id becomes a parameter and
/// is never printed. No call is made. `shardmill check` tries the same rights.
///
/// Example: shardmill integration source.toml --account 123456789012
#[derive(Args, Debug)]
pub struct Integration {
    /// The sources' configurations; what they have in common is printed once
    #[arg(value_name = "SOURCE.TOML", required = true)]
    sources: Vec<PathBuf>,

    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Cloudformation)]
    format: Format,

    /// AWS account of streams that are given by their names; without it that of the stack, or a
    /// pattern
    #[arg(long, value_name = "ID", value_parser = account)]
    account: Option<String>,

    /// AWS region of streams whose configuration names none; without it that of the stack, or a
    /// pattern
    #[arg(long, value_name = "REGION")]
    region: Option<String>,

    /// ARN of the key of KMS that the streams are encrypted with
    #[arg(long, value_name = "ARN", value_parser = key)]
    stream_key: Option<String>,

    /// ARN of the key of KMS that the buckets are encrypted with
    #[arg(long, value_name = "ARN", value_parser = key)]
    bucket_key: Option<String>,

    #[command(flatten)]
    pub json: Json,
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A template that makes policies and roles, in YAML
    Cloudformation,
    /// The policies alone, in JSON; several are members of one object, by who they are for
    Iam,
}

/// What `integration --json` prints.
#[derive(Serialize)]
struct Report<'r> {
    event: &'static str,
    sources: Vec<&'r str>,
    policies: Vec<Policy>,
}

/// One identity with its policy.
#[derive(Serialize)]
struct Policy {
    /// `process`, or the ARN of a role.
    identity: String,
    /// Whether the role is assumed with an external id.
    external_id: bool,
    policy: Value,
}

impl Integration {
    pub fn run(&self) -> Outcome {
        let sources = self.sources.iter().map(DataSource::from_file);
        let sources = sources.collect::<Result<Vec<_>, _>>()?;
        if let Some(source) = sources.iter().find(|source| source.files().is_some()) {
            let message = format!(
                "{} reads files and no stream: where these are in a bucket, allow s3:ListBucket on \
                 it and s3:GetObject below them by hand",
                source.name()
            );
            return Err(Failure::new("files.not_a_stream", message));
        }
        let place = Place {
            region: self.region.clone(),
            account: self.account.clone(),
        };
        let keys = Keys {
            stream: self.stream_key.clone(),
            bucket: self.bucket_key.clone(),
        };
        if self.format == Format::Cloudformation && !self.json.json {
            output::line(cloudformation(&sources, &place, &keys).trim_end());
            return Ok(Exit::Done);
        }
        let policies = Policies::of(&sources, &place, &keys);
        let policies = policies
            .identities()
            .map(|identity| policy(identity, policies.document(identity, &place)))
            .collect();
        let report = Report {
            event: "integration",
            sources: sources.iter().map(DataSource::name).collect(),
            policies,
        };
        if self.json.json {
            output::json_line(&report);
        } else {
            output::line(&format!("{:#}", whole(report.policies)));
        }
        Ok(Exit::Done)
    }
}

fn policy(identity: &Identity, policy: Value) -> Policy {
    let (identity, external_id) = match identity {
        Identity::Process => ("process".to_owned(), false),
        Identity::Role { arn, external_id } => (arn.clone(), *external_id),
    };
    Policy {
        identity,
        external_id,
        policy,
    }
}

/// One policy as AWS takes it, or all by who they are for.
fn whole(mut policies: Vec<Policy>) -> Value {
    if policies.len() == 1
        && let Some(only) = policies.pop()
    {
        return only.policy;
    }
    let members = policies
        .into_iter()
        .map(|policy| (policy.identity, policy.policy));
    Value::Object(members.collect::<Map<_, _>>())
}

fn account(text: &str) -> Result<String, String> {
    let digits = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    match digits {
        true => Ok(text.to_owned()),
        false => Err("an account of AWS has 12 digits".to_owned()),
    }
}

fn key(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts[..] {
        ["arn", _, "kms", _, _, resource] if resource.starts_with("key/") => Ok(text.to_owned()),
        _ => Err("write the ARN of a key, arn:aws:kms:REGION:ACCOUNT:key/ID".to_owned()),
    }
}
