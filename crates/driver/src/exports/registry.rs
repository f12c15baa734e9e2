//! The query of many registry values at once: a table says which, and where each goes.
//!
//! Where the documentation is silent or says two things, these are our choices:
//! - A key that is missing, because it is optional or the entry that names it does not require it, is one without values:
//!   the entries that belong to it get their defaults.
//! - An entry that names a sub key and has a routine reports every value of that sub key, as one without a name does.
//! - An expanded string is reported as a plain string, since nothing is left in it to expand.
//! - A list of strings that is to be stored directly and may be taken apart is an invalid entry, since its strings would
//!   overwrite each other.
//! - An entry that stores directly without a type check breaks the rule of untrusted hives by being processed for an
//!   existing key of such a hive, whether or not the key has the value.

#![expect(non_snake_case, reason = "routines have their NT names")]

use super::rtl::{STRING_TAG, allocate_buffer};
use super::strings::{Counted, write_header};
use crate::allocations::Requested;
use crate::call::Call;
use crate::memory;
use crate::session::{Session, WINDOWS_FOLDER};
use crate::stop::{Answer, Stop};
use ntpool_abi::zerocopy::IntoBytes;
use ntpool_abi::{
    REG_EXPAND_SZ, REG_MULTI_SZ, REG_NONE, REG_SZ, RTL_QUERY_REGISTRY_DELETE, RTL_QUERY_REGISTRY_DIRECT,
    RTL_QUERY_REGISTRY_NOEXPAND, RTL_QUERY_REGISTRY_NOVALUE, RTL_QUERY_REGISTRY_REQUIRED,
    RTL_QUERY_REGISTRY_SUBKEY, RTL_QUERY_REGISTRY_TOPKEY, RTL_QUERY_REGISTRY_TYPECHECK, RTL_REGISTRY_HANDLE,
    RTL_REGISTRY_OPTIONAL, RegistryQuery,
};
use ntpool_host::guarded;
use ntpool_machine::{Fault, KeyPath, Root, Value};
use ntpool_pool::{Contents, Placement, Request};
use ntpool_types::{BugCheck, BugCheckCode, Bytes, NtStatus, PoolKind, Rule, Violation, VirtualAddress};

/// Why a query ends before its table does.
enum Ended {
    /// With this status for the caller.
    Status(NtStatus),
    /// Without a return to the caller.
    Stop(Stop),
}

impl From<NtStatus> for Ended {
    fn from(status: NtStatus) -> Ended {
        Ended::Status(status)
    }
}

impl From<Stop> for Ended {
    fn from(stop: Stop) -> Ended {
        Ended::Stop(stop)
    }
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Ended {
        Ended::Stop(Stop::Fault(fault))
    }
}

type Step = Result<(), Ended>;

pub(super) fn RtlQueryRegistryValues(session: &Session, call: &Call<'_>) -> Answer {
    match query(session, call) {
        Ok(()) => Ok(u64::from(NtStatus::SUCCESS.0)),
        Err(Ended::Status(status)) => Ok(u64::from(status.0)),
        Err(Ended::Stop(stop)) => Err(stop),
    }
}

fn query(session: &Session, call: &Call<'_>) -> Step {
    let (relative_to, path, table) = (call.u32(0)?, call.address(1)?, call.address(2)?);
    let context = call.argument(3)?;
    if relative_to & RTL_REGISTRY_HANDLE != 0 {
        // No routine of this machine gives out a key's handle.
        return Err(NtStatus::INVALID_HANDLE.into());
    }
    let root = Root::from_number(relative_to & !RTL_REGISTRY_OPTIONAL).ok_or(NtStatus::INVALID_PARAMETER)?;
    let top = KeyPath::new(root, &name_at(path)?).ok_or(NtStatus::OBJECT_NAME_NOT_FOUND)?;
    let query = Query { session, call, context };
    if relative_to & RTL_REGISTRY_OPTIONAL == 0 && !query.exists(&top) {
        return Err(NtStatus::OBJECT_NAME_NOT_FOUND.into());
    }
    query.run(&top, table)
}

/// The longest name or path that is read.
const LONGEST_NAME: usize = u16::MAX as usize;

/// The terminated name at an address; the empty one where there is none.
fn name_at(address: VirtualAddress) -> Result<String, Fault> {
    if address == VirtualAddress::NULL {
        return Ok(String::new());
    }
    Ok(String::from_utf16_lossy(&memory::read_terminated_units(address, LONGEST_NAME)?))
}

/// A query while it goes through its table.
struct Query<'a> {
    session: &'a Session,
    call: &'a Call<'a>,
    context: u64,
}

impl Query<'_> {
    fn run(&self, top: &KeyPath, table: VirtualAddress) -> Step {
        let mut key = top.clone();
        for place in 0_u64.. {
            let at = VirtualAddress(table.0.wrapping_add(place * RegistryQuery::SIZE));
            let entry: RegistryQuery = memory::read(at)?;
            if entry.is_end() {
                break;
            }
            check(&entry)?;
            let name = name_at(VirtualAddress(entry.name))?;
            if entry.has(RTL_QUERY_REGISTRY_TOPKEY | RTL_QUERY_REGISTRY_SUBKEY) {
                key = top.clone();
            }
            if entry.has(RTL_QUERY_REGISTRY_SUBKEY) {
                key = top.join(&name);
                if entry.has(RTL_QUERY_REGISTRY_REQUIRED) && !self.exists(&key) {
                    return Err(NtStatus::OBJECT_NAME_NOT_FOUND.into());
                }
                if entry.query_routine != 0 {
                    self.report_every(&entry, &key)?;
                }
            } else if entry.name == 0 {
                let found = self.report_every(&entry, &key)?;
                if !found && entry.has(RTL_QUERY_REGISTRY_REQUIRED) {
                    return Err(NtStatus::OBJECT_NAME_NOT_FOUND.into());
                }
            } else {
                self.report_named(&entry, &key, &name)?;
            }
        }
        Ok(())
    }

    fn exists(&self, key: &KeyPath) -> bool {
        self.session.registry.borrow().key(key).is_some()
    }

    /// Reports every value of a key, or only calls the routine; says whether there was something to report.
    fn report_every(&self, entry: &RegistryQuery, key: &KeyPath) -> Result<bool, Ended> {
        if entry.has(RTL_QUERY_REGISTRY_NOVALUE) {
            self.call_routine(entry, VirtualAddress::NULL, REG_NONE, None)?;
            return Ok(true);
        }
        // A copy: the routine may query, and delete, again.
        let values =
            self.session.registry.borrow().key(key).map_or_else(Vec::new, |key| key.values().to_vec());
        for value in &values {
            let name: Vec<u16> = value.name.encode_utf16().chain([0]).collect();
            let lent = self.lend(name.as_bytes())?;
            let reported = self.report(entry, lent, value.value_type.number(), &value.data);
            if !matches!(reported, Err(Ended::Stop(_))) {
                self.take_back(lent);
            }
            reported?;
            self.delete_if_asked(entry, key, &value.name);
        }
        Ok(!values.is_empty())
    }

    fn report_named(&self, entry: &RegistryQuery, key: &KeyPath, name: &str) -> Step {
        if entry.has(RTL_QUERY_REGISTRY_DIRECT) && !entry.has(RTL_QUERY_REGISTRY_TYPECHECK) {
            self.check_hive(key, name)?;
        }
        let value: Option<Value> =
            self.session.registry.borrow().key(key).and_then(|key| key.value(name).cloned());
        let at = VirtualAddress(entry.name);
        if let Some(value) = value {
            let value_type = value.value_type.number();
            if entry.has(RTL_QUERY_REGISTRY_DIRECT)
                && entry.has(RTL_QUERY_REGISTRY_TYPECHECK)
                && entry.expected_type() != value_type
            {
                return Err(NtStatus::OBJECT_TYPE_MISMATCH.into());
            }
            self.report(entry, at, value_type, &value.data)?;
            self.delete_if_asked(entry, key, name);
            return Ok(());
        }
        if entry.has(RTL_QUERY_REGISTRY_REQUIRED) {
            return Err(NtStatus::OBJECT_NAME_NOT_FOUND.into());
        }
        match entry.type_of_default() {
            REG_NONE => Ok(()),
            value_type => self.report(entry, at, value_type, &read_default(entry)?),
        }
    }

    /// Stops where a value that anybody may have written is about to be stored whatever its type is (MACH-228).
    fn check_hive(&self, key: &KeyPath, name: &str) -> Step {
        if key.is_in_system_hive() || !self.exists(key) {
            return Ok(());
        }
        /// The fast fail code of this rule (MACH-037).
        const UNTRUSTED_HIVE: u64 = 9;
        let violation = Violation {
            rule: Rule::CpuFastFail,
            bug_check: BugCheck::new(BugCheckCode::KERNEL_SECURITY_CHECK_FAILURE, [UNTRUSTED_HIVE, 0, 0, 0]),
            subject: VirtualAddress::NULL,
        };
        let message = format!(
            "the value {name} of {key} was to be stored without a check of its type, and the hive is not trusted"
        );
        Err(Stop::Crime { violation, message }.into())
    }

    /// Stores a value directly, or hands it to the routine, taken apart and expanded unless the entry forbids it.
    fn report(&self, entry: &RegistryQuery, name: VirtualAddress, value_type: u32, data: &[u8]) -> Step {
        let expand = !entry.has(RTL_QUERY_REGISTRY_NOEXPAND);
        if entry.has(RTL_QUERY_REGISTRY_DIRECT) {
            return match value_type {
                REG_MULTI_SZ if expand => Err(NtStatus::INVALID_PARAMETER.into()),
                REG_EXPAND_SZ if expand => self.store_text(entry, &expanded(&text(data))),
                REG_SZ | REG_EXPAND_SZ | REG_MULTI_SZ => self.store_text(entry, &text(data)),
                _ => store_bytes(entry, value_type, data),
            };
        }
        match value_type {
            REG_MULTI_SZ if expand => {
                for string in strings(&text(data)) {
                    self.call_routine(entry, name, REG_SZ, Some(string.as_bytes()))?;
                }
                Ok(())
            }
            REG_EXPAND_SZ if expand => {
                self.call_routine(entry, name, REG_SZ, Some(expanded(&text(data)).as_bytes()))
            }
            _ => self.call_routine(entry, name, value_type, Some(data)),
        }
    }

    /// Calls the entry's routine; an error that it returns ends the query, but for one (MACH-229).
    fn call_routine(
        &self,
        entry: &RegistryQuery,
        name: VirtualAddress,
        value_type: u32,
        data: Option<&[u8]>,
    ) -> Step {
        let lent = data.map_or(Ok(VirtualAddress::NULL), |data| self.lend(data))?;
        let length = data.map_or(0, <[u8]>::len) as u64;
        let arguments = [name.0, u64::from(value_type), lent.0, length, self.context, entry.entry_context];
        let returned = self.session.call_back(VirtualAddress(entry.query_routine), &arguments)?;
        self.take_back(lent);
        match NtStatus(returned as u32) {
            status if status.is_success() || status == NtStatus::BUFFER_TOO_SMALL => Ok(()),
            status => Err(status.into()),
        }
    }

    /// Puts bytes where driver code can read them for the time of a call: into a block that is the system's own, so it is
    /// not tracked as one of the driver's.
    ///
    /// Where the routine does not return, the block stays, for the report to name it.
    fn lend(&self, data: &[u8]) -> Result<VirtualAddress, Ended> {
        let size = Bytes((data.len() as u64).max(1));
        let request =
            Request { size, kind: PoolKind::Paged, tag: STRING_TAG, contents: Contents::Uninitialized };
        let block =
            self.session.take_block(request, Placement::ANY).map_err(|_| NtStatus::INSUFFICIENT_RESOURCES)?;
        guarded::write(block.address, data)?;
        Ok(block.address)
    }

    /// Frees a block that was lent, as any caller of the pool does: a routine that freed it itself is found out.
    fn take_back(&self, lent: VirtualAddress) {
        if lent != VirtualAddress::NULL {
            self.session.free(self.call, Requested { address: lent, tag: Some(STRING_TAG) });
        }
    }

    fn delete_if_asked(&self, entry: &RegistryQuery, key: &KeyPath, name: &str) {
        if entry.has(RTL_QUERY_REGISTRY_DELETE)
            && let Some(key) = self.session.registry.borrow_mut().key_mut(key)
        {
            key.delete(name);
        }
    }

    /// Stores a terminated text in the counted string that the entry leads to, in a buffer of its own if it has none
    /// (MACH-227).
    fn store_text(&self, entry: &RegistryQuery, text: &[u16]) -> Step {
        let header = VirtualAddress(entry.entry_context);
        let mut to = Counted::read(header)?;
        let size = u16::try_from(2 * text.len()).map_err(|_| NtStatus::BUFFER_TOO_SMALL)?;
        if to.buffer == VirtualAddress::NULL {
            let buffer =
                allocate_buffer(self.session, self.call, size).ok_or(NtStatus::INSUFFICIENT_RESOURCES)?;
            write_header(header, 0, size, buffer)?;
            to = Counted::read(header)?;
        } else if to.maximum < size {
            return Err(NtStatus::BUFFER_TOO_SMALL.into());
        }
        to.write_units(0, text)?;
        to.set_length(size - 2)?;
        Ok(())
    }
}

/// Whether an entry has what its flags demand (MACH-227).
fn check(entry: &RegistryQuery) -> Step {
    let valid = if entry.has(RTL_QUERY_REGISTRY_DIRECT) {
        entry.query_routine == 0 && entry.name != 0 && !entry.has(RTL_QUERY_REGISTRY_SUBKEY)
    } else if entry.has(RTL_QUERY_REGISTRY_SUBKEY) {
        entry.name != 0
    } else {
        entry.query_routine != 0
    };
    if valid { Ok(()) } else { Err(NtStatus::INVALID_PARAMETER.into()) }
}

/// The bytes of an entry's default; the length of a string may be left to its terminator.
fn read_default(entry: &RegistryQuery) -> Result<Vec<u8>, Fault> {
    let at = VirtualAddress(entry.default_data);
    let length = match (entry.default_length, entry.type_of_default()) {
        (0, REG_SZ | REG_EXPAND_SZ) if entry.default_data != 0 => {
            2 * (memory::read_terminated_units(at, LONGEST_NAME)?.len() as u64 + 1)
        }
        (0, REG_MULTI_SZ) if entry.default_data != 0 => length_of_strings(at)?,
        (length, _) => u64::from(length),
    };
    memory::read_bytes(at, Bytes(length))
}

/// The length in bytes of terminated strings with the empty one that ends them.
fn length_of_strings(at: VirtualAddress) -> Result<u64, Fault> {
    let mut length = 0;
    loop {
        let next = VirtualAddress(at.0.wrapping_add(length));
        let units = memory::read_terminated_units(next, LONGEST_NAME)?.len() as u64;
        length += 2 * (units + 1);
        if units == 0 {
            return Ok(length);
        }
    }
}

/// Stores what is no text where the entry leads to: a short value as it is, a longer one in a buffer that begins with its
/// own size, negative if the data alone is wanted (MACH-227).
fn store_bytes(entry: &RegistryQuery, value_type: u32, data: &[u8]) -> Step {
    let buffer = VirtualAddress(entry.entry_context);
    if data.len() <= size_of::<u32>() {
        return Ok(guarded::write(buffer, data)?);
    }
    let size: i32 = memory::read(buffer)?;
    let mut stored = Vec::new();
    if size >= 0 {
        stored.extend((data.len() as u32).to_le_bytes());
        stored.extend(value_type.to_le_bytes());
    }
    stored.extend(data);
    if stored.len() as u64 > u64::from(size.unsigned_abs()) {
        return Err(NtStatus::BUFFER_TOO_SMALL.into());
    }
    Ok(guarded::write(buffer, &stored)?)
}

// ── Text ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/// The characters of a text, with a terminator also where the data has none; an odd byte is left out.
fn text(data: &[u8]) -> Vec<u16> {
    let mut units: Vec<u16> =
        data.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    if units.last() != Some(&0) {
        units.push(0);
    }
    units
}

/// The terminated strings of a list, up to the empty one.
fn strings(list: &[u16]) -> impl Iterator<Item = &[u16]> {
    list.split_inclusive(|&unit| unit == 0).take_while(|string| string.len() > 1)
}

/// A text with the one environment variable that the system knows this early replaced; others stay as they are.
fn expanded(text: &[u16]) -> Vec<u16> {
    const VARIABLE: &str = "%SystemRoot%";
    let begins = |rest: &[u16]| {
        rest.get(..VARIABLE.len()).is_some_and(|start| {
            String::from_utf16(start).is_ok_and(|start| start.eq_ignore_ascii_case(VARIABLE))
        })
    };
    let mut result = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, others)) = rest.split_first() {
        if begins(rest) {
            result.extend(WINDOWS_FOLDER.encode_utf16());
            rest = &rest[VARIABLE.len()..];
        } else {
            result.push(first);
            rest = others;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntpool_abi::{REG_BINARY, REG_DWORD, REG_QWORD};
    use ntpool_machine::ValueType;

    fn units(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    #[test]
    fn the_machines_types_have_the_headers_numbers() {
        let types = [
            (ValueType::None, REG_NONE),
            (ValueType::String, REG_SZ),
            (ValueType::ExpandableString, REG_EXPAND_SZ),
            (ValueType::Binary, REG_BINARY),
            (ValueType::Number, REG_DWORD),
            (ValueType::Strings, REG_MULTI_SZ),
            (ValueType::LongNumber, REG_QWORD),
        ];
        for (value_type, number) in types {
            assert_eq!(value_type.number(), number, "{value_type:?}");
        }
    }

    #[test]
    fn the_system_root_is_expanded_wherever_it_stands_and_nothing_else_is() {
        let expand = |text: &str| String::from_utf16(&expanded(&units(text))).unwrap();
        assert_eq!(expand("%SYSTEMROOT%\\x;%systemroot%"), "C:\\Windows\\x;C:\\Windows");
        assert_eq!(expand("100%SystemRoot%%SystemRoo"), "100C:\\Windows%SystemRoo");
        assert_eq!(expand("%Path%\0"), "%Path%\0");
    }

    #[test]
    fn a_list_ends_at_its_empty_string_or_with_its_data() {
        let list = |text: &str| strings(&units(text)).map(String::from_utf16_lossy).collect::<Vec<_>>();
        assert_eq!(list("a\0bc\0\0d\0"), ["a\0", "bc\0"]);
        assert_eq!(list("a\0"), ["a\0"]);
        assert!(list("\0").is_empty());
    }

    #[test]
    fn a_text_gets_the_terminator_that_its_data_lacks() {
        assert_eq!(text(&[b'a', 0, b'b']), [u16::from(b'a'), 0]);
        assert_eq!(text(&[b'a', 0, b'b', 0]), units("ab\0"));
        assert_eq!(text(&[]), [0]);
    }
}
