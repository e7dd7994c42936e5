//! For any schema, any answer and any pieces.

use portcullis_contract::filter::{FilterFaultKind, FilterPlan, OnUndeclared, Sight};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::naive::{self, SCOPE, SUBJECT};
use super::{filtered, plan_in, sight};

const NAMES: [&str; 8] = ["a", "b", "cc", "owner", "d\"e", "\u{e9}", "a much longer name", ""];

fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({})),
        Just(json!({"type": "string"})),
        Just(json!({"type": "integer"})),
        Just(json!({"type": "object"})),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let rule = prop_oneof![
            6 => Just(Map::new()),
            1 => Just(members(json!({"writeOnly": true}))),
            1 => Just(members(json!({"x-portcullis-visible-to": {"scopes": ["unseen", SCOPE]}}))),
            1 => Just(members(json!({"x-portcullis-visible-to": {"scopes": ["unseen"]}}))),
            2 => Just(members(json!({"x-portcullis-visible-to": {"owner": {"property": "owner"}}}))),
        ];
        let property = (prop::sample::select(&NAMES[..]), inner.clone(), rule);
        let others = prop_oneof![
            4 => Just(None),
            1 => Just(Some(Value::Bool(true))),
            1 => Just(Some(Value::Bool(false))),
            1 => inner.clone().prop_map(Some),
        ];
        let object = (prop::collection::vec(property, 0..6), others).prop_map(|(properties, others)| {
            let described = properties.into_iter().map(|(name, schema, rule)| {
                let mut schema = members(schema);
                schema.extend(rule);
                (name.to_owned(), Value::Object(schema))
            });
            let mut described: Map<String, Value> = described.collect();
            // A rule may only name a property that the object has.
            described.insert("owner".to_owned(), json!({}));
            let mut schema = members(json!({"type": "object", "properties": described}));
            schema.extend(others.map(|others| ("additionalProperties".to_owned(), others)));
            Value::Object(schema)
        });
        prop_oneof![3 => object, 1 => inner.prop_map(|items| json!({"type": "array", "items": items}))]
    })
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn answers() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e9..1e9).prop_map(|number: f64| Value::from(number)),
        Just(Value::from(SUBJECT)),
        "[a-z\"\\\\\n\u{e9}\u{1F600}]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            2 => prop::collection::vec((prop::sample::select(&NAMES[..]), inner.clone()), 0..8).prop_map(|members| {
                Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
            1 => prop::collection::vec(inner, 0..6).prop_map(Value::from),
        ]
    })
}

/// An answer as text, with blanks and with escapes where there need be none.
fn texts() -> impl Strategy<Value = String> {
    (answers(), any::<bool>(), any::<bool>()).prop_map(|(answer, is_pretty, is_escaped)| {
        let text =
            if is_pretty { serde_json::to_string_pretty(&answer) } else { serde_json::to_string(&answer) };
        let text = text.unwrap();
        if is_escaped { text.replace("cc", "\\u0063c").replace("ada", "a\\u0064a") } else { text }
    })
}

/// Bytes that are JSON more often than others.
fn scraps() -> impl Strategy<Value = Vec<u8>> {
    let scrap = prop::sample::select(vec![
        &b"{"[..],
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\"",
        b"\"a\"",
        b"\"\\u0061\"",
        b"\"x\":",
        b"1",
        b"-0.5e1",
        b"true",
        b"null",
        b" ",
        b"\n",
        b"\\",
        b"\\u",
        b"\xC3",
        b"\xA9",
        b"\xFF",
        b"\x00",
        b"e",
        b"\"a\":1,",
        b"{}",
        b"[]",
    ]);
    prop::collection::vec(scrap, 0..24).prop_map(|scraps| scraps.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_leaves_is_what_a_filter_over_trees_leaves(schema in schemas(), text in texts(), size in 1_usize..40) {
        let (plan, _) = plan_in("3.1.1", &schema.to_string(), "");
        let plan = plan.unwrap();
        let sight = sight(&plan, SCOPE, "", Some(SUBJECT));
        let whole = filtered(&plan, &sight, OnUndeclared::Remove, text.as_bytes(), text.len()).unwrap();
        let pieces = filtered(&plan, &sight, OnUndeclared::Remove, text.as_bytes(), size).unwrap();
        prop_assert_eq!(&whole, &pieces);
        let left: Value = serde_json::from_str(&whole.0).unwrap();
        let expected = naive::filter(&schema, serde_json::from_str(&text).unwrap()).unwrap_or(Value::Null);
        prop_assert_eq!(left, expected, "of {} under {}", text, schema);
    }

    #[test]
    fn reporting_changes_nothing_but_what_rules_hide(schema in schemas(), text in texts(), size in 1_usize..40) {
        let (plan, _) = plan_in("3.1.1", &schema.to_string(), "");
        let plan = plan.unwrap();
        let sight = sight(&plan, SCOPE, "", Some(SUBJECT));
        let (left, _) = filtered(&plan, &sight, OnUndeclared::Report, text.as_bytes(), size).unwrap();
        let whole = filtered(&plan, &sight, OnUndeclared::Report, text.as_bytes(), text.len()).unwrap().0;
        prop_assert_eq!(&left, &whole);
        if !plan.may_alter(&sight, OnUndeclared::Report) {
            prop_assert_eq!(left, text);
        }
    }

    #[test]
    fn pieces_of_any_sizes_give_the_same(schema in schemas(), text in texts(), sizes in prop::collection::vec(0_usize..9, 1..20)) {
        let (plan, _) = plan_in("3.1.1", &schema.to_string(), "");
        let plan = plan.unwrap();
        let whole = filtered(&plan, &Sight::none(), OnUndeclared::Remove, text.as_bytes(), text.len()).unwrap();
        let mut filter = plan.start(Sight::none(), OnUndeclared::Remove);
        let (mut out, mut rest) = (bytes::BytesMut::new(), text.as_bytes());
        for size in sizes.iter().cycle().take(4000) {
            let (piece, behind) = rest.split_at((*size).min(rest.len()));
            filter.push(piece, &mut out).unwrap();
            rest = behind;
        }
        filter.push(rest, &mut out).unwrap();
        prop_assert_eq!(filter.finish(&mut out).unwrap(), whole.1);
        prop_assert_eq!(std::str::from_utf8(&out).unwrap(), whole.0);
    }

    #[test]
    fn any_bytes_are_read_as_serde_json_reads_them(bytes in scraps(), size in 1_usize..8) {
        let read = filtered(&FilterPlan::open(), &Sight::none(), OnUndeclared::Report, &bytes, size);
        let reference = serde_json::from_slice::<Value>(&bytes);
        match read {
            Ok((left, _)) => {
                prop_assert!(reference.is_ok());
                prop_assert_eq!(left.as_bytes(), &bytes);
            }
            Err(fault) => {
                prop_assert!(fault.at <= bytes.len());
                prop_assert!(reference.is_err() || fault.kind == FilterFaultKind::NameRepeated);
            }
        }
    }

    #[test]
    fn whatever_leaves_of_any_bytes_is_json(schema in schemas(), bytes in scraps(), size in 1_usize..8) {
        let (plan, _) = plan_in("3.1.1", &schema.to_string(), "");
        let plan = plan.unwrap();
        let sight = sight(&plan, "", "", Some(SUBJECT));
        let whole = filtered(&plan, &sight, OnUndeclared::Remove, &bytes, bytes.len());
        let pieces = filtered(&plan, &sight, OnUndeclared::Remove, &bytes, size);
        prop_assert_eq!(whole.is_ok(), pieces.is_ok());
        if let (Ok(whole), Ok(pieces)) = (whole, pieces) {
            prop_assert_eq!(&whole, &pieces);
            prop_assert!(serde_json::from_str::<Value>(&whole.0).is_ok(), "{}", whole.0);
        }
    }
}
