//! Where things of AWS are: their names as ARNs, with placeholders for what the configuration does
//! not say.

use crate::config::{ConsumerId, DataSource};

/// What is not known stands in an ARN as CloudFormation's own word for it.
pub(super) const PARTITION: &str = "${AWS::Partition}";
pub(super) const REGION: &str = "${AWS::Region}";
pub(super) const ACCOUNT: &str = "${AWS::AccountId}";

/// What the user says of the place, for what the configuration leaves open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// AWS region.
    pub region: Option<String>,
    /// AWS account, 12 digits.
    pub account: Option<String>,
}

impl Place {
    /// The partition, as far as a region tells it.
    fn partition(&self) -> Option<&'static str> {
        self.region.as_deref().map(partition_of)
    }
}

/// The partition of a region.
fn partition_of(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// The account that an ARN names.
pub(super) fn account_of(arn: &str) -> Option<&str> {
    let account = arn.split(':').nth(4)?;
    (!account.is_empty()).then_some(account)
}

/// The ARN of a source's stream.
pub(super) fn stream_arn(source: &DataSource, place: &Place) -> String {
    let kinesis = source.kinesis();
    if kinesis.stream.starts_with("arn:") {
        return kinesis.stream.clone();
    }
    if let Some(ConsumerId::Arn(arn)) = &kinesis.fan_out
        && let Some((stream, _)) = arn.split_once("/consumer/")
    {
        return stream.to_owned();
    }
    let connection = &kinesis.connection;
    let region = connection.region.as_ref().or(place.region.as_ref());
    let by_role = connection.role_arn.as_deref().and_then(account_of);
    let account = by_role.or(place.account.as_deref()).unwrap_or(ACCOUNT);
    format!(
        "arn:{}:kinesis:{}:{account}:stream/{}",
        region.map_or(PARTITION, |region| partition_of(region)),
        region.map_or(REGION, String::as_str),
        kinesis.stream
    )
}

/// The ARN of the source's consumer; of one that is to be registered a pattern, as its ARN ends with
/// the time at which that happens.
pub(super) fn consumer_arn(source: &DataSource, place: &Place) -> Option<String> {
    Some(match source.kinesis().fan_out.as_ref()? {
        ConsumerId::Arn(arn) => arn.clone(),
        ConsumerId::Name(name) => format!("{}/consumer/{name}:*", stream_arn(source, place)),
    })
}

/// The ARN of a bucket, or of what is in it.
pub(super) fn s3_arn(source: &DataSource, place: &Place, bucket: &str, below: &str) -> String {
    let by_target = source.target().connection.region.as_deref();
    let by_stream = source.kinesis().connection.region.as_deref();
    let known = by_target.or(by_stream).map(partition_of);
    let partition = known.or(place.partition()).unwrap_or(PARTITION);
    format!("arn:{partition}:s3:::{bucket}{below}")
}

/// A text in which a policy finds no patterns and no variables of its own.
pub(super) fn literally(text: &str) -> String {
    let mut literal = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '*' | '?' | '$' => {
                literal.push_str("${");
                literal.push(character);
                literal.push('}');
            }
            other => literal.push(other),
        }
    }
    literal
}

/// A text with everything that is still open filled in for a policy outside of CloudFormation: by a
/// pattern, where nothing is known.
pub(super) fn filled(text: &str, place: &Place) -> String {
    let region = place.region.as_deref().unwrap_or("*");
    let account = place.account.as_deref().unwrap_or("*");
    text.replace(PARTITION, place.partition().unwrap_or("*"))
        .replace(REGION, region)
        .replace(ACCOUNT, account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_tell_their_partition() {
        assert_eq!(partition_of("cn-north-1"), "aws-cn");
        assert_eq!(partition_of("us-gov-west-1"), "aws-us-gov");
        assert_eq!(partition_of("eu-west-1"), "aws");
    }

    #[test]
    fn what_is_open_is_filled_in() {
        let arn = format!("arn:{PARTITION}:kinesis:{REGION}:{ACCOUNT}:stream/x");
        assert_eq!(
            filled(&arn, &Place::default()),
            "arn:*:kinesis:*:*:stream/x"
        );
        let place = Place {
            region: Some("cn-north-1".into()),
            account: Some("123456789012".into()),
        };
        assert_eq!(
            filled(&arn, &place),
            "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/x"
        );
    }

    #[test]
    fn a_prefix_is_no_pattern() {
        assert_eq!(literally("a*b?c$d/e"), "a${*}b${?}c${$}d/e");
    }
}
