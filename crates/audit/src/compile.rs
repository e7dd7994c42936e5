//! From the written audit settings to [`Settings`], with every mistake shown at its place.

use portcullis_config::codes::record as codes;
use portcullis_config::{ByteSize, Diagnostic, Diagnostics, Environment, Place};

use crate::config::{AuditConfig, KeepConfig, OnFailureConfig, RotateConfig};
use crate::pseudonym::Pseudonyms;
use crate::recorder::{OnFailure, Settings};
use crate::repeats::Repeats;
use crate::rotation::{Retention, Rotation};
use crate::sink::SinkChoice;

const SMALLEST_QUEUE: ByteSize = ByteSize(64 * 1024);
const LARGEST_QUEUE: ByteSize = ByteSize(1024 * 1024 * 1024);

/// Compiles the `audit` section, which stands at `place`. `None` if anything in it is a mistake.
pub fn compile(
    config: &AuditConfig,
    place: &Place,
    environment: &Environment,
    diagnostics: &mut Diagnostics,
) -> Option<Settings> {
    let sink = compile_sink(config, place, environment, diagnostics);
    let is_sound = (SMALLEST_QUEUE..=LARGEST_QUEUE).contains(&config.queue);
    if !is_sound {
        diagnostics.push(
            Diagnostic::error(codes::QUEUE_RANGE, format!("a queue of `{}` is out of range", config.queue))
                .at(place.child("queue"))
                .help(format!("write a size from `{SMALLEST_QUEUE}` to `{LARGEST_QUEUE}`")),
        );
    }
    let on_failure = on_failure(config.on_failure);
    let is_kept_sound = check_files(config, place, diagnostics);
    let pseudonyms = pseudonyms(config, place, environment, diagnostics);
    let sink = sink.filter(|_| is_sound && is_kept_sound)?;
    let pseudonyms = pseudonyms.ok()?;
    Some(Settings {
        sink,
        queue_bytes: config.queue.as_usize(),
        on_failure,
        repeats: Repeats { after: config.repeats.after, within: config.repeats.within.0 },
        pseudonyms,
        rotation: rotation(config.rotate),
        retention: retention(config.keep),
        anchors: config.anchors.as_ref().map(|anchors| environment.path(anchors)),
        ..Settings::default()
    })
}

/// A mistake was found, and shown.
struct Mistaken;

fn pseudonyms(
    config: &AuditConfig,
    place: &Place,
    environment: &Environment,
    diagnostics: &mut Diagnostics,
) -> Result<Option<Pseudonyms>, Mistaken> {
    let Some(reference) = &config.pseudonyms else { return Ok(None) };
    let place = place.child("pseudonyms");
    let key = reference.resolve_at(environment, &place, diagnostics).ok_or(Mistaken)?;
    let pseudonyms = Pseudonyms::new(&key);
    if pseudonyms.is_none() {
        diagnostics.push(
            Diagnostic::error(codes::PSEUDONYM_KEY_SHORT, "the key has fewer than 16 bytes")
                .at(place)
                .help("make one with `openssl rand -base64 32`"),
        );
    }
    pseudonyms.map(Some).ok_or(Mistaken)
}

/// What happens to requests, as it is written.
#[must_use]
pub const fn on_failure(config: OnFailureConfig) -> OnFailure {
    match config {
        OnFailureConfig::Continue => OnFailure::Continue,
        OnFailureConfig::Deny => OnFailure::Deny,
    }
}

/// When a file ends, as it is written.
#[must_use]
pub fn rotation(config: RotateConfig) -> Rotation {
    Rotation { bytes: config.size.map(|size| size.0), every: config.every.map(|every| every.0) }
}

/// What is kept, as it is written.
#[must_use]
pub fn retention(config: KeepConfig) -> Retention {
    Retention { age: config.age.map(|age| age.0), bytes: config.size.map(|size| size.0) }
}

/// Rotation and retention are about files that the gateway itself begins and ends.
fn check_files(config: &AuditConfig, place: &Place, diagnostics: &mut Diagnostics) -> bool {
    let rotates = config.rotate != RotateConfig::default();
    let keeps = config.keep != KeepConfig::default();
    let mistake = match (&config.file, rotates, keeps) {
        (None, true, _) => {
            Some(("rotate", "there is no file to rotate", "name a `file`, or remove `rotate`"))
        }
        (None, _, true) => {
            Some(("keep", "there are no older files to keep", "name a `file`, or remove `keep`"))
        }
        (Some(_), false, true) => Some((
            "keep",
            "files are never deleted that do not end",
            "say with `rotate` when a file ends, or leave keeping to `logrotate`",
        )),
        (_, _, _) => None,
    };
    if let Some((key, message, help)) = mistake {
        diagnostics
            .push(Diagnostic::error(codes::KEEPING_POINTLESS, message).at(place.child(key).key()).help(help));
    }
    mistake.is_none()
}

fn compile_sink(
    config: &AuditConfig,
    place: &Place,
    environment: &Environment,
    diagnostics: &mut Diagnostics,
) -> Option<SinkChoice> {
    let Some(file) = &config.file else { return Some(SinkChoice::Stdout) };
    if config.stdout {
        diagnostics.push(
            Diagnostic::error(
                codes::SINK_AMBIGUOUS,
                "the record goes to a file or to standard output, not to both",
            )
            .at(place.child("stdout").key())
            .related(place.child("file"), "a file is named here")
            .help("remove one of them; a collector can read the file as well"),
        );
        return None;
    }
    let path = environment.path(file);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => std::path::Path::new("."),
    };
    let is_file = path.file_name().is_some() && !path.is_dir();
    if !is_file || !folder.is_dir() {
        diagnostics.push(
            Diagnostic::error(
                codes::FILE_UNREACHABLE,
                format!("no record can be kept at `{}`", file.escape_debug()),
            )
            .at(place.child("file"))
            .label(if is_file { "the folder does not exist" } else { "this is a folder" })
            .help("name a file in a folder that exists and that the gateway may write to"),
        );
        return None;
    }
    Some(SinkChoice::File(path))
}

#[cfg(test)]
mod tests {
    use portcullis_config::{Document, Limits, decode};

    use super::*;

    #[track_caller]
    fn read(text: &str) -> Result<Settings, Vec<&'static str>> {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::fixed::<&str, &str>([]).with_base(folder.path());
        let document = Document::parse("audit.json", text.as_bytes(), &Limits::default());
        let document = document.unwrap_or_else(|mistakes| panic!("{}", mistakes.len()));
        let mut diagnostics = Diagnostics::new();
        let config: Option<AuditConfig> = decode(&document, &mut diagnostics);
        let settings =
            config.and_then(|config| compile(&config, &document.at(""), &environment, &mut diagnostics));
        assert_eq!(settings.is_none(), diagnostics.has_errors());
        settings.ok_or_else(|| diagnostics.iter().map(|mistake| mistake.code().0).collect())
    }

    #[test]
    fn nothing_said_records_on_standard_output() {
        let settings = read("{}").unwrap();
        assert!(matches!(settings.sink, SinkChoice::Stdout));
        assert_eq!((settings.queue_bytes, settings.on_failure), (8 << 20, OnFailure::Continue));
        assert_eq!(AuditConfig::default(), serde_json::from_str("{}").unwrap());
    }

    #[test]
    fn a_file_is_meant_from_the_configuration() {
        let settings = read(r#"{"file": "audit.log", "on_failure": "deny", "queue": "1 MiB"}"#).unwrap();
        assert!(
            matches!(settings.sink, SinkChoice::File(path) if path.is_absolute() && path.ends_with("audit.log"))
        );
        assert_eq!((settings.queue_bytes, settings.on_failure), (1 << 20, OnFailure::Deny));
    }

    #[test]
    fn files_end_and_are_kept_as_it_is_written() {
        let settings = read(
            r#"{"file": "audit.log", "rotate": {"size": "1 GiB", "every": "1d"}, "keep": {"age": "365d"}, "anchors": "heads"}"#,
        );
        let settings = settings.unwrap();
        let day = std::time::Duration::from_secs(86_400);
        assert_eq!(settings.rotation, Rotation { bytes: Some(1 << 30), every: Some(day) });
        assert_eq!(settings.retention, Retention { age: Some(day * 365), bytes: None });
        assert!(settings.anchors.unwrap().ends_with("heads"));
    }

    #[test]
    fn every_mistake_is_shown_at_once() {
        assert_eq!(read(r#"{"file": "a", "stdout": true, "queue": 1}"#).unwrap_err(), ["C0601", "C0603"]);
        assert_eq!(read(r#"{"rotate": {"size": "1 MiB"}}"#).unwrap_err(), ["C0604"]);
        assert_eq!(read(r#"{"file": "a", "keep": {"age": "365d"}}"#).unwrap_err(), ["C0604"]);
        assert_eq!(read(r#"{"file": "missing/audit.log"}"#).unwrap_err(), ["C0602"]);
        assert_eq!(read(r#"{"file": ".."}"#).unwrap_err(), ["C0602"]);
    }
}
