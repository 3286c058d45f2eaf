//! The files that the rules are about.

use std::path::{Path, PathBuf};

use crate::lexer::{self, Lexed};

/// Folders that hold Rust sources. Those that do not exist yet are passed over.
const RUST_FOLDERS: [&str; 5] = ["src", "tests", "benches", "examples", "loadtest"];

/// Folders that hold text of any kind.
const TEXT_FOLDERS: [&str; 8] = ["src", "tests", "benches", "examples", "loadtest", "docs", "scripts", ".ci"];

/// A Rust source file.
pub(crate) struct Source {
    /// The path from the root of the project, with `/`.
    pub(crate) file: String,
    /// The text as it stands.
    pub(crate) text: String,
    /// The text taken apart.
    pub(crate) lexed: Lexed,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target" && name != "fixtures") {
                walk(&path, found);
            }
        } else {
            found.push(path);
        }
    }
}

fn read(path: &Path) -> Option<(String, String)> {
    let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
    // What is not text (a recorded regression, a picture) is not subject to rules about words.
    std::fs::read_to_string(path).ok().map(|text| (name, text))
}

/// Every Rust source of the project, sorted by path.
pub(crate) fn rust() -> Vec<Source> {
    let mut paths = Vec::new();
    RUST_FOLDERS.iter().for_each(|folder| walk(&root().join(folder), &mut paths));
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    paths.sort();
    assert!(paths.len() > 50, "the sources were not found under {}", root().display());
    paths
        .iter()
        .filter_map(|path| read(path))
        .map(|(file, text)| Source { lexed: lexer::lex(&text), file, text })
        .collect()
}

/// Every text of the project with its path, sorted: sources, pages, scripts, manifests.
pub(crate) fn texts() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    TEXT_FOLDERS.iter().for_each(|folder| walk(&root().join(folder), &mut paths));
    for entry in std::fs::read_dir(root()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && path.file_name().is_some_and(|name| name != "Cargo.lock") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().filter_map(|path| read(path)).collect()
}
