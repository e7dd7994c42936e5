//! `portcullis.yaml`: the serde types of the file's rim.
//!
//! Every layer owns its own part; this module owns listeners, APIs, upstreams and the bounds of the
//! connection. Unknown keys are mistakes. Doc comments here become the editor's hover text and
//! `docs/reference/configuration.md`.

mod alerts;
mod api;
mod bodies;
mod client;
mod decisions;
mod documentation;
mod flows;
mod grants;
mod graphql;
mod hand_over;
mod inventory;
mod journal;
mod learn;
mod lifecycle;
mod limits;
mod listen;
mod objects;
mod page_size;
mod responses;
mod sinks;
mod telemetry;
mod traces;
mod traffic;
mod upstream;
mod vault;
mod version;

use std::collections::BTreeMap;
use std::path::PathBuf;

use ipnet::IpNet;
use portcullis_audit::AuditConfig;
use portcullis_audit::detect::DetectionConfig;
use portcullis_authn::api_key::config::ApiKeysConfig;
use portcullis_authn::config::{
    CertificateConfig, DpopConfig, InternalTokenConfig, IssuerConfig, PasswordConfig,
};
use portcullis_config::SecretReference;
use portcullis_limits::LimitsConfig;
use portcullis_store::config::StoreConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use alerts::{AlertsConfig, ReceiverConfig, SeverityConfig};
pub(crate) use api::{
    AccessConfig, ApiConfig, CorsConfig, CredentialConfig, HostHeaderConfig, ObjectsConfig, OperationConfig,
    ReadOnlyConfig, SchemasConfig, StagesConfig, StrengthConfig, UnboundedConfig, UpgradeConfig,
    UpstreamErrorsConfig,
};
pub(crate) use bodies::{CodingConfig, InvalidStatusConfig};
pub(crate) use client::{BoundsConfig, TimeoutsConfig};
pub(crate) use decisions::{AskFailureConfig, DecisionPointConfig, ShapeConfig};
pub(crate) use documentation::DocumentationConfig;
pub(crate) use flows::{FlowConfig, PerConfig, TooFastConfig};
pub(crate) use grants::GrantsConfig;
pub(crate) use graphql::IntrospectionConfig;
pub(crate) use hand_over::HandOverConfig;
pub(crate) use inventory::{EnvironmentConfig, InventoryConfig};
pub(crate) use journal::{JournalConfig, JournalModeConfig, KeptAnswersConfig, SubjectsConfig};
pub(crate) use learn::LearnConfig;
pub(crate) use lifecycle::{
    BrownoutConfig, EveryConfig, LifecycleConfig, OnceConfig, RhythmConfig, StateConfig,
};
pub(crate) use limits::{
    ApiLimitsConfig, AttemptsConfig, ByConfig, ClassConfig, KeyedConfig, PriorityConfig,
};
pub(crate) use listen::{ListenConfig, PlaintextConfig, ProtocolConfig};
pub(crate) use objects::{
    CreateConfig, ForeignItemConfig, InheritConfig, ListConfig, NewIdConfig, ObjectConfig, ObjectModeConfig,
    OwnedByConfig, OwnerConfig, OwnershipConfig, PlaceConfig, RightConfig, UnknownConfig, VisibilityConfig,
};
pub(crate) use page_size::BeyondConfig;
pub(crate) use responses::{AnswerModeConfig, DetectConfig, ResponsesConfig};
pub(crate) use sinks::{
    FileSinkConfig, FormatConfig, ImportanceConfig, OtlpConfig, SignalConfig, SinkConfig, SyslogConfig,
    WebhookConfig,
};
pub(crate) use telemetry::{MetricsConfig, MetricsOtlpConfig};
pub(crate) use traces::{ContinuedConfig, TracesConfig};
pub(crate) use traffic::TrafficConfig;
pub(crate) use upstream::{BalanceConfig, UpstreamConfig, UpstreamProtocolConfig, UpstreamSettings};
pub(crate) use vault::VaultConfig;
pub(crate) use version::{ApiVersionConfig, GoneConfig, VersionsConfig};

/// The whole of `portcullis.yaml`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "portcullis.yaml")]
pub struct GatewayConfig {
    /// Where to listen.
    #[schemars(length(min = 1))]
    pub(crate) listen: Vec<ListenConfig>,
    /// The APIs behind this gateway, by name.
    #[serde(default)]
    pub(crate) apis: BTreeMap<String, ApiConfig>,
    /// Refuse a configuration in which the `inventory` of an API is not complete.
    #[serde(default)]
    pub(crate) require_inventory: bool,
    /// Groups of APIs that are versions of one another, by name.
    #[serde(default)]
    pub(crate) versions: BTreeMap<String, VersionsConfig>,
    /// Who is believed, by the name that `securitySchemes` of the documents use.
    #[serde(default)]
    pub(crate) identity: BTreeMap<String, IssuerConfig>,
    /// Proofs that clients hold the key of their token (DPoP, RFC 9449).
    #[serde(default)]
    pub(crate) dpop: DpopConfig,
    /// Whose client certificates are accepted, by the name of a `mutualTLS` scheme. Without an entry, every
    /// certificate that the handshake verified.
    #[serde(default)]
    pub(crate) certificates: BTreeMap<String, CertificateConfig>,
    /// Users with passwords, by the name of an `http` scheme `basic`. Without an entry, passwords are never
    /// accepted.
    #[serde(default)]
    pub(crate) passwords: BTreeMap<String, PasswordConfig>,
    /// Tokens of our own that tell upstreams who is calling; see `hand_over.token` of an API. The keys that
    /// verify them are served at `/.well-known/portcullis/jwks.json`.
    #[serde(default)]
    pub(crate) internal_tokens: Option<InternalTokenConfig>,
    /// Services that are asked whether calls are permitted, by the names that `authorize.ask` uses.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) decision_points: BTreeMap<String, DecisionPointConfig>,
    /// Rights that operators may grant for a while: break-glass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) grants: Option<GrantsConfig>,
    /// Keys for applications.
    #[serde(default)]
    pub(crate) api_keys: ApiKeysConfig,
    /// Where keys, revocations and sessions are kept. Fixed when the process starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) store: Option<StoreConfig>,
    /// Counts of who calls what, for `portcullis versions` and `portcullis inventory --traffic`.
    #[serde(default)]
    pub(crate) traffic: TrafficConfig,
    /// How much is known of whose objects are; the types are declared by each API.
    #[serde(default)]
    pub(crate) ownership: OwnershipConfig,
    /// Where `${vault:PATH#FIELD}` is read. Fixed when the process starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) vault: Option<VaultConfig>,
    /// Limits that hold before an API is chosen.
    #[serde(default)]
    pub(crate) limits: LimitsConfig,
    /// What is noticed of the behavior of callers, and what is done about it.
    #[serde(default)]
    pub(crate) detect: DetectionConfig,
    /// The record.
    #[serde(default)]
    pub(crate) audit: AuditConfig,
    /// Where else the record is told, by name. Fixed when the process starts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) sinks: BTreeMap<String, SinkConfig>,
    /// Who is told of what somebody should know now.
    #[serde(default)]
    pub(crate) alerts: AlertsConfig,
    /// The journal of decisions, for `portcullis explain` and `portcullis policy what-if`. Fixed when the process
    /// starts.
    #[serde(default)]
    pub(crate) journal: JournalConfig,
    /// Numbers for a dashboard.
    #[serde(default)]
    pub(crate) metrics: MetricsConfig,
    /// Distributed traces (W3C Trace Context).
    #[serde(default)]
    pub(crate) traces: TracesConfig,
    /// The operator's listener: health, metrics, reload.
    #[serde(default)]
    pub(crate) admin: AdminConfig,
    /// How large a request may be.
    #[serde(default)]
    pub(crate) bounds: BoundsConfig,
    /// How long a client may take.
    #[serde(default)]
    pub(crate) timeouts: TimeoutsConfig,
    /// Networks whose `Forwarded` and `X-Forwarded-For` are believed, hop by hop from the right.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// The published contact for security reports (RFC 9116).
    #[serde(default)]
    pub(crate) security_txt: Option<SecurityTxtConfig>,
    /// Name under which this gateway appears in `Via` (RFC 9110 §7.6.3).
    #[serde(default = "default_pseudonym")]
    #[schemars(title = "pseudonym", regex(pattern = "^[A-Za-z0-9._-]{1,64}$"), example = "portcullis-eu-1")]
    pub(crate) pseudonym: String,
    /// Worker threads; one per core when unset.
    #[serde(default)]
    #[schemars(range(min = 1, max = 256))]
    pub(crate) workers: Option<usize>,
    /// Where keys and certificates that the gateway makes itself are kept.
    #[serde(default = "default_state")]
    pub(crate) state: PathBuf,
}

fn default_pseudonym() -> String {
    "portcullis".into()
}

fn default_state() -> PathBuf {
    ".portcullis".into()
}

/// The operator's listener. It is never reachable through the data listeners.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AdminConfig {
    /// Address; off when unset. Loopback unless TLS client certificates are demanded.
    pub(crate) address: Option<String>,
    /// Bearer token for everything but health. Unset: a random one is made at start and printed once.
    pub(crate) token: Option<SecretReference>,
    /// Bearer token of those who may read the record and nothing else. Once there is one, operators may not: who
    /// changes things and who checks what was changed are then not the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) auditor: Option<SecretReference>,
    /// TLS with client certificates, in place of the token or beside it.
    pub(crate) tls: Option<portcullis_tls::config::ServerTlsConfig>,
}

/// `/.well-known/security.txt`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecurityTxtConfig {
    /// Where to report, as a URI: `mailto:security@example.com`.
    #[schemars(length(min = 1))]
    pub(crate) contact: Vec<String>,
    /// When this information ends, less than a year ahead (RFC 3339).
    pub(crate) expires: String,
    /// The page with the policy.
    #[serde(default)]
    pub(crate) policy: Option<String>,
}
