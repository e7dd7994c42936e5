//! Paths that were called, as templates: what varies is one gap.
//!
//! In: paths as they came. Out: templates such as `/orders/{}`, each method with whatever is known of it. A
//! segment that is no word ([`super::words`]) is a gap at once. Words become a gap when there are
//! [`SIBLINGS`] beside each other that are alike: names of users and of products are words too. What is not
//! alike stays: twenty resources under `/v1` are no gap. Bounded in nodes and depth, whatever strangers call.

use std::collections::BTreeMap;

use super::words::is_word;

/// So many words beside each other that are alike are a gap.
pub const SIBLINGS: usize = 20;
/// Most segments that are told apart; the rest of a longer path is one gap.
pub const DEPTH: usize = 12;
/// Most nodes of a tree.
pub const NODES: usize = 4096;
/// Most methods of a path; nobody declares more.
const METHODS: usize = 16;

/// What a gap is written as, here and wherever templates are kept.
pub const GAP: &str = "{}";

/// What is known of a method at a path.
pub trait Leaf: Default {
    /// Takes in what another one knows, in any order and any grouping.
    fn merge(&mut self, other: Self);

    /// Whether the two can be the same operation, called with other ids.
    fn is_like(&self, other: &Self) -> bool;
}

/// A tree of paths.
#[derive(Clone, Debug)]
pub struct PathTree<T> {
    root: Node<T>,
    nodes: usize,
    /// How many found no room since it was last looked for.
    refused: usize,
}

#[derive(Clone, Debug)]
struct Node<T> {
    words: BTreeMap<Box<str>, Self>,
    gap: Option<Box<Self>>,
    methods: BTreeMap<Box<str>, T>,
}

/// There is no room for another path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { words: BTreeMap::new(), gap: None, methods: BTreeMap::new() }
    }
}

impl<T> Default for PathTree<T> {
    fn default() -> Self {
        Self { root: Node::default(), nodes: 1, refused: 0 }
    }
}

/// The template of a path by itself, before it is seen beside others.
#[must_use]
pub fn template(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for step in steps(path) {
        text.push('/');
        text.push_str(match step {
            Step::Word(word) => word,
            Step::Gap => GAP,
        });
    }
    text
}

/// One step down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step<'p> {
    Word(&'p str),
    Gap,
}

/// The way to a path, cut off at [`DEPTH`].
fn steps(path: &str) -> impl Iterator<Item = Step<'_>> {
    let segments = path.strip_prefix('/').unwrap_or(path).split('/').take(DEPTH + 1);
    segments.enumerate().map(|(depth, segment)| match segment {
        "" if depth < DEPTH => Step::Word(segment),
        _ if depth < DEPTH && is_word(segment) => Step::Word(segment),
        _ => Step::Gap,
    })
}

impl<T: Leaf> PathTree<T> {
    /// Notes what is known of `method` at `path`, which may be a template of this module.
    ///
    /// # Errors
    /// [`Full`] if there is no room for it; nothing has changed then.
    pub fn note(&mut self, method: &str, path: &str, known: T) -> Result<(), Full> {
        if self.nodes + DEPTH >= NODES {
            self.make_room(method, path)?;
        }
        // The first word that is new, by its depth: only beside it can there be a crowd that was not before.
        let mut new_word = None;
        let mut node = &mut self.root;
        for (depth, step) in steps(path).enumerate() {
            node = match step {
                Step::Word(word) => {
                    if !node.words.contains_key(word) {
                        self.nodes += 1;
                        new_word = new_word.or(Some(depth));
                    }
                    node.words.entry(word.into()).or_default()
                }
                Step::Gap => {
                    self.nodes += usize::from(node.gap.is_none());
                    node.gap.get_or_insert_default()
                }
            };
        }
        if node.methods.len() >= METHODS && !node.methods.contains_key(method) {
            return Err(Full);
        }
        node.methods.entry(method.into()).or_default().merge(known);
        if let Some(depth) = new_word
            && self.root.gather(steps(path), depth)
        {
            self.nodes = self.root.count();
        }
        Ok(())
    }

    /// Sees to it that there is room for `path`. Looking for some is dear, so it is not done for every path
    /// that finds none.
    fn make_room(&mut self, method: &str, path: &str) -> Result<(), Full> {
        // Under this very path: one that is a gap by now would be a new word beside it.
        if self.root.find(steps(path), method).is_some() {
            return Ok(());
        }
        if self.refused.is_multiple_of(NODES) {
            self.settle();
        }
        if self.nodes + DEPTH < NODES {
            self.refused = 0;
            return Ok(());
        }
        self.refused += 1;
        Err(Full)
    }

    /// Whether a call of `method` at `path` is known.
    #[must_use]
    pub fn knows(&self, method: &str, path: &str) -> bool {
        self.root.find(steps(&self.template_of(path)), method).is_some()
    }

    /// The template under which a call of `path` is known by now.
    #[must_use]
    pub fn template_of(&self, path: &str) -> String {
        let mut text = String::with_capacity(path.len());
        let mut node = Some(&self.root);
        for step in steps(path) {
            text.push('/');
            let word = match step {
                Step::Word(word) => node.and_then(|node| Some((word, node.words.get(word)?))),
                Step::Gap => None,
            };
            node = match word {
                Some((word, below)) => {
                    text.push_str(word);
                    Some(below)
                }
                None => {
                    text.push_str(GAP);
                    node.and_then(|node| node.gap.as_deref())
                }
            };
        }
        text
    }

    /// Lets words that are alike become gaps.
    pub fn settle(&mut self) {
        self.root.settle();
        self.nodes = self.root.count();
    }

    /// Takes in another tree, as far as there is room.
    ///
    /// # Errors
    /// [`Full`] if not all of it found room.
    pub fn merge(&mut self, other: Self) -> Result<(), Full> {
        let mut outcome = Ok(());
        for (method, path, known) in other.into_entries() {
            outcome = outcome.and(self.note(&method, &path, known));
        }
        outcome
    }

    /// Everything, by template and method.
    pub fn into_entries(self) -> Vec<(Box<str>, String, T)> {
        let mut entries = Vec::new();
        self.root.into_entries(String::new(), &mut entries);
        entries
    }
}

impl<T: Leaf> Node<T> {
    fn find<'p>(&self, steps: impl Iterator<Item = Step<'p>>, method: &str) -> Option<&T> {
        let mut node = self;
        for step in steps {
            node = match step {
                Step::Word(word) => node.words.get(word)?,
                Step::Gap => node.gap.as_deref()?,
            };
        }
        node.methods.get(method)
    }

    /// Makes the word at `depth` and those like it a gap, if they are enough, and tells whether it did.
    fn gather<'p>(&mut self, mut steps: impl Iterator<Item = Step<'p>>, depth: usize) -> bool {
        let mut node = self;
        for _ in 0..depth {
            let below = match steps.next() {
                Some(Step::Word(word)) => node.words.get_mut(word),
                Some(Step::Gap) => node.gap.as_deref_mut(),
                None => None,
            };
            let Some(below) = below else { return false };
            node = below;
        }
        let Some(Step::Word(word)) = steps.next() else { return false };
        let Some(alike) = node.words.get(word).and_then(|new| node.crowd_of(new)) else { return false };
        node.make_gap(alike);
        if let Some(gap) = &mut node.gap {
            gap.settle();
        }
        true
    }

    fn count(&self) -> usize {
        let below = self.words.values().chain(self.gap.as_deref()).map(Self::count);
        1 + below.sum::<usize>()
    }

    fn settle(&mut self) {
        while let Some(alike) = self.words.values().find_map(|node| self.crowd_of(node)) {
            self.make_gap(alike);
        }
        self.words.values_mut().chain(self.gap.as_deref_mut()).for_each(Self::settle);
    }

    /// The words that are like `node`, one of them, if they are enough to be a gap.
    fn crowd_of(&self, node: &Self) -> Option<Vec<Box<str>>> {
        if self.words.len() < SIBLINGS {
            return None;
        }
        // The empty segment ends a path; it is nobody's name.
        let alike = self.words.iter().filter(|(word, other)| !word.is_empty() && node.is_like(other));
        let alike: Vec<_> = alike.map(|(word, _)| word.clone()).collect();
        (alike.len() >= SIBLINGS).then_some(alike)
    }

    fn make_gap(&mut self, words: Vec<Box<str>>) {
        for word in words {
            if let Some(node) = self.words.remove(&word) {
                self.gap.get_or_insert_default().merge(node);
            }
        }
    }

    /// Whether the two may be one path with another id in it.
    fn is_like(&self, other: &Self) -> bool {
        let mut common =
            self.methods.iter().filter_map(|(method, one)| Some((one, other.methods.get(method)?)));
        match common.next() {
            Some((one, another)) => one.is_like(another) && common.all(|(one, another)| one.is_like(another)),
            // Called with other methods so far, or only what lies below.
            None if self.methods.is_empty() && other.methods.is_empty() => self.has_like_children(other),
            None => false,
        }
    }

    fn has_like_children(&self, other: &Self) -> bool {
        let words = self.words.iter().filter_map(|(word, one)| Some((one, other.words.get(word)?)));
        let gaps = self.gap.as_deref().zip(other.gap.as_deref());
        let mut common = words.chain(gaps).peekable();
        common.peek().is_some() && common.all(|(one, another)| one.is_like(another))
    }

    fn merge(&mut self, other: Self) {
        for (method, known) in other.methods {
            if self.methods.len() < METHODS || self.methods.contains_key(&method) {
                self.methods.entry(method).or_default().merge(known);
            }
        }
        for (word, node) in other.words {
            self.words.entry(word).or_default().merge(node);
        }
        if let Some(gap) = other.gap {
            self.gap.get_or_insert_default().merge(*gap);
        }
    }

    fn into_entries(self, path: String, entries: &mut Vec<(Box<str>, String, T)>) {
        for (method, known) in self.methods {
            entries.push((method, if path.is_empty() { "/".to_owned() } else { path.clone() }, known));
        }
        for (word, node) in self.words {
            node.into_entries(format!("{path}/{word}"), entries);
        }
        if let Some(gap) = self.gap {
            gap.into_entries(format!("{path}/{GAP}"), entries);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A count and a mark; alike with the same mark, while called seldom.
    #[derive(Clone, Debug, Default, PartialEq)]
    struct Calls(u64, Option<char>);

    impl Leaf for Calls {
        fn merge(&mut self, other: Self) {
            self.0 += other.0;
            self.1 = self.1.max(other.1);
        }

        fn is_like(&self, other: &Self) -> bool {
            self.0 < 20 && other.0 < 20 && self.1 == other.1
        }
    }

    /// A word for each number.
    fn word(number: usize) -> String {
        let syllables = ["ba", "de", "ki", "lo", "mu", "na", "po", "re", "sa", "ti"];
        let mut text = String::from("le");
        for digit in format!("{number:03}").bytes() {
            text.push_str(syllables[usize::from(digit - b'0')]);
        }
        text
    }

    fn paths(tree: &PathTree<Calls>) -> Vec<(String, u64)> {
        tree.clone().into_entries().into_iter().map(|(_, path, calls)| (path, calls.0)).collect()
    }

    fn tree_of<'p>(called: impl IntoIterator<Item = &'p str>) -> PathTree<Calls> {
        let mut tree = PathTree::default();
        for path in called {
            tree.note("GET", path, Calls(1, None)).unwrap();
        }
        tree
    }

    #[test]
    fn ids_are_gaps_and_words_are_not() {
        let tree = tree_of([
            "/",
            "/orders",
            "/orders/",
            "/orders/17",
            "/orders/18",
            "/orders/17/items/3fa85f64-5717-4562-b3fc-2c963f66afa6",
        ]);
        let found = paths(&tree);
        let found: Vec<_> = found.iter().map(|(path, calls)| (path.as_str(), *calls)).collect();
        assert_eq!(
            found,
            [("/", 1), ("/orders", 1), ("/orders/", 1), ("/orders/{}", 2), ("/orders/{}/items/{}", 1)]
        );
        assert_eq!(template("/orders/17/items"), "/orders/{}/items");
        assert_eq!(template("/orders/{}/items"), "/orders/{}/items", "a template stays what it is");
        assert_eq!(template(&"/a".repeat(20)), format!("{}/{{}}", "/a".repeat(DEPTH)));
    }

    #[test]
    fn twenty_words_that_are_alike_are_a_gap() {
        let names: Vec<_> = (0..19).map(|number| format!("/users/{}/photo", word(number))).collect();
        let mut tree = tree_of(names.iter().map(String::as_str));
        assert_eq!(paths(&tree).len(), 19);
        tree.note("GET", "/users/leander/photo", Calls(1, None)).unwrap();
        assert_eq!(paths(&tree), [("/users/{}/photo".to_owned(), 20)]);
    }

    #[test]
    fn twenty_words_that_differ_stay() {
        let mut tree = PathTree::default();
        for (number, mark) in ('a'..='z').enumerate() {
            tree.note("GET", &format!("/v1/{}", word(number)), Calls(1, Some(mark))).unwrap();
        }
        assert_eq!(paths(&tree).len(), 26);
    }

    #[test]
    fn hostile_paths_push_no_honest_one_out_and_grow_nothing() {
        let mut tree = tree_of(std::iter::repeat_n("/internal/export", 20));
        for number in 0..3000 {
            let (one, other) = (word(number % 1000), word(number * 7 % 1000));
            for path in [
                format!("/{one}/{other}"),
                format!("/{one}{number}x/{other}"),
                format!("/internal/{one}/{other}"),
                format!("/internal/export/{one}"),
                format!("/{}", [one.as_str(); 40].join("/")),
            ] {
                let _ = tree.note("GET", &path, Calls(1, None));
            }
            let _ = tree.note(&format!("METHOD{number}"), "/internal/export", Calls(1, None));
        }
        assert!(tree.nodes <= NODES && tree.nodes == tree.root.count(), "{}", tree.nodes);
        let found = paths(&tree);
        assert!(found.contains(&("/internal/export".to_owned(), 20)), "{found:?}");
        assert!(found.len() < 1000, "{}", found.len());
        tree.note("GET", "/internal/export", Calls(1, None)).unwrap();
        assert!(paths(&tree).contains(&("/internal/export".to_owned(), 21)), "what is known is counted on");
    }

    proptest! {
        #[test]
        fn no_call_is_lost_and_no_raw_segment_kept(segments in prop::collection::vec("[a-z]{1,3}|[0-9]{1,9}|[0-9a-f]{16}", 1..6), times in 1u64..50) {
            let path = format!("/{}", segments.join("/"));
            let mut tree = PathTree::default();
            for _ in 0..times { tree.note("GET", &path, Calls(1, None)).unwrap(); }
            let found = paths(&tree);
            prop_assert_eq!(found.iter().map(|(_, calls)| calls).sum::<u64>(), times);
            prop_assert!(found.iter().all(|(path, _)| !path.contains(|digit: char| digit.is_ascii_digit())));
        }
    }
}
