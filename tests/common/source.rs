//! The crate's own source as tokens, for the tests that hold it to its rules: without comments, the
//! content of literals and test modules.

use std::fs;
use std::path::Path;

/// One file of `src`.
pub(crate) struct Source {
    /// Relative to `src`, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) tokens: Vec<Token>,
}

/// A word, `::`, or one character; literals of text are `""`.
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// Every file of `src`, in the order of their paths.
pub(crate) fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src can be listed") {
            let path = entry.expect("src can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("the file is text");
                let parts: Vec<_> = path
                    .strip_prefix(&root)
                    .expect("it was found below src")
                    .iter()
                    .map(|part| part.to_str().expect("our own names are text"))
                    .collect();
                sources.push(Source::new(&parts.join("/"), &text));
            }
        }
    }
    assert!(!sources.is_empty(), "src has no files");
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), tokens: without_test_modules(tokens(text)) }
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let text: Vec<char> = text.chars().collect();
    let at = |index: usize| text.get(index).copied().unwrap_or('\0');
    let is_word = |character: char| character.is_alphanumeric() || character == '_';

    let mut tokens = Vec::new();
    let (mut index, mut line) = (0, 1);
    while index < text.len() {
        let start = index;
        let word = match (at(index), at(index + 1)) {
            (' ' | '\t' | '\r' | '\n', _) => {
                index += 1;
                None
            }
            ('/', '/') => {
                while index < text.len() && at(index) != '\n' {
                    index += 1;
                }
                None
            }
            ('/', '*') => {
                let mut depth = 0;
                loop {
                    match (at(index), at(index + 1)) {
                        ('/', '*') => (depth, index) = (depth + 1, index + 2),
                        ('*', '/') => (depth, index) = (depth - 1, index + 2),
                        _ => index += 1,
                    }
                    if depth == 0 || index >= text.len() {
                        break None;
                    }
                }
            }
            ('"', _) => {
                index = end_of_quoted(&text, index);
                Some("\"\"".to_owned())
            }
            // A character, or the name of a lifetime.
            ('\'', next) if next == '\\' || at(index + 2) == '\'' => {
                index = end_of_quoted(&text, index);
                Some("\"\"".to_owned())
            }
            (':', ':') => {
                index += 2;
                Some("::".to_owned())
            }
            (first, _) if is_word(first) => {
                while is_word(at(index)) {
                    index += 1;
                }
                let word: String = text[start..index].iter().collect();
                let hashes = (index..).take_while(|index| at(*index) == '#').count();
                let quote = at(index + hashes);
                if matches!(&*word, "r" | "br" | "cr") && quote == '"' {
                    index += hashes + 1;
                    let closes = |index: usize| {
                        at(index) == '"' && (1..=hashes).all(|hash| at(index + hash) == '#')
                    };
                    while index < text.len() && !closes(index) {
                        index += 1;
                    }
                    index += 1 + hashes;
                    Some("\"\"".to_owned())
                } else if matches!(&*word, "b" | "c") && hashes == 0 && matches!(quote, '"' | '\'')
                {
                    index = end_of_quoted(&text, index);
                    Some("\"\"".to_owned())
                } else {
                    Some(word)
                }
            }
            (other, _) => {
                index += 1;
                Some(other.to_string())
            }
        };
        if let Some(text) = word {
            tokens.push(Token { text, line });
        }
        let end = index.min(text.len());
        line += text[start..end].iter().filter(|c| **c == '\n').count();
    }
    tokens
}

/// The index behind a literal that begins with the quote at `start`.
fn end_of_quoted(text: &[char], start: usize) -> usize {
    let mut index = start + 1;
    while let Some(character) = text.get(index) {
        match character {
            '\\' => index += 2,
            character if *character == text[start] => return index + 1,
            _ => index += 1,
        }
    }
    index
}

/// Leaves out `#[cfg(test)] mod name { … }`.
fn without_test_modules(tokens: Vec<Token>) -> Vec<Token> {
    const ATTRIBUTE: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];

    let mut kept = Vec::with_capacity(tokens.len());
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        kept.push(token);
        let is_test_module = tokens.peek().is_some_and(|next| next.text == "mod")
            && kept
                .iter()
                .rev()
                .zip(ATTRIBUTE.iter().rev())
                .all(|(token, expected)| token.text == *expected)
            && kept.len() >= ATTRIBUTE.len();
        if is_test_module {
            kept.truncate(kept.len() - ATTRIBUTE.len());
            let mut depth = 0;
            for token in tokens.by_ref() {
                match &*token.text {
                    "{" => depth += 1,
                    "}" => depth -= 1,
                    ";" if depth == 0 => break,
                    _ => continue,
                }
                if depth == 0 {
                    break;
                }
            }
        }
    }
    kept
}
