//! How a module's path becomes a tag.

use ntpool_types::Tag;

/// The tag of code that lies in no module, such as code made at run time.
pub(crate) const NOWHERE: Tag = Tag::from_text(*b"anon");

/// The tag of the module at `path`: the first four characters of its base name without `lib`, filled up with spaces.
///
/// What can't be printed becomes a question mark.
pub(crate) fn of_module(path: &[u8]) -> Tag {
    let base = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let name = match base.strip_prefix(b"lib") {
        Some(rest) if !rest.is_empty() => rest,
        _ => base,
    };
    let mut text = [b' '; 4];
    for (place, &byte) in text.iter_mut().zip(name) {
        *place = if byte.is_ascii_graphic() { byte } else { b'?' };
    }
    if name.is_empty() { NOWHERE } else { Tag::from_text(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_the_beginning_of_the_base_name_without_lib() {
        let tag = |path: &str| of_module(path.as_bytes()).to_string();
        assert_eq!(tag("/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0"), "pyth");
        assert_eq!(tag("/lib/x86_64-linux-gnu/libc.so.6"), "c.so");
        assert_eq!(tag("/usr/bin/git"), "git ");
        assert_eq!(tag("liblib.so"), "lib.");
        assert_eq!(tag("lib"), "lib ");
        assert_eq!(tag("/opt/a b"), "a?b ");
        assert_eq!(tag("ü"), "??  ");
        assert_eq!(tag("/opt/"), "anon");
        assert_eq!(tag(""), "anon");
    }

    #[test]
    fn every_tag_is_well_formed() {
        for path in ["/usr/bin/python3", "\u{1}\n", "", "/x/lib.so"] {
            assert!(of_module(path.as_bytes()).is_well_formed(), "{path:?}");
        }
    }
}
