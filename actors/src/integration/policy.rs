//! The policies that data sources need: one for each identity that makes their calls.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::place::{Place, consumer_arn, filled, literally, s3_arn, stream_arn};
use crate::config::{Connection, DataSource, RegistrySettings, TargetUrl};
use crate::permissions::{Keys, On, RIGHTS};

/// Who makes calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    /// The process, with the credentials that it finds.
    Process,
    /// A role that it assumes.
    Role {
        /// Its ARN.
        arn: String,
        /// Whether it is assumed with an external id. The id itself is a secret and nowhere here.
        external_id: bool,
    },
}

/// Statements by identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policies(pub(super) BTreeMap<Identity, Vec<Statement>>);

/// One statement of a policy: what is allowed on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    on: On,
    pub(super) actions: BTreeSet<&'static str>,
    pub(super) resources: BTreeSet<String>,
    /// The prefixes below which a bucket may be listed.
    pub(super) prefixes: BTreeSet<String>,
}

impl Policies {
    /// The least rights for these sources.
    pub fn of(sources: &[DataSource], place: &Place, keys: &Keys) -> Self {
        let mut policies = Self::default();
        for source in sources {
            for right in RIGHTS {
                if right.needed.by(source, keys) {
                    policies.add(source, right.action, right.on, place, keys);
                }
            }
            // An output's place takes what a target takes.
            for output in source
                .outputs()
                .iter()
                .map(|output| source.at_output(output))
            {
                let of_target = RIGHTS.iter().filter(|right| is_of_target(right.on));
                for right in of_target.filter(|right| right.needed.by(&output, keys)) {
                    policies.add(&output, right.action, right.on, place, keys);
                }
            }
        }
        policies
    }

    fn add(
        &mut self,
        source: &DataSource,
        action: &'static str,
        on: On,
        place: &Place,
        keys: &Keys,
    ) {
        let statement = Statement {
            on,
            actions: BTreeSet::from([action]),
            resources: resources(source, on, place, keys),
            prefixes: prefixes(source, on),
        };
        let identity = identity(source, on);
        let statements = self.0.entry(identity).or_default();
        let same = statements.iter_mut().find(|known| {
            (known.on, &known.resources, &known.prefixes)
                == (statement.on, &statement.resources, &statement.prefixes)
        });
        match same {
            Some(known) => known.actions.extend(statement.actions),
            None => statements.push(statement),
        }
    }

    /// The identities.
    pub fn identities(&self) -> impl Iterator<Item = &Identity> {
        self.0.keys()
    }

    /// The policy of an identity, for use outside of CloudFormation. What `place` does not say and
    /// the configuration neither is a pattern in it.
    pub fn document(&self, identity: &Identity, place: &Place) -> Value {
        let statements = self.0.get(identity).map_or(&[][..], Vec::as_slice);
        document(statements, &|text| filled(text, place).into())
    }
}

/// A policy as AWS takes it; `text` makes a value of a text with placeholders.
pub(super) fn document(statements: &[Statement], text: &dyn Fn(&str) -> Value) -> Value {
    let mut ids: BTreeMap<&'static str, usize> = BTreeMap::new();
    let statements = statements.iter().map(|statement| {
        let name = statement.on.id();
        let count = ids.entry(name).or_default();
        *count += 1;
        let id = match count {
            1 => name.to_owned(),
            more => format!("{name}{more}"),
        };
        let resources = statement.resources.iter().map(|resource| text(resource));
        let mut value = json!({
            "Sid": id,
            "Effect": "Allow",
            "Action": statement.actions,
            "Resource": resources.collect::<Vec<_>>(),
        });
        if !statement.prefixes.is_empty() {
            let prefixes = statement.prefixes.iter().map(|prefix| text(prefix));
            let prefixes: Vec<_> = prefixes.collect();
            // If it exists: S3 looks for this right also where it says that an object is not there,
            // and then there is no prefix.
            value["Condition"] = json!({ "StringLikeIfExists": { "s3:prefix": prefixes } });
        }
        value
    });
    json!({ "Version": "2012-10-17", "Statement": statements.collect::<Vec<_>>() })
}

impl On {
    /// What a statement is called.
    fn id(self) -> &'static str {
        match self {
            On::Stream => "Stream",
            On::Consumer => "Consumer",
            On::StreamKey => "StreamKey",
            On::Listing => "Listing",
            On::Bucket => "Bucket",
            On::Objects => "Objects",
            On::BucketKey => "BucketKey",
            On::Everything => "Schemas",
            On::Roles => "Roles",
        }
    }
}

/// Whether a right is on the target, or on the role that reaches it.
fn is_of_target(on: On) -> bool {
    matches!(
        on,
        On::Listing | On::Bucket | On::Objects | On::BucketKey | On::Roles
    )
}

/// Who makes the calls that a right is for.
fn identity(source: &DataSource, on: On) -> Identity {
    let connection = match on {
        On::Stream | On::Consumer | On::StreamKey => Some(&source.kinesis().connection),
        On::Listing | On::Bucket | On::Objects | On::BucketKey => Some(&source.target().connection),
        On::Everything => glue(source),
        On::Roles => None,
    };
    let role = connection.and_then(|connection| {
        let external_id = connection.external_id.is_some();
        Some((connection.role_arn.clone()?, external_id))
    });
    match role {
        Some((arn, external_id)) => Identity::Role { arn, external_id },
        None => Identity::Process,
    }
}

fn glue(source: &DataSource) -> Option<&Connection> {
    match &source.content().registry {
        Some(RegistrySettings::Glue(connection)) => Some(connection),
        _ => None,
    }
}

fn resources(source: &DataSource, on: On, place: &Place, keys: &Keys) -> BTreeSet<String> {
    let below = |what: &str| match &source.target().url {
        TargetUrl::S3 { bucket, .. } => Some(s3_arn(source, place, bucket, what)),
        TargetUrl::Local(_) => None,
    };
    let of_source = || format!("/{}", folder(source).unwrap_or_default());
    let resources = match on {
        On::Stream => vec![Some(stream_arn(source, place))],
        On::Consumer => vec![consumer_arn(source, place)],
        On::StreamKey => vec![keys.stream.clone()],
        On::Listing | On::Bucket => vec![below("")],
        On::Objects => vec![below(&of_source())],
        On::BucketKey => vec![keys.bucket.clone()],
        On::Everything => vec![Some("*".to_owned())],
        On::Roles => {
            let s3 = matches!(source.target().url, TargetUrl::S3 { .. });
            let target = Some(&source.target().connection).filter(|_| s3);
            [Some(&source.kinesis().connection), target, glue(source)]
                .map(|connection| connection?.role_arn.clone())
                .into()
        }
    };
    resources.into_iter().flatten().collect()
}

fn prefixes(source: &DataSource, on: On) -> BTreeSet<String> {
    let folder = folder(source).filter(|_| on == On::Listing);
    folder.into_iter().collect()
}

/// The pattern of the keys of a source on S3.
fn folder(source: &DataSource) -> Option<String> {
    let TargetUrl::S3 { prefix, .. } = &source.target().url else {
        return None;
    };
    let name = source.name();
    Some(match prefix.as_str() {
        "" => format!("{name}/*"),
        prefix => format!("{}/{name}/*", literally(prefix)),
    })
}
