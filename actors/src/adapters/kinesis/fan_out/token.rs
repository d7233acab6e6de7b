//! What stands for a subscription where polling has an iterator: which event it asks for.

use std::fmt;

use shardmill_engine::types::KinesisShardId;

/// Asks for one event of one Kinesis shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    number: u64,
    shard: KinesisShardId,
}

impl Token {
    pub(super) fn first(shard: KinesisShardId) -> Self {
        Self { number: 0, shard }
    }

    /// The one after it.
    pub(super) fn next(&self) -> Self {
        Self {
            number: self.number + 1,
            shard: self.shard.clone(),
        }
    }

    pub(super) fn shard(&self) -> &KinesisShardId {
        &self.shard
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (number, shard) = text.split_once(' ')?;
        Some(Self {
            number: number.parse().ok()?,
            shard: KinesisShardId::new(shard),
        })
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.shard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written() {
        let token = Token::first(KinesisShardId::new("shardId-000000000007")).next();
        assert_eq!(Token::parse(&token.to_string()), Some(token));
        assert_eq!(Token::parse("an iterator of another kind"), None);
    }
}
