//! Every `style` and `explode` of OpenAPI 3.1.1 §4.8.12.5, in every place where it is allowed.

use http::Method;

use crate::support::{contract, judge_head, listed, parameter_document};

/// The schemas of the specification's table: `empty` is left to `required_parameters_must_be_there`.
const PRIMITIVE: &str = "{type: string, enum: [blue]}";
const LIST: &str = "{type: array, items: {enum: [blue, black, brown]}, maxItems: 3}";
const OBJECT: &str =
    "{type: object, properties: {R: {type: integer, maximum: 255}, G: {type: integer}, B: {type: integer}}}";

/// What a parameter `color` in this place, style and explosion takes, and what it does not.
struct Row {
    place: &'static str,
    style: &'static str,
    explode: bool,
    schema: &'static str,
    good: &'static [&'static str],
    bad: &'static [(&'static str, &'static str)],
}

const fn row(
    place: &'static str,
    style: &'static str,
    explode: bool,
    schema: &'static str,
    good: &'static [&'static str],
    bad: &'static [(&'static str, &'static str)],
) -> Row {
    Row { place, style, explode, schema, good, bad }
}

const TABLE: &[Row] = &[
    // path, simple
    row("path", "simple", false, PRIMITIVE, &["blue", "%62lue"], &[("red", "enum"), ("blue,", "enum")]),
    row("path", "simple", true, PRIMITIVE, &["blue"], &[("red", "enum")]),
    row(
        "path",
        "simple",
        false,
        LIST,
        &["blue,black,brown", "blue"],
        &[("blue,red", "/1 enum"), ("blue%2Cblack", "/0 enum"), ("blue,blue,blue,blue", "maxItems")],
    ),
    row("path", "simple", true, LIST, &["blue,black,brown"], &[("blue.black", "/0 enum")]),
    row(
        "path",
        "simple",
        false,
        OBJECT,
        &["R,100,G,200,B,150"],
        &[
            ("R,256", "/R maximum"),
            ("R=1", "encoding"),
            ("R,1,R,2", "/R repeated"),
            ("X,1", "/X additionalProperties"),
        ],
    ),
    row("path", "simple", true, OBJECT, &["R=100,G=200,B=150"], &[("R,100", "encoding"), ("R=x", "/R type")]),
    // path, label
    row("path", "label", false, PRIMITIVE, &[".blue"], &[("blue", "encoding"), (".red", "enum")]),
    row("path", "label", true, PRIMITIVE, &[".blue"], &[("..blue", "enum")]),
    row(
        "path",
        "label",
        false,
        LIST,
        &[".blue,black,brown"],
        &[(".blue.black", "/0 enum"), ("blue,black", "encoding")],
    ),
    row("path", "label", true, LIST, &[".blue.black.brown"], &[(".blue,black", "/0 enum")]),
    row("path", "label", false, OBJECT, &[".R,100,G,200"], &[(".R=100", "encoding")]),
    row(
        "path",
        "label",
        true,
        OBJECT,
        &[".R=100.G=200.B=150"],
        &[(".R,100", "encoding"), (".R=100.R=1", "/R repeated")],
    ),
    // query, form
    row(
        "query",
        "form",
        false,
        PRIMITIVE,
        &["color=blue", "c%6Flor=%62lue"],
        &[("color=red", "enum"), ("color=blue&color=blue", "repeated"), ("color=%zz", "encoding")],
    ),
    row(
        "query",
        "form",
        true,
        PRIMITIVE,
        &["color=blue"],
        &[("color=red", "enum"), ("color=blue&color=blue", "repeated")],
    ),
    row(
        "query",
        "form",
        false,
        LIST,
        &["color=blue,black,brown"],
        &[("color=blue&color=black", "repeated"), ("color=blue%2Cblack", "/0 enum")],
    ),
    row(
        "query",
        "form",
        true,
        LIST,
        &["color=blue&color=black&color=brown"],
        &[("color=blue,black", "/0 enum"), ("color=blue&color=red", "/1 enum")],
    ),
    row(
        "query",
        "form",
        false,
        OBJECT,
        &["color=R,100,G,200,B,150"],
        &[("color=R,256", "/R maximum"), ("color=R", "encoding")],
    ),
    row(
        "query",
        "form",
        true,
        OBJECT,
        &["R=100&G=200&B=150"],
        &[("R=256", "/R maximum"), ("R=1&R=2", "/R repeated"), ("color=R,100", "undeclared")],
    ),
    // query, the delimited styles
    row(
        "query",
        "spaceDelimited",
        false,
        LIST,
        &["color=blue%20black%20brown", "color=blue+black"],
        &[("color=blue,black", "/0 enum"), ("color=blue%20red", "/1 enum")],
    ),
    row(
        "query",
        "spaceDelimited",
        false,
        OBJECT,
        &["color=R%20100%20G%20200"],
        &[("color=R%20256", "/R maximum")],
    ),
    row("query", "spaceDelimited", true, LIST, &["color=blue&color=black"], &[("color=red", "/0 enum")]),
    row(
        "query",
        "pipeDelimited",
        false,
        LIST,
        &["color=blue%7Cblack%7Cbrown", "color=blue|black"],
        &[("color=blue,black", "/0 enum"), ("color=blue%7cred", "/1 enum")],
    ),
    row(
        "query",
        "pipeDelimited",
        false,
        OBJECT,
        &["color=R%7C100%7CG%7C200"],
        &[("color=R|256", "/R maximum")],
    ),
    row("query", "pipeDelimited", true, LIST, &["color=blue&color=black"], &[("color=red", "/0 enum")]),
    // query, deep object
    row(
        "query",
        "deepObject",
        true,
        OBJECT,
        &["color%5BR%5D=100&color%5BG%5D=200", "color[B]=1"],
        &[
            ("color[R]=256", "/R maximum"),
            ("color[R]=1&color%5BR%5D=2", "/R repeated"),
            ("color[X]=1", "/X additionalProperties"),
            ("color=1", "undeclared"),
            ("color[R=1", "undeclared"),
        ],
    ),
    // header, simple
    row("header", "simple", false, PRIMITIVE, &["blue"], &[("red", "enum"), ("%62lue", "enum")]),
    row("header", "simple", false, LIST, &["blue,black,brown", "blue, black"], &[("blue,red", "/1 enum")]),
    row("header", "simple", true, LIST, &["blue,black"], &[("red", "/0 enum")]),
    row("header", "simple", false, OBJECT, &["R,100,G,200"], &[("R,256", "/R maximum"), ("R=1", "encoding")]),
    row("header", "simple", true, OBJECT, &["R=100,G=200"], &[("R,100", "encoding")]),
    // cookie, form
    row(
        "cookie",
        "form",
        false,
        PRIMITIVE,
        &["color=blue", "other=1; color=blue"],
        &[("color=red", "enum"), ("color=blue; color=blue", "repeated")],
    ),
    row("cookie", "form", true, PRIMITIVE, &["color=blue"], &[("color=%62lue", "enum")]),
    row("cookie", "form", false, LIST, &["color=blue,black"], &[("color=blue,red", "/1 enum")]),
    row("cookie", "form", false, OBJECT, &["color=R,100,G,200"], &[("color=R,256", "/R maximum")]),
];

// proves-part: VAL-01 (every style in every place)
#[test]
fn every_style_takes_what_it_means_and_nothing_else() {
    for row in TABLE {
        let Row { place, style, explode, schema, .. } = row;
        let (name, in_path) = if *place == "path" { ("id", true) } else { ("color", false) };
        let id = if in_path { "" } else { "{name: id, in: path, required: true, schema: {type: integer}}, " };
        let contract = contract(&parameter_document(&format!(
            "{id}{{name: {name}, in: {place}, required: {in_path}, style: {style}, explode: {explode}, schema: {schema}}}"
        )));
        let judge = |text: &str| {
            let (target, headers) = match *place {
                "path" => (format!("/it/{text}"), Vec::new()),
                "query" => (format!("/it/1?{text}"), Vec::new()),
                "header" => ("/it/1".to_owned(), vec![("color", text)]),
                _ => ("/it/1".to_owned(), vec![("cookie", text)]),
            };
            listed(&judge_head(&contract, Method::GET, &target, &headers))
        };
        for good in row.good {
            assert_eq!(judge(good), Vec::<String>::new(), "{place} {style} {explode} {schema}: {good}");
        }
        for (bad, why) in row.bad {
            let found = judge(bad);
            let (at, keyword) = why.split_once(' ').unwrap_or(("", why));
            let is_it = |line: &String| line.ends_with(keyword) && line.contains(at);
            assert!(found.iter().any(is_it), "{place} {style} {explode} {schema}: {bad} gives {found:?}");
        }
    }
}

#[test]
fn a_parameter_in_another_place_is_not_that_parameter() {
    let contract = contract(&parameter_document(
        "{name: id, in: path, required: true, schema: {type: integer}}, {name: q, in: query, required: true, schema: {type: integer}}, {name: X-H, in: header, required: true, schema: {type: integer}}, {name: c, in: cookie, required: true, schema: {type: integer}}",
    ));
    let judge =
        |target: &str, headers: &[(&str, &str)]| listed(&judge_head(&contract, Method::GET, target, headers));
    assert_eq!(judge("/it/1?q=1", &[("x-h", "1"), ("cookie", "c=1")]), Vec::<String>::new());
    assert_eq!(
        judge("/it/1?X-H=1&c=1&id=2", &[("q", "1")]),
        [
            "query q required",
            "query X-H undeclared",
            "query c undeclared",
            "query id undeclared",
            "header X-H required",
            "cookie c required"
        ]
    );
    assert_eq!(judge("/it/1?q=1&id=1", &[("x-h", "1"), ("cookie", "c=1")]), ["query id undeclared"]);
}

#[test]
fn escapes_are_undone_once_and_only_where_they_belong() {
    let text = "{type: string, pattern: '^a%?b$'}";
    let contract = contract(&parameter_document(&format!(
        "{{name: id, in: path, required: true, schema: {text}}}, {{name: q, in: query, schema: {text}}}, {{name: X-H, in: header, schema: {text}}}, {{name: c, in: cookie, schema: {text}}}"
    )));
    let judge =
        |target: &str, headers: &[(&str, &str)]| listed(&judge_head(&contract, Method::GET, target, headers));
    assert_eq!(judge("/it/%61b?%71=%61%62", &[]), Vec::<String>::new());
    assert_eq!(judge("/it/ab?q=a%25b", &[]), Vec::<String>::new());
    // Undone twice, it would be `ab`.
    assert_eq!(judge("/it/ab?q=%2561b", &[]), ["query q pattern"]);
    assert_eq!(judge("/it/ab?%2571=ab", &[]), ["query %71 undeclared"]);
    assert_eq!(
        judge("/it/ab", &[("x-h", "%61b"), ("cookie", "c=%61b")]),
        ["header X-H pattern", "cookie c pattern"]
    );
    assert_eq!(judge("/it/ab", &[("cookie", "%63=ab")]), Vec::<String>::new(), "a cookie nobody declared");
    for broken in ["%", "%6", "%6g", "%C3", "%C0%AF", "%ED%A0%80", "%F4%90%80%80"] {
        assert_eq!(judge(&format!("/it/ab?q={broken}"), &[]), ["query q encoding"], "{broken}");
        assert_eq!(judge(&format!("/it/ab?{broken}=x"), &[]), ["query  encoding"], "{broken}");
    }
}
