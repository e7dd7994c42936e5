//! A real browser: Chromium without a screen, driven by ChromeDriver (W3C WebDriver).
//!
//! Both are Debian's; `scripts/peers` installs them. A machine without them fails the test and is told so. The
//! browser ends with the value. What a page may do is up to the browser: only the name that a test gives to an
//! address of this machine, and certificates that nobody vouches for, are taken as they come.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::raw_client::RawClient;
use crate::wait::until_some;
use crate::workspace::Workspace;

/// The key under which WebDriver hands out elements (§12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A running browser with one window.
pub struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
    _profile: Workspace,
}

impl Browser {
    /// Starts it; `host` is this machine.
    #[must_use]
    pub fn start(host: &str) -> Self {
        let profile = Workspace::new();
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("ChromeDriver is needed: run scripts/peers");
        let mut lines = BufReader::new(driver.stdout.take().expect("a pipe")).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse::<u16>().ok()
        });
        let address = SocketAddr::from(([127, 0, 0, 1], port.expect("a port of ChromeDriver")));
        let mut browser = Self { driver, address, session: String::new(), _profile: profile };
        let arguments = [
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            format!("--host-resolver-rules=MAP {host} 127.0.0.1"),
            format!("--user-data-dir={}", browser._profile.root().display()),
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "acceptInsecureCerts": true,
            "goog:chromeOptions": { "binary": "/usr/bin/chromium", "args": arguments },
        } } });
        let made = browser.ask("POST", "/session", &wanted);
        browser.session = made["sessionId"].as_str().expect("a session").to_owned();
        // An application's pages come with a policy of their own; the pages here are the gateway's bare answers.
        browser
            .act("/goog/cdp/execute", &json!({ "cmd": "Page.setBypassCSP", "params": { "enabled": true } }));
        browser
    }

    /// Opens an address, as when the user types it.
    pub fn open(&self, url: &str) {
        self.act("/url", &json!({ "url": url }));
    }

    /// The address of the page.
    #[must_use]
    pub fn url(&self) -> String {
        self.tell("/url").as_str().expect("an address").to_owned()
    }

    /// Waits until the page's address begins so.
    #[track_caller]
    pub fn wait_for_url(&self, start: &str) -> String {
        until_some(&format!("a page at {start}"), || Some(self.url()).filter(|url| url.starts_with(start)))
    }

    /// Waits for an element.
    #[track_caller]
    pub fn find(&self, selector: &str) -> Element<'_> {
        let query = json!({ "using": "css selector", "value": selector });
        let id = until_some(&format!("an element `{selector}`"), || {
            let found = self.try_ask("POST", &self.path("/element"), &query)?;
            found[ELEMENT].as_str().map(str::to_owned)
        });
        Element { browser: self, id }
    }

    /// Clicks on an element once it is there. A page that is replaced meanwhile is looked at again.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        let query = json!({ "using": "css selector", "value": selector });
        until_some(&format!("a click on `{selector}`"), || {
            let found = self.try_ask("POST", &self.path("/element"), &query)?;
            let click = self.path(&format!("/element/{}/click", found[ELEMENT].as_str()?));
            self.try_ask("POST", &click, &json!({}))
        });
    }

    /// What a script of the page returns; it may return a promise.
    #[track_caller]
    pub fn run(&self, script: &str) -> Value {
        self.act("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// All cookies that the page's requests carry, also those that no script sees.
    #[must_use]
    pub fn cookies(&self) -> Vec<Value> {
        self.tell("/cookie").as_array().expect("a list").clone()
    }

    fn path(&self, what: &str) -> String {
        format!("/session/{}{what}", self.session)
    }

    #[track_caller]
    fn act(&self, what: &str, with: &Value) -> Value {
        self.ask("POST", &self.path(what), with)
    }

    fn tell(&self, what: &str) -> Value {
        self.ask("GET", &self.path(what), &Value::Null)
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, value) = self.exchange(method, path, body);
        assert_eq!(status, 200, "{method} {path}: {value:#}");
        value
    }

    fn try_ask(&self, method: &str, path: &str, body: &Value) -> Option<Value> {
        let (status, value) = self.exchange(method, path, body);
        (status == 200).then_some(value)
    }

    fn exchange(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let response = RawClient::connect(self.address).ask(format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        ));
        let value = response.json()["value"].take();
        (response.status, value)
    }
}

/// A part of the page.
pub struct Element<'b> {
    browser: &'b Browser,
    id: String,
}

impl Element<'_> {
    /// Types into it.
    pub fn type_in(&self, text: &str) -> &Self {
        self.browser.act(&format!("/element/{}/value", self.id), &json!({ "text": text }));
        self
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            let _ = self.try_ask("DELETE", &format!("/session/{}", self.session), &Value::Null);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
