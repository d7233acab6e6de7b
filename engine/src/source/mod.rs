//! Reading: Kinesis shards in, payload batches with windows out.
