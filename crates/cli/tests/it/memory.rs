//! What a running gateway does with its memory (KEY-09).

use std::process::{Command, Stdio};

use portcullis_testkit::wait;

use crate::operator::Operator;

// proves: KEY-09
#[test]
fn a_running_gateway_writes_no_core_dump() {
    let operator = Operator::new();
    let mut gateway = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .arg("serve")
        .current_dir(operator.workspace.root())
        .env_remove("PORTCULLIS_CONFIG")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    let limits = format!("/proc/{}/limits", gateway.id());
    let is_off = || {
        let limits = std::fs::read_to_string(&limits).unwrap_or_default();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap_or_default();
        core.split_whitespace().rev().skip(1).take(2).all(|limit| limit == "0") && !core.is_empty()
    };
    wait::until("core dumps are off", is_off);
    gateway.kill().unwrap();
    gateway.wait().unwrap();
}
