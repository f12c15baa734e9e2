//! The driver's device objects: their memory, and what is left of them.

use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::Stop;
use ntpool_abi::{
    DO_DEVICE_HAS_NAME, DO_DEVICE_INITIALIZING, DO_EXCLUSIVE, DeviceObject, DriverObject,
    FILE_64_BYTE_ALIGNMENT, IO_TYPE_DEVICE,
};
use ntpool_finding::{DeviceRecord, Role};
use ntpool_machine::{Device, DeviceError, Fault, ObjectName};
use ntpool_pool::{Block, Claim, Contents, Place, Placement, Request};
use ntpool_types::{BugCheck, BugCheckCode, Bytes, NtStatus, PoolKind, Rule, Tag, Violation, VirtualAddress};
use ntpool_verifier::{Allocation, StackId};

/// A device object that a driver wants.
#[derive(Clone, Debug)]
pub(crate) struct NewDevice {
    pub(crate) driver_object: VirtualAddress,
    pub(crate) extension_size: u32,
    pub(crate) name: Option<ObjectName>,
    pub(crate) device_type: u32,
    pub(crate) characteristics: u32,
    pub(crate) exclusive: bool,
}

/// The tag of device objects.
const DEVICE_TAG: Tag = Tag::from_text(*b"Devi");

/// Who made a device or a link, in the order of making.
#[derive(Clone, Debug)]
pub(crate) struct Made<What> {
    pub(crate) what: What,
    pub(crate) stack: StackId,
}

impl Session {
    /// Makes a device object with a zeroed extension behind it, in nonpaged pool (MACH-080 to MACH-083).
    pub(crate) fn create_device(
        &self,
        call: &Call<'_>,
        wanted: NewDevice,
    ) -> Result<Result<VirtualAddress, NtStatus>, Stop> {
        if wanted.name.as_ref().is_some_and(|name| self.devices.borrow().is_taken(name)) {
            return Ok(Err(DeviceError::NameCollision.status()));
        }
        let size = Bytes(DeviceObject::SIZE + u64::from(wanted.extension_size));
        let request = Request { size, kind: PoolKind::NonPaged, tag: DEVICE_TAG, contents: Contents::Zeroed };
        let Ok(block) = self.take_block(request, Placement::ANY) else {
            return Ok(Err(NtStatus::INSUFFICIENT_RESOURCES));
        };
        self.fill_in_device(block.address, size, &wanted)?;
        let device = Device { object: block.address, name: wanted.name };
        if let Err(error) = self.devices.borrow_mut().add(device) {
            return Ok(Err(error.status()));
        }
        let stack = self.intern(&self.trace(call.registers()));
        self.devices_made.borrow_mut().push(Made { what: block.address, stack });
        Ok(Ok(block.address))
    }

    fn fill_in_device(&self, at: VirtualAddress, size: Bytes, wanted: &NewDevice) -> Result<(), Fault> {
        let mut flags = DO_DEVICE_INITIALIZING;
        if wanted.exclusive {
            flags |= DO_EXCLUSIVE;
        }
        if wanted.name.is_some() {
            flags |= DO_DEVICE_HAS_NAME;
        }
        let first: u64 = memory::read_field(wanted.driver_object, DriverObject::DEVICE_OBJECT)?;
        memory::write_field(at, DeviceObject::TYPE, IO_TYPE_DEVICE)?;
        memory::write_field(at, DeviceObject::SIZE_OF_OBJECT, size.0 as u16)?;
        memory::write_field(at, DeviceObject::DRIVER_OBJECT, wanted.driver_object.0)?;
        memory::write_field(at, DeviceObject::NEXT_DEVICE, first)?;
        memory::write_field(at, DeviceObject::FLAGS, flags)?;
        memory::write_field(at, DeviceObject::CHARACTERISTICS, wanted.characteristics)?;
        let extension = if wanted.extension_size == 0 { 0 } else { at.0 + DeviceObject::SIZE };
        memory::write_field(at, DeviceObject::DEVICE_EXTENSION, extension)?;
        memory::write_field(at, DeviceObject::DEVICE_TYPE, wanted.device_type)?;
        memory::write_field(at, DeviceObject::STACK_SIZE, 1_i8)?;
        memory::write_field(at, DeviceObject::ALIGNMENT_REQUIREMENT, FILE_64_BYTE_ALIGNMENT)?;
        memory::write_field(wanted.driver_object, DriverObject::DEVICE_OBJECT, at.0)
    }

    /// Deletes a device object and takes it out of its driver's list.
    pub(crate) fn delete_device(&self, call: &Call<'_>, object: VirtualAddress) -> Result<(), Stop> {
        if self.devices.borrow_mut().remove(object).is_err() {
            return Err(Stop::Crime {
                violation: Violation {
                    rule: Rule::DeviceDeletedTwice,
                    // The object manager would find a reference count of zero (MACH-051: type unknown, object).
                    bug_check: BugCheck::new(BugCheckCode::REFERENCE_BY_POINTER, [0, object.0, 0, 0]),
                    subject: object,
                },
                message: format!(
                    "{object} was deleted, which is no live device object but {}",
                    self.describe(object)
                ),
            });
        }
        self.take_out_of_list(object)?;
        self.delete_device_timer(call, object)?;
        if let Place::Live(block) = self.pool.find(object) {
            self.locks_in_freed(call, &block);
        }
        if self.postpones_deletion(call, object) {
            return Ok(());
        }
        let at = self.intern(&self.trace(call.registers()));
        self.finish_deleting_device(object, at)?;
        Ok(())
    }

    /// Gives the memory of a deleted device object back, which the driver's call at `at` asked for.
    pub(crate) fn finish_deleting_device(&self, object: VirtualAddress, at: StackId) -> Result<(), Stop> {
        let made = self.devices_made.borrow_mut().extract_if(.., |made| made.what == object).next();
        let freed = self.pool.free(Claim { address: object, tag: None });
        let freed = freed.map_err(|violation| Stop::Crime {
            violation,
            message: format!("the device object at {object} was freed as pool before it was deleted"),
        })?;
        if let Some(Made { stack, .. }) = made {
            // While it lived it was no block of the driver's; what comes after is a use after free like any other.
            let Block { address, size, kind, tag } = freed;
            let record =
                Allocation { address, size, kind, tag, stack, thread: self.running_number(), sequence: 0 };
            self.tracker.borrow_mut().record_allocation(record);
            self.record_free_at(&freed, at);
        }
        Ok(())
    }

    fn take_out_of_list(&self, object: VirtualAddress) -> Result<(), Fault> {
        let next: u64 = memory::read_field(object, DeviceObject::NEXT_DEVICE)?;
        let driver = VirtualAddress(memory::read_field(object, DeviceObject::DRIVER_OBJECT)?);
        let mut link = VirtualAddress(DriverObject::DEVICE_OBJECT.address_in(driver.0));
        // A driver that mends the list itself can make it endless; it has no more devices than were made.
        for _ in 0..=self.devices_made.borrow().len() {
            let at: u64 = memory::read(link)?;
            if at == object.0 {
                return memory::write(link, next);
            }
            if at == 0 {
                break;
            }
            link = VirtualAddress(DeviceObject::NEXT_DEVICE.address_in(at));
        }
        Ok(())
    }

    /// Makes a symbolic link.
    pub(crate) fn create_link(&self, call: &Call<'_>, link: ObjectName, target: ObjectName) -> NtStatus {
        match self.devices.borrow_mut().add_link(link.clone(), target) {
            Ok(()) => {
                let stack = self.intern(&self.trace(call.registers()));
                self.links_made.borrow_mut().push(Made { what: link, stack });
                NtStatus::SUCCESS
            }
            Err(error) => error.status(),
        }
    }

    /// Removes a symbolic link.
    pub(crate) fn delete_link(&self, link: &ObjectName) -> NtStatus {
        match self.devices.borrow_mut().remove_link(link) {
            Ok(()) => {
                self.links_made.borrow_mut().retain(|made| made.what != *link);
                NtStatus::SUCCESS
            }
            Err(error) => error.status(),
        }
    }

    /// The devices that are there, with the links that lead to them.
    pub(crate) fn device_records(&self) -> Vec<DeviceRecord> {
        let devices = self.devices.borrow();
        let links = |device: &Device| match &device.name {
            Some(name) => devices.links_to(name).map(|link| link.text().to_owned()).collect(),
            None => Vec::new(),
        };
        devices
            .iter()
            .map(|device| DeviceRecord {
                name: device.name.as_ref().map(|name| name.text().to_owned()),
                links: links(device),
            })
            .collect()
    }

    /// Lets the devices that were made in DriverEntry be opened (MACH-084).
    pub(crate) fn finish_devices(&self) {
        let made: Vec<VirtualAddress> = self.devices_made.borrow().iter().map(|made| made.what).collect();
        for device in made {
            if let Ok(flags) = memory::read_field(device, DeviceObject::FLAGS) {
                let _ = memory::write_field(device, DeviceObject::FLAGS, flags & !DO_DEVICE_INITIALIZING);
            }
        }
    }

    /// Reports devices and links that are still there.
    pub(crate) fn report_devices_left(&self) {
        for Made { what, stack } in self.devices_made.take() {
            let name = self
                .devices
                .borrow()
                .iter()
                .find(|device| device.object == what)
                .and_then(|device| device.name.clone())
                .map_or_else(|| "an unnamed device object".to_owned(), |name| format!("device {name}"));
            let message = format!("{name} at {what} was left behind");
            self.report_afterwards(Rule::DeviceLeft, &message, vec![self.stack(Role::At, stack)]);
        }
        for Made { what, stack } in self.links_made.take() {
            let message = format!("symbolic link {what} was left behind");
            self.report_afterwards(Rule::LinkLeft, &message, vec![self.stack(Role::At, stack)]);
        }
    }
}
