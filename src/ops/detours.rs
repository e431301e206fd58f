//! Paths that were typed, without detours: `./src/../../up` becomes `../up`, so that one folder has one name in the manifest. `..` behind a
//! link stays as it was typed, because it is not the folder that the link is in.

use std::path::{Component, Path, PathBuf};

use crate::fs::{self, Entry};

/// Whether a path goes somewhere that it leaves again, or says twice where it is.
pub(super) fn has_detour(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let pairs = parts.iter().zip(parts.iter().skip(1));
    let mut pairs = pairs.enumerate();
    pairs.any(|(index, (before, part))| match *part {
        "." => true,
        ".." => *before != "..",
        "" => index + 2 < parts.len(),
        _ => false,
    })
}

/// Where a relative path leads from a folder, with each `..` that cannot be followed in its text; `None` for any other path.
pub(super) fn followed(from: &Path, path: &str) -> Option<PathBuf> {
    let mut at = from.to_owned();
    for component in Path::new(path).components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) => at.push(name),
            Component::ParentDir => match above(&at) {
                Some(folder) => at = folder,
                None => at.push(component),
            },
            Component::Prefix(_) | Component::RootDir => return None,
        }
    }
    Some(at)
}

/// The relative path from a folder to another path; `None` if a link is on the way up.
pub(super) fn relative(from: &Path, to: &Path) -> Option<String> {
    let (mut base, mut up) = (from.to_owned(), String::new());
    let rest = loop {
        if let Ok(rest) = to.strip_prefix(&base) {
            break rest;
        }
        base = above(&base)?;
        up.push_str("../");
    };
    let rest = rest.display().to_string();
    let path = match (up.is_empty(), rest.is_empty()) {
        (true, true) => ".".to_owned(),
        (true, false) => format!("./{rest}"),
        (false, true) => up.trim_end_matches('/').to_owned(),
        (false, false) => up + &rest,
    };
    Some(if cfg!(windows) {
        path.replace('\\', "/")
    } else {
        path
    })
}

/// The folder that a folder is in; `None` if it is a link, or no folder, or its path ends in `..`.
fn above(folder: &Path) -> Option<PathBuf> {
    folder.file_name()?;
    let is_folder = fs::entry(folder).is_ok_and(|entry| entry == Entry::Folder);
    is_folder.then(|| folder.parent().map(Path::to_owned))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_detours_are_detours() {
        for path in [
            "./src/../../up",
            "../a/../b",
            "./../up",
            "./a/./b",
            "./a//b",
            "../up/.",
        ] {
            assert!(has_detour(path), "{path}");
        }
        for path in [".", "..", "./a", "../../a/b", "./a/", "../", "./a/b.md"] {
            assert!(!has_detour(path), "{path}");
        }
    }

    #[test]
    fn a_path_without_detours_leads_to_the_same_place() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonical(folder.path()).unwrap();
        let project = root.join("project");
        fs::create_folder(&project.join("src")).unwrap();
        fs::create_folder(&root.join("up")).unwrap();
        for (from, path, expected) in [
            ("project", "./src/../../up", "../up"),
            ("project", "./src/../x", "./x"),
            ("project", "./src/..", "."),
            ("project", "../up/..", ".."),
            ("project/src", "../../up", "../up"),
            ("project", "./absent/../../up", "./absent/../../up"),
            ("project/src", "../absent/../x", "./absent/../x"),
        ] {
            let to = followed(&root.join(from), path);
            let shown = to.and_then(|to| relative(&project, &to));
            assert_eq!(shown.as_deref(), Some(expected), "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_folder_above_a_link_is_not_guessed() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonical(folder.path()).unwrap();
        fs::create_folder(&root.join("elsewhere/deep")).unwrap();
        std::os::unix::fs::symlink(root.join("elsewhere/deep"), root.join("link")).unwrap();
        fs::create_folder(&root.join("project/sub")).unwrap();
        let project = root.join("project");
        for (path, expected) in [
            ("./../../link/../up", "../link/../up"),
            ("./../../link/up", "../link/up"),
            ("./../../link/../../up", "../link/../../up"),
            ("./../../link/./../deep/../up", "../link/../up"),
            ("../../elsewhere/../link/..", "../link/.."),
        ] {
            let to = followed(&project.join("sub"), path).unwrap();
            let shown = relative(&project, &to);
            assert_eq!(shown.as_deref(), Some(expected), "{path}");
        }
    }
}
