//! Takes a source apart into code and comments, so that a rule about one is not fooled by the other.
//!
//! It knows strings, raw strings, characters, lifetimes and nested comments, and nothing else of Rust.

/// A source as two texts of the same shape: every character stands at its own line in exactly one of them,
/// with spaces in the other. The contents of strings and characters are in neither.
pub(crate) struct Lexed {
    pub(crate) code: String,
    pub(crate) comments: String,
}

/// Where the text at `at` stops being what it began as.
enum Piece {
    Code(usize),
    Comment(usize),
    /// A literal: its first and last character are code, what is between them is nothing.
    Literal(usize),
}

pub(crate) fn lex(text: &str) -> Lexed {
    let chars: Vec<char> = text.chars().collect();
    let mut lexed = Lexed { code: String::new(), comments: String::new() };
    let mut at = 0;
    while at < chars.len() {
        let piece = piece_at(&chars, at);
        let (Piece::Code(end) | Piece::Comment(end) | Piece::Literal(end)) = piece;
        for (index, &c) in chars[at..end].iter().enumerate() {
            let edge = index == 0 || at + index + 1 == end;
            let blank = if c == '\n' { '\n' } else { ' ' };
            let (code, comment) = match piece {
                Piece::Code(_) => (c, blank),
                Piece::Comment(_) => (blank, c),
                Piece::Literal(_) => (if edge { c } else { blank }, blank),
            };
            lexed.code.push(code);
            lexed.comments.push(comment);
        }
        at = end;
    }
    lexed
}

fn piece_at(chars: &[char], at: usize) -> Piece {
    let next = chars.get(at + 1).copied();
    match chars[at] {
        '/' if next == Some('/') => Piece::Comment(find(chars, at, |c| c == '\n')),
        '/' if next == Some('*') => Piece::Comment(block_comment(chars, at)),
        '"' => Piece::Literal(string(chars, at)),
        'r' if !at.checked_sub(1).is_some_and(|before| is_word(chars[before])) => raw_string(chars, at),
        '\'' => character(chars, at),
        _ => Piece::Code(at + 1),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn find(chars: &[char], from: usize, stop: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|&c| stop(c)).map_or(chars.len(), |offset| from + offset)
}

fn block_comment(chars: &[char], at: usize) -> usize {
    let (mut end, mut depth) = (at, 0);
    while end < chars.len() {
        match (chars[end], chars.get(end + 1)) {
            ('/', Some('*')) => (depth, end) = (depth + 1, end + 2),
            ('*', Some('/')) => (depth, end) = (depth - 1, end + 2),
            _ => end += 1,
        }
        if depth == 0 {
            break;
        }
    }
    end.min(chars.len())
}

fn string(chars: &[char], at: usize) -> usize {
    let mut end = at + 1;
    while end < chars.len() && chars[end] != '"' {
        end += if chars[end] == '\\' { 2 } else { 1 };
    }
    (end + 1).min(chars.len())
}

fn raw_string(chars: &[char], at: usize) -> Piece {
    let quote = find(chars, at + 1, |c| c != '#');
    if chars.get(quote) != Some(&'"') {
        return Piece::Code(at + 1);
    }
    let hashes = quote - at - 1;
    let mut end = quote + 1;
    while end < chars.len() {
        let closes = chars[end] == '"' && chars[end + 1..].iter().take(hashes).all(|&c| c == '#');
        end += 1;
        if closes {
            break;
        }
    }
    Piece::Literal((end + hashes).min(chars.len()))
}

/// A character, or the quote of a lifetime.
fn character(chars: &[char], at: usize) -> Piece {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) => Piece::Literal((find(chars, at + 3, |c| c == '\'') + 1).min(chars.len())),
        (Some(_), Some('\'')) => Piece::Literal(at + 3),
        _ => Piece::Code(at + 1),
    }
}

#[test]
fn code_and_comments_are_told_apart_whatever_stands_in_strings() {
    let lexed = lex(
        "let a = \"// no\"; // yes 'x\nlet b: &'static str = r#\"\"/*\"#; /* c /* d */ e */ f('\\'', '\"');",
    );
    assert!(!lexed.code.contains("no") && !lexed.code.contains("yes") && !lexed.code.contains("c /"));
    assert!(lexed.code.contains("&'static str") && lexed.code.contains("f("));
    assert!(lexed.comments.contains("// yes 'x") && lexed.comments.contains("/* c /* d */ e */"));
    assert!(!lexed.comments.contains("no"));
}
