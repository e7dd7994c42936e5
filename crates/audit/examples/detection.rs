//! Prints the tables of `docs/detection.md`: how well attacks are told from customers on made-up days.
//!
//! `cargo run --release -p portcullis-audit --example detection -- [SEED [SIZE]]`. The size multiplies the number of
//! callers and of attacks. With `--log FILE` it writes a day with thieves as a record, and beside it who they are,
//! for `portcullis detect replay`.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    dead_code,
    unreachable_pub,
    reason = "a program for developers, which may stop"
)]

#[path = "../tests/days/mod.rs"]
mod days;

use days::people::{ATTACKERS, Population, Theft, benign, theft};
use days::table::{self, Row};

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let log = arguments.iter().position(|argument| argument == "--log").map(|at| {
        arguments.remove(at);
        arguments.remove(at)
    });
    let mut numbers = arguments.iter().map(|argument| argument.parse::<u64>().expect("a number"));
    let (seed, size) = (numbers.next().unwrap_or(20_260_105), numbers.next().unwrap_or(1));
    if let Some(log) = log {
        return write_log(&log, seed);
    }
    let size32 = u32::try_from(size).expect("a small number");
    let town = Population { customers: 260 * size32, support: 6 * size32, batch: 2 * size32, days: 7 };
    println!("seed {seed}, size {size}\n");
    println!("| attack | detector | attackers | caught | missed | detected after (median) | at most |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for row in table::thefts(Population { days: 3, ..town }, 50 * size32, seed) {
        print(&row);
    }
    for row in table::replays(200 * size32, seed) {
        print(&row);
    }
    for row in table::campaigns(5 * size, seed) {
        print(&row);
    }
    println!("\n| without an attack | detector | accused |");
    println!("| --- | --- | --- |");
    let innocents = table::innocents(town, seed);
    for detector in ["enumeration", "misses", "harvest", "volume", "payload", "fusion"] {
        let accused = innocents.accused.get(detector).copied().unwrap_or_default();
        println!("| {} days of callers | {detector} | {accused} callers |", innocents.caller_days);
    }
    let wanderers = 1_000 * size32;
    println!(
        "| {wanderers} phones and clients with two stacks | token_replay | {} |",
        table::wanderers(wanderers, seed)
    );
    println!(
        "| {} days of logins, two deployments a week | stuffing | {} alerts |",
        30,
        table::calm(30, seed)
    );
}

fn print(row: &Row) {
    let Row { attack, detector, attackers, caught, unit, median, worst } = row;
    let missed = attackers - caught;
    println!(
        "| {attack} | {detector} | {attackers} | {caught} | {missed} | {median} {unit} | {worst} {unit} |"
    );
}

fn write_log(log: &str, seed: u64) {
    let town = Population { customers: 100, support: 3, batch: 1, days: 2 };
    let mut calls = benign(town, seed);
    let mut chance = days::chance::Chance::new(seed);
    let mut labels = String::new();
    for (number, kind) in [Theft::Foreign, Theft::Guessed, Theft::Diluted].into_iter().enumerate() {
        let number = u32::try_from(number).expect("three");
        calls.extend(theft(number, kind, 1, &mut chance));
        let subject = days::line::name(ATTACKERS + number);
        labels.push_str(&format!("{{\"subject\":\"{subject}\",\"attack\":\"enumeration\"}}\n"));
    }
    calls.sort_by_key(|call| call.second);
    let lines: String = calls.iter().map(|call| format!("{}\n", days::line::line(call))).collect();
    std::fs::write(log, lines).expect("a file");
    std::fs::write(format!("{log}.labels"), labels).expect("a file");
}
