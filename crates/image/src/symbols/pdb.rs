//! Source lines from a PDB, as Microsoft's linker and LLD leave them beside the image.

use super::{File, SourceFrame};
use object::read::Object;
use pdb_addr2line::pdb::{PDB, Source, SourceSlice, SourceView};
use pdb_addr2line::{ContextPdbData, TypeFormatterFlags};
use self_cell::self_cell;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

type Data = ContextPdbData<'static, 'static, PdbFile>;
type Context<'data> = pdb_addr2line::Context<'data, 'static>;

self_cell!(
    struct Opened {
        owner: Data,

        #[not_covariant]
        dependent: Context,
    }
);

/// The PDB of one image.
pub(super) struct PdbLines {
    opened: Opened,
}

impl PdbLines {
    /// Opens a PDB if it is the one the image was linked with; the error is a note for the reader of a report.
    pub(super) fn load(file: &File<'_>, pdb: Vec<u8>) -> Result<PdbLines, String> {
        let Ok(Some(record)) = file.pdb_info() else {
            return Err("the PDB is not used: the image does not say which PDB belongs to it".to_owned());
        };
        let wanted = (record.guid(), record.age());
        guarded(|| open(wanted, pdb)).unwrap_or_else(|| Err("the PDB is not used: it is damaged".to_owned()))
    }

    /// The functions and lines at an address.
    pub(super) fn resolve(&self, rva: u32) -> Vec<SourceFrame> {
        guarded(|| self.opened.with_dependent(|_, context| resolve(context, rva))).unwrap_or_default()
    }
}

/// The file name of the PDB that the image was linked with, without its folder.
pub(super) fn name(file: &File<'_>) -> Option<String> {
    let path = String::from_utf8_lossy(file.pdb_info().ok()??.path()).into_owned();
    let name = path.rsplit(['\\', '/']).next().filter(|name| !name.is_empty())?;
    name.chars().all(|character| !character.is_control()).then(|| name.to_owned())
}

/// Carries out what the PDB reader does. It was written for files that a linker made and may panic on others; a damaged
/// PDB costs the source lines, not the report.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

fn open(wanted: ([u8; 16], u32), pdb: Vec<u8>) -> Result<PdbLines, String> {
    let unusable = |error: &dyn fmt::Display| format!("the PDB is not used: {error}");
    let mut pdb = PDB::open(PdbFile(pdb.into())).map_err(|error| unusable(&error))?;
    let information = pdb.pdb_information().map_err(|error| unusable(&error))?;
    let debug_age = pdb.debug_information().map_err(|error| unusable(&error))?.age();
    // The age that a linker compares is that of the debug information; the file's own age also counts other tools' work.
    let found = (information.guid.to_bytes_le(), debug_age.unwrap_or(information.age));
    if found != wanted {
        return Err("the PDB is not used: it belongs to another build of the image".to_owned());
    }
    let data = ContextPdbData::try_from_pdb(pdb).map_err(|error| unusable(&error))?;
    let flags = TypeFormatterFlags::default() | TypeFormatterFlags::NO_ARGUMENTS;
    let opened = Opened::try_new(data, |data| data.make_context_with_formatter_flags(flags));
    Ok(PdbLines { opened: opened.map_err(|error| unusable(&error))? })
}

fn resolve(context: &Context<'_>, rva: u32) -> Vec<SourceFrame> {
    let Ok(Some(found)) = context.find_frames(rva) else { return Vec::new() };
    let mut frames: Vec<SourceFrame> = found
        .frames
        .into_iter()
        .map(|frame| SourceFrame {
            function: frame.function,
            function_offset: None,
            file: frame.file.map(|file| file.into_owned()),
            line: frame.line,
        })
        .collect();
    if let Some(outermost) = frames.last_mut() {
        outermost.function_offset = rva.checked_sub(found.start_rva);
    }
    frames
}

/// The file, which the reader takes views of: lists of pages that make up a stream.
struct PdbFile(Arc<[u8]>);

impl fmt::Debug for PdbFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PDB of {} bytes", self.0.len())
    }
}

/// A copy of some pages.
#[derive(Debug)]
struct Pages(Vec<u8>);

impl SourceView<'static> for Pages {
    fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl Source<'static> for PdbFile {
    /// Copies the pages asked for. A stream that would be longer than the file names pages twice and is refused, so that
    /// no header can make the copy large.
    fn view(
        &mut self,
        slices: &[SourceSlice],
    ) -> Result<Box<dyn SourceView<'static> + Send + Sync>, io::Error> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a stream is longer than the file");
        let mut pages = Vec::new();
        for slice in slices {
            let start = usize::try_from(slice.offset).map_err(|_| damaged())?;
            let end = start.checked_add(slice.size).ok_or_else(damaged)?;
            let page = self.0.get(start..end).ok_or_else(damaged)?;
            if pages.len() + page.len() > self.0.len() {
                return Err(damaged());
            }
            pages.extend_from_slice(page);
        }
        Ok(Box::new(Pages(pages)))
    }
}
