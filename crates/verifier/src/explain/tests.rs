//! One fault per rule and parameter set.

use super::*;
use alloc::string::ToString;

const CODE: VirtualAddress = VirtualAddress(0x2000_0000_1234);
const SYSTEM: VirtualAddress = VirtualAddress(0x2000_1000_4C40);
const BLOCK: Block = Block {
    address: VirtualAddress(0x2000_1000_4C00),
    size: Bytes(96),
    kind: PoolKind::NonPaged,
    tag: Tag::from_text(*b"Cnfg"),
};

/// A map with one thing everywhere, and perhaps a block below.
struct Everywhere(Occupant<'static>, Option<Block>);

impl AddressMap for Everywhere {
    fn what_is(&self, _: VirtualAddress) -> Occupant<'_> {
        self.0
    }

    fn block_below(&self, _: VirtualAddress) -> Option<Block> {
        self.1
    }
}

const fn fault(address: u64, access: Access, irql: Irql) -> Fault {
    Fault {
        address: VirtualAddress(address),
        access,
        irql,
        instruction: CODE,
        in_driver: true,
        non_canonical: false,
        entry: None,
    }
}

const fn image(section: &'static str, discarded: bool, writable: bool) -> Occupant<'static> {
    Occupant::Image { section, discarded, writable }
}

/// The rule, the code, the parameters and the cause.
fn explained(fault: &Fault, occupant: Occupant<'static>) -> (Rule, u32, [u64; 4], alloc::string::String) {
    let map = Everywhere(occupant, None);
    let Explanation { violation, cause } = explain(fault, &map);
    assert_eq!(violation.subject, fault.address);
    let BugCheck { code, parameters } = violation.bug_check;
    (violation.rule, code.0, parameters, cause.to_string())
}

const UNHANDLED: [u64; 4] = [0xFFFF_FFFF_C000_0005, CODE.0, 0, 0];

/// A part of MACH-030, which is about requests too.
#[test]
fn mach_005_an_unhandled_null_access_in_a_system_thread_is_7e() {
    let null = fault(0x18, Access::Read, Irql::PASSIVE);
    let (rule, code, parameters, cause) = explained(&null, Occupant::User);
    assert_eq!((rule, code, parameters), (Rule::MemoryAccessViolation, 0x7E, UNHANDLED));
    assert_eq!(cause, "NULL plus 0x18");
    assert_eq!(explained(&fault(0, Access::Write, Irql::APC), Occupant::User).3, "NULL");
}

#[test]
fn the_page_of_the_bad_pointer_is_called_by_its_name_and_a_bad_address() {
    for (offset, name) in
        [(0, "the pointer that is never valid"), (8, "the pointer that is never valid plus 0x8")]
    {
        let touch = fault(0x2210_0008_0000 + offset, Access::Read, Irql::APC);
        let (rule, code, _, cause) = explained(&touch, Occupant::BadPointer);
        assert_eq!((rule, code, cause.as_str()), (Rule::MemoryBadAddress, 0x50, name));
    }
}

#[test]
fn a_user_range_fault_below_dispatch_level_reaches_handlers_with_access_and_address() {
    for (access, number) in [(Access::Read, 0), (Access::Write, 1), (Access::Execute, 8)] {
        for irql in [Irql::PASSIVE, Irql::APC] {
            let exception = exception_of(&fault(0x7FFE_0000, access, irql)).unwrap();
            assert_eq!((exception.code.0, exception.parameters), (0xC000_0005, [number, 0x7FFE_0000]));
        }
    }
    let (rule, code, ..) = explained(&fault(0x7FFE_0000, Access::Read, Irql::APC), Occupant::User);
    assert_eq!((rule, code), (Rule::MemoryAccessViolation, 0x7E));
}

#[test]
fn a_page_fault_at_dispatch_level_or_above_is_no_exception_and_one_on_an_address_that_is_none_stays_one() {
    for irql in [Irql::DISPATCH, Irql::HIGH] {
        assert_eq!(exception_of(&fault(0x18, Access::Read, irql)), None);
        let odd = Fault { non_canonical: true, ..fault(0xDEAD_0000_0000_0000, Access::Read, irql) };
        let exception = exception_of(&odd).unwrap();
        assert_eq!((exception.code.0, exception.parameters), (0xC000_0005, [0, u64::MAX]));
    }
}

// MACH-006 MACH-014 VRF-123
#[test]
fn mach_006_vrf_123_a_null_access_at_dispatch_level_by_the_driver_is_d1() {
    for (access, number) in [(Access::Read, 0), (Access::Write, 1), (Access::Execute, 8)] {
        let null = fault(0x18, access, Irql::DISPATCH);
        let (rule, code, parameters, cause) = explained(&null, Occupant::User);
        assert_eq!((rule, code), (Rule::MemoryIrql, 0xD1));
        assert_eq!(parameters, [0x18, 2, number, CODE.0]);
        assert_eq!(cause, "NULL plus 0x18");
    }
}

// MACH-014 VRF-122
#[test]
fn mach_014_vrf_122_an_access_by_the_kernel_at_dispatch_level_is_a() {
    for (access, number) in [(Access::Read, 0), (Access::Write, 1), (Access::Execute, 8)] {
        let copy = Fault { in_driver: false, ..fault(0x18, access, Irql::new(5).unwrap()) };
        let (rule, code, parameters, _) = explained(&copy, Occupant::User);
        assert_eq!((rule, code, parameters), (Rule::MemoryIrql, 0x0A, [0x18, 5, number, CODE.0]));
    }
}

// MACH-007 VRF-124
#[test]
fn mach_007_vrf_124_a_bad_system_address_is_50_and_no_handler_hears_of_it() {
    for (access, number) in [(Access::Read, 0), (Access::Write, 2), (Access::Execute, 0x10)] {
        let bad = fault(SYSTEM.0, access, Irql::APC);
        assert_eq!(exception_of(&bad), None);
        let (rule, code, parameters, cause) = explained(&bad, Occupant::Unmapped);
        assert_eq!((rule, code), (Rule::MemoryBadAddress, 0x50));
        assert_eq!(parameters, [SYSTEM.0, number, CODE.0, 2]);
        assert_eq!(cause, "0x200010004c40, where nothing lies");
    }
}

// VRF-124
#[test]
fn freed_pool_is_50_at_low_irql_and_d1_or_a_at_dispatch_level() {
    let freed = Occupant::FreedPool(BLOCK);
    let low = fault(SYSTEM.0, Access::Write, Irql::PASSIVE);
    let (rule, code, parameters, cause) = explained(&low, freed);
    assert_eq!((rule, code, parameters), (Rule::MemoryFreedPool, 0x50, [SYSTEM.0, 2, CODE.0, 0]));
    assert_eq!(
        cause,
        "64 bytes into the nonpaged block at 0x200010004c00 (96 bytes, tag 'Cnfg'), which has been freed"
    );
    let high = fault(SYSTEM.0, Access::Write, Irql::DISPATCH);
    let (rule, code, parameters, _) = explained(&high, freed);
    assert_eq!((rule, code, parameters), (Rule::MemoryFreedPool, 0xD1, [SYSTEM.0, 2, 1, CODE.0]));
    let kernel = Fault { in_driver: false, ..high };
    let (rule, code, ..) = explained(&kernel, freed);
    assert_eq!((rule, code), (Rule::MemoryFreedPool, 0x0A));
}

// MACH-011 VRF-129
#[test]
fn mach_011_vrf_129_a_write_to_read_only_memory_is_be_at_any_irql_and_reaches_no_handler() {
    for irql in [Irql::PASSIVE, Irql::DISPATCH] {
        let write = Fault { entry: Some(0x1234_5001), ..fault(SYSTEM.0, Access::Write, irql) };
        assert_eq!(exception_of(&write), None);
        let (rule, code, parameters, cause) = explained(&write, image(".rdata", false, false));
        assert_eq!(
            (rule, code, parameters),
            (Rule::MemoryReadOnlyWrite, 0xBE, [SYSTEM.0, 0x1234_5001, 0, 0])
        );
        assert_eq!(cause, "the .rdata section, which is read-only");
    }
}

// POOL-143 VRF-129
#[test]
fn pool_143_vrf_129_executing_what_is_not_code_is_fc() {
    let entry = Some(0x8000_0000_1234_5003);
    let call = Fault { entry, ..fault(SYSTEM.0, Access::Execute, Irql::PASSIVE) };
    assert_eq!(exception_of(&call), None);
    let (rule, code, parameters, cause) = explained(&call, Occupant::LivePool(BLOCK));
    assert_eq!(
        (rule, code, parameters),
        (Rule::MemoryNoExecute, 0xFC, [SYSTEM.0, 0x8000_0000_1234_5003, 0, 0])
    );
    assert_eq!(cause, "64 bytes into the nonpaged block at 0x200010004c00 (96 bytes, tag 'Cnfg')");
    assert_eq!(explained(&call, Occupant::Stack).3, "a kernel stack");
    assert_eq!(explained(&call, image(".data", false, true)).3, "the .data section, which holds no code");
}

#[test]
fn a_non_canonical_address_is_an_access_violation_of_all_ones() {
    let odd = Fault { non_canonical: true, ..fault(0xDEAD_BEEF_0000_0000, Access::Write, Irql::PASSIVE) };
    let exception = exception_of(&odd).unwrap();
    assert_eq!((exception.code.0, exception.parameters), (0xC000_0005, [0, u64::MAX]));
    let (rule, code, parameters, cause) = explained(&odd, Occupant::Unmapped);
    assert_eq!((rule, code, parameters), (Rule::MemoryNonCanonical, 0x7E, UNHANDLED));
    assert_eq!(cause, "0xdeadbeef00000000, whose upper bits are neither all zero nor all one");
    let unknown = Fault { address: VirtualAddress::NULL, ..odd };
    assert_eq!(
        explained(&unknown, Occupant::User).3,
        "a pointer whose upper bits are neither all zero nor all one"
    );
}

#[test]
fn mach_032_the_guard_page_of_a_kernel_stack_is_a_double_fault() {
    for irql in [Irql::PASSIVE, Irql::DISPATCH] {
        let push = fault(SYSTEM.0, Access::Write, irql);
        let (rule, code, parameters, cause) = explained(&push, Occupant::StackGuard);
        assert_eq!((rule, code, parameters[0]), (Rule::StackOverflow, 0x7F, 8));
        assert_eq!(cause, "the guard page below the kernel stack");
    }
}

#[test]
fn mach_070_a_call_into_a_discarded_section_reaches_freed_memory() {
    let call = fault(SYSTEM.0, Access::Execute, Irql::PASSIVE);
    let (rule, code, parameters, cause) = explained(&call, image("INIT", true, false));
    assert_eq!((rule, code, parameters), (Rule::MemoryBadAddress, 0x50, [SYSTEM.0, 0x10, CODE.0, 0]));
    assert_eq!(cause, "the INIT section, which is gone after DriverEntry");
}

#[test]
fn an_access_shortly_after_a_block_is_told_as_its_overrun() {
    let map = Everywhere(Occupant::Unmapped, Some(BLOCK));
    let cause = |address: u64| explain(&fault(address, Access::Write, Irql::PASSIVE), &map).cause;
    let end = BLOCK.address.0 + BLOCK.size.0;
    assert_eq!(cause(end), Cause::PastEnd(Bytes(0), BLOCK));
    assert_eq!(
        cause(end + 48).to_string(),
        "48 bytes past the end of the nonpaged block at 0x200010004c00 (96 bytes, tag 'Cnfg')"
    );
    assert_eq!(cause(end + 0xFFF), Cause::PastEnd(Bytes(0xFFF), BLOCK));
    assert_eq!(cause(end + 0x1000), Cause::Nothing(VirtualAddress(end + 0x1000)), "too far to tell");
}

#[test]
fn the_rest_of_a_live_blocks_page_is_past_its_end() {
    let rest = fault(BLOCK.address.0 + 100, Access::Read, Irql::PASSIVE);
    assert_eq!(
        explain(&rest, &Everywhere(Occupant::LivePool(BLOCK), None)).cause,
        Cause::PastEnd(Bytes(4), BLOCK)
    );
}

#[test]
fn an_address_just_below_zero_is_null_minus_an_offset_and_a_system_address() {
    let container = fault(0_u64.wrapping_sub(0x18), Access::Read, Irql::PASSIVE);
    let (rule, code, _, cause) = explained(&container, Occupant::Unmapped);
    assert_eq!((rule, code), (Rule::MemoryBadAddress, 0x50));
    assert_eq!(cause, "NULL minus 0x18");
}

#[test]
fn the_machines_own_memory_is_a_bad_address_and_called_by_its_name() {
    let touch = fault(SYSTEM.0, Access::Write, Irql::PASSIVE);
    for (occupant, name) in [
        (Occupant::DirectMap, "the machine's own view of physical memory"),
        (Occupant::Metadata, "the pool's own records"),
    ] {
        let (rule, code, _, cause) = explained(&touch, occupant);
        assert_eq!((rule, code, cause.as_str()), (Rule::MemoryBadAddress, 0x50, name));
    }
}

#[test]
fn a_write_to_secure_pool_is_be_under_a_rule_of_its_own() {
    let write = Fault {
        entry: Some(0x8000_0000_0012_3001),
        ..fault(BLOCK.address.0 + 8, Access::Write, Irql::PASSIVE)
    };
    let (rule, code, parameters, cause) = explained(&write, Occupant::SecurePool(BLOCK));
    assert_eq!((rule, code), (Rule::PoolSecureWrite, 0xBE));
    assert_eq!(parameters[..2], [write.address.0, 0x8000_0000_0012_3001]);
    assert!(cause.starts_with("8 bytes into the nonpaged block"), "{cause}");
}

// POOL-047 POOL-168
#[test]
fn pool_047_168_an_access_to_a_paged_block_at_dispatch_level_is_d1_and_names_the_block() {
    let paged = Block { kind: PoolKind::Paged, ..BLOCK };
    for (in_driver, code) in [(true, 0xD1), (false, 0xA)] {
        let read = Fault { in_driver, ..fault(BLOCK.address.0 + 8, Access::Read, Irql::DISPATCH) };
        let (rule, found, parameters, cause) = explained(&read, Occupant::LivePool(paged));
        assert_eq!((rule, found), (Rule::MemoryPagedIrql, code));
        assert_eq!(parameters, [BLOCK.address.0 + 8, 2, 0, CODE.0]);
        assert!(cause.starts_with("8 bytes into the paged block"), "{cause}");
    }
}
