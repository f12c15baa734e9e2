//! Device objects and the symbolic links that lead to them.

use crate::ObjectName;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use ntpool_types::{NtStatus, VirtualAddress};

/// A device object as the machine keeps it; its memory belongs to the driver's world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The object's address, by which the driver knows it.
    pub object: VirtualAddress,
    /// Its name, unless it has none.
    pub name: Option<ObjectName>,
}

/// Why a device or link could not be made or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceError {
    /// Something has this name already.
    NameCollision,
    /// Nothing has this name.
    NameNotFound,
    /// The address is no live device object's.
    NoSuchDevice,
}

impl DeviceError {
    /// The status a driver sees.
    #[must_use]
    pub const fn status(self) -> NtStatus {
        match self {
            DeviceError::NameCollision => NtStatus::OBJECT_NAME_COLLISION,
            DeviceError::NameNotFound => NtStatus::OBJECT_NAME_NOT_FOUND,
            DeviceError::NoSuchDevice => NtStatus::INVALID_PARAMETER,
        }
    }
}

/// The devices of the machine and the names that lead to them.
///
/// # Invariants
/// No two devices or links share a name.
#[derive(Debug, Default)]
pub struct Devices {
    devices: Vec<Device>,
    links: BTreeMap<ObjectName, ObjectName>,
}

impl Devices {
    /// Whether something has this name.
    #[must_use]
    pub fn is_taken(&self, name: &ObjectName) -> bool {
        self.links.contains_key(name) || self.devices.iter().any(|device| device.name.as_ref() == Some(name))
    }

    /// Adds a device.
    ///
    /// # Errors
    /// [`DeviceError::NameCollision`] (MACH-081).
    pub fn add(&mut self, device: Device) -> Result<(), DeviceError> {
        if device.name.as_ref().is_some_and(|name| self.is_taken(name)) {
            return Err(DeviceError::NameCollision);
        }
        self.devices.push(device);
        Ok(())
    }

    /// Takes a device away; links to its name stay.
    ///
    /// # Errors
    /// [`DeviceError::NoSuchDevice`].
    pub fn remove(&mut self, object: VirtualAddress) -> Result<Device, DeviceError> {
        let place = self.devices.iter().position(|device| device.object == object);
        place.map(|place| self.devices.remove(place)).ok_or(DeviceError::NoSuchDevice)
    }

    /// Makes `link` lead to `target`, which need not exist (MACH-091).
    ///
    /// # Errors
    /// [`DeviceError::NameCollision`].
    pub fn add_link(&mut self, link: ObjectName, target: ObjectName) -> Result<(), DeviceError> {
        if self.is_taken(&link) {
            return Err(DeviceError::NameCollision);
        }
        self.links.insert(link, target);
        Ok(())
    }

    /// Removes a link.
    ///
    /// # Errors
    /// [`DeviceError::NameNotFound`].
    pub fn remove_link(&mut self, link: &ObjectName) -> Result<(), DeviceError> {
        self.links.remove(link).map(|_| ()).ok_or(DeviceError::NameNotFound)
    }

    /// The devices, in the order of their creation.
    pub fn iter(&self) -> impl Iterator<Item = &Device> {
        self.devices.iter()
    }

    /// The links, in the order of their names, each with its target.
    pub fn links(&self) -> impl Iterator<Item = (&ObjectName, &ObjectName)> {
        self.links.iter()
    }

    /// The links that lead to this name.
    pub fn links_to(&self, target: &ObjectName) -> impl Iterator<Item = &ObjectName> {
        self.links.iter().filter(move |(_, to)| *to == target).map(|(link, _)| link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ObjectName {
        ObjectName::new(text).unwrap()
    }

    fn device(address: u64, text: &str) -> Device {
        Device { object: VirtualAddress(address), name: Some(name(text)) }
    }

    #[test]
    fn mach_081_a_name_in_use_collides() {
        let mut devices = Devices::default();
        devices.add(device(1, "\\Device\\A")).unwrap();
        assert_eq!(devices.add(device(2, "\\device\\a")), Err(DeviceError::NameCollision));
        assert_eq!(DeviceError::NameCollision.status(), NtStatus::OBJECT_NAME_COLLISION);
        devices.remove(VirtualAddress(1)).unwrap();
        devices.add(device(2, "\\device\\a")).unwrap();
    }

    #[test]
    fn mach_091_a_link_leads_from_a_dos_name_to_a_device() {
        let mut devices = Devices::default();
        devices.add(device(1, "\\Device\\A")).unwrap();
        devices.add_link(name("\\DosDevices\\A"), name("\\Device\\A")).unwrap();
        assert_eq!(devices.add_link(name("\\??\\a"), name("\\Device\\B")), Err(DeviceError::NameCollision));
        let links: Vec<_> = devices.links_to(&name("\\DEVICE\\A")).map(ObjectName::text).collect();
        assert_eq!(links, ["\\DosDevices\\A"]);
        devices.remove_link(&name("\\??\\A")).unwrap();
        assert_eq!(devices.remove_link(&name("\\??\\A")), Err(DeviceError::NameNotFound));
    }
}
