//! Runs the binary and keeps what it said.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use serde_json::Value;

/// What one run said.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_earmark"));
    command.stdin(Stdio::null()).env("COLUMNS", "100");
    command
}

pub fn run<S: AsRef<OsStr>>(arguments: &[S]) -> Ran {
    let output = command().args(arguments).output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs a command on a folder: `"inspect * order o1"`, where `*` stands for the folder.
#[track_caller]
pub fn on(folder: &Path, line: &str) -> Ran {
    let folder = folder.to_str().unwrap();
    let arguments: Vec<_> = line.split(' ').map(|word| if word == "*" { folder } else { word }).collect();
    run(&arguments)
}

/// The same, of which nothing but success is expected.
#[track_caller]
pub fn fine(folder: &Path, line: &str) -> String {
    let ran = on(folder, line);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "earmark {line}");
    ran.out
}

/// The same with `--json`, which has to be one object.
#[track_caller]
pub fn json(folder: &Path, line: &str) -> Value {
    serde_json::from_str(&fine(folder, &format!("{line} --json"))).unwrap()
}

/// The same where there is an object for each line.
#[track_caller]
pub fn lines(folder: &Path, line: &str) -> Vec<Value> {
    fine(folder, line).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Name, content and time of the last change of every file in a folder, and of the folder.
pub fn image(folder: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    let mut files = BTreeMap::new();
    files.insert(String::new(), (Vec::new(), std::fs::metadata(folder).unwrap().modified().unwrap()));
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let changed = entry.metadata().unwrap().modified().unwrap();
        let name = entry.file_name().into_string().unwrap();
        files.insert(name, (std::fs::read(entry.path()).unwrap(), changed));
    }
    files
}

/// The segments of a folder, in order.
pub fn segments(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries.filter(|path| path.extension().is_some_and(|it| it == "seg")).collect();
    found.sort();
    found
}
