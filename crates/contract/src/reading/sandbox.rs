//! References to other documents lead to files of one folder and nowhere else: no fetch, no way up.
//!
//! In: a reference and the name of the document that holds it. Out: a path below the folder. Pure: nothing is
//! opened here. Links within the folder are the operator's own.

use std::path::{Component, Path, PathBuf};

use super::Unresolved;

/// Where below `root` the file is that `reference` names, as written in the document `from`.
///
/// # Errors
/// [`Unresolved::Refused`] for an address, and for what lies outside `root`.
pub fn path_below(root: &Path, from: &str, reference: &str) -> Result<PathBuf, Unresolved> {
    if reference.contains("://") {
        return Err(Unresolved::Refused("documents are not fetched".to_owned()));
    }
    let folder = Path::new(from).parent().unwrap_or(Path::new(""));
    let folder = folder.strip_prefix(root).unwrap_or(folder);
    let mut path = PathBuf::new();
    for part in folder.join(reference).components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) => path.push(name),
            Component::ParentDir if path.pop() => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(Unresolved::Refused("it lies outside the folder that may be read".to_owned()));
            }
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(from: &str, reference: &str) -> Option<PathBuf> {
        path_below(Path::new("/etc/portcullis"), from, reference).ok()
    }

    #[test]
    fn references_are_read_from_where_they_stand() {
        let from = "/etc/portcullis/shop/openapi.yaml";
        assert_eq!(path(from, "./parts/order.yaml"), Some("shop/parts/order.yaml".into()));
        assert_eq!(path(from, "../common.yaml"), Some("common.yaml".into()));
    }

    #[test]
    fn nothing_leads_out_of_the_folder() {
        let from = "/etc/portcullis/shop/openapi.yaml";
        for reference in [
            "../../passwd",
            "/etc/passwd",
            "a/../../../x",
            "https://example.com/a.yaml",
            "file:///etc/passwd",
        ] {
            assert_eq!(path(from, reference), None, "{reference}");
        }
    }
}
