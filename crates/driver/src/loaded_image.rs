//! The driver's image in the machine's memory.

use ntpool_finding::{Frame, Hex};
use ntpool_host::physical::PhysicalMemory;
use ntpool_host::{HostError, guarded};
use ntpool_image::{Context, Image, StackMemory};
use ntpool_machine::Registers;
use ntpool_memory::{FrameUse, Protection};
use ntpool_types::{Bytes, PAGE_SIZE, PageCount, VirtualAddress};
use ntpool_verifier::{Occupant, StackTrace};
use std::cell::Cell;

/// The driver's image in the machine's memory.
pub(crate) struct LoadedImage {
    pub(crate) image: Image,
    pub(crate) base: VirtualAddress,
    pub(crate) name: String,
    initialized: Cell<bool>,
    unloaded: Cell<bool>,
}

/// The driver's stack, through guarded reads.
struct Stack;

impl StackMemory for Stack {
    fn read_u64(&self, address: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        guarded::read(VirtualAddress(address), &mut bytes).ok()?;
        Some(u64::from_le_bytes(bytes))
    }
}

impl LoadedImage {
    /// Copies the image to `base` and applies its relocations; all of it is writable until [`protect`](Self::protect).
    ///
    /// # Errors
    /// When the machine has no memory for it.
    pub(crate) fn load(
        image: Image,
        name: &str,
        base: VirtualAddress,
        physical: &PhysicalMemory,
    ) -> Result<LoadedImage, HostError> {
        let size = image.size_of_image();
        physical.map(base, size.pages_rounded_up(), Protection::ReadWrite, FrameUse::Image)?;
        let mut bytes = vec![0; size.as_usize()];
        image.load(base, &mut bytes);
        guarded::write(base, &bytes).expect("the image's pages were mapped just now");
        Ok(LoadedImage {
            image,
            base,
            name: name.to_owned(),
            initialized: Cell::new(false),
            unloaded: Cell::new(false),
        })
    }

    /// Gives every section the protection that its header asks for; the headers become read-only.
    ///
    /// # Errors
    /// When Linux refuses.
    pub(crate) fn protect(&self, physical: &PhysicalMemory) -> Result<(), HostError> {
        physical.protect(self.base, self.image.size_of_image().pages_rounded_up(), Protection::Read)?;
        for section in self.image.sections().iter().filter(|section| section.virtual_size != Bytes::ZERO) {
            let asked = section.protection;
            let protection = match (asked.write, asked.execute) {
                (false, false) => Protection::Read,
                (true, false) => Protection::ReadWrite,
                (false, true) => Protection::ReadExecute,
                (true, true) => Protection::ReadWriteExecute,
            };
            let (first, count) = self.pages_of(section);
            physical.protect(first, count, protection)?;
        }
        Ok(())
    }

    fn pages_of(&self, section: &ntpool_image::Section) -> (VirtualAddress, PageCount) {
        let first = VirtualAddress(self.base.0 + u64::from(section.rva));
        (first, section.virtual_size.pages_rounded_up())
    }

    /// Takes the initialization sections away, as Windows does after DriverEntry (MACH-070).
    ///
    /// # Errors
    /// When Linux refuses.
    pub(crate) fn discard_initialization(&self, physical: &PhysicalMemory) -> Result<(), HostError> {
        self.initialized.set(true);
        let gone =
            |section: &&ntpool_image::Section| section.is_init() && section.virtual_size != Bytes::ZERO;
        for section in self.image.sections().iter().filter(gone) {
            let (first, count) = self.pages_of(section);
            physical.unmap(first, count)?;
        }
        Ok(())
    }

    /// Takes the whole image away.
    ///
    /// # Errors
    /// When Linux refuses.
    pub(crate) fn unload(&self, physical: &PhysicalMemory) -> Result<(), HostError> {
        self.unloaded.set(true);
        for page in 0..self.image.size_of_image().pages_rounded_up().0 {
            let page = VirtualAddress(self.base.0 + PageCount(page).bytes().0);
            if physical.entry(page).is_some() {
                physical.unmap(page, PageCount(1))?;
            }
        }
        Ok(())
    }

    /// Whether it has been taken away.
    pub(crate) fn is_unloaded(&self) -> bool {
        self.unloaded.get()
    }

    /// Whether the address lies where the image was before it was taken away.
    pub(crate) fn has_left(&self, address: VirtualAddress) -> bool {
        self.unloaded.get() && self.offset_of(address).is_some()
    }

    /// The entry routine.
    pub(crate) fn entry_point(&self) -> VirtualAddress {
        VirtualAddress(self.base.0 + u64::from(self.image.entry_point()))
    }

    /// The address relative to the image, when it lies in it.
    pub(crate) fn offset_of(&self, address: VirtualAddress) -> Option<u32> {
        let offset = address.offset_from(self.base)?;
        (offset < self.image.size_of_image()).then_some(offset.0 as u32)
    }

    /// The name of the section at this offset.
    pub(crate) fn section_name(&self, offset: u32) -> Option<&str> {
        self.image.section_at(offset).map(|section| section.name.as_str())
    }

    /// Whether what was at this offset has been taken away.
    pub(crate) fn is_gone(&self, offset: u32) -> bool {
        let is_init = || self.image.section_at(offset).is_some_and(ntpool_image::Section::is_init);
        self.unloaded.get() || (self.initialized.get() && is_init())
    }

    /// What lies at an address of the image.
    pub(crate) fn occupant(&self, offset: u32) -> Occupant<'_> {
        match self.image.section_at(offset) {
            Some(section) => Occupant::Image {
                section: &section.name,
                discarded: self.unloaded.get() || (self.initialized.get() && section.is_init()),
                writable: section.protection.write,
            },
            None => Occupant::Image { section: "header", discarded: self.unloaded.get(), writable: false },
        }
    }

    /// The call stack from these registers outwards: the instruction first, then return addresses.
    ///
    /// Control may be where no code is, after a call through a wild pointer: then the caller is where the stack
    /// pointer points.
    pub(crate) fn trace(&self, registers: &Registers) -> StackTrace {
        let mut trace = StackTrace::EMPTY;
        let mut context = Context { rip: registers.instruction, registers: registers.general, xmm: [0; 16] };
        trace.push(VirtualAddress(context.rip));
        if self.offset_of(VirtualAddress(context.rip)).is_none() {
            let stack_pointer = context.rsp();
            let Some(caller) = Stack.read_u64(stack_pointer) else { return trace };
            if self.offset_of(VirtualAddress(caller)).is_none() {
                return trace;
            }
            context.rip = caller;
            context.set_rsp(stack_pointer.wrapping_add(8));
            trace.push(VirtualAddress(caller));
        }
        for address in self.image.unwind_table().walk(self.base, &context, &Stack, StackTrace::DEEPEST) {
            if !trace.push(address) {
                break;
            }
        }
        trace
    }

    /// A frame for an address of a trace.
    pub(crate) fn frame(&self, address: VirtualAddress, return_address: bool) -> Frame {
        let offset = self.offset_of(address);
        Frame {
            address: Hex(address.0),
            return_address,
            module: offset.map(|_| self.name.clone()),
            offset: offset.map(|offset| Hex(u64::from(offset))),
            ..Frame::default()
        }
    }

    /// The first address behind the image.
    pub(crate) fn end(&self) -> VirtualAddress {
        let size = Bytes(self.image.size_of_image().0.next_multiple_of(PAGE_SIZE.0));
        VirtualAddress(self.base.0 + size.0)
    }
}
