//! Functions and lines for the addresses that a child reported.

use crate::driver::Driver;
use ntpool_finding::{Frame, Hex, Stack};
use ntpool_image::Symbols;
use std::collections::HashMap;

/// How many places of one text are named, how long a name may be, and how many offsets are looked up in a run. The texts
/// and the image are a stranger's.
const MOST_PLACES: usize = 16;
const LONGEST_NAME: usize = 512;
const MOST_LOOKUPS: usize = 1 << 14;

/// Looks up functions and lines in the parent's own copy of an image.
pub(crate) struct Symbolizer<'a> {
    driver: &'a Driver,
    symbols: Option<Symbols>,
    known: HashMap<u32, Vec<Frame>>,
}

impl<'a> Symbolizer<'a> {
    pub(crate) fn new(driver: &'a Driver) -> Symbolizer<'a> {
        Symbolizer { driver, symbols: None, known: HashMap::new() }
    }

    /// What the debug information had to say about itself.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.symbols.as_ref().map(|symbols| symbols.notes().to_vec()).unwrap_or_default()
    }

    /// Fills in the frames of a stack; a frame with inlined functions becomes several.
    pub(crate) fn fill_in(&mut self, stack: &mut Stack) {
        stack.frames =
            std::mem::take(&mut stack.frames).into_iter().flat_map(|frame| self.resolve(frame)).collect();
    }

    /// Puts the function before each place in the driver that a text names, as in `drv.sys+0x1040`, and its line after it:
    /// `Worker+0x40 (drv.sys+0x1040, worker.c:12)`.
    pub(crate) fn name_places(&mut self, text: &str) -> String {
        let before = format!("{}+0x", self.driver.name);
        let mut parts = text.splitn(MOST_PLACES + 1, before.as_str());
        let mut named = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            // `mydrv.sys` ends like `drv.sys`.
            if named.ends_with(|c: char| c.is_alphanumeric() || "._-".contains(c)) {
                named += &before;
                named += part;
                continue;
            }
            let (digits, rest) =
                part.split_at(part.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(part.len()));
            let place = format!("{before}{digits}");
            let offset = u64::from_str_radix(digits, 16).ok();
            match offset.and_then(|offset| self.name(offset, &place)) {
                Some(with_name) => named += &with_name,
                None => named += &place,
            }
            named += rest;
        }
        named
    }

    /// A place in the driver with its function and line, where they are known.
    fn name(&mut self, offset: u64, place: &str) -> Option<String> {
        let module = Some(self.driver.name.clone());
        let frame = Frame { module, offset: Some(Hex(offset)), ..Frame::default() };
        let mut frames = self.resolve(frame);
        // The innermost function is the one whose line it is; the outermost is the one that has an address.
        let line = frames.first().and_then(|frame| Some((frame.file.clone()?, frame.line?)));
        let Frame { function, function_offset, .. } = frames.pop()?;
        let mut named = function?;
        match function_offset {
            Some(Hex(into)) if into > 0 => named += &format!("+{into:#x} ({place}"),
            _ => named += &format!(" ({place}"),
        }
        if let Some((file, line)) = line {
            let name = file.rsplit(['/', '\\']).next().unwrap_or(&file);
            named += &format!(", {name}:{line}");
        }
        named.push(')');
        (named.len() <= LONGEST_NAME).then_some(named)
    }

    fn resolve(&mut self, frame: Frame) -> Vec<Frame> {
        let size = self.driver.image.size_of_image().0;
        // The child's word for where its image lies is taken only as far as it is possible.
        let offset = match (&frame.module, frame.offset) {
            (Some(module), Some(Hex(offset))) if *module == self.driver.name && offset < size => {
                offset as u32
            }
            _ => return vec![frame],
        };
        // A call lies just before the address it returns to.
        let at = if frame.return_address { offset.saturating_sub(1) } else { offset };
        if self.known.len() >= MOST_LOOKUPS && !self.known.contains_key(&at) {
            return vec![frame];
        }
        let driver = self.driver;
        let symbols =
            self.symbols.get_or_insert_with(|| Symbols::load(driver.image.file(), driver.symbols.clone()));
        let found = self.known.entry(at).or_insert_with(|| {
            let sources = symbols.resolve(at).into_iter();
            sources
                .map(|source| Frame {
                    function: source.function,
                    function_offset: source.function_offset.map(|into| Hex(u64::from(into + (offset - at)))),
                    file: source.file,
                    line: source.line,
                    ..Frame::default()
                })
                .collect()
        });
        if found.is_empty() {
            return vec![frame];
        }
        let filled = found.iter().map(|known| Frame {
            address: frame.address,
            return_address: frame.return_address,
            module: frame.module.clone(),
            offset: frame.offset,
            ..known.clone()
        });
        filled.collect()
    }
}
