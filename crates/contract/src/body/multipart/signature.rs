//! Whether a file begins like the type it claims to be (ASVS 5.2.2).
//!
//! The types that upload forms ask for have beginnings that no other type has. A file that claims one of
//! them and begins otherwise is refused, and so is text that begins like one of them. Types that are not
//! here are not told apart. That a file begins well does not make it sound: what reads it must still be
//! able to bear it.

/// How files of a type begin: each piece at its place.
type Beginning = &'static [(usize, &'static [u8])];

/// The beginnings of types, by media type.
const SIGNATURES: &[(&[&str], &[Beginning])] = &[
    (&["image/png", "image/apng"], &[&[(0, b"\x89PNG\r\n\x1a\n")]]),
    (&["image/jpeg"], &[&[(0, b"\xff\xd8\xff")]]),
    (&["image/gif"], &[&[(0, b"GIF87a")], &[(0, b"GIF89a")]]),
    (&["image/webp"], &[&[(0, b"RIFF"), (8, b"WEBP")]]),
    (&["image/tiff"], &[&[(0, b"II*\0")], &[(0, b"MM\0*")]]),
    (&["image/bmp"], &[&[(0, b"BM")]]),
    (&["image/avif", "image/heic", "image/heif", "video/mp4", "audio/mp4"], &[&[(4, b"ftyp")]]),
    (&["application/pdf"], &[&[(0, b"%PDF-")]]),
    (
        &[
            "application/zip",
            "application/x-zip-compressed",
            "application/epub+zip",
            "application/java-archive",
        ],
        ZIP,
    ),
    (&["application/gzip", "application/x-gzip"], &[&[(0, b"\x1f\x8b")]]),
    (&["audio/wav", "audio/x-wav", "audio/vnd.wave"], &[&[(0, b"RIFF"), (8, b"WAVE")]]),
    (&["audio/ogg", "video/ogg", "application/ogg"], &[&[(0, b"OggS")]]),
    (&["audio/flac"], &[&[(0, b"fLaC")]]),
    (&["video/webm", "audio/webm", "video/x-matroska"], &[&[(0, b"\x1a\x45\xdf\xa3")]]),
    (&["font/woff"], &[&[(0, b"wOFF")]]),
    (&["font/woff2"], &[&[(0, b"wOF2")]]),
];

const ZIP: &[Beginning] = &[&[(0, b"PK\x03\x04")], &[(0, b"PK\x05\x06")]];

/// Families of types that are ZIP archives.
const ZIP_FAMILIES: [&str; 2] =
    ["application/vnd.openxmlformats-officedocument.", "application/vnd.oasis.opendocument."];

/// Whether `content` cannot be what `essence` says.
pub(super) fn is_unlike(essence: &str, content: &[u8]) -> bool {
    if let Some(beginnings) = beginnings(essence) {
        return !begins(content, beginnings);
    }
    let is_text = essence.starts_with("text/") || matches!(essence, "application/json" | "application/xml");
    // Two bytes are too few to know a type by: `BM` begins many a text.
    is_text && SIGNATURES.iter().any(|(_, beginnings)| *beginnings != BITMAP && begins(content, beginnings))
}

const BITMAP: &[Beginning] = &[&[(0, b"BM")]];

fn beginnings(essence: &str) -> Option<&'static [Beginning]> {
    if ZIP_FAMILIES.iter().any(|family| essence.starts_with(family)) {
        return Some(ZIP);
    }
    SIGNATURES.iter().find(|(types, _)| types.contains(&essence)).map(|(_, beginnings)| *beginnings)
}

fn begins(content: &[u8], beginnings: &[Beginning]) -> bool {
    let stands = |(at, mark): &(usize, &[u8])| content.get(*at..).is_some_and(|rest| rest.starts_with(mark));
    beginnings.iter().any(|beginning| beginning.iter().all(stands))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_begins_like_its_type() {
        for (essence, content) in [
            ("image/png", &b"\x89PNG\r\n\x1a\n...."[..]),
            ("image/jpeg", b"\xff\xd8\xff\xe0"),
            ("image/gif", b"GIF89a"),
            ("image/webp", b"RIFF\0\0\0\0WEBPVP8 "),
            ("application/pdf", b"%PDF-1.7"),
            ("application/zip", b"PK\x03\x04"),
            ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", b"PK\x03\x04"),
            ("text/plain", b"BMW and others"),
            ("text/csv", b"a,b"),
            ("application/octet-stream", b"\x89PNG\r\n\x1a\n"),
            ("application/vnd.unknown", b"PK\x03\x04"),
        ] {
            assert!(!is_unlike(essence, content), "{essence}");
        }
        for (essence, content) in [
            ("image/png", &b"\xff\xd8\xff"[..]),
            ("image/png", b"<?php"),
            ("image/png", b""),
            ("image/webp", b"RIFF\0\0\0\0WAVE"),
            ("application/pdf", b"<html>"),
            ("application/vnd.oasis.opendocument.text", b"x"),
            ("text/plain", b"%PDF-1.7"),
            ("text/plain", b"PK\x03\x04"),
            ("application/json", b"GIF89a"),
        ] {
            assert!(is_unlike(essence, content), "{essence}");
        }
    }
}
