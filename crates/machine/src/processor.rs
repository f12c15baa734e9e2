//! A processor: its number and its IRQL.

use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::marker::PhantomData;
use ntpool_types::{BugCheck, BugCheckCode, Irql, ProcessorNumber, Rule, Violation, VirtualAddress};

/// A processor.
#[derive(Debug, Default)]
pub struct Processor {
    number: ProcessorNumber,
    irql: Cell<Irql>,
    /// The levels that raises saved, the innermost last.
    saved: RefCell<Vec<Irql>>,
}

/// The level of a processor and those that raises saved: what stays with a thread when another one takes its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    irql: Irql,
    saved: Vec<Irql>,
}

impl Levels {
    /// This level, with nothing saved.
    #[must_use]
    pub const fn at(irql: Irql) -> Levels {
        Levels { irql, saved: Vec::new() }
    }

    /// The level.
    #[must_use]
    pub const fn irql(&self) -> Irql {
        self.irql
    }
}

/// Proof that the processor runs at DISPATCH_LEVEL or above, so that nothing else runs on it meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct DispatchLevel<'processor> {
    processor: PhantomData<&'processor Processor>,
    number: ProcessorNumber,
}

impl DispatchLevel<'_> {
    /// The processor that is held.
    #[must_use]
    pub fn processor(&self) -> ProcessorNumber {
        self.number
    }
}

impl Processor {
    /// The processor with this number, at PASSIVE_LEVEL.
    #[must_use]
    pub fn new(number: ProcessorNumber) -> Processor {
        Processor { number, ..Processor::default() }
    }

    /// The processor's number.
    #[must_use]
    pub fn number(&self) -> ProcessorNumber {
        self.number
    }

    /// The current level.
    #[must_use]
    pub fn irql(&self) -> Irql {
        self.irql.get()
    }

    /// Raises the level and returns the former one.
    ///
    /// # Errors
    /// [`Rule::IrqlInvalidChange`] with bug check 0x0A when `to` is below the current level (MACH-143); the documents
    /// name no parameters, ours are (0, the current level, 0, the level asked for).
    pub fn raise(&self, to: Irql) -> Result<Irql, Violation> {
        let former = self.irql.get();
        if to < former {
            return Err(self.invalid_change(to));
        }
        self.saved.borrow_mut().push(former);
        self.irql.set(to);
        Ok(former)
    }

    /// Lowers the level to the one that the last raise saved.
    ///
    /// # Errors
    /// As for [`raise`](Processor::raise), when `to` is another level than that, or above the current one (MACH-143).
    /// Levels that were set without a raise have nothing saved, so only the second holds for them.
    pub fn lower(&self, to: Irql) -> Result<(), Violation> {
        let current = self.irql.get();
        let mut levels = self.saved.borrow_mut();
        // A raise to the level that is there already changes nothing, and need not be undone.
        while to < current && levels.last() == Some(&current) {
            levels.pop();
        }
        let saved = levels.last().copied();
        drop(levels);
        if to > self.irql.get() || saved.is_some_and(|saved| saved != to) {
            return Err(self.invalid_change(to));
        }
        self.saved.borrow_mut().pop();
        self.irql.set(to);
        Ok(())
    }

    /// Sets the level as a write to cr8 does, which checks nothing and makes what raises saved meaningless.
    pub fn set_irql(&self, to: Irql) {
        self.saved.borrow_mut().clear();
        self.irql.set(to);
    }

    /// Puts other levels in the place of the processor's and returns those it had: another thread goes on here, or work
    /// that interrupts the thread.
    pub fn exchange_levels(&self, levels: Levels) -> Levels {
        Levels { irql: self.irql.replace(levels.irql), saved: self.saved.replace(levels.saved) }
    }

    /// Proof of running at DISPATCH_LEVEL or above, or `None`.
    #[must_use]
    pub fn dispatch_level(&self) -> Option<DispatchLevel<'_>> {
        (self.irql.get() >= Irql::DISPATCH)
            .then_some(DispatchLevel { processor: PhantomData, number: self.number })
    }

    fn invalid_change(&self, to: Irql) -> Violation {
        let levels = [0, u64::from(self.irql.get().level()), 0, u64::from(to.level())];
        Violation {
            rule: Rule::IrqlInvalidChange,
            bug_check: BugCheck::new(BugCheckCode::IRQL_NOT_LESS_OR_EQUAL, levels),
            subject: VirtualAddress::NULL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mach_143_the_level_is_only_raised_up_and_lowered_down() {
        let processor = Processor::default();
        assert_eq!(processor.raise(Irql::DISPATCH), Ok(Irql::PASSIVE));
        assert_eq!(processor.raise(Irql::APC).unwrap_err().rule, Rule::IrqlInvalidChange);
        assert_eq!(processor.lower(Irql::HIGH).unwrap_err().bug_check.parameters, [0, 2, 0, 15]);
        assert_eq!(processor.irql(), Irql::DISPATCH, "a refused change changes nothing");
        assert_eq!(processor.lower(Irql::PASSIVE), Ok(()));
    }

    #[test]
    fn mach_143_the_level_is_lowered_to_the_one_that_the_last_raise_saved() {
        let processor = Processor::default();
        processor.raise(Irql::APC).unwrap();
        processor.raise(Irql::DISPATCH).unwrap();
        assert_eq!(processor.lower(Irql::PASSIVE).unwrap_err().rule, Rule::IrqlInvalidChange);
        processor.lower(Irql::APC).unwrap();
        processor.lower(Irql::PASSIVE).unwrap();
        processor.raise(Irql::DISPATCH).unwrap();
        processor.raise(Irql::DISPATCH).unwrap();
        assert_eq!(processor.lower(Irql::PASSIVE), Ok(()), "a raise that raised nothing need not be undone");
        processor.set_irql(Irql::DISPATCH);
        assert_eq!(processor.lower(Irql::APC), Ok(()), "a level that was set by hand saved nothing");
    }

    #[test]
    fn levels_that_were_exchanged_come_back_with_what_was_saved() {
        let processor = Processor::new(ProcessorNumber(3));
        assert_eq!(processor.number(), ProcessorNumber(3));
        processor.raise(Irql::APC).unwrap();
        let mine = processor.exchange_levels(Levels::at(Irql::DISPATCH));
        assert_eq!((mine.irql(), processor.irql()), (Irql::APC, Irql::DISPATCH));
        processor.lower(Irql::PASSIVE).unwrap();
        processor.exchange_levels(mine);
        assert_eq!(processor.lower(Irql::DISPATCH).unwrap_err().rule, Rule::IrqlInvalidChange);
        assert_eq!(processor.lower(Irql::PASSIVE), Ok(()));
    }

    #[test]
    fn only_dispatch_level_gives_its_proof() {
        let processor = Processor::default();
        processor.set_irql(Irql::APC);
        assert!(processor.dispatch_level().is_none());
        processor.set_irql(Irql::DISPATCH);
        assert!(processor.dispatch_level().is_some());
    }
}
