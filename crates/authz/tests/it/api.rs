//! An API with three operations, and callers of it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use portcullis_authz::rules::{
    ClaimTypeConfig, Described, Facts, Guarded, LocalTime, OperationRules, Part, PolicyFile, Reach,
    RulesConfig, Said, Transport, Wanted, Written, compile,
};
use portcullis_authz::{Alternative, Concealment, Demand, Kinds};
use portcullis_config::{Color, Diagnostics, Place, Weekday};
use portcullis_domain::{
    Assurance, Denial, Issuer, Principal, PrincipalKind, Risk, Scopes, Subject, Timestamp,
};
use serde_json::{Value, json};

/// The operations: id, method and tag. All are at `/things/{id}`.
pub(crate) const OPERATIONS: [(&str, &str, &str); 3] =
    [("read", "GET", "shelf"), ("write", "PUT", "shelf"), ("list", "GET", "desk")];

/// When it is.
pub(crate) const NOW: u64 = 1_800_000_000;

/// What holds for all rules: editors are readers, and admins are editors.
pub(crate) fn config() -> RulesConfig {
    let claims = [
        ("department", ClaimTypeConfig::Text),
        ("level", ClaimTypeConfig::Number),
        ("teams", ClaimTypeConfig::List),
    ];
    RulesConfig {
        claims: claims.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect(),
        inherits: BTreeMap::from([
            ("admin".to_owned(), vec!["editor".to_owned()]),
            ("editor".to_owned(), vec!["reader".to_owned()]),
        ]),
        ..RulesConfig::default()
    }
}

/// The rules of each operation.
pub(crate) fn rules(text: &str) -> Result<Vec<Arc<OperationRules>>, String> {
    let tags: Vec<[String; 1]> = OPERATIONS.iter().map(|(_, _, tag)| [(*tag).to_owned()]).collect();
    let operations = OPERATIONS.iter().zip(&tags).map(|((id, method, _), tags)| Described {
        id,
        method,
        tags,
        template: "/things/{id}",
        has_query: &|_| true,
        guarded: Guarded::Guarded,
    });
    let place = Place::whole_text("shop.cedar", text);
    let config = config();
    let written = Written {
        api: "shop",
        config: &config,
        files: vec![PolicyFile { text: text.to_owned(), place: place.clone() }],
        short: Vec::new(),
        operations: operations.collect(),
        place,
    };
    let mut diagnostics = Diagnostics::new();
    let compiled = compile(&written, &mut diagnostics);
    if diagnostics.has_errors() {
        return Err(diagnostics.render(Color::Never));
    }
    Ok(compiled.into_iter().map(|rules| rules.expect("every operation has rules")).collect())
}

/// A request of a caller.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) roles: Vec<&'static str>,
    pub(crate) scopes: Vec<&'static str>,
    pub(crate) claims: Value,
    /// The path parameter.
    pub(crate) id: &'static str,
    /// What stands in the query at `q`.
    pub(crate) query: Vec<&'static str>,
    /// What stands in the body at `/flag`.
    pub(crate) flag: Option<bool>,
    pub(crate) client: IpAddr,
    pub(crate) minute: i64,
    pub(crate) certificate: Option<[u8; 32]>,
    pub(crate) risk: u8,
}

impl Default for Call {
    fn default() -> Self {
        Self {
            roles: Vec::new(),
            scopes: Vec::new(),
            claims: json!({}),
            id: "7",
            query: Vec::new(),
            flag: None,
            client: IpAddr::from([10, 1, 2, 3]),
            minute: 600,
            certificate: None,
            risk: 0,
        }
    }
}

impl Call {
    /// Lets `ask` look at the facts of the call, for an operation that wants these places.
    pub(crate) fn with_facts<T>(&self, wanted: &[Wanted], ask: impl FnOnce(&Facts<'_>) -> T) -> T {
        let principal = Principal {
            issuer: Issuer::from("https://id.example"),
            subject: Subject::from("alice"),
            kind: PrincipalKind::User,
            client: None,
            scopes: Scopes::parse(&self.scopes.join(" ")),
            roles: Scopes::parse(&self.roles.join(" ")),
            expires_at: None,
            claims: Arc::new(self.claims.as_object().expect("claims").clone()),
            scheme: Arc::from("customers"),
            assurance: self.assurance(),
        };
        let said = |index: usize| {
            let texts = |texts: &[&str]| texts.iter().map(|text| Said::Text((*text).to_owned())).collect();
            let wanted = &wanted[index];
            Some(match (wanted.part, wanted.name.as_str()) {
                (Part::Path, "id") => texts(&[self.id]),
                (Part::Query, "q") => texts(&self.query),
                (Part::Body, "/flag") => self.flag.map(Said::Truth).into_iter().collect(),
                _ => Vec::new(),
            })
        };
        ask(&Facts {
            principal: &principal,
            now: Timestamp::from_seconds(NOW),
            local: &|| LocalTime { weekday: Weekday::Monday, minute: self.minute },
            client: self.client,
            transport: match &self.certificate {
                None => Transport::Plaintext,
                Some(thumbprint) => Transport::Tls { certificate: Some(thumbprint) },
            },
            risk: Risk::new(self.risk),
            said: &said,
        })
    }

    /// What an issuer with the standard words says of the login.
    fn assurance(&self) -> Assurance {
        let texts = |name: &str| match self.claims.get(name) {
            Some(Value::String(one)) => Scopes::parse(one),
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Scopes::default(),
        };
        Assurance {
            context: self.claims.get("acr").and_then(Value::as_str).map(Arc::from),
            reached: texts("acr"),
            methods: texts("amr"),
            at: self.claims.get("auth_time").and_then(Value::as_u64).map(Timestamp::from_seconds),
        }
    }

    /// What the rules of an operation say of it.
    pub(crate) fn judged(&self, rules: &OperationRules) -> Result<(), Denial> {
        self.with_facts(rules.wanted(Reach::Whole), |facts| rules.judge(&demand(), Reach::Whole, facts))
    }
}

/// What the document demands: nothing that matters here.
fn demand() -> Demand {
    Demand::Authenticated {
        alternatives: vec![Alternative { scheme: Arc::from("customers"), scopes: Scopes::default() }],
        roles: None,
        kinds: Kinds::Any,
        concealment: Concealment::Open,
        realm: Arc::from("shop"),
    }
}
