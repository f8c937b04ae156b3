//! HTTPS as the hub speaks it: messages from devices, one request each.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hubward::pki_types::CertificateDer;
use hubward::session::mqtt::MESSAGE_MAX;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::{Event, PATIENCE, Proof, Protocol, Refused, Shared, lock};

type Answer = Response<Full<Bytes>>;

/// Serves one connection.
pub(super) async fn serve(hub: Arc<Shared>, stream: TlsStream<TcpStream>) {
    let (_, tls) = stream.get_ref();
    let chain: Vec<_> = tls
        .peer_certificates()
        .unwrap_or_default()
        .iter()
        .map(|der| der.clone().into_owned())
        .collect();
    let chain: Arc<[CertificateDer<'static>]> = chain.into();
    let service = service_fn(|request| {
        let (hub, chain) = (Arc::clone(&hub), Arc::clone(&chain));
        async move { Ok::<_, Infallible>(answer(&hub, &chain, request).await) }
    });
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    hub: &Shared,
    chain: &[CertificateDer<'static>],
    request: Request<Incoming>,
) -> Answer {
    let Some(id) = sender(request.uri().path()) else {
        return error(StatusCode::NOT_FOUND, "ResourceNotFound");
    };
    if request.method() != Method::POST {
        return error(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed");
    }
    let query = request.uri().query().unwrap_or_default();
    if !query.split('&').any(|pair| pair.starts_with("api-version=")) {
        return error(StatusCode::BAD_REQUEST, "InvalidProtocolVersion");
    }
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    // The name that the request is for, without the port.
    let host = header(HOST).unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let proof = Proof { token: header(AUTHORIZATION), chain };
    let admitted = match hub.clock.now() {
        Ok(now) => lock(&hub.registry).admit(host, &id, proof, now),
        Err(_) => Err(Refused::NoTime),
    };
    if let Err(refused) = admitted {
        hub.tell(Event::Refused { claim: id, refused }).await;
        return error(Refused::HTTPS, "IotHubUnauthorizedAccess");
    }
    let properties = properties(request.headers());
    let body = Limited::new(request.into_body(), MESSAGE_MAX).collect();
    let body = match timeout(PATIENCE, body).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return error(StatusCode::PAYLOAD_TOO_LARGE, "MessageTooLarge"),
        Err(_) => return error(StatusCode::REQUEST_TIMEOUT, "Timeout"),
    };
    let payload = body.to_bytes();
    let over = Protocol::Https;
    hub.tell(Event::Message { id, over, properties, payload, is_duplicate: false }).await;
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer
}

/// The properties of a message, as topics have them.
fn properties(headers: &HeaderMap) -> String {
    let pair = |(name, value): (&HeaderName, &HeaderValue)| {
        let name = name.as_str().strip_prefix("iothub-app-")?;
        let value = String::from_utf8_lossy(value.as_bytes());
        Some(format!("{}={}", urlencoding::encode(name), urlencoding::encode(&value)))
    };
    headers.iter().filter_map(pair).collect::<Vec<_>>().join("&")
}

/// Whose messages a path is for: `deviceId` or `deviceId/moduleId`.
fn sender(path: &str) -> Option<String> {
    let ids = path.strip_prefix("/devices/")?.strip_suffix("/messages/events")?;
    let decode = |text: &str| Some(urlencoding::decode(text).ok()?.into_owned());
    match ids.split('/').collect::<Vec<_>>()[..] {
        [device] => decode(device),
        [device, "modules", module] => Some(format!("{}/{}", decode(device)?, decode(module)?)),
        _ => None,
    }
}

/// An answer in the service's form.
fn error(status: StatusCode, code: &'static str) -> Answer {
    let text = format!(r#"{{"Message":"ErrorCode:{code};{status}"}}"#);
    let mut answer = Response::new(Full::from(text));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert("iothub-errorcode", HeaderValue::from_static(code));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}
