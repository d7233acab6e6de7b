//! The schemas of a sample, where a registry has them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use shardmill_engine::decode::avro::SchemaLookup;
use shardmill_engine::ports::{Host, RegistryError, SchemaRegistry};
use shardmill_engine::types::{Registered, SchemaId};

use crate::adapters::open_registry_of;
use crate::config::{ContentFormat, DataSource, RegistrySettings};
use crate::error::Error;

/// Calls for one schema before a preview gives up.
const TRIES: u32 = 3;
const BETWEEN_TRIES_MS: u64 = 1_000;

/// What was looked up so far.
#[derive(Clone, Default)]
pub(super) struct Looked(BTreeMap<SchemaId, Arc<Registered>>);

impl SchemaLookup for Looked {
    fn schema(&self, id: SchemaId) -> Option<Arc<Registered>> {
        self.0.get(&id).cloned()
    }
}

impl Looked {
    /// Looks up what a sample misses. People wait for it, so it gives up where `run` would go on.
    pub(super) async fn add(
        &mut self,
        registry: &dyn SchemaRegistry,
        host: &dyn Host,
        ids: BTreeSet<SchemaId>,
    ) -> Result<(), Error> {
        for id in ids {
            let found = ask(registry, host, id).await?;
            self.0.insert(id, Arc::new(found));
        }
        Ok(())
    }
}

async fn ask(
    registry: &dyn SchemaRegistry,
    host: &dyn Host,
    id: SchemaId,
) -> Result<Registered, Error> {
    let mut tries = 0;
    loop {
        let error = match registry.schema(id).await {
            Ok(found) => return Ok(found),
            Err(error) => error,
        };
        tries += 1;
        let code = match &error {
            RegistryError::Refused(_) => "registry.refused",
            _ if tries == TRIES => "registry.unavailable",
            _ => {
                host.sleep(BETWEEN_TRIES_MS).await;
                continue;
            }
        };
        let message = format!(
            "the schema registry does not give schema {id}: {error}; see its URL, region and \
             credentials: `shardmill check` tries them"
        );
        return Err(Error::new(code, message));
    }
}

/// The registry of a format: the configured one, or for AWS Glue that of the stream's region.
pub(super) async fn registry_of(
    source: &DataSource,
    named: Option<ContentFormat>,
) -> Result<Option<Arc<dyn SchemaRegistry>>, Error> {
    let content = source.content();
    let configured = content.registry.as_ref();
    let settings = match (named.unwrap_or(content.options.format), configured) {
        (ContentFormat::AvroConfluent, Some(RegistrySettings::Confluent(_)))
        | (ContentFormat::AvroGlue, Some(RegistrySettings::Glue(_))) => configured.cloned(),
        (ContentFormat::AvroGlue, _) => {
            Some(RegistrySettings::glue_beside(&source.kinesis().connection))
        }
        (ContentFormat::AvroConfluent, _) => {
            let message = "the format avro_confluent needs its schema registry: write a \
                           configuration with content.format = \"avro_confluent\" and `url` under \
                           [content.avro_confluent], and run `shardmill preview SOURCE.TOML`";
            return Err(Error::new("content.no_registry", message));
        }
        _ => None,
    };
    Ok(match settings {
        Some(settings) => Some(open_registry_of(source, &settings).await?),
        None => None,
    })
}
