//! Names in the object name space.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// A name such as `\Device\Sample`, compared without regard to case.
#[derive(Clone, Debug)]
pub struct ObjectName {
    text: String,
    key: String,
}

impl ObjectName {
    /// The name with this text, or `None` when it is no absolute path: it begins with a backslash, has no empty part
    /// and is not the root alone.
    #[must_use]
    pub fn new(text: &str) -> Option<ObjectName> {
        let parts: Vec<&str> = text.strip_prefix('\\')?.split('\\').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return None;
        }
        Some(ObjectName { text: text.into(), key: canonical(text) })
    }

    /// The name as it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The upper-case form, with the DOS device folders under their one true name.
fn canonical(text: &str) -> String {
    let upper = text.to_uppercase();
    for folder in ["\\DOSDEVICES\\", "\\??\\", "\\GLOBAL??\\"] {
        if let Some(rest) = upper.strip_prefix(folder) {
            let mut name = String::from("\\GLOBAL??\\");
            name.push_str(rest);
            return name;
        }
    }
    upper
}

impl PartialEq for ObjectName {
    fn eq(&self, other: &ObjectName) -> bool {
        self.key == other.key
    }
}

impl Eq for ObjectName {}

impl PartialOrd for ObjectName {
    fn partial_cmp(&self, other: &ObjectName) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ObjectName {
    fn cmp(&self, other: &ObjectName) -> core::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_regard_to_case_and_dos_devices_has_two_names() {
        let name = |text| ObjectName::new(text).unwrap();
        assert_eq!(name("\\Device\\Sample"), name("\\DEVICE\\sample"));
        assert_eq!(name("\\DosDevices\\Sample"), name("\\??\\SAMPLE"));
        assert_ne!(name("\\Device\\Sample"), name("\\DosDevices\\Sample"));
    }

    #[test]
    fn what_is_no_absolute_path_is_no_name() {
        for text in ["", "\\", "Device\\Sample", "\\Device\\\\Sample", "\\Device\\"] {
            assert!(ObjectName::new(text).is_none(), "{text:?}");
        }
    }
}
