//! How often the detectors are right, counted over made-up values: the same ones each time.

use std::fmt::Write as _;

use portcullis_audit::sensitive::{Sensitive, judge};

/// Values for each kind.
const EACH: u64 = 2000;

/// Numbers that look drawn by lot and are the same each time (Knuth's MMIX constants).
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        let sides = alphabet.len() as u64;
        let mut letter = || alphabet.get(usize::try_from(self.below(sides)).unwrap()).copied().unwrap();
        (0..length).map(|_| char::from(letter())).collect()
    }

    fn digits(&mut self, length: usize) -> String {
        self.text(b"0123456789", length)
    }

    fn hex(&mut self, length: usize) -> String {
        self.text(b"0123456789abcdef", length)
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of.get(usize::try_from(self.below(of.len() as u64)).unwrap()).unwrap()
    }
}

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The number with the digit behind it that passes the Luhn check.
fn with_luhn(number: &str) -> String {
    let check = (0..10).find(|check| {
        let digits = format!("{number}{check}");
        let sum: u32 = digits
            .bytes()
            .rev()
            .enumerate()
            .map(|(place, digit)| {
                let value = u32::from(digit - b'0') << (place % 2);
                if value > 9 { value - 9 } else { value }
            })
            .sum();
        sum.is_multiple_of(10)
    });
    format!("{number}{}", check.unwrap())
}

fn card(dice: &mut Dice) -> String {
    let prefix = dice.one(&["4", "51", "53", "55", "2223", "34", "37", "6011", "65", "36", "3530", "62"]);
    let length = match prefix {
        "34" | "37" => 15,
        "36" => 14,
        _ => 16,
    };
    let number = with_luhn(&format!("{prefix}{}", dice.digits(length - 1 - prefix.len())));
    let group = |sizes: &[usize], separator: &str| {
        let mut rest = number.as_str();
        let groups = sizes.iter().map(|size| {
            let (group, left) = rest.split_at(*size);
            rest = left;
            group
        });
        groups.collect::<Vec<_>>().join(separator)
    };
    let sizes: &[usize] = match length {
        16 => &[4, 4, 4, 4],
        15 => &[4, 6, 5],
        _ => &[4, 6, 4],
    };
    match dice.below(3) {
        0 => group(sizes, " "),
        1 => group(sizes, "-"),
        _ => number,
    }
}

fn iban(dice: &mut Dice) -> String {
    let country = dice.one(&["DE", "FR", "NL", "GB", "NO", "CH", "ES", "IT", "AT", "PL"]);
    let account = match country {
        "DE" => dice.digits(18),
        "FR" => dice.digits(23),
        "NL" => format!("{}{}", dice.text(b"ABCDEFGHIJ", 4), dice.digits(10)),
        "GB" => format!("{}{}", dice.text(b"ABCDEFGHIJ", 4), dice.digits(14)),
        "NO" => dice.digits(11),
        "CH" => dice.digits(17),
        "ES" => dice.digits(20),
        "IT" => format!("{}{}", dice.text(b"ABCDEFGHIJ", 1), dice.digits(22)),
        "AT" => dice.digits(16),
        _ => dice.digits(24),
    };
    let value = format!("{account}{country}00").bytes().fold(0_u32, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        _ => (remainder * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    let number = format!("{country}{:02}{account}", 98 - value);
    if dice.below(2) == 0 {
        return number;
    }
    number.as_bytes().chunks(4).map(|group| std::str::from_utf8(group).unwrap()).collect::<Vec<_>>().join(" ")
}

fn service_key(dice: &mut Dice) -> String {
    match dice.below(6) {
        0 => format!("AKIA{}", dice.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)),
        1 => format!("AIza{}", dice.text(BASE64URL, 35)),
        2 => format!("ghp_{}", dice.text(LETTERS, 36)),
        3 => format!("xoxb-{}-{}-{}", dice.digits(12), dice.digits(12), dice.text(LETTERS, 24)),
        4 => format!("sk_live_{}", dice.text(LETTERS, 24)),
        _ => format!("abc{}Q~{}", dice.digits(1), dice.text(LETTERS, 34)),
    }
}

fn token(dice: &mut Dice) -> String {
    format!("eyJ{}.eyJ{}.{}", dice.text(BASE64URL, 30), dice.text(BASE64URL, 120), dice.text(BASE64URL, 86))
}

fn private_key(dice: &mut Dice) -> String {
    let kind = dice.one(&["", "RSA ", "EC ", "ENCRYPTED ", "OPENSSH "]);
    format!("-----BEGIN {kind}PRIVATE KEY-----\n{}\n-----END {kind}PRIVATE KEY-----", dice.text(LETTERS, 64))
}

/// What stands in answers every day and looks a little like it.
fn look_alike(dice: &mut Dice) -> String {
    match dice.below(16) {
        0 => with_luhn(&dice.digits(9)),
        1 => with_luhn(&dice.digits(11)),
        2 => format!("ORD-{}-{}", dice.digits(4), dice.digits(8)),
        3 => format!("0x{}", dice.hex(40)),
        4 => dice.hex(32),
        5 => dice.hex(64),
        6 => format!("00-{}-{}-01", dice.hex(32), dice.hex(16)),
        7 => format!("{}-{}-4{}-a{}-{}", dice.hex(8), dice.hex(4), dice.hex(3), dice.hex(3), dice.hex(12)),
        // Moments in milliseconds and nanoseconds, article numbers, device numbers.
        8 => format!("17{}", dice.digits(11)),
        9 => format!("17{}", dice.digits(17)),
        10 => format!("40{}", dice.digits(11)),
        11 => with_luhn(&format!("35{}", dice.digits(12))),
        12 => format!("0.{}", dice.digits(16)),
        13 => format!("2026-11-{}T06:38:00.{}Z", 10 + dice.below(20), dice.digits(6)),
        14 => dice.text(LETTERS, 22),
        _ => format!("DE{}", dice.digits(9)),
    }
}

#[test]
fn alarms_are_right_ninety_nine_times_in_a_hundred_and_miss_less_than_five() {
    let mut dice = Dice(5);
    type Make = fn(&mut Dice) -> String;
    let kinds: [(Sensitive, Make); 5] = [
        (Sensitive::Card, card),
        (Sensitive::Iban, iban),
        (Sensitive::ServiceKey, service_key),
        (Sensitive::Token, token),
        (Sensitive::PrivateKey, private_key),
    ];
    let mut table = String::from("| detector | found | missed | false | of look-alikes |\n");
    let mut false_alarms = [0_u64; 5];
    let look_alikes = EACH * 16;
    for _ in 0..look_alikes {
        let text = look_alike(&mut dice);
        if let Some(kind) = judge(text.as_bytes()) {
            println!("{} for {text}", kind.name());
            let mut counts = kinds.iter().zip(&mut false_alarms);
            *counts.find(|((known, _), _)| *known == kind).unwrap().1 += 1;
        }
    }
    for ((kind, make), wrong) in kinds.into_iter().zip(false_alarms) {
        let found = (0..EACH).filter(|_| judge(make(&mut dice).as_bytes()) == Some(kind)).count() as u64;
        let _ = writeln!(table, "| {} | {found} | {} | {wrong} | {look_alikes} |", kind.name(), EACH - found);
        assert!(found * 100 >= EACH * 95, "{table}");
        assert!(found * 100 >= (found + wrong) * 99, "{table}");
    }
    println!("{table}");
}
