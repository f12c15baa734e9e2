//! Rust source text, as far as the gates need to understand it: what is code, and what are comments and literals.

/// The source with the inside of comments, strings and characters blanked out; every line keeps its place.
#[must_use]
pub fn code_only(source: &str) -> String {
    let characters: Vec<char> = source.chars().collect();
    let mut code = String::with_capacity(source.len());
    let mut at = 0;
    while at < characters.len() {
        let rest = &characters[at..];
        let after_word = at > 0 && is_word(characters[at - 1]);
        let length = match rest {
            ['/', '/', ..] => rest.iter().position(|&c| c == '\n').unwrap_or(rest.len()),
            ['/', '*', ..] => block_comment(rest),
            ['"', ..] => string(rest),
            ['r', '"' | '#', ..] if !after_word => raw_string(rest, 1),
            ['b' | 'c', 'r', '"' | '#', ..] if !after_word => raw_string(rest, 2),
            ['\'', ..] => character(rest),
            _ => 0,
        };
        if length == 0 {
            code.push(rest[0]);
            at += 1;
        } else {
            code.extend(rest[..length].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at += length;
        }
    }
    code
}

/// The words of a text with the byte at which each begins: runs of letters, digits and underscores.
pub fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let start = text.as_ptr() as usize;
    text.split(|c| !is_word(c))
        .filter(|word| !word.is_empty())
        .map(move |word| (word.as_ptr() as usize - start, word))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of a block comment; comments nest.
fn block_comment(rest: &[char]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => {
                depth += 1;
                at += 2;
            }
            ['*', '/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

/// The length of a string literal, its quotes included.
fn string(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of a raw string whose marks begin behind `prefix` letters, or 0 for a raw identifier.
fn raw_string(rest: &[char], prefix: usize) -> usize {
    let hashes = rest[prefix..].iter().take_while(|&&c| c == '#').count();
    let body = prefix + hashes + 1;
    if rest.get(body - 1) != Some(&'"') {
        return 0;
    }
    let closes = |at: &usize| {
        rest[*at] == '"' && rest[at + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes
    };
    (body..rest.len()).find(closes).map_or(rest.len(), |quote| quote + 1 + hashes)
}

/// The length of a character literal, or 0 for a lifetime.
fn character(rest: &[char]) -> usize {
    match rest {
        // An escape is at least one character long, which may itself be a quote.
        ['\'', '\\', _, after @ ..] => after.iter().position(|&c| c == '\'').map_or(0, |quote| quote + 4),
        ['\'', _, '\'', ..] => 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(source: &str) -> Vec<String> {
        let code = code_only(source);
        assert_eq!(code.matches('\n').count(), source.matches('\n').count(), "{source}");
        words(&code).map(|(_, word)| word.to_owned()).collect()
    }

    #[test]
    fn comments_and_literals_are_no_code() {
        assert_eq!(kept("a // b\n c /* d /* e */ f */ g"), ["a", "c", "g"]);
        assert_eq!(kept(r#"a "b \" c" d b"e" f"#), ["a", "d", "b", "f"]);
        assert_eq!(kept("a r\"b\" c r#\"d \" e\"# f br##\"g\"# h\"## i\n"), ["a", "c", "f", "i"]);
        assert_eq!(kept("a 'b' '\\'' '\\u{63}' '\"' d"), ["a", "d"]);
        assert_eq!(kept("\"multi\nline\" a"), ["a"]);
    }

    #[test]
    fn lifetimes_and_raw_identifiers_are_code() {
        assert_eq!(kept("fn a<'b>(c: &'b str) { r#d }"), ["fn", "a", "b", "c", "b", "str", "r", "d"]);
        assert_eq!(kept("for\"x\" attr#[y]"), ["for", "attr", "y"]);
    }

    #[test]
    fn unfinished_literals_end_with_the_text() {
        for source in ["\"a", "/* a", "r#\"a", "// a", "\"\\", "'", "'\\"] {
            assert!(kept(source).iter().all(|word| word.is_empty()), "{source}");
        }
    }

    #[test]
    fn words_know_where_they_begin() {
        let found: Vec<_> = words("ab, cd_1::é").collect();
        assert_eq!(found, [(0, "ab"), (4, "cd_1"), (10, "é")]);
    }
}
