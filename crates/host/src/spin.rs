//! Telling a loop that only waits from code that works, one instruction at a time.
//!
//! A tick finds driver code at an instruction that depends on how fast the computer is. From there on the processor stops
//! after each instruction: when every register is again as it was at the first one and no instruction wrote to memory, the code turns in a loop and
//! changes nothing, and it is taken off its processor at the loop's lowest instruction, which is the same in every run.

use ntpool_machine::Registers;

/// A loop that only waits is shorter than this, in instructions.
const LONGEST_LOOP: u32 = 512;

/// Flags that say nothing of the code: the single step itself, and resume.
const NOT_THE_CODES: u64 = 1 << 8 | 1 << 16;

/// What is known of the instructions since a tick.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    first: Registers,
    lowest: u64,
    steps: u32,
    /// It has come round: it is taken off at the lowest instruction.
    turns: bool,
}

/// What to do after an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Look at the next one.
    Again,
    /// Take the code off its processor; whether it turns in a loop that only waits.
    Take {
        /// Whether it does.
        turns: bool,
    },
}

impl Watch {
    /// From these registers on.
    pub(crate) fn from(registers: Registers) -> Watch {
        let first = Registers { flags: registers.flags & !NOT_THE_CODES, ..registers };
        Watch { first, lowest: registers.instruction, steps: 0, turns: false }
    }

    /// After an instruction; `writes` says that the next one changes memory, which is work.
    pub(crate) fn step(&mut self, registers: &Registers, writes: bool) -> Step {
        self.steps += 1;
        if writes {
            return Step::Take { turns: false };
        }
        if self.turns {
            return match registers.instruction == self.lowest {
                true => Step::Take { turns: true },
                false => Step::Again,
            };
        }
        let now = Registers { flags: registers.flags & !NOT_THE_CODES, ..*registers };
        if now == self.first {
            self.turns = true;
            return match now.instruction == self.lowest {
                true => Step::Take { turns: true },
                false => Step::Again,
            };
        }
        self.lowest = self.lowest.min(now.instruction);
        match self.steps < LONGEST_LOOP {
            true => Step::Again,
            false => Step::Take { turns: false },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(instruction: u64, counter: u64) -> Registers {
        let mut registers = Registers { instruction, flags: 0x302, ..Registers::default() };
        registers.general[0] = counter;
        registers
    }

    /// Steps through a loop of three instructions until it is taken; where, and how.
    fn taken(entry: u64, count: impl Fn(u64) -> u64) -> (u64, bool) {
        let mut watch = Watch::from(at(entry, count(0)));
        let mut instruction = entry;
        for step in 1.. {
            instruction = 0x100 + (instruction - 0x100 + 2) % 6;
            if let Step::Take { turns } = watch.step(&at(instruction, count(step)), false) {
                return (instruction, turns);
            }
        }
        unreachable!("a watch ends");
    }

    #[test]
    fn a_loop_that_changes_nothing_is_taken_at_its_lowest_instruction_wherever_it_is_met() {
        for entry in [0x100, 0x102, 0x104] {
            assert_eq!(taken(entry, |_| 0), (0x100, true), "met at {entry:#x}");
        }
    }

    #[test]
    fn a_loop_that_changes_memory_works() {
        let mut watch = Watch::from(at(0x100, 0));
        assert_eq!(watch.step(&at(0x102, 0), true), Step::Take { turns: false });
    }

    #[test]
    fn a_loop_that_counts_works_and_is_taken_anywhere() {
        assert!(!taken(0x102, |step| step).1);
    }
}
