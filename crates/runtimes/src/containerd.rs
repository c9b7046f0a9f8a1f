//! containerd's own API: image names of containers that CRI does not show (`ctr`, nerdctl), manifest digests of
//! images that no registry named.
//!
//! Only the fields that are read are declared; protobuf skips the rest.

use crate::ask::AskError;
use crate::cri::{ask_error, connect};
use crate::limits::{CRI_ANSWER_BYTES_MAX, bounded_string};
use prost::Message;
use std::collections::HashMap;
use std::path::Path;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, client::Grpc};
use tonic_prost::ProstCodec;
use yagura_event::{Container, Runtime, WallTime};

/// What containerd is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContainerdQuery {
    /// Its namespace, such as `default`, `moby` or `k8s.io`.
    pub(crate) namespace: String,
    /// The container.
    pub(crate) id: String,
}

/// Source: api/services/containers/v1/containers.proto and api/services/images/v1/images.proto, containerd 1.6.
#[derive(Clone, PartialEq, Message)]
struct GetRequest {
    /// Id of a container or name of an image.
    #[prost(string, tag = "1")]
    key: String,
}

#[derive(Clone, PartialEq, Message)]
struct GetContainerResponse {
    #[prost(message, optional, tag = "1")]
    container: Option<ContainerRecord>,
}

#[derive(Clone, PartialEq, Message)]
struct ContainerRecord {
    #[prost(map = "string, string", tag = "2")]
    labels: HashMap<String, String>,
    #[prost(string, tag = "3")]
    image: String,
    #[prost(message, optional, tag = "8")]
    created_at: Option<Timestamp>,
}

/// Source: google/protobuf/timestamp.proto.
#[derive(Clone, PartialEq, Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
struct GetImageResponse {
    #[prost(message, optional, tag = "1")]
    image: Option<ImageRecord>,
}

#[derive(Clone, PartialEq, Message)]
struct ImageRecord {
    #[prost(message, optional, tag = "3")]
    target: Option<Descriptor>,
}

#[derive(Clone, PartialEq, Message)]
struct Descriptor {
    #[prost(string, tag = "2")]
    digest: String,
}

/// Asks for a container's image, name and age.
///
/// # Errors
/// [`AskError`].
pub(crate) async fn ask(socket: &Path, query: &ContainerdQuery) -> Result<Container, AskError> {
    let channel = connect(socket).await?;
    let path = PathAndQuery::from_static("/containerd.services.containers.v1.Containers/Get");
    let answer: GetContainerResponse =
        get(channel.clone(), path, &query.namespace, &query.id).await?;
    let record = answer.container.ok_or(AskError::NotFound)?;
    let image_digest = if record.image.is_empty() {
        String::new()
    } else {
        image_digest(channel, &query.namespace, &record.image).await
    };
    Ok(Container {
        name: record
            .labels
            .get("nerdctl/name")
            .map(|name| bounded_string(name))
            .unwrap_or_default(),
        image: record.image,
        image_digest,
        runtime: Runtime::Containerd,
        created: record.created_at.as_ref().and_then(wall_time),
        ..Container::default()
    })
}

/// Asks for the digest of an image's manifest or index.
///
/// # Errors
/// [`AskError`].
pub(crate) async fn image_digest_of(
    socket: &Path,
    namespace: &str,
    name: &str,
) -> Result<String, AskError> {
    Ok(image_digest(connect(socket).await?, namespace, name).await)
}

/// Digest of an image's manifest or index; empty if the image was removed since.
async fn image_digest(channel: Channel, namespace: &str, name: &str) -> String {
    let path = PathAndQuery::from_static("/containerd.services.images.v1.Images/Get");
    let answer: Result<GetImageResponse, _> = get(channel, path, namespace, name).await;
    answer
        .ok()
        .and_then(|answer| answer.image?.target)
        .map(|target| target.digest)
        .unwrap_or_default()
}

async fn get<Answer: Message + Default + 'static>(
    channel: Channel,
    path: PathAndQuery,
    namespace: &str,
    key: &str,
) -> Result<Answer, AskError> {
    let mut client = Grpc::new(channel).max_decoding_message_size(CRI_ANSWER_BYTES_MAX);
    client
        .ready()
        .await
        .map_err(|error| AskError::refused(&error))?;
    let mut request = Request::new(GetRequest {
        key: key.to_owned(),
    });
    let namespace = namespace
        .parse()
        .map_err(|error| AskError::refused(&error))?;
    request
        .metadata_mut()
        .insert("containerd-namespace", namespace);
    let codec: ProstCodec<GetRequest, Answer> = ProstCodec::default();
    let answer = client.unary(request, path, codec).await;
    answer
        .map(tonic::Response::into_inner)
        .map_err(|status| ask_error(&status))
}

fn wall_time(time: &Timestamp) -> Option<WallTime> {
    time.seconds
        .checked_mul(1_000_000_000)?
        .checked_add(i64::from(time.nanos))
        .map(WallTime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_beyond_the_clocks_range_are_none() {
        let time = |seconds, nanos| wall_time(&Timestamp { seconds, nanos });
        assert_eq!(time(1, 5), Some(WallTime(1_000_000_005)));
        assert_eq!(time(i64::MAX, 0), None);
    }
}
