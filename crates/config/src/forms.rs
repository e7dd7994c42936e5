//! A setting that can be written in several forms, and a value that is like none of them.
//!
//! JSON Schema says of such a value only that no form fits, and why each does not. Which form was meant
//! is worked out here, so that the operator hears of the one mistake in it and not of all forms.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

use crate::codes::file as codes;
use crate::diagnostic::quote;
use crate::mistake::{Expected, Mistakes};
use crate::words;

/// One form, and what is wrong with the value if that was meant.
struct Form<'f> {
    schema: &'f Value,
    errors: &'f [ValidationError<'static>],
}

impl<'m> Mistakes<'m> {
    /// Says what is wrong with a value that fits none of the forms under `anyOf` or `oneOf` in `rule`.
    pub(crate) fn no_form_fits(
        &mut self,
        error: &ValidationError<'_>,
        rule: &'m Value,
        context: &[Vec<ValidationError<'static>>],
    ) {
        let schemas =
            rule.get(error.kind().keyword()).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let schemas: Vec<&'m Value> = schemas.iter().map(|schema| self.resolve(schema)).collect();
        let forms: Vec<Form<'_>> =
            schemas.iter().zip(context).map(|(schema, errors)| Form { schema, errors }).collect();

        let of_type: Vec<&Form<'_>> = forms.iter().filter(|form| !form.is_of_other_type(error)).collect();
        if of_type.is_empty() {
            return self.wrong_type_for_all(error, rule, &schemas);
        }
        let words: Option<Vec<Vec<&str>>> = of_type.iter().map(|form| form.words_at(error, None)).collect();
        if let Some(words) = words {
            return self.no_word_fits(error, words.concat(), &schemas);
        }
        if let [only] = of_type.as_slice() {
            return self.explain_all(only);
        }
        if error.instance().is_object() {
            return self.no_object_form_fits(error, rule, &of_type);
        }
        self.list_forms(error, rule, &schemas);
    }

    /// A word that is none of `words`; it may be the name of a form that needs settings of its own.
    fn no_word_fits<'w>(
        &mut self,
        error: &ValidationError<'_>,
        mut words: Vec<&'w str>,
        schemas: &[&'w Value],
    ) {
        let keys = schemas.iter().filter_map(|schema| only_key(schema));
        if let Some(key) = keys.clone().find(|key| error.instance().as_str() == Some(*key)) {
            let help = format!("write it as a key: `{key}: {{ … }}`");
            let message = format!("{} needs settings of its own", quote(key));
            return self.push(error, &Value::Null, codes::NO_FORM_FITS, message, Some(help));
        }
        words.extend(keys);
        self.unknown_word(self.place(error), error.instance(), &words);
    }

    fn no_object_form_fits(&mut self, error: &ValidationError<'_>, rule: &'m Value, forms: &[&Form<'_>]) {
        // The key whose word chooses the form: `kind: jwt`.
        if let Some(tag) = forms.iter().find_map(|form| form.tag()) {
            let chosen: Vec<&&Form<'_>> = forms
                .iter()
                .filter(|form| !form.misses(error, tag) && form.words_at(error, Some(tag)).is_none())
                .collect();
            if let [only] = chosen.as_slice() {
                return self.explain_all(only);
            }
            let words: Vec<&str> = forms.iter().flat_map(|form| form.tag_words(tag)).collect();
            return self.wrong_tag(error, tag, &words);
        }
        // The key that is the form: `file: {…}` or `memory: {…}`.
        let chosen: Vec<&&Form<'_>> = forms.iter().filter(|form| !form.misses_any(error)).collect();
        if let [only] = chosen.as_slice() {
            return self.explain_all(only);
        }
        if chosen.is_empty() && forms.iter().all(|form| form.required().count() == 1) {
            let known: Vec<&str> = forms.iter().flat_map(|form| form.required()).collect();
            let members = error.instance().as_object();
            let unknown: Vec<&String> = members
                .into_iter()
                .flat_map(|members| members.keys())
                .filter(|key| !known.contains(&key.as_str()))
                .collect();
            if !unknown.is_empty() {
                return unknown.into_iter().for_each(|key| self.unknown_key(error, key, &known, None));
            }
        }
        let schemas: Vec<&Value> = forms.iter().map(|form| form.schema).collect();
        self.list_forms(error, rule, &schemas);
    }

    fn explain_all(&mut self, form: &Form<'_>) {
        for error in form.errors {
            self.explain(error);
        }
    }

    fn wrong_tag(&mut self, error: &ValidationError<'_>, tag: &str, words: &[&str]) {
        match error.instance().get(tag) {
            Some(word) => self.unknown_word(self.place(error).child(tag), word, words),
            None => {
                let words: Vec<String> = words.iter().map(|word| format!("`{tag}: {word}`")).collect();
                let help = format!("add {}", words::join(&words, "or"));
                self.push(
                    error,
                    &Value::Null,
                    codes::KEY_MISSING,
                    format!("key `{tag}` is missing"),
                    Some(help),
                );
            }
        }
    }

    fn wrong_type_for_all(&mut self, error: &ValidationError<'_>, rule: &'m Value, schemas: &[&'m Value]) {
        let mut nouns: Vec<String> = Vec::new();
        for noun in schemas.iter().filter_map(|schema| noun(schema)) {
            if !nouns.contains(&noun) {
                nouns.push(noun);
            }
        }
        let takes = |name: &'static str| {
            schemas.iter().filter(move |schema| schema.get("type").is_some_and(|known| known == name))
        };
        let expected = Expected {
            noun: words::join(&nouns, "or"),
            text: takes("string").any(|schema| words::is_free_text(schema)),
            list: takes("array").next().is_some(),
            truth: takes("boolean").next().is_some(),
        };
        self.not_as_expected(error, rule, &expected);
    }

    fn list_forms(&mut self, error: &ValidationError<'_>, rule: &'m Value, schemas: &[&Value]) {
        let forms: Vec<String> = schemas.iter().filter_map(|schema| describe(schema)).collect();
        let found =
            if self.is_secret(rule) { "this value".to_owned() } else { words::found(error.instance()) };
        let message = format!("{found} fits none of the forms that can stand here");
        let help = (!forms.is_empty()).then(|| format!("write {}", words::join(&forms, "or")));
        self.push(error, rule, codes::NO_FORM_FITS, message, help);
    }
}

impl<'f> Form<'f> {
    fn is_of_other_type(&self, whole: &ValidationError<'_>) -> bool {
        self.errors.iter().any(|error| {
            error.instance_path() == whole.instance_path() && matches!(error.kind(), Kind::Type { .. })
        })
    }

    /// The words that would do at this place, if being none of them is a mistake here: of the value
    /// itself, or of its member `tag`.
    fn words_at(&self, whole: &ValidationError<'_>, tag: Option<&str>) -> Option<Vec<&'f str>> {
        let path = match tag {
            Some(tag) => whole.instance_path().join(tag),
            None => whole.instance_path().clone(),
        };
        self.errors.iter().filter(|error| *error.instance_path() == path).find_map(|error| {
            match error.kind() {
                Kind::Constant { expected_value } => Some(expected_value.as_str().into_iter().collect()),
                Kind::Enum { options } => {
                    Some(options.as_array()?.iter().filter_map(Value::as_str).collect())
                }
                _ => None,
            }
        })
    }

    /// The key whose one allowed word stands for this form.
    fn tag(&self) -> Option<&'f str> {
        let properties = self.schema.get("properties")?.as_object()?;
        self.required().find(|key| properties.get(*key).is_some_and(|schema| schema.get("const").is_some()))
    }

    fn tag_words(&self, tag: &str) -> Option<&'f str> {
        self.schema.get("properties")?.get(tag)?.get("const")?.as_str()
    }

    fn required(&self) -> impl Iterator<Item = &'f str> + use<'f> {
        self.schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    fn misses(&self, whole: &ValidationError<'_>, key: &str) -> bool {
        self.missing(whole).any(|missing| missing == key)
    }

    fn misses_any(&self, whole: &ValidationError<'_>) -> bool {
        self.missing(whole).next().is_some()
    }

    fn missing<'w>(&self, whole: &'w ValidationError<'_>) -> impl Iterator<Item = &'f str> + use<'f, 'w> {
        let (errors, path) = (self.errors, whole.instance_path());
        errors.iter().filter(move |error| error.instance_path() == path).filter_map(|error| {
            match error.kind() {
                Kind::Required { property } => property.as_str(),
                _ => None,
            }
        })
    }
}

/// The one key that an object of this form must have: what chooses the form.
fn only_key(schema: &Value) -> Option<&str> {
    match schema.get("required")?.as_array()?.as_slice() {
        [key] if schema.get("type")? == "object" => key.as_str(),
        _ => None,
    }
}

/// What a form is called when the value is of quite another type.
fn noun(schema: &Value) -> Option<String> {
    if let Some(named) = words::titled(schema).or_else(|| fixed_words(schema)) {
        return Some(named);
    }
    match schema.get("type")? {
        Value::String(name) if name == "null" => None,
        Value::String(name) => Some(words::type_noun(name).to_owned()),
        Value::Array(names) => {
            let names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            let nouns: Vec<String> = names.map(|name| words::type_noun(name).to_owned()).collect();
            Some(words::join(&nouns, "or"))
        }
        _ => None,
    }
}

/// The words of a form that is nothing but words.
fn fixed_words(schema: &Value) -> Option<String> {
    let words = match schema.get("enum").and_then(Value::as_array) {
        Some(words) => words.as_slice(),
        None => std::slice::from_ref(schema.get("const")?),
    };
    let words: Vec<String> = words.iter().filter_map(Value::as_str).map(quote).collect();
    (!words.is_empty()).then(|| words::join(&words, "or"))
}

/// What a form looks like.
fn describe(schema: &Value) -> Option<String> {
    let keys = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    let keys: Vec<String> = keys.filter_map(Value::as_str).map(quote).collect();
    let noun = noun(schema)?;
    Some(if keys.is_empty() { noun } else { format!("{noun} with {}", words::join(&keys, "and")) })
}
