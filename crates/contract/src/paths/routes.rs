//! All paths of a contract, ready to be looked up.
//!
//! `matchit` finds the skeleton of a path: words before gaps, leftmost first, as OpenAPI asks ("concrete
//! definitions are matched first"). What it cannot express, several gaps in one segment, is put into it
//! as one gap and split here. The cost of a look-up does not grow with the number of paths.

use http::Method;
use smallvec::SmallVec;

use super::template::{Piece, Segment, Template, Values, fill_segment};

/// What a method and a path name.
#[derive(Debug)]
pub enum Lookup<'c, 'p, T> {
    /// An operation, and the texts in the gaps of its path.
    Found {
        /// Which.
        operation: &'c T,
        /// Still percent-encoded.
        path_parameters: PathParameters<'c, 'p>,
    },
    /// Operations are declared here, but not with this method (RFC 9110 §15.5.6).
    OtherMethods {
        /// The value of `Allow`: sorted, as declared. `HEAD` is not implied by `GET`.
        allow: &'c str,
    },
    /// Nothing is declared here.
    Unknown,
}

/// The texts in the gaps of a path template, still percent-encoded.
#[derive(Clone, Debug, Default)]
pub struct PathParameters<'c, 'p> {
    names: &'c [Box<str>],
    values: Values<'p>,
}

/// One gap and its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathParameter<'c, 'p> {
    /// The name in the template.
    pub name: &'c str,
    /// The text of the path, still percent-encoded.
    pub text: &'p str,
}

impl<'c, 'p> PathParameters<'c, 'p> {
    /// The text of the gap with this name, still percent-encoded.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'p str> {
        self.iter().find(|parameter| parameter.name == name).map(|parameter| parameter.text)
    }

    /// All gaps, in the order of the template.
    pub fn iter(&self) -> impl Iterator<Item = PathParameter<'c, 'p>> {
        self.names.iter().zip(&self.values).map(|(name, text)| PathParameter { name, text })
    }
}

/// The paths of a contract; `T` is what a method names there.
#[derive(Debug)]
pub(crate) struct Routes<T> {
    skeletons: matchit::Router<usize>,
    branches: Vec<Branch>,
    /// Paths that take all that is left, the most specific first. `matchit` cannot hold one beside a
    /// plain gap, and only inline operations have them, so they are tried one by one at the end.
    spanning: Vec<usize>,
    paths: Vec<Path<T>>,
}

#[derive(Debug)]
struct Path<T> {
    template: Template,
    methods: Vec<(Method, T)>,
    allow: String,
}

/// The paths that share a skeleton.
#[derive(Debug, Default)]
struct Branch {
    /// The most specific first.
    paths: SmallVec<[usize; 1]>,
    /// Less specific paths that may fit where none of `paths` does: they hide behind this skeleton's words.
    hidden: Vec<usize>,
}

/// A path that stands in the document twice, under different parameter names (OpenAPI: "invalid").
#[derive(Debug)]
pub(crate) struct Repeated {
    pub(crate) first: usize,
    pub(crate) second: usize,
}

impl<T> Routes<T> {
    /// Builds from `(template, methods)` pairs, and lists the pairs that repeat an earlier one.
    pub(crate) fn build(paths: Vec<(Template, Vec<(Method, T)>)>) -> (Self, Vec<Repeated>) {
        let mut repeated = Vec::new();
        let mut identities = std::collections::HashMap::new();
        let mut by_skeleton = std::collections::HashMap::new();
        let mut routes = Self {
            skeletons: matchit::Router::new(),
            branches: Vec::new(),
            spanning: Vec::new(),
            paths: Vec::new(),
        };
        for (index, (template, methods)) in paths.into_iter().enumerate() {
            let first = *identities.entry(template.identity()).or_insert(index);
            if first != index {
                repeated.push(Repeated { first, second: index });
            } else if template.spans() {
                routes.spanning.push(index);
            } else {
                let skeleton = skeleton(&template);
                let branch = *by_skeleton.entry(skeleton).or_insert_with(|| {
                    routes.branches.push(Branch::default());
                    routes.branches.len() - 1
                });
                if let Some(branch) = routes.branches.get_mut(branch) {
                    branch.paths.push(index);
                }
            }
            routes.paths.push(Path { allow: allow(&methods), template, methods });
        }
        for (skeleton, branch) in by_skeleton {
            // Skeletons are well-formed and distinct by construction; if the router disagreed, the path
            // would be unknown: closed, not open.
            let inserted = routes.skeletons.insert(skeleton, branch);
            debug_assert!(inserted.is_ok(), "{inserted:?}");
        }
        routes.arrange_branches();
        (routes, repeated)
    }

    /// What `method` and `path` name. `path` is canonical and still percent-encoded.
    pub(crate) fn find<'c, 'p>(&'c self, method: &Method, path: &'p str) -> Lookup<'c, 'p, T> {
        let Some((found, values)) = self.path(path) else {
            return Lookup::Unknown;
        };
        match found.methods.iter().find(|(declared, _)| declared == method) {
            Some((_, operation)) => Lookup::Found {
                operation,
                path_parameters: PathParameters { names: found.template.names(), values },
            },
            None => Lookup::OtherMethods { allow: &found.allow },
        }
    }

    fn path<'c, 'p>(&'c self, path: &'p str) -> Option<(&'c Path<T>, Values<'p>)> {
        let hidden = match self.skeletons.at(path) {
            Ok(matched) => {
                let branch = self.branches.get(*matched.value)?;
                for index in &branch.paths {
                    let candidate = self.paths.get(*index)?;
                    let texts = matched.params.iter().map(|(_, text)| text);
                    if let Some(values) = candidate.template.refine(texts) {
                        return Some((candidate, values));
                    }
                }
                &branch.hidden
            }
            Err(matchit::MatchError::NotFound) => &self.spanning,
        };
        hidden.iter().find_map(|index| {
            let candidate = self.paths.get(*index)?;
            Some((candidate, candidate.template.fill(path)?))
        })
    }

    /// Orders the paths of each branch, and finds what hides behind branches that can fail to fit.
    fn arrange_branches(&mut self) {
        let Self { branches, spanning, paths, .. } = self;
        let template = |index: usize| paths.get(index).map(|path| &path.template);
        spanning.sort_by_key(|index| template(*index).map(Template::vagueness));
        for branch in branches.iter_mut() {
            branch.paths.sort_by_key(|index| template(*index).map(Template::vagueness));
            let can_fail = !branch.paths.iter().any(|index| template(*index).is_some_and(|t| !t.is_mixed()));
            let Some(own) = branch.paths.first().and_then(|index| template(*index)).filter(|_| can_fail)
            else {
                continue;
            };
            let hidden = (0..paths.len()).filter(|index| {
                !branch.paths.contains(index) && template(*index).is_some_and(|other| own.overlaps(other))
            });
            branch.hidden = hidden.collect();
            branch.hidden.sort_by_key(|index| template(*index).map(Template::vagueness));
        }
    }
}

impl Template {
    /// Splits the texts that `matchit` found for the skeleton's gaps into the template's own.
    fn refine<'p>(&self, mut texts: impl Iterator<Item = &'p str>) -> Option<Values<'p>> {
        let mut values = Values::new();
        for segment in self.segments() {
            if !matches!(segment, Segment::Literal(_)) {
                fill_segment(segment, texts.next()?, &mut values)?;
            }
        }
        Some(values)
    }

    fn spans(&self) -> bool {
        self.segments().last() == Some(&Segment::Rest)
    }

    fn is_mixed(&self) -> bool {
        self.segments().iter().any(|segment| matches!(segment, Segment::Mixed(_)))
    }

    /// Orders templates from specific to vague: words, then segments with some words, then gaps.
    fn vagueness(&self) -> Vec<(u8, std::cmp::Reverse<usize>)> {
        self.segments().iter().map(Segment::vagueness).collect()
    }

    /// Whether some path may fit both templates.
    fn overlaps(&self, other: &Self) -> bool {
        let (mine, theirs) = (self.segments(), other.segments());
        (mine.len() == theirs.len() || self.spans() || other.spans())
            && mine.iter().zip(theirs).all(|pair| match pair {
                (Segment::Literal(mine), Segment::Literal(theirs)) => mine == theirs,
                _ => true,
            })
    }
}

impl Segment {
    fn vagueness(&self) -> (u8, std::cmp::Reverse<usize>) {
        let words = |pieces: &[Piece]| {
            pieces.iter().map(|piece| if let Piece::Literal(word) = piece { word.len() } else { 0 }).sum()
        };
        match self {
            Self::Literal(_) => (0, std::cmp::Reverse(0)),
            Self::Mixed(pieces) => (1, std::cmp::Reverse(words(pieces))),
            Self::Gap => (2, std::cmp::Reverse(0)),
            Self::Rest => (3, std::cmp::Reverse(0)),
        }
    }
}

fn skeleton(template: &Template) -> String {
    let mut text = String::new();
    for segment in template.segments() {
        match segment {
            // Braces in words are percent-encoded, so nothing here needs `matchit`'s escapes.
            Segment::Literal(word) => {
                text.push('/');
                text.push_str(word);
            }
            Segment::Gap | Segment::Mixed(_) | Segment::Rest => text.push_str("/{gap}"),
        }
    }
    text
}

fn allow<T>(methods: &[(Method, T)]) -> String {
    let mut names: Vec<&str> = methods.iter().map(|(method, _)| method.as_str()).collect();
    names.sort_unstable();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::paths::Spanning;

    fn routes(templates: &[&str]) -> Routes<usize> {
        let paths = templates.iter().enumerate().map(|(index, text)| {
            (Template::parse("", text, Spanning::Allowed).unwrap(), vec![(Method::GET, index)])
        });
        let (routes, repeated) = Routes::build(paths.collect());
        assert!(repeated.is_empty(), "{repeated:?}");
        routes
    }

    #[track_caller]
    fn check(templates: &[&str], path: &str, expected: Option<(&str, &[&str])>) {
        let routes = routes(templates);
        let found = match routes.find(&Method::GET, path) {
            Lookup::Found { operation, path_parameters } => {
                let texts: Vec<&str> = path_parameters.iter().map(|parameter| parameter.text).collect();
                Some((templates[*operation], texts))
            }
            Lookup::OtherMethods { .. } | Lookup::Unknown => None,
        };
        assert_eq!(found, expected.map(|(template, texts)| (template, texts.to_vec())));
    }

    #[test]
    fn concrete_paths_come_before_templated_ones() {
        let templates = &["/users/{id}", "/users/me", "/users/{id}/orders", "/users/{name}/{what}"];
        check(templates, "/users/me", Some(("/users/me", &[])));
        check(templates, "/users/7", Some(("/users/{id}", &["7"])));
        check(templates, "/users/me/orders", Some(("/users/{id}/orders", &["me"])));
        check(templates, "/users/7/carts", Some(("/users/{name}/{what}", &["7", "carts"])));
        check(templates, "/users", None);
        check(templates, "/users/", None);
        check(templates, "/Users/me", None);
    }

    #[test]
    fn several_gaps_in_a_segment_are_more_specific_than_one() {
        let templates = &["/files/{name}", "/files/{name}.{format}", "/files/{name}.json", "/files/all"];
        check(templates, "/files/a.json", Some(("/files/{name}.json", &["a"])));
        check(templates, "/files/a.xml", Some(("/files/{name}.{format}", &["a", "xml"])));
        check(templates, "/files/a", Some(("/files/{name}", &["a"])));
        check(templates, "/files/all", Some(("/files/all", &[])));
    }

    #[test]
    fn a_segment_that_does_not_split_falls_back_to_the_vaguer_path() {
        let templates = &["/files/{name}.json", "/{folder}/{name}", "/{folder}/{*rest}"];
        check(templates, "/files/a.json", Some(("/files/{name}.json", &["a"])));
        check(templates, "/files/a.xml", Some(("/{folder}/{name}", &["files", "a.xml"])));
        check(templates, "/files/a/b", Some(("/{folder}/{*rest}", &["files", "a/b"])));
    }

    #[test]
    fn the_same_path_under_two_names_is_reported() {
        let template =
            |text| (Template::parse("", text, Spanning::Refused).unwrap(), vec![(Method::GET, ())]);
        let (_, repeated) = Routes::build(vec![template("/a/{x}"), template("/b"), template("/a/{y}")]);
        assert_eq!(repeated.iter().map(|r| (r.first, r.second)).collect::<Vec<_>>(), [(0, 2)]);
    }

    // proves-part: GW-01 (the look-up; the gateway turns it into 404 and 405)
    #[test]
    fn allow_lists_what_is_declared_and_nothing_more() {
        let methods = vec![(Method::PUT, 1), (Method::GET, 2)];
        let (routes, _) =
            Routes::build(vec![(Template::parse("", "/a", Spanning::Refused).unwrap(), methods)]);
        for method in [Method::HEAD, Method::OPTIONS, Method::DELETE] {
            let Lookup::OtherMethods { allow } = routes.find(&method, "/a") else {
                panic!("{method} is not declared")
            };
            assert_eq!(allow, "GET, PUT");
        }
        assert!(matches!(routes.find(&Method::GET, "/b"), Lookup::Unknown));
    }

    fn segment() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec!["a", "b", "ab", "{x}", "{x}.j", "a{x}", "{x}.{y}"])
    }

    fn distinct_names(segments: &[&str]) -> String {
        let mut text = String::new();
        for (index, segment) in segments.iter().enumerate() {
            text.push('/');
            text.push_str(
                &segment.replace("{x}", &format!("{{x{index}}}")).replace("{y}", &format!("{{y{index}}}")),
            );
        }
        text
    }

    proptest! {
        #[test]
        fn the_router_finds_a_path_exactly_when_some_template_fits(
            templates in prop::collection::vec(prop::collection::vec(segment(), 1..4), 1..8),
            path in prop::collection::vec(prop::sample::select(vec!["a", "b", "ab", "c", "c.j", "ac", "a.b.j"]), 1..4),
        ) {
            let path = format!("/{}", path.join("/"));
            let parsed: Vec<Template> =
                templates.iter().map(|t| Template::parse("", &distinct_names(t), Spanning::Refused).unwrap()).collect();
            let (routes, _) = Routes::build(parsed.iter().cloned().map(|t| (t, vec![(Method::GET, ())])).collect());
            let fits = parsed.iter().any(|template| template.fill(&path).is_some());
            let found = routes.path(&path);
            prop_assert_eq!(found.is_some(), fits);
            if let Some((found, values)) = found {
                prop_assert_eq!(found.template.fill(&path), Some(values));
            }
        }
    }
}
