//! From a data source's settings to the ports over what they name.

use std::sync::Arc;

use aws_config::SdkConfig;
use shardmill_engine::log::LogError;
use shardmill_engine::ports::{SchemaRegistry, Store, Stream};

use super::{
    ConfluentRegistry, ConnectionError, FanOutStream, GlueRegistry, KinesisStream, LocalStore,
    S3Options, S3Store, StreamId, sdk_config,
};
use crate::config::{Connection, DataSource, OutputSettings, RegistrySettings, TargetUrl};
use crate::error::Error;

/// Why a stream or a target could not be opened. No call has been made.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The connection cannot be used.
    #[error("{side}: {error}")]
    Connection {
        /// `kinesis`, `files`, `target`, `output` or `content.avro_glue`.
        side: &'static str,
        /// Why.
        error: ConnectionError,
    },
    /// The name of the stream is no name of a stream.
    #[error("`kinesis.stream` is neither the name nor the ARN of a stream: {0:?}")]
    Stream(String),
    /// The folder cannot be one.
    #[error("a `url` is no folder that can be used: {0}")]
    Folder(std::io::Error),
    /// The log of a raw copy cannot be read.
    #[error("the raw copy at {place}: {error}")]
    RawCopy {
        /// The place of its source.
        place: String,
        /// Why.
        error: LogError,
    },
    /// Files cannot be read.
    #[error("{detail}")]
    Files {
        /// The stable code.
        code: &'static str,
        /// What is wrong, and what to do.
        detail: String,
    },
}

impl OpenError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            OpenError::Connection { error, .. } => error.code(),
            OpenError::Stream(_) => "connection.stream",
            OpenError::Folder(_) => "connection.folder",
            OpenError::RawCopy { error, .. } => error.code(),
            OpenError::Files { code, .. } => code,
        }
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        Error::new(error.code(), error.to_string())
    }
}

/// The stream of a data source, polled or by enhanced fan-out as the settings say. Makes no call to
/// it; may ask for the region.
pub async fn open_stream(source: &DataSource) -> Result<Arc<dyn Stream>, OpenError> {
    Ok(match open_fan_out(source).await? {
        Some(stream) => Arc::new(stream),
        None => open_polled(source).await?,
    })
}

/// The stream of a data source by enhanced fan-out, where the settings say so.
pub async fn open_fan_out(source: &DataSource) -> Result<Option<FanOutStream>, OpenError> {
    let Some(consumer) = &source.kinesis().fan_out else {
        return Ok(None);
    };
    let (sdk, stream) = reached(source).await?;
    Ok(Some(FanOutStream::new(&sdk, stream, consumer.clone())))
}

/// The stream of a data source by polling, whatever the settings say: for a look that takes no
/// subscription from whoever reads.
///
/// Of a source of files: what is there is listed, or the log of the raw copy is read.
pub async fn open_polled(source: &DataSource) -> Result<Arc<dyn Stream>, OpenError> {
    if let Some(files) = source.files() {
        return super::files::open(source, files).await;
    }
    let (sdk, stream) = reached(source).await?;
    Ok(Arc::new(KinesisStream::new(&sdk, stream)))
}

/// Which stream, and how it is reached.
async fn reached(source: &DataSource) -> Result<(SdkConfig, StreamId), OpenError> {
    let settings = source.kinesis();
    let stream = StreamId::parse(&settings.stream)
        .ok_or_else(|| OpenError::Stream(settings.stream.clone()))?;
    let connection = Connection {
        region: stream_region(source),
        ..settings.connection.clone()
    };
    let sdk = sdk_config(&connection)
        .await
        .map_err(|error| OpenError::Connection {
            side: "kinesis",
            error,
        })?;
    Ok((sdk, stream))
}

/// The target of a data source, rooted at the source's own folder. Makes no call to it; may ask for
/// the region.
pub async fn open_target(source: &DataSource) -> Result<Arc<dyn Store>, OpenError> {
    let target = source.target();
    let place = Place {
        side: "target",
        url: &target.url,
        name: source.name(),
        connection: &target.connection,
    };
    place.open(&stream_region(source), target.checksums).await
}

/// The target of an output, rooted at the output's own folder. A bucket whose region nothing tells is
/// looked for in `region`. Makes no call to it; may ask for the region.
pub async fn open_output(
    region: &Option<String>,
    output: &OutputSettings,
    checksums: bool,
) -> Result<Arc<dyn Store>, OpenError> {
    let place = Place {
        side: "output",
        url: &output.url,
        name: &output.name,
        connection: &output.connection,
    };
    place.open(region, checksums).await
}

/// Where files and state go.
struct Place<'p> {
    side: &'static str,
    url: &'p TargetUrl,
    /// The folder below it.
    name: &'p str,
    connection: &'p Connection,
}

impl Place<'_> {
    async fn open(
        &self,
        region: &Option<String>,
        checksums: bool,
    ) -> Result<Arc<dyn Store>, OpenError> {
        match self.url {
            TargetUrl::Local(folder) => {
                let store = LocalStore::new(folder.join(self.name)).map_err(OpenError::Folder)?;
                Ok(Arc::new(store))
            }
            TargetUrl::S3 { bucket, prefix } => {
                let sdk = target_config(self.connection, region).await;
                let sdk = sdk.map_err(|error| OpenError::Connection {
                    side: self.side,
                    error,
                })?;
                let mut options = S3Options::new(bucket, format!("{prefix}/{}", self.name));
                options.checksums = checksums;
                Ok(Arc::new(S3Store::new(&sdk, options)))
            }
        }
    }
}

/// The schema registry of a data source, where its format has one. Makes no call to it; may ask for
/// the region.
pub async fn open_registry(
    source: &DataSource,
) -> Result<Option<Arc<dyn SchemaRegistry>>, OpenError> {
    Ok(match &source.content().registry {
        Some(settings) => Some(open_registry_of(source, settings).await?),
        None => None,
    })
}

/// The registry of these settings, for a data source.
pub(crate) async fn open_registry_of(
    source: &DataSource,
    settings: &RegistrySettings,
) -> Result<Arc<dyn SchemaRegistry>, OpenError> {
    let failed = |error| OpenError::Connection {
        side: "content.avro_glue",
        error,
    };
    Ok(match settings {
        RegistrySettings::Confluent(settings) => Arc::new(ConfluentRegistry::new(settings)),
        RegistrySettings::Glue(connection) => {
            let connection = Connection {
                region: connection.region.clone().or_else(|| stream_region(source)),
                ..connection.clone()
            };
            let sdk = sdk_config(&connection).await.map_err(failed)?;
            Arc::new(GlueRegistry::new(&sdk).map_err(failed)?)
        }
    })
}

/// The region that the settings name for the stream; an ARN says where its stream is.
pub(crate) fn stream_region(source: &DataSource) -> Option<String> {
    let settings = source.kinesis();
    let named = || {
        StreamId::parse(&settings.stream)?
            .region()
            .map(str::to_owned)
    };
    settings.connection.region.clone().or_else(named)
}

/// A bucket whose region nothing tells is looked for where the stream is.
async fn target_config(
    connection: &Connection,
    region: &Option<String>,
) -> Result<SdkConfig, ConnectionError> {
    match (sdk_config(connection).await, region) {
        (Err(ConnectionError::NoRegion), Some(region)) => {
            let connection = Connection {
                region: Some(region.clone()),
                ..connection.clone()
            };
            sdk_config(&connection).await
        }
        (config, _) => config,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[tokio::test]
    async fn a_local_target_is_rooted_at_the_source() {
        let folder = tempfile::tempdir().unwrap();
        let source = DataSource::builder("clicks")
            .stream("clickstream")
            .target_folder(folder.path())
            .build()
            .unwrap();
        let store = open_target(&source).await.unwrap();
        store
            .put_if_absent("_x", Bytes::from_static(b"x"))
            .await
            .unwrap();
        assert!(folder.path().join("clicks/_x").is_file());
    }

    #[tokio::test]
    async fn the_region_of_an_arn_is_enough() {
        let source = DataSource::builder("clicks")
            .stream("arn:aws:kinesis:eu-west-1:123456789012:stream/clickstream")
            .target("./lake")
            .build()
            .unwrap();
        assert!(open_stream(&source).await.is_ok());
    }

    #[tokio::test]
    async fn a_bucket_without_a_region_is_looked_for_where_the_stream_is() {
        let source = DataSource::builder("clicks")
            .stream("arn:aws:kinesis:eu-west-1:123456789012:stream/clickstream")
            .target("s3://lake/events")
            .build()
            .unwrap();
        let opened = open_target(&source).await;
        assert!(opened.is_ok(), "{:?}", opened.err());
    }
}
