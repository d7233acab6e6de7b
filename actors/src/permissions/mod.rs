//! Which rights on AWS each feature of a data source needs: one table, from which `integration`
//! makes policies, `check` names what is missing, and docs/OPERATIONS.md has its list.

use std::fmt::Write as _;

use crate::config::{ContentFormat, DataSource, RegistrySettings, TargetUrl};

/// One action of AWS's API that a data source may need.
#[derive(Debug, PartialEq, Eq)]
pub struct Right {
    /// As policies name it: `kinesis:ListShards`.
    pub action: &'static str,
    /// What it is on.
    pub on: On,
    /// Which sources need it.
    pub needed: Needed,
    /// What for.
    pub why: &'static str,
}

/// What a right is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum On {
    /// The stream.
    Stream,
    /// The consumer of enhanced fan-out.
    Consumer,
    /// The key that the stream is encrypted with.
    StreamKey,
    /// The bucket, listed below the source's prefix.
    Listing,
    /// The bucket itself.
    Bucket,
    /// The objects below the source's prefix.
    Objects,
    /// The key that the bucket is encrypted with.
    BucketKey,
    /// Everything: the action knows no narrower resource.
    Everything,
    /// The roles that are assumed.
    Roles,
}

/// Which sources need a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed {
    /// Each.
    Always,
    /// Those that poll, and those whose format is found out by a sample.
    ByPolling,
    /// Those with `kinesis.fan_out`.
    ByFanOut,
    /// Those whose consumer is given by its name.
    ByFanOutWithName,
    /// Those with a target on S3.
    OnS3,
    /// Those with `content.format = "avro_glue"`.
    WithGlue,
    /// Those with a `role_arn`, for whoever assumes it.
    WithRole,
    /// Those whose stream is encrypted with a key of the user's.
    WithStreamKey,
    /// Those whose bucket is encrypted with a key of the user's.
    WithBucketKey,
}

/// Finds the Kinesis shards.
pub static LIST_SHARDS: Right = Right {
    action: "kinesis:ListShards",
    on: On::Stream,
    needed: Needed::Always,
    why: "finds the Kinesis shards, and the children of those that end",
};
/// Describes the stream.
pub static DESCRIBE_SUMMARY: Right = Right {
    action: "kinesis:DescribeStreamSummary",
    on: On::Stream,
    needed: Needed::Always,
    why: "how long the stream keeps records, so that a gap is noticed; its ARN, for a consumer",
};
/// Begins polling.
pub static GET_ITERATOR: Right = Right {
    action: "kinesis:GetShardIterator",
    on: On::Stream,
    needed: Needed::ByPolling,
    why: "where polling begins",
};
/// Polls.
pub static GET_RECORDS: Right = Right {
    action: "kinesis:GetRecords",
    on: On::Stream,
    needed: Needed::ByPolling,
    why: "polls records, also for a sample",
};
/// Finds the consumer.
pub static DESCRIBE_CONSUMER: Right = Right {
    action: "kinesis:DescribeStreamConsumer",
    on: On::Consumer,
    needed: Needed::ByFanOut,
    why: "finds the consumer, and sees when it is active",
};
/// Makes the consumer.
pub static REGISTER_CONSUMER: Right = Right {
    action: "kinesis:RegisterStreamConsumer",
    on: On::Stream,
    needed: Needed::ByFanOutWithName,
    why: "registers the consumer if it is not there",
};
/// Subscribes.
pub static SUBSCRIBE: Right = Right {
    action: "kinesis:SubscribeToShard",
    on: On::Consumer,
    needed: Needed::ByFanOut,
    why: "reads by enhanced fan-out",
};
/// Decrypts records.
pub static DECRYPT_RECORDS: Right = Right {
    action: "kms:Decrypt",
    on: On::StreamKey,
    needed: Needed::WithStreamKey,
    why: "reads records of an encrypted stream",
};
/// Lists objects.
pub static LIST_BUCKET: Right = Right {
    action: "s3:ListBucket",
    on: On::Listing,
    needed: Needed::OnS3,
    why: "lists the log; without it S3 says 403 instead of 404 of what is not there",
};
/// Lists unfinished uploads.
pub static LIST_UPLOADS: Right = Right {
    action: "s3:ListBucketMultipartUploads",
    on: On::Bucket,
    needed: Needed::OnS3,
    why: "finds unfinished uploads of processes that died",
};
/// Reads objects.
pub static GET_OBJECT: Right = Right {
    action: "s3:GetObject",
    on: On::Objects,
    needed: Needed::OnS3,
    why: "reads the log",
};
/// Puts objects.
pub static PUT_OBJECT: Right = Right {
    action: "s3:PutObject",
    on: On::Objects,
    needed: Needed::OnS3,
    why: "puts files and commits, in parts where they are large",
};
/// Deletes objects.
pub static DELETE_OBJECT: Right = Right {
    action: "s3:DeleteObject",
    on: On::Objects,
    needed: Needed::OnS3,
    why: "removes files that no commit names, and what has expired",
};
/// Gives unfinished uploads up.
pub static ABORT_UPLOAD: Right = Right {
    action: "s3:AbortMultipartUpload",
    on: On::Objects,
    needed: Needed::OnS3,
    why: "gives unfinished uploads up",
};
/// Encrypts objects.
pub static ENCRYPT_OBJECTS: Right = Right {
    action: "kms:GenerateDataKey",
    on: On::BucketKey,
    needed: Needed::WithBucketKey,
    why: "puts objects into an encrypted bucket",
};
/// Decrypts objects.
pub static DECRYPT_OBJECTS: Right = Right {
    action: "kms:Decrypt",
    on: On::BucketKey,
    needed: Needed::WithBucketKey,
    why: "reads objects of an encrypted bucket, and completes uploads in parts",
};
/// Looks schemas up.
pub static GET_SCHEMA: Right = Right {
    action: "glue:GetSchemaVersion",
    on: On::Everything,
    needed: Needed::WithGlue,
    why: "looks schemas up by their ids",
};
/// Assumes roles.
pub static ASSUME_ROLE: Right = Right {
    action: "sts:AssumeRole",
    on: On::Roles,
    needed: Needed::WithRole,
    why: "assumes the roles of the connections",
};

/// All of them.
pub static RIGHTS: [&Right; 18] = [
    &LIST_SHARDS,
    &DESCRIBE_SUMMARY,
    &GET_ITERATOR,
    &GET_RECORDS,
    &DESCRIBE_CONSUMER,
    &REGISTER_CONSUMER,
    &SUBSCRIBE,
    &DECRYPT_RECORDS,
    &LIST_BUCKET,
    &LIST_UPLOADS,
    &GET_OBJECT,
    &PUT_OBJECT,
    &DELETE_OBJECT,
    &ABORT_UPLOAD,
    &ENCRYPT_OBJECTS,
    &DECRYPT_OBJECTS,
    &GET_SCHEMA,
    &ASSUME_ROLE,
];

/// The keys of KMS that a user says are in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// That of the stream.
    pub stream: Option<String>,
    /// That of the bucket.
    pub bucket: Option<String>,
}

impl Needed {
    /// Whether a source is one of them.
    pub fn by(self, source: &DataSource, keys: &Keys) -> bool {
        let kinesis = source.kinesis();
        let by_name = matches!(kinesis.fan_out, Some(crate::config::ConsumerId::Name(_)));
        let on_s3 = matches!(source.target().url, TargetUrl::S3 { .. });
        let glue = match &source.content().registry {
            Some(RegistrySettings::Glue(connection)) => Some(connection),
            _ => None,
        };
        match self {
            Needed::Always => true,
            Needed::ByPolling => kinesis.fan_out.is_none() || is_sampled(source),
            Needed::ByFanOut => kinesis.fan_out.is_some(),
            Needed::ByFanOutWithName => by_name,
            Needed::OnS3 => on_s3,
            Needed::WithGlue => glue.is_some(),
            Needed::WithRole => {
                let target = Some(&source.target().connection).filter(|_| on_s3);
                let connections = [Some(&kinesis.connection), target, glue];
                let mut connections = connections.into_iter().flatten();
                connections.any(|connection| connection.role_arn.is_some())
            }
            Needed::WithStreamKey => keys.stream.is_some(),
            Needed::WithBucketKey => on_s3 && keys.bucket.is_some(),
        }
    }

    fn phrase(self) -> &'static str {
        match self {
            Needed::Always => "each",
            Needed::ByPolling => "without `kinesis.fan_out`, or with `content.format = \"auto\"`",
            Needed::ByFanOut => "with `kinesis.fan_out`",
            Needed::ByFanOutWithName => "with `kinesis.fan_out` by a name",
            Needed::OnS3 => "with a target on S3",
            Needed::WithGlue => "with `content.format = \"avro_glue\"`",
            Needed::WithRole => "with a `role_arn`, for who assumes it",
            Needed::WithStreamKey => "with a key of KMS for the stream",
            Needed::WithBucketKey => "with a key of KMS for the bucket",
        }
    }
}

/// Whether payloads are looked at before the first start.
pub(crate) fn is_sampled(source: &DataSource) -> bool {
    source.content().options.format == ContentFormat::Auto
}

impl On {
    fn phrase(self) -> &'static str {
        match self {
            On::Stream => "the stream",
            On::Consumer => "the consumer",
            On::StreamKey => "the stream's key",
            On::Listing => "the bucket, below the prefix",
            On::Bucket => "the bucket",
            On::Objects => "the objects below the prefix",
            On::BucketKey => "the bucket's key",
            On::Everything => "`*`",
            On::Roles => "the roles",
        }
    }
}

/// The list of the reference page.
pub fn markdown() -> String {
    let mut text = String::from("| action | on | sources | why |\n| --- | --- | --- | --- |\n");
    for right in RIGHTS {
        let (on, sources) = (right.on.phrase(), right.needed.phrase());
        let _ = writeln!(
            text,
            "| `{}` | {on} | {sources} | {} |",
            right.action, right.why
        );
    }
    text
}

#[cfg(test)]
mod tests;
