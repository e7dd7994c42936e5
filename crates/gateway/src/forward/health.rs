//! Asking each address whether it is well, apart from traffic.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::{Request, header};
use hyper_util::rt::TokioIo;

use super::body::RequestBody;
use super::connect;
use super::upstream::{Target, Upstream};
use crate::together::Crowd;

/// How addresses are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HealthRules {
    pub(crate) path: http::uri::PathAndQuery,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    pub(crate) unhealthy_after: u32,
    pub(crate) healthy_after: u32,
}

/// Checks all addresses of an upstream for as long as somebody else holds it.
pub(crate) async fn watch(upstream: Arc<Upstream>, rules: HealthRules) {
    let checks: Vec<_> = (0..upstream.plan.targets.len())
        .map(|index| tokio::spawn(watch_one(Arc::downgrade(&upstream), index, rules.clone())))
        .collect();
    drop(upstream);
    for check in checks {
        // A check ends when its upstream is gone; nothing is left to do then.
        let _ = check.await;
    }
}

async fn watch_one(upstream: std::sync::Weak<Upstream>, index: usize, rules: HealthRules) {
    let mut in_a_row = 0u32;
    let mut tick = tokio::time::interval(rules.interval);
    loop {
        tick.tick().await;
        let Some(upstream) = upstream.upgrade() else { return };
        let Some(target) = upstream.plan.targets.get(index) else { return };
        let well =
            matches!(tokio::time::timeout(rules.timeout, ask(&upstream, target, &rules)).await, Ok(true));
        let held_well = target.healthy.load(Ordering::Relaxed);
        in_a_row = if well == held_well { 0 } else { in_a_row.saturating_add(1) };
        let needed = if well { rules.healthy_after } else { rules.unhealthy_after };
        if well != held_well && in_a_row >= needed {
            in_a_row = 0;
            target.healthy.store(well, Ordering::Relaxed);
            upstream.report(target, well, "health check");
        }
    }
}

async fn ask(upstream: &Upstream, target: &Target, rules: &HealthRules) -> bool {
    let Ok(stream) = connect::open(upstream, target, &Crowd::default()).await else { return false };
    let Ok((mut sender, connection)) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await
    else {
        return false;
    };
    let mut request = Request::new(RequestBody::Empty);
    *request.uri_mut() = http::Uri::from(rules.path.clone());
    request.headers_mut().insert(header::HOST, target.host_header.clone());
    let asking = sender.send_request(request);
    tokio::select! {
        answer = asking => answer.is_ok_and(|answer| answer.status().is_success()),
        _ = connection => false,
    }
}
