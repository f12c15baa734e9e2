//! The memory manager's routines.

#![expect(non_snake_case, reason = "routines have their NT names")]

use super::strings::Counted;
use super::table::{place_of, table};
use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use ntpool_abi::Mdl;
use ntpool_machine::{Access, Fault};
use ntpool_memory::mdl::{self, Backing, MdlError};
use ntpool_types::{
    BugCheck, BugCheckCode, Bytes, Pfn, PhysicalAddress, PoolKind, Rule, Violation, VirtualAddress,
};

pub(super) fn MmGetSystemRoutineAddress(session: &Session, call: &Call<'_>) -> Answer {
    let name = Counted::read(call.address(0)?)?.units()?;
    let place = String::from_utf16(&name)
        .ok()
        .and_then(|name| place_of(&name))
        .filter(|&place| table()[place].is_in(session.version));
    Ok(place.map_or(0, |place| session.routine_address(place).0))
}

pub(super) fn MmGetPhysicalAddress(session: &Session, call: &Call<'_>) -> Answer {
    Ok(session.physical.translate(call.address(0)?).map_or(0, |address| address.0))
}

pub(super) fn MmAllocateContiguousMemory(session: &Session, call: &Call<'_>) -> Answer {
    let highest = PhysicalAddress(call.argument(1)?);
    Ok(session.allocate_contiguous(call, call.size(0)?, highest).map_or(0, |address| address.0))
}

pub(super) fn MmFreeContiguousMemory(session: &Session, call: &Call<'_>) -> Answer {
    session.free_contiguous(call, call.address(0)?);
    Ok(0)
}

pub(super) fn MmBuildMdlForNonPagedPool(session: &Session, call: &Call<'_>) -> Answer {
    let at = call.address(0)?;
    let mut list: Mdl = memory::read(at)?;
    let flags = u64::from(list.flags.cast_unsigned());
    let pages = mdl::pages_spanned(mdl::virtual_address(&list), Bytes(u64::from(list.byte_count)));
    let mut frames = vec![Pfn(0); usize::try_from(pages.0).unwrap_or_default()];
    let backing = |page: VirtualAddress| match session.physical.translate(page) {
        _ if ntpool_host::physical::pool_window(PoolKind::Paged).contains(page) => Backing::Paged,
        _ if ntpool_host::layout::STACKS.contains(page) => Backing::KernelStack,
        Some(address) => Backing::NonPaged(address.frame()),
        None => Backing::NotMapped,
    };
    match mdl::describe_nonpaged(&mut list, &mut frames, backing) {
        Ok(_) => {
            memory::write(at, list)?;
            for (place, frame) in (0..).zip(&frames) {
                memory::write(VirtualAddress(at.0 + Mdl::SIZE + 8 * place), frame.0)?;
            }
            Ok(0)
        }
        Err(MdlError::Paged(page)) => Err(Stop::Crime {
            violation: Violation {
                rule: Rule::MdlPagedBuffer,
                bug_check: BugCheck::new(
                    BugCheckCode::DRIVER_VERIFIER_DETECTED_VIOLATION,
                    [0x7F, u64::from(session.irql().level()), at.0, flags],
                ),
                subject: page,
            },
            message: format!("the memory descriptor list at {at} describes paged pool at {page} as nonpaged"),
        }),
        // The system looks the frame up behind the address, and finds none.
        Err(MdlError::NotMapped(page)) => Err(Stop::Fault(Fault {
            address: page,
            access: Access::Read,
            non_canonical: !page.is_canonical(),
        })),
        Err(error) => Err(Stop::Misuse {
            rule: Rule::MdlMisuse,
            message: format!("the memory descriptor list at {at} can't be built: {error}"),
        }),
    }
}
