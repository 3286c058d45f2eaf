//! The paths that a piece of code names: `use a::{b, c::d}` is `a::b` and `a::c::d`, `x::y(…)` is `x::y`.

/// Every path of at least two segments, with the line on which it begins, counted from 1.
pub(crate) fn paths(code: &str) -> Vec<(usize, Vec<String>)> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let line = tokens[at].0;
        if is_name(&tokens[at].1) {
            let mut prefix = Vec::new();
            let mut here = Vec::new();
            at = take(&tokens, at, &mut prefix, &mut here);
            found.extend(here.into_iter().filter(|path| path.len() > 1).map(|path| (line, path)));
        } else {
            at += 1;
        }
    }
    found
}

/// Takes the path that begins at `at`; answers where it ends.
fn take(
    tokens: &[(usize, String)],
    mut at: usize,
    prefix: &mut Vec<String>,
    found: &mut Vec<Vec<String>>,
) -> usize {
    let depth = prefix.len();
    let text = |at: usize| tokens.get(at).map(|token| token.1.as_str());
    loop {
        match text(at) {
            Some(name) if is_name(name) => prefix.push(name.to_owned()),
            Some("{") => {
                at += 1;
                while !matches!(text(at), None | Some("}")) {
                    let begins = text(at).is_some_and(|token| is_name(token) || token == "{");
                    at = if begins { take(tokens, at, prefix, found) } else { at + 1 };
                }
                prefix.truncate(depth);
                return at + 1;
            }
            // A glob, or type arguments: what was named so far is the path.
            _ => {
                found.push(prefix.clone());
                prefix.truncate(depth);
                return at + 1;
            }
        }
        if text(at + 1) != Some("::") {
            found.push(prefix.clone());
            prefix.truncate(depth);
            return at + 1;
        }
        at += 2;
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn tokens(code: &str) -> Vec<(usize, String)> {
    let mut tokens: Vec<(usize, String)> = Vec::new();
    for (line, text) in code.lines().zip(1..).map(|(text, line)| (line, text)) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let end = if c.is_alphanumeric() || c == '_' {
                rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                c.len_utf8()
            };
            let (token, behind) = rest.split_at(end);
            if !c.is_whitespace() {
                tokens.push((line, token.to_owned()));
            }
            rest = behind;
        }
    }
    tokens
}

#[test]
fn grouped_and_nested_imports_are_written_out_in_full() {
    let code = "use crate::{a::b, c::{self, d}};\nlet x = std::fs::read(y);";
    let joined: Vec<String> =
        paths(code).iter().map(|(line, path)| format!("{line} {}", path.join("::"))).collect();
    assert_eq!(joined, ["1 crate::a::b", "1 crate::c::self", "1 crate::c::d", "2 std::fs::read"]);
}
