//! The consumer of enhanced fan-out, by its name or its ARN.

use std::fmt;

use super::value::is_stream;

/// Which consumer reads a stream by enhanced fan-out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsumerId {
    /// Its name; it is registered if there is none.
    Name(String),
    /// `arn:aws:kinesis:REGION:ACCOUNT:stream/NAME/consumer/CONSUMER:CREATED`; it must be there.
    Arn(String),
}

impl ConsumerId {
    /// Takes a name or an ARN; `None` for what is neither.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.starts_with("arn:") {
            return is_stream(text).then(|| ConsumerId::Name(text.to_owned()));
        }
        let (stream, consumer) = text.split_once("/consumer/")?;
        let (name, created) = consumer.split_once(':')?;
        let digits = !created.is_empty() && created.bytes().all(|byte| byte.is_ascii_digit());
        let whole = is_stream(stream) && is_stream(name) && digits;
        whole.then(|| ConsumerId::Arn(text.to_owned()))
    }

    /// Whether it can be a consumer of this stream, which is given by its name or its ARN.
    pub fn is_of(&self, stream: &str) -> bool {
        let ConsumerId::Arn(arn) = self else {
            return true;
        };
        let own = arn.split_once("/consumer/").map_or("", |(own, _)| own);
        own == stream
            || own
                .split_once(":stream/")
                .is_some_and(|(_, name)| name == stream)
    }
}

impl fmt::Display for ConsumerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConsumerId::Name(text) | ConsumerId::Arn(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arns_of_consumers_are_told_apart() {
        let arn =
            "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/clicks/consumer/mill:1700000000";
        assert_eq!(
            ConsumerId::parse("mill"),
            Some(ConsumerId::Name("mill".into()))
        );
        let by_arn = ConsumerId::parse(arn).unwrap();
        assert_eq!(by_arn, ConsumerId::Arn(arn.into()));
        for text in [
            "",
            "a b",
            "arn:aws:kinesis:eu-west-1:1:stream/clicks",
            "arn:aws:kinesis:eu-west-1:1:stream/clicks/consumer/mill",
            "arn:aws:kinesis:eu-west-1:1:stream/clicks/consumer/mill:x",
            "arn:aws:s3:::bucket/consumer/mill:1",
        ] {
            assert_eq!(ConsumerId::parse(text), None, "{text}");
        }
        assert!(by_arn.is_of("clicks"));
        assert!(!by_arn.is_of("click"));
        assert!(by_arn.is_of("arn:aws-cn:kinesis:cn-north-1:123456789012:stream/clicks"));
        assert!(!by_arn.is_of("arn:aws:kinesis:eu-west-1:1:stream/clicks"));
        assert!(ConsumerId::parse("mill").unwrap().is_of("clicks"));
    }
}
