//! The reference page of the metrics, from what a scraper would get.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;

use crate::page::notice;
use crate::specimen::specimen;

/// How to write it again.
pub(crate) const COMMAND: &str = "cargo xtask metrics";

const INTRODUCTION: &str = "
# Metrics

What `GET /metrics` on the admin listener gives, as OpenMetrics text. Labels come from the configuration or from a
table in the code; none comes from a request, and none names a person.

| metric | type | labels | meaning |
| --- | --- | --- | --- |
";

/// The page's text.
pub(crate) fn page() -> Result<String> {
    let mut text = notice(COMMAND);
    text.push_str(INTRODUCTION);
    for (name, family) in families(&specimen()?.metrics) {
        let suffix = if family.kind == "counter" { "_total" } else { "" };
        // Writing to a `String` cannot fail.
        let _ =
            writeln!(text, "| `{name}{suffix}` | {} | {} | {} |", family.kind, family.labels, family.help);
    }
    Ok(text)
}

#[derive(Default)]
struct Family {
    kind: String,
    help: String,
    labels: String,
}

fn families(scraped: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut name = String::new();
    for line in scraped.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (family, help) = rest.split_once(' ').unwrap_or((rest, ""));
            family.clone_into(&mut name);
            // The library adds a full stop to a text that has one.
            let help = help.trim_end_matches('.');
            families.entry(name.clone()).or_default().help = format!("{help}.");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let kind = rest.rsplit(' ').next().unwrap_or_default();
            kind.clone_into(&mut families.entry(name.clone()).or_default().kind);
        } else if !line.starts_with('#')
            && let Some(family) = families.get_mut(&name).filter(|family| family.labels.is_empty())
        {
            family.labels = labels(line);
        }
    }
    families
}

/// The names of the labels of a sample, but for a histogram's own.
fn labels(sample: &str) -> String {
    let inside =
        sample.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(inside, _)| inside);
    let names = inside.split(',').filter_map(|label| label.split_once('=')).map(|(name, _)| name);
    names.filter(|name| *name != "le").map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_has_its_type_labels_and_meaning() {
        let scraped =
            "# HELP a_b Things..\n# TYPE a_b counter\na_b_total{api=\"x\",status=\"2xx\"} 1\n# EOF\n";
        let families = families(scraped);
        let family = families.get("a_b").expect("the family");
        assert_eq!((family.kind.as_str(), family.help.as_str()), ("counter", "Things."));
        assert_eq!(family.labels, "`api`, `status`");
    }
}
