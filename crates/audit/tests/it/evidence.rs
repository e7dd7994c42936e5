//! What shows when somebody touched the record: signatures, anchors, files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis_audit::chain::{
    Against, Anchor, Break, BreakKind, Head, PublicKey, Signer, Summary, Verification, read_anchors,
};
use portcullis_audit::{Recorder, Retention, Rotation, Settings, SinkChoice, older_files};
use portcullis_domain::Clock;

use crate::fixture::{ARRIVAL, Walk};

/// A signed record of several files, and what was kept elsewhere.
struct Evidence {
    folder: tempfile::TempDir,
    key: PublicKey,
}

impl Evidence {
    fn new() -> Self {
        let signer = Arc::new(Signer::new(&Signer::make().unwrap()).unwrap());
        let evidence = Self { folder: tempfile::tempdir().unwrap(), key: signer.public() };
        evidence.record(Some(signer), Retention::default());
        evidence
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("audit.log")
    }

    fn record(&self, signer: Option<Arc<Signer>>, retention: Retention) {
        let settings = Settings {
            sink: SinkChoice::File(self.path()),
            rotation: Rotation { bytes: Some(20_000), every: None },
            retention,
            signer,
            anchors: Some(self.folder.path().join("anchors")),
            ..Settings::default()
        };
        let (recorder, walk) = (Recorder::open(&settings, Clock::manual(ARRIVAL)).unwrap(), Walk::new());
        let mut pen = recorder.pen();
        for _ in 0..20 {
            for _ in 0..10 {
                pen.write(&walk.event());
            }
            pen.flush();
            recorder.settle();
        }
        drop(pen);
        recorder.close();
    }

    fn files(&self) -> Vec<PathBuf> {
        let older = older_files(&self.path()).unwrap().into_iter().map(|file| file.path);
        older.chain([self.path()]).collect()
    }

    fn anchors(&self) -> Vec<Anchor> {
        let text = fs::read(self.folder.path().join("anchors")).unwrap();
        read_anchors(&*text, Some(&self.key)).unwrap().0
    }

    /// Verifies with all there is; a break comes with the file it is in.
    fn verify(&self) -> Result<Summary, (PathBuf, Break)> {
        let (head, anchors) = (Head::read(&self.path()).unwrap(), self.anchors());
        self.verify_against(Against { head: head.as_ref(), key: Some(&self.key), anchors: &anchors })
    }

    fn verify_against(&self, against: Against<'_>) -> Result<Summary, (PathBuf, Break)> {
        let mut verification = Verification::new(against);
        for file in self.files() {
            let text = fs::read(&file).unwrap();
            verification.read(&*text).map_err(|broken| (file, broken))?;
        }
        verification.finish().map_err(|broken| (self.path(), broken))
    }
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_signed_record_of_many_files_is_whole_and_anchored() {
    let evidence = Evidence::new();
    let files = evidence.files();
    assert!(files.len() > 3, "{files:?}");
    let summary = evidence.verify().unwrap();
    assert_eq!(summary.first, 1);
    assert_eq!(summary.signed, Some(summary.last - 2), "all but the last checkpoint and the closer");
    assert_eq!((summary.anchors, summary.earlier_anchors), (files.len(), 0));
    // Each file is signed at its end, so each can be given away alone.
    for file in files {
        let text = fs::read(&file).unwrap();
        let mut alone = Verification::new(Against { key: Some(&evidence.key), ..Against::default() });
        alone.read(&*text).unwrap();
        assert!(alone.finish().unwrap().signed.is_some());
    }
}

#[test]
fn a_changed_byte_a_removed_line_a_cut_tail_and_a_missing_file_name_their_spot() {
    let evidence = Evidence::new();
    let file = evidence.files()[1].clone();
    let whole = lines(&file);

    let mut changed = whole.clone();
    changed[4] = changed[4].replace("curl", "curI");
    fs::write(&file, changed.concat()).unwrap();
    assert_eq!(evidence.verify().unwrap_err(), (file.clone(), Break { line: 5, kind: BreakKind::Changed }));

    let mut removed = whole.clone();
    removed.remove(4);
    fs::write(&file, removed.concat()).unwrap();
    let (at, broken) = evidence.verify().unwrap_err();
    assert!(
        matches!(broken.kind, BreakKind::OutOfOrder { .. }) && broken.line == 5 && at == file,
        "{broken}"
    );

    fs::write(&file, whole[..6].concat()).unwrap();
    let (at, broken) = evidence.verify().unwrap_err();
    assert!(matches!(broken.kind, BreakKind::OutOfOrder { .. }) && broken.line == 1, "{broken}");
    assert_eq!(at, evidence.files()[2], "the next file says that lines are missing before it");

    fs::remove_file(&file).unwrap();
    let (at, broken) = evidence.verify().unwrap_err();
    assert!(matches!(broken.kind, BreakKind::OutOfOrder { .. }) && broken.line == 1, "{broken}");
    assert_eq!(at, evidence.files()[1]);
}

#[test]
fn a_tail_that_was_cut_together_with_the_head_beside_it_is_missed_by_what_was_kept_elsewhere() {
    let evidence = Evidence::new();
    let whole = lines(&evidence.path());
    fs::write(evidence.path(), whole[..2].concat()).unwrap();
    fs::remove_file(Head::path(&evidence.path())).unwrap();
    let (at, broken) = evidence.verify().unwrap_err();
    assert_eq!((at, broken.line), (evidence.path(), 3));
    assert!(matches!(broken.kind, BreakKind::EndMissing { .. }), "{broken}");
    let without = Against { key: Some(&evidence.key), ..Against::default() };
    assert!(evidence.verify_against(without).is_ok(), "nothing in the file itself tells");
}

#[test]
fn a_record_that_was_written_anew_with_another_key_or_none_does_not_pass() {
    let evidence = Evidence::new();
    let anchors = evidence.anchors();
    for file in evidence.files() {
        fs::remove_file(file).unwrap();
    }
    fs::remove_file(Head::path(&evidence.path())).unwrap();
    let forger = Arc::new(Signer::new(&Signer::make().unwrap()).unwrap());
    evidence.record(Some(Arc::clone(&forger)), Retention::default());
    let (_, broken) =
        evidence.verify_against(Against { key: Some(&evidence.key), ..Against::default() }).unwrap_err();
    assert_eq!(broken.kind, BreakKind::SignatureInvalid { key: forger.public().id() });
    let (_, broken) =
        evidence.verify_against(Against { anchors: &anchors, ..Against::default() }).unwrap_err();
    assert_eq!(broken.kind, BreakKind::AnchorDiffers);
    // What the forger signs is no anchor.
    let text = fs::read(evidence.folder.path().join("anchors")).unwrap();
    let (kept, unsigned) = read_anchors(&*text, Some(&evidence.key)).unwrap();
    assert_eq!(kept, anchors);
    assert!(unsigned > 0);
}

#[test]
fn files_that_retention_deleted_are_recorded_and_no_break() {
    let evidence = Evidence::new();
    evidence.record(None, Retention { age: None, bytes: Some(50_000) });
    let summary =
        evidence.verify_against(Against { anchors: &evidence.anchors(), ..Against::default() }).unwrap();
    assert!(summary.first > 1 && summary.earlier_anchors > 0, "{summary:?}");
    let kept: String = evidence.files().iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    assert!(kept.contains("\"event\":\"audit_removed\""));
}

#[test]
fn what_a_collector_kept_of_the_record_holds_anchors_too() {
    let evidence = Evidence::new();
    let syslog: String = evidence
        .files()
        .iter()
        .flat_map(|file| lines(file))
        .map(|line| format!("Nov 24 06:38:00 edge portcullis - audit [meta] {line}"))
        .collect();
    let (found, unsigned) = read_anchors(syslog.as_bytes(), Some(&evidence.key)).unwrap();
    assert_eq!((found, unsigned), (evidence.anchors(), 0));
}
