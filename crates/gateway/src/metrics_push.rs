//! Numbers sent to a collector, at intervals, on a thread of their own.
//!
//! In: what [`Metrics`] has counted. Out: `POST /v1/metrics` in OTLP. A collector that is away misses nothing but the
//! moments: counts are cumulative, so nothing waits for it. Whether it could be reached is told once for each time that it
//! begins or ceases.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use http_body_util::Full;
use portcullis_audit::Metrics;
use portcullis_audit::metrics::otlp_metrics;
use portcullis_authn::Reach;
use portcullis_config::{Diagnostics, Place};
use portcullis_domain::{Clock, Secret};

use crate::config::MetricsOtlpConfig;
use crate::sinks::{Bench, Line, compile_headers, compile_url};

/// A collector, and how it is told.
pub(crate) struct Push {
    line: Line,
    headers: Vec<(HeaderName, Secret)>,
    every: Duration,
    instance: String,
}

/// Ends the sending when it is dropped.
pub(crate) struct Pushing(#[expect(dead_code, reason = "its end is the sign")] mpsc::Sender<()>);

impl Push {
    /// Compiles the section.
    pub(crate) fn compile(
        config: &MetricsOtlpConfig,
        place: &Place,
        bench: &Bench<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let fetched = compile_url(&config.url, config.tls.as_ref(), place, bench, diagnostics);
        let headers = compile_headers(&config.headers, place, bench, diagnostics)?;
        let (url, fetch) = fetched?;
        Some(Self {
            line: Line::new(url, fetch, Reach::PrivateToo),
            headers,
            every: config.every.0.max(Duration::from_secs(1)),
            instance: bench.pseudonym.to_owned(),
        })
    }

    /// Starts to send.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(mut self, metrics: Arc<Metrics>, clock: Clock) -> std::io::Result<Pushing> {
        let (end, ended) = mpsc::channel();
        thread::Builder::new().name("metrics-push".into()).spawn(move || {
            let began = clock.now().wall;
            let mut was_away = false;
            loop {
                let is_over = ended.recv_timeout(self.every) != Err(RecvTimeoutError::Timeout);
                let body = otlp_metrics(&metrics.encode(), began, clock.now().wall, &self.instance);
                let sent = self.request(body).map(|request| self.line.send(request));
                match &sent {
                    Some(Ok(())) if was_away => tracing::info!("the collector of metrics takes them again"),
                    Some(Err(error)) if !was_away => {
                        tracing::warn!(%error, "the collector of metrics cannot be reached");
                    }
                    Some(Ok(()) | Err(_)) | None => {}
                }
                was_away = !matches!(sent, Some(Ok(())));
                if is_over {
                    return;
                }
            }
        })?;
        Ok(Pushing(end))
    }

    fn request(&self, body: Vec<u8>) -> Option<Request<Full<bytes::Bytes>>> {
        let mut request = Request::new(Full::new(body.into()));
        *request.method_mut() = Method::POST;
        let fields: &mut HeaderMap = request.headers_mut();
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, secret) in &self.headers {
            // Was read as one when the section was compiled.
            let mut value = HeaderValue::from_bytes(secret.expose()).ok()?;
            value.set_sensitive(true);
            fields.insert(name, value);
        }
        Some(request)
    }
}
