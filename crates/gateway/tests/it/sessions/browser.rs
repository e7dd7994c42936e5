//! A real browser that signs in at a real identity provider, through the gateway.

use portcullis_domain::Clock;
use portcullis_testkit::identity_provider::WEB_SECRET;
use portcullis_testkit::{Authority, Browser, IdentityProvider};
use serde_json::{Value, json};

use crate::walk::{HOST, Setup, Walk};

/// What the page's own script can do, and all that it can see.
const LOOK: &str = "return Promise.all([
    fetch('/orders').then(answer => answer.status),
    fetch('/orders', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{\"text\":\"x\"}' })
        .then(answer => answer.status),
    fetch('/.portcullis/session').then(answer => answer.text()),
    document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + location.href,
])";

struct Scene {
    provider: IdentityProvider,
    walk: Walk,
    browser: Browser,
    page: String,
}

impl Scene {
    fn start() -> Self {
        let authority = Authority::named("the public");
        let mut provider = IdentityProvider::start(&authority);
        let walk = Setup::new()
            .clock(Clock::machine())
            .public_authority(&authority)
            .secret("client.secret", WEB_SECRET)
            .policy(json!({ "identity": { "customers": {
                "issuer": provider.issuer(), "jwks": null, "allow_private_network": true,
                "session": {
                    "client": "shop-web", "secret": "${file:client.secret}", "resource": "urn:shop-api",
                    "scopes": ["openid", "offline_access", "orders:read", "orders:write"],
                    "after_login": "/public", "after_logout": "/public",
                },
            } } }))
            .api(json!({ "hosts": [HOST, "localhost"] }))
            .start();
        // Browsers ask for icons whenever they like.
        walk.account_for_stray_events();
        let port = walk.address(1).port();
        let page = format!("https://{HOST}:{port}");
        provider.send_users_to(&page, &format!("https://localhost:{port}"));
        Self { provider, walk, browser: Browser::start(HOST), page }
    }

    fn sign_in(&self) {
        let browser = &self.browser;
        browser.open(&format!("{}/.portcullis/login?return_to=%2Fpublic%3Fq%3Dback", self.page));
        browser.wait_for_url(self.provider.issuer());
        browser.find("input[name=login]").type_in("alice");
        browser.find("input[name=password]").type_in("wonderland");
        browser.click("input[value=login] ~ button.login-submit");
        // The consent that offline access needs.
        browser.click("input[value=consent] ~ button");
        browser.wait_for_url(&format!("{}/public?q=back", self.page));
    }

    /// The session cookie as the browser keeps it.
    fn cookie(&self) -> Option<Value> {
        self.browser.cookies().into_iter().find(|cookie| cookie["name"] == "__Host-session")
    }
}

// proves: OIDC-11
#[test]
fn a_browser_signs_in_calls_and_signs_out_and_never_holds_a_token() {
    let scene = Scene::start();
    let browser = &scene.browser;
    browser.open(&format!("{}/public", scene.page));
    let before = browser.run(LOOK);
    assert_eq!((&before[0], &before[1]), (&json!(401), &json!(401)), "{before:#}");

    scene.sign_in();
    let seen = browser.run(LOOK);
    assert_eq!((&seen[0], &seen[1]), (&json!(200), &json!(200)), "{seen:#}\n{}", scene.walk.record.text());
    let who: Value = serde_json::from_str(seen[2].as_str().unwrap()).unwrap();
    assert_eq!(who["subject"], "alice");
    let readable = seen[2].to_string() + &seen[3].to_string();
    for trace in ["__Host-", "eyJ", "code=", "state="] {
        assert!(!readable.contains(trace), "{trace} in {readable}");
    }
    let cookie = scene.cookie().expect("a session");
    assert_eq!(
        (&cookie["httpOnly"], &cookie["secure"], &cookie["sameSite"], &cookie["path"], &cookie["domain"]),
        (&json!(true), &json!(true), &json!("Lax"), &json!("/"), &json!(HOST))
    );
    assert_eq!(cookie["value"].as_str().unwrap().len(), 43);

    // Another origin's page can send the cookie along nowhere that matters.
    browser.open(&format!("{}/.well-known/openid-configuration", scene.provider.issuer()));
    let port = scene.walk.address(1).port();
    browser.run(&format!(
        "return fetch('https://{HOST}:{port}/orders', {{ method: 'POST', mode: 'no-cors', credentials: 'include', \
         headers: {{ 'Content-Type': 'text/plain' }}, body: 'x' }}).then(() => 'sent', () => 'refused')"
    ));
    assert!(scene.walk.upstream.seen().iter().filter(|seen| seen.method == "POST").count() == 1);

    // Signing out here ends what began at the provider, which says so by the back channel.
    browser.open(&format!("{}/public", scene.page));
    let location = browser.run(
        "return fetch('/.portcullis/logout', { method: 'POST' }).then(answer => answer.json()).then(said => said.location)",
    );
    assert!(scene.cookie().is_none());
    let after = browser.run(LOOK);
    assert_eq!(after[0], json!(401), "{after:#}");
    browser.open(location.as_str().unwrap());
    browser.click("button[value=yes]");
    browser.wait_for_url(&format!("{}/public", scene.page));
}

#[test]
fn a_logout_at_the_provider_ends_the_session_here() {
    let scene = Scene::start();
    let browser = &scene.browser;
    scene.sign_in();
    assert_eq!(browser.run(LOOK)[0], json!(200));
    // The user signs out at the provider, and this application is not asked.
    browser.open(&format!("{}/session/end", scene.provider.issuer()));
    browser.click("button[value=yes]");
    browser.wait_for_url(&format!("{}/session/end/success", scene.provider.issuer()));
    browser.open(&format!("{}/public", scene.page));
    assert!(scene.cookie().is_some(), "the browser does not know");
    let after = browser.run(LOOK);
    assert_eq!(after[0], json!(401), "{after:#}\n{}", scene.walk.record.text());
}
