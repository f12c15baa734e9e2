//! The debug print routines.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::Answer;
use crate::text::debug_format::{self, Arguments};
use ntpool_host::guarded;
use ntpool_machine::Fault;
use ntpool_types::{Irql, NtStatus, Rule, VirtualAddress};

/// The longest format that is read.
const LONGEST_FORMAT: usize = 4096;

/// The component and level under which the plain routine files its text (MACH-224).
const DEFAULT_COMPONENT: u32 = 101;
const INFO_LEVEL: u32 = 3;

/// The variable arguments of a call, from a place on.
struct Variable<'a> {
    call: &'a Call<'a>,
    next: usize,
}

impl Arguments for Variable<'_> {
    type Error = Fault;

    fn next(&mut self) -> Result<u64, Fault> {
        self.next += 1;
        self.call.argument(self.next - 1)
    }

    fn read(&mut self, address: u64, into: &mut [u8]) -> Result<(), Fault> {
        guarded::read(VirtualAddress(address), into)
    }
}

fn print(session: &Session, call: &Call<'_>, component: u32, level: u32, format_place: usize) -> Answer {
    let format = memory::read_terminated(call.address(format_place)?, LONGEST_FORMAT)?;
    let formatted = debug_format::format(&format, &mut Variable { call, next: format_place + 1 })?;
    if formatted.used_unicode && session.irql() > Irql::PASSIVE {
        let message =
            format!("a Unicode format was printed at {}; the translation tables are paged", session.irql());
        session.report_rule(call, Rule::IrqlTooHigh, &message);
    }
    let text = &formatted.text[..formatted.text.len().min(debug_format::TRANSMISSION_LIMIT)];
    session.print(component, level, text);
    Ok(u64::from(NtStatus::SUCCESS.0))
}

pub(super) fn DbgPrint(session: &Session, call: &Call<'_>) -> Answer {
    print(session, call, DEFAULT_COMPONENT, INFO_LEVEL, 0)
}

pub(super) fn DbgPrintEx(session: &Session, call: &Call<'_>) -> Answer {
    print(session, call, call.u32(0)?, call.u32(1)?, 2)
}
