//! Types of objects: where their ids travel, how it is learned whose they are, and what follows.

use portcullis_config::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much is known of objects, and for how long.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OwnershipConfig {
    /// How many objects are remembered without asking the store; some 200 bytes each. Fixed when the process starts.
    #[schemars(range(min = 128))]
    pub(crate) remembered: u32,
    /// How long a deletion is remembered, so that an id that is given out again begins anew.
    pub(crate) deletions: Period,
    /// How long changes of owners are kept for `portcullis objects why`, and ids that were only seen.
    pub(crate) history: Period,
    /// Your tenants. With a list, whoever is of a tenant that is not on it is refused wherever a type of objects has a
    /// `tenant`; without one, every tenant that an accepted credential names is believed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tenants: Vec<String>,
}

impl Default for OwnershipConfig {
    fn default() -> Self {
        let days = |days: u64| Period::from_secs(days * 86_400);
        Self { remembered: 100_000, deletions: days(30), history: days(365), tenants: Vec::new() }
    }
}

/// One type of object, and whose it is.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ObjectConfig {
    /// `learn` only takes down whose objects are; `shadow` records what would be refused; `enforce` refuses it,
    /// as if there were nothing.
    #[serde(default)]
    pub(crate) mode: ObjectModeConfig,
    /// What happens to objects of which it is not known whose they are.
    #[serde(default)]
    pub(crate) unknown: UnknownConfig,
    /// Who may see objects that are not shared with anybody.
    #[serde(default)]
    pub(crate) visibility: VisibilityConfig,
    /// Where ids travel; all that are met must be the caller's, or shared with it.
    #[schemars(length(min = 1))]
    pub(crate) id: Vec<PlaceConfig>,
    /// Two places of one request, or one that is filled twice, may name different objects. A place with `*` in it
    /// always may.
    #[serde(default)]
    pub(crate) ids_may_differ: bool,
    /// Places that look like ids of this type and are none. Any other place that looks like one and is not listed
    /// under `id` is only watched: what is foreign there is recorded and passes.
    #[serde(default)]
    pub(crate) not_ids: Vec<PlaceConfig>,
    /// Operations that make objects of this type.
    #[serde(default)]
    pub(crate) create: Vec<CreateConfig>,
    /// Who says whose an object is, beside whoever made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<OwnerConfig>,
    /// What owners are: the callers' subjects, or the value of a claim such as a tenant.
    #[serde(default)]
    pub(crate) owned_by: OwnedByConfig,
    /// The entry of `identity` whose subjects own, where owners are named in bodies and answers. Needed only if the
    /// API accepts several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) issuer: Option<String>,
    /// The tenant to which requests must keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<TenantConfig>,
    /// The type of object in which objects of this type lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<ParentConfig>,
    /// Operations by which owners give objects away.
    #[serde(default)]
    pub(crate) transfer: Vec<TransferConfig>,
    /// Operations by which owners share objects.
    #[serde(default)]
    pub(crate) share: Vec<ShareConfig>,
    /// Operations by which owners take that back.
    #[serde(default)]
    pub(crate) unshare: Vec<UnshareConfig>,
    /// Operations that delete objects.
    #[serde(default)]
    pub(crate) delete: Vec<String>,
    /// Roles whose bearers may touch every object of this type: support, administration. They own nothing.
    #[serde(default)]
    pub(crate) exempt_roles: Vec<String>,
    /// Claims by which callers stand in for others: delegates for whom they name, managers for their reports. They
    /// may what those may, as far as `right` goes, and own nothing by it.
    #[serde(default)]
    pub(crate) stands_for: Vec<StandInConfig>,
    /// Programs and roles that make objects for others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) on_behalf: Option<OnBehalfConfig>,
    /// Answers that list objects of this type.
    #[serde(default)]
    pub(crate) lists: Vec<ListConfig>,
    /// APIs that name the same realm mean the same objects: two versions of one API. Unset: the API's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) realm: Option<String>,
}

/// How strictly a type is guarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ObjectModeConfig {
    /// Learn only.
    #[default]
    Learn,
    /// Record what would be refused.
    Shadow,
    /// Refuse.
    Enforce,
}

/// What happens to objects of which nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UnknownConfig {
    /// They pass.
    Allow,
    /// They pass, and are counted.
    #[default]
    Monitor,
    /// The answer is held until the upstream's own word on the owner has been read. Before a change, the object is
    /// read with the caller's own credential, by the operation that is `GET` on the path up to its id; where there
    /// is none the change is refused. Needs `owner: { response: … }`.
    Verify,
    /// They are refused.
    Deny,
}

/// Who may see what is not shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VisibilityConfig {
    /// The owner.
    #[default]
    Private,
    /// All may read, the owner may write.
    Shared,
    /// All may do all.
    Public,
}

/// A place of a request: exactly one of `path`, `query`, `header`, `body` and `graphql`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PlaceConfig {
    /// A parameter of the path, by its name in the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// A query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) query: Option<String>,
    /// A header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) header: Option<String>,
    /// A JSON pointer into the body, in which `*` stands for every item: `/items/*/order_id`. In a form the first
    /// segment is a field's name: `/order_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
    /// An argument of a GraphQL field, as a pointer: the field's own name, under whatever alias it stands, the
    /// argument's, and members of it: `/order/id`, `/moveOrder/input/orderIds`; `*` for every field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) graphql: Option<String>,
    /// Only at operations whose path, as the document writes it, begins like this: `/orders/{id}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) under: Option<String>,
}

/// An operation that makes an object.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateConfig {
    /// Which: an operation id, or `METHOD /path`.
    pub(crate) operation: String,
    /// Where the new id is.
    pub(crate) id: NewIdConfig,
    /// The statuses that say that it was made.
    #[serde(default = "created")]
    #[schemars(length(min = 1))]
    pub(crate) success: Vec<u16>,
}

fn created() -> Vec<u16> {
    vec![201]
}

/// Where the id of a new object is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NewIdConfig {
    /// In the JSON answer, by pointer.
    Response(String),
    /// In `Location`.
    Location(LocationPartConfig),
    /// In the request's JSON body, by pointer: the client chooses it. An id that was seen before is not believed.
    Request(String),
    /// In the request's path, by the parameter's name: the client chooses it.
    Path(String),
}

/// Which part of `Location` is the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LocationPartConfig {
    /// What stands behind the last slash.
    LastSegment,
}

/// Who says whose an object is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OwnerConfig {
    /// The request: a parameter of the path is the owner, and nothing has to be learned.
    Binding(BindingConfig),
    /// The upstream's JSON answer, by pointer.
    Response(String),
}

/// A parameter that names the owner.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BindingConfig {
    /// A parameter of the path.
    pub(crate) path: String,
    /// What it must equal.
    #[serde(default)]
    pub(crate) equals: OwnedByConfig,
}

/// What owners are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OwnedByConfig {
    /// The callers' subjects.
    #[default]
    Subject,
    /// The value of a claim.
    Claim(String),
}

/// The tenant to which requests must keep.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantConfig {
    /// The claim that names the caller's tenant. Who has none is refused.
    pub(crate) claim: String,
    /// Places that name a tenant, too, and must agree with it.
    #[serde(default)]
    pub(crate) equals: Vec<PlaceConfig>,
    /// The first label of the host name is the tenant, and must agree with it, too.
    #[serde(default)]
    pub(crate) host: bool,
    /// Each tenant counts its own ids: order 7 of one is not order 7 of another.
    #[serde(default)]
    pub(crate) own_ids: bool,
}

/// In which object objects lie.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParentConfig {
    /// Its type.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The parameter of the path that is its id.
    pub(crate) path: String,
    /// What whoever may do that with the parent may do with all that lies in it.
    #[serde(default)]
    pub(crate) inherit: InheritConfig,
}

/// What the owner of a parent may do with what lies in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum InheritConfig {
    /// Nothing: each object has an owner of its own.
    #[default]
    Nothing,
    /// Look at it.
    Read,
    /// Change it, too.
    Write,
}

/// A claim by which callers stand in for others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StandInConfig {
    /// The claim: one of those for whom the caller stands in, or a list of them.
    pub(crate) claim: String,
    /// How far.
    #[serde(default)]
    pub(crate) right: RightConfig,
}

/// An operation by which an owner gives an object away.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransferConfig {
    /// Which.
    pub(crate) operation: String,
    /// Where the new owner is named.
    pub(crate) to: PlaceConfig,
}

/// An operation by which an owner shares an object.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShareConfig {
    /// Which.
    pub(crate) operation: String,
    /// Where it is named with whom.
    pub(crate) with: PlaceConfig,
    /// How far.
    #[serde(default)]
    pub(crate) right: RightConfig,
}

/// How far an object is shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RightConfig {
    /// To look at it.
    #[default]
    Read,
    /// To change it, too.
    Write,
}

/// An operation by which an owner stops to share an object.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnshareConfig {
    /// Which.
    pub(crate) operation: String,
    /// Where it is named with whom.
    pub(crate) with: PlaceConfig,
}

/// Who makes objects for others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OnBehalfConfig {
    /// Roles, beside all programs.
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    /// Where the request names the owner.
    pub(crate) owner_from: PlaceConfig,
}

/// An answer that lists objects.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListConfig {
    /// Which operation.
    pub(crate) operation: String,
    /// Where the list is in the JSON answer, by pointer; empty for the answer itself.
    #[serde(default)]
    pub(crate) items: String,
    /// Where in an item its id is.
    pub(crate) id: String,
    /// What happens to items of somebody else.
    #[serde(default)]
    pub(crate) foreign: ForeignItemConfig,
}

/// What happens to items of somebody else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ForeignItemConfig {
    /// They are taken out, where the type is enforced.
    #[default]
    Filter,
    /// They are recorded.
    Check,
}
