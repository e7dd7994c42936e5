//! The numbers as a request of the OpenTelemetry protocol, over HTTP, in JSON (OTLP 1.x).
//!
//! In: what [`Metrics::encode`](super::Metrics::encode) gives, which is our own text and therefore well-formed. Out: sums,
//! gauges and histograms with the same names and labels, so that a dashboard works with either. Counters and histograms are
//! cumulative since the process began.

use portcullis_domain::Timestamp;
use serde_json::{Map, Value, json};

use crate::ship::resource;

/// The body of `POST /v1/metrics`.
#[must_use]
pub fn otlp_metrics(openmetrics: &str, began: Timestamp, now: Timestamp, service: &str) -> Vec<u8> {
    let moments = Moments { began: nanos(began), now: nanos(now) };
    let metrics: Vec<Value> =
        families(openmetrics).into_iter().filter_map(|family| family.metric(&moments)).collect();
    let request = json!({ "resourceMetrics": [{
        "resource": resource(service),
        "scopeMetrics": [{ "scope": { "name": "portcullis" }, "metrics": metrics }],
    }] });
    request.to_string().into_bytes()
}

struct Moments {
    began: String,
    now: String,
}

fn nanos(at: Timestamp) -> String {
    (u128::from(at.as_millis()) * 1_000_000).to_string()
}

/// One metric of the text, with its samples.
#[derive(Default)]
struct Family<'t> {
    name: &'t str,
    kind: &'t str,
    help: &'t str,
    unit: &'t str,
    samples: Vec<Sample<'t>>,
}

struct Sample<'t> {
    /// What follows the family's name: `_total`, `_bucket`, `_sum`, `_count` or nothing.
    suffix: &'t str,
    labels: Vec<(&'t str, String)>,
    value: &'t str,
}

fn families(text: &str) -> Vec<Family<'_>> {
    let mut families: Vec<Family<'_>> = Vec::new();
    for line in text.lines() {
        if let Some(meta) = line.strip_prefix("# ") {
            let mut words = meta.splitn(3, ' ');
            let (Some(word), Some(name)) = (words.next(), words.next()) else { continue };
            let rest = words.next().unwrap_or_default();
            if families.last().is_none_or(|family| family.name != name) {
                families.push(Family { name, ..Family::default() });
            }
            let Some(family) = families.last_mut() else { continue };
            match word {
                "HELP" => family.help = rest,
                "TYPE" => family.kind = rest,
                "UNIT" => family.unit = rest,
                _ => {}
            }
        } else if let Some(family) = families.last_mut() {
            family.samples.extend(sample(line, family.name));
        }
    }
    families
}

fn sample<'t>(line: &'t str, family: &str) -> Option<Sample<'t>> {
    let rest = line.strip_prefix(family)?;
    let end = rest.find(['{', ' '])?;
    let (suffix, rest) = rest.split_at_checked(end)?;
    let (labels, value) = match rest.strip_prefix('{') {
        Some(inside) => labels(inside)?,
        None => (Vec::new(), rest),
    };
    Some(Sample { suffix, labels, value: value.trim().split(' ').next()? })
}

/// Labels up to the closing brace, and what follows it.
fn labels(mut text: &str) -> Option<(Vec<(&str, String)>, &str)> {
    let mut found = Vec::new();
    loop {
        if let Some(rest) = text.strip_prefix('}') {
            return Some((found, rest));
        }
        let (name, rest) = text.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = rest.char_indices();
        let end = loop {
            match characters.next()? {
                (at, '"') => break at,
                (_, '\\') => match characters.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        };
        found.push((name.trim_start_matches(','), value));
        text = rest.get(end + 1..)?;
    }
}

impl Family<'_> {
    fn metric(&self, moments: &Moments) -> Option<Value> {
        let mut metric = Map::new();
        metric.insert("name".to_owned(), self.name.into());
        metric.insert("description".to_owned(), self.help.into());
        if self.unit == "seconds" {
            metric.insert("unit".to_owned(), "s".into());
        }
        let points = |begins: bool| -> Vec<Value> {
            let points = self.samples.iter().map(|sample| {
                let mut point = json!({
                    "attributes": attributes(&sample.labels, None),
                    "timeUnixNano": moments.now,
                    "asDouble": sample.value.parse::<f64>().unwrap_or_default(),
                });
                if let (true, Some(members)) = (begins, point.as_object_mut()) {
                    members.insert("startTimeUnixNano".to_owned(), moments.began.as_str().into());
                }
                point
            });
            points.collect()
        };
        let (key, data) = match self.kind {
            "counter" => (
                "sum",
                json!({ "dataPoints": points(true), "isMonotonic": true, "aggregationTemporality": 2 }),
            ),
            "histogram" => {
                ("histogram", json!({ "dataPoints": self.histograms(moments), "aggregationTemporality": 2 }))
            }
            "gauge" | "info" => ("gauge", json!({ "dataPoints": points(false) })),
            _ => return None,
        };
        metric.insert(key.to_owned(), data);
        Some(Value::Object(metric))
    }

    /// The samples of each histogram as one point: ours are told one after another.
    fn histograms(&self, moments: &Moments) -> Vec<Value> {
        let mut points: Vec<Histogram> = Vec::new();
        for sample in &self.samples {
            let labels = attributes(&sample.labels, Some("le"));
            if points.last().is_none_or(|point| point.labels != labels) {
                points.push(Histogram { labels, ..Histogram::default() });
            }
            let Some(point) = points.last_mut() else { continue };
            let whole = || sample.value.parse::<u64>().unwrap_or_default();
            match sample.suffix {
                "_bucket" => {
                    let bound =
                        sample.labels.iter().find(|(name, _)| *name == "le").map(|(_, bound)| bound.as_str());
                    point.bounds.extend(
                        bound.and_then(|bound| bound.parse::<f64>().ok()).filter(|bound| bound.is_finite()),
                    );
                    point.cumulative.push(whole());
                }
                "_sum" => point.sum = sample.value.parse().unwrap_or_default(),
                "_count" => point.count = whole(),
                _ => {}
            }
        }
        points.into_iter().map(|point| point.told(moments)).collect()
    }
}

#[derive(Default)]
struct Histogram {
    labels: Vec<Value>,
    bounds: Vec<f64>,
    /// As OpenMetrics has them: how many are at most the bound.
    cumulative: Vec<u64>,
    sum: f64,
    count: u64,
}

impl Histogram {
    fn told(self, moments: &Moments) -> Value {
        let mut before = 0;
        let counts: Vec<String> = self
            .cumulative
            .iter()
            .map(|count| {
                let own = count.saturating_sub(before);
                before = *count;
                own.to_string()
            })
            .collect();
        json!({
            "attributes": self.labels,
            "startTimeUnixNano": moments.began,
            "timeUnixNano": moments.now,
            "count": self.count.to_string(),
            "sum": self.sum,
            "bucketCounts": counts,
            "explicitBounds": self.bounds,
        })
    }
}

fn attributes(labels: &[(&str, String)], without: Option<&str>) -> Vec<Value> {
    labels
        .iter()
        .filter(|(name, _)| Some(*name) != without)
        .map(|(name, value)| crate::ship::attribute(name, value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP portcullis_requests Requests.\n# TYPE portcullis_requests counter\n\
        portcullis_requests_total{api=\"a\\\"b\",status=\"2xx\"} 7\n\
        # HELP portcullis_took Time.\n# TYPE portcullis_took_seconds histogram\n# UNIT portcullis_took_seconds seconds\n\
        portcullis_took_seconds_sum{api=\"a\"} 1.5\nportcullis_took_seconds_count{api=\"a\"} 3\n\
        portcullis_took_seconds_bucket{le=\"0.1\",api=\"a\"} 1\nportcullis_took_seconds_bucket{le=\"1.0\",api=\"a\"} 3\n\
        portcullis_took_seconds_bucket{le=\"+Inf\",api=\"a\"} 3\n\
        # TYPE portcullis_healthy gauge\nportcullis_healthy 1\n# EOF\n";

    #[test]
    fn counters_histograms_and_gauges_keep_their_names_and_labels() {
        let (began, now) = (Timestamp::from_seconds(1_000), Timestamp::from_seconds(2_000));
        let body: Value = serde_json::from_slice(&otlp_metrics(TEXT, began, now, "edge-1")).unwrap();
        let metrics = body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap();
        let find = |name: &str| metrics.iter().find(|metric| metric["name"] == name).unwrap();
        let requests = &find("portcullis_requests")["sum"];
        assert_eq!(
            (&requests["isMonotonic"], &requests["aggregationTemporality"]),
            (&json!(true), &json!(2))
        );
        let point = &requests["dataPoints"][0];
        assert_eq!((&point["asDouble"], &point["timeUnixNano"]), (&json!(7.0), &json!("2000000000000")));
        assert_eq!(point["startTimeUnixNano"], "1000000000000");
        assert_eq!(point["attributes"][0]["value"]["stringValue"], "a\"b");
        let took = find("portcullis_took_seconds");
        let point = &took["histogram"]["dataPoints"][0];
        assert_eq!(took["unit"], "s");
        assert_eq!((&point["count"], &point["sum"]), (&json!("3"), &json!(1.5)));
        assert_eq!(
            (&point["bucketCounts"], &point["explicitBounds"]),
            (&json!(["1", "2", "0"]), &json!([0.1, 1.0]))
        );
        assert_eq!(point["attributes"].as_array().unwrap().len(), 1);
        assert_eq!(find("portcullis_healthy")["gauge"]["dataPoints"][0]["asDouble"], 1.0);
    }

    #[test]
    fn what_the_process_says_of_itself_is_taken_whole() {
        let recorder = crate::Recorder::open(
            &crate::Settings {
                sink: crate::SinkChoice::Memory(crate::Memory::default()),
                queue_bytes: 1 << 16,
                ..crate::Settings::default()
            },
            portcullis_domain::Clock::manual(Timestamp::from_seconds(1_764_000_000)),
        )
        .unwrap();
        let metrics = super::super::Metrics::new(std::sync::Arc::new(recorder), Box::new(|_| {}));
        metrics.listener("l").count_handshake_failure();
        let text = metrics.encode();
        let at = Timestamp::from_seconds(1);
        let body: Value = serde_json::from_slice(&otlp_metrics(&text, at, at, "x")).unwrap();
        let told = body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap().len();
        assert_eq!(told, text.lines().filter(|line| line.starts_with("# TYPE")).count());
    }
}
