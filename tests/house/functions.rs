//! Functions as the rules see them: a name, where it stands, how long it is, whether it is a test.

use crate::tree::Source;

pub(crate) struct Function {
    pub(crate) name: String,
    /// The line of `fn`, counted from 1.
    pub(crate) line: usize,
    /// Lines from `fn` to the closing brace.
    pub(crate) lines: usize,
    pub(crate) is_test: bool,
}

/// Every function with a body. Braces in strings do not count, because the lexer has blanked them.
pub(crate) fn functions(source: &Source) -> Vec<Function> {
    let lines: Vec<&str> = source.lexed.code.lines().collect();
    let mut found = Vec::new();
    for (index, text) in lines.iter().enumerate() {
        let Some(name) = name_of(text) else { continue };
        let Some(lines_long) = length(&lines[index..]) else { continue };
        let is_test =
            attributes(&lines[..index]).any(|line| line.contains("#[test]") || line.contains("::test"));
        found.push(Function { name, line: index + 1, lines: lines_long, is_test });
    }
    found
}

fn name_of(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let before = ["pub", "pub(crate)", "pub(super)", "const", "async", "unsafe"];
    let keyword = words.find(|word| !before.contains(word))?;
    let name = words.next().filter(|_| keyword == "fn")?;
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    Some(name[..end].to_owned())
}

/// The attribute lines right above a function, which may span several lines each.
fn attributes<'a>(above: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    above.iter().rev().copied().take_while(|line| {
        let line = line.trim();
        !(line.is_empty() || line.ends_with('}') || line.ends_with(';') || line.ends_with('{'))
    })
}

/// Lines up to the end of the body; `None` for a function without one.
fn length(lines: &[&str]) -> Option<usize> {
    let (mut depth, mut brackets, mut opened) = (0_i32, 0_i32, false);
    for (index, line) in lines.iter().enumerate() {
        for c in line.chars() {
            match c {
                '(' | '[' => brackets += 1,
                ')' | ']' => brackets -= 1,
                '{' => (depth, opened) = (depth + 1, true),
                '}' => depth -= 1,
                ';' if !opened && brackets == 0 => return None,
                _ => {}
            }
            if opened && depth == 0 {
                return Some(index + 1);
            }
        }
    }
    None
}
