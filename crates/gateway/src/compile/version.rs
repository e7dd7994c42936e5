//! Where each API is served, and which of them are versions of the same.
//!
//! In: the places of all APIs, and `versions:`. Out: [`Hosts`]. Two APIs may share a place only as versions of one
//! group whose requests say which one they want. Decision 0019.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use portcullis_config::codes::upstream::{HOST_MALFORMED, MOUNT_MALFORMED, MOUNT_TAKEN};
use portcullis_config::codes::version as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_contract::{Lifecycle, State};
use portcullis_message::Authority;

use super::lifecycle::{date, life, link};
use super::reach::is_mount;
use crate::config::{ApiConfig, ApiVersionConfig, GoneConfig, VersionsConfig};
use crate::life::{Brownouts, Life};
use crate::policy::{Holds, Hosts, Mount};
use crate::version::{Choice, Versions, bare};

/// An API and where it is served.
pub(crate) struct Placed<'c> {
    pub(crate) api: usize,
    pub(crate) name: &'c str,
    pub(crate) hosts: Vec<String>,
    /// Without a final slash; empty for the root.
    pub(crate) prefix: String,
    pub(crate) version: Option<&'c ApiVersionConfig>,
    pub(crate) place: Place,
}

/// Puts every API in its place. `place` is that of `versions:`.
pub(crate) fn hosts(
    placed: &[Placed<'_>],
    groups: &BTreeMap<String, VersionsConfig>,
    place: &Place,
    diagnostics: &mut Diagnostics,
) -> Hosts {
    let mut hosts = Hosts::default();
    let mut grouped: BTreeMap<&str, Vec<&Placed<'_>>> = BTreeMap::new();
    for one in placed {
        match one.version {
            Some(version) if groups.contains_key(&version.of) => {
                grouped.entry(&version.of).or_default().push(one);
            }
            Some(version) => {
                diagnostics.push(
                    Diagnostic::error(
                        codes::VERSION_GROUP,
                        format!("there is no group of versions `{}`", version.of),
                    )
                    .at(one.place.child("version").child("of"))
                    .help(format!("declare it: `versions: {{{}: {{}}}}`", version.of)),
                );
            }
            None => {
                for host in &one.hosts {
                    claim(&mut hosts, host, &one.prefix, Holds::Api(one.api), placed, one, diagnostics);
                }
            }
        }
    }
    for (name, config) in groups {
        let members = grouped.get(name.as_str()).map(Vec::as_slice).unwrap_or_default();
        let group = Group { name, config, place: place.child(name), members, all: placed };
        group.place(&mut hosts, diagnostics);
    }
    hosts
}

/// What else than the address an answer of this API depends on (RFC 9110 §12.5.5): a cache must not give one version's
/// answer to who asks for another.
pub(crate) fn vary(config: &ApiConfig, groups: &BTreeMap<String, VersionsConfig>) -> Option<HeaderValue> {
    let by = &groups.get(&config.version.as_ref()?.of)?.by;
    let accept = (by.media_type.is_some() || by.vendor.is_some()).then_some("accept");
    let names: Vec<&str> = by.header.as_deref().into_iter().chain(accept).collect();
    if names.is_empty() {
        return None;
    }
    HeaderValue::from_str(&names.join(", ").to_ascii_lowercase()).ok()
}

/// Serves `holds` at a place, unless that is taken.
fn claim(
    hosts: &mut Hosts,
    host: &str,
    prefix: &str,
    holds: Holds,
    all: &[Placed<'_>],
    who: &Placed<'_>,
    diagnostics: &mut Diagnostics,
) {
    if let Some(taken) = hosts.claimed(host, prefix) {
        let other = taken.apis().next().and_then(|api| all.iter().find(|placed| placed.api == api));
        let other = other.map_or("another version", |placed| placed.name);
        diagnostics.push(
            Diagnostic::error(
                MOUNT_TAKEN,
                format!("`{}` and `{other}` are served at the same place", who.name),
            )
            .at(who.place.key())
            .help("give one of them another entry under `hosts:` or `mount:`")
            .help("versions of one API may share a place if `versions:` says how requests name them"),
        );
    }
    hosts.add(host, Mount { prefix: prefix.to_owned(), holds });
}

/// One group of versions.
struct Group<'c> {
    name: &'c str,
    config: &'c VersionsConfig,
    place: Place,
    members: &'c [&'c Placed<'c>],
    all: &'c [Placed<'c>],
}

impl Group<'_> {
    fn place(&self, hosts: &mut Hosts, diagnostics: &mut Diagnostics) {
        let mistake = |what: String| Diagnostic::error(codes::VERSION_GROUP, what).at(self.place.key());
        if self.members.is_empty() {
            // They may have mistakes of their own.
            if diagnostics.has_errors() {
                return;
            }
            let what = format!("no API is a version of `{}`", self.name);
            diagnostics.push(mistake(what).help("say `version: {of: …, name: …}` at each of its APIs"));
            return;
        }
        self.refuse_repeated(diagnostics);
        self.report_fallbacks(diagnostics);
        let gone = self.gone(diagnostics);
        let by = &self.config.by;
        let versions = Arc::new(Versions {
            // The schema has checked its form.
            header: by.header.as_ref().and_then(|name| name.parse::<HeaderName>().ok()),
            parameter: by.media_type.clone(),
            vendor: by.vendor.as_ref().and_then(|vendor| {
                let (before, after) = vendor.split_once("{version}")?;
                Some((before.to_owned(), after.to_owned()))
            }),
            served: self.members.iter().map(|member| member.version_name().into()).collect(),
            gone: gone.iter().map(|(name, life, _)| (bare(name).into(), Arc::clone(life))).collect(),
        });

        let mut places: BTreeMap<(&str, &str), Vec<&Placed<'_>>> = BTreeMap::new();
        for member in self.members {
            for host in &member.hosts {
                places.entry((host, &member.prefix)).or_default().push(member);
            }
        }
        let default = self.config.default.as_deref().map(bare);
        let mut default_is_used = false;
        for ((host, prefix), here) in places {
            let Some(first) = here.first() else { continue };
            if !versions.are_named_in_requests() {
                for member in &here {
                    claim(hosts, host, prefix, Holds::Api(member.api), self.all, member, diagnostics);
                }
                continue;
            }
            let default = here.iter().find(|member| Some(member.version_name()) == default);
            let default = default.filter(|_| here.len() > 1).map(|member| member.api);
            default_is_used |= default.is_some();
            let choice = Choice {
                versions: Arc::clone(&versions),
                here: here.iter().map(|member| (member.version_name().into(), member.api)).collect(),
                default,
            };
            claim(hosts, host, prefix, Holds::Choice(Arc::new(choice)), self.all, first, diagnostics);
        }
        if let (Some(default), false) = (&self.config.default, default_is_used) {
            let what = format!("`default: {default}` of `{}` chooses between nothing", self.name);
            diagnostics.push(
                mistake(what)
                    .help("it is for requests that name no version, where several versions share host and mount")
                    .help("name one of the group's versions, and under `by:` how requests name them"),
            );
        }
        for (_, life, config) in &gone {
            self.place_gone(config, life, hosts);
        }
    }

    fn refuse_repeated(&self, diagnostics: &mut Diagnostics) {
        let mut known: BTreeSet<&str> = self.config.gone.keys().map(|name| bare(name)).collect();
        if known.len() < self.config.gone.len() {
            let what = format!("two versions of `{}` that are gone have the same name", self.name);
            diagnostics
                .push(Diagnostic::error(codes::VERSION_GROUP, what).at(self.place.child("gone").key()));
        }
        for member in self.members {
            if !known.insert(member.version_name()) {
                let name = member.version_name();
                let what = format!("there are two versions `{name}` of `{}`", self.name);
                diagnostics.push(
                    Diagnostic::error(codes::VERSION_GROUP, what)
                        .at(member.place.child("version").child("name"))
                        .help("a `v` before a number makes no difference; what is `gone` is not served"),
                );
            }
        }
    }

    /// A version whose mount holds that of another gets all requests for versions that there are not.
    fn report_fallbacks(&self, diagnostics: &mut Diagnostics) {
        for member in self.members {
            let is_inside = |other: &&&Placed<'_>| {
                let below = other.prefix.strip_prefix(member.prefix.as_str());
                below.is_some_and(|below| below.starts_with('/'))
                    && other.hosts.iter().any(|host| member.hosts.contains(host))
            };
            if let Some(inner) = self.members.iter().find(is_inside) {
                diagnostics.push(
                    Diagnostic::warning(
                        codes::VERSION_FALLBACK,
                        format!(
                            "`{}` gets requests for versions of `{}` that there are not",
                            member.name, self.name
                        ),
                    )
                    .at(member.place.key())
                    .related(inner.place.key(), "this version is mounted below it")
                    .help("give it a `mount` of its own, such as `/v1`"),
                );
            }
        }
    }

    fn gone(&self, diagnostics: &mut Diagnostics) -> Vec<(&str, Arc<Life>, &GoneConfig)> {
        let each = self.config.gone.iter().map(|(name, config)| {
            let place = self.place.child("gone").child(name);
            let since = date(config.since.as_ref(), &place.child("since"), diagnostics);
            let lifecycle = Lifecycle {
                state: if since.is_some() { State::Deprecated } else { State::Retired },
                deprecated_at: None,
                sunset_at: since,
                successor: link(config.successor.as_ref(), &place.child("successor"), diagnostics),
                policy: link(config.policy.as_ref(), &place.child("policy"), diagnostics),
            };
            if let Some(mount) = config.mount.as_ref().filter(|mount| !is_mount(mount)) {
                diagnostics.push(
                    Diagnostic::error(MOUNT_MALFORMED, format!("`{mount}` is no mount"))
                        .at(place.child("mount"))
                        .help("write a path like `/shop/v0`, without a final slash"),
                );
            }
            for (index, host) in config.hosts.iter().flatten().enumerate() {
                if host != "*" && Authority::parse(host.as_bytes()).is_none_or(|found| found.port().is_some())
                {
                    diagnostics.push(
                        Diagnostic::error(HOST_MALFORMED, format!("`{host}` is no host name"))
                            .at(place.child("hosts").index(index))
                            .help("write the bare name, e.g. `v0.api.example.com`"),
                    );
                }
            }
            (name.as_str(), Arc::new(life(&lifecycle, Brownouts::default())), config)
        });
        each.collect()
    }

    /// Answers for a version that is gone where it was, if it had a place of its own.
    fn place_gone(&self, config: &GoneConfig, life: &Arc<Life>, hosts: &mut Hosts) {
        if config.mount.is_none() && config.hosts.is_none() {
            return;
        }
        let prefix = config.mount.clone().unwrap_or_default();
        let own: BTreeSet<&String> = match &config.hosts {
            Some(hosts) => hosts.iter().collect(),
            None => self.members.iter().flat_map(|member| &member.hosts).collect(),
        };
        for host in own {
            // Whoever is served there now goes first.
            if hosts.claimed(host, &prefix).is_none() {
                hosts.add(host, Mount { prefix: prefix.clone(), holds: Holds::Gone(Arc::clone(life)) });
            }
        }
    }
}

impl Placed<'_> {
    fn version_name(&self) -> &str {
        self.version.map(|version| bare(&version.name)).unwrap_or_default()
    }
}
