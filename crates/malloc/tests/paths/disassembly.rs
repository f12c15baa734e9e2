//! A function as objdump shows it, and the ways through it.

use crate::shipped::output;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::process::Command;

/// A function of a library.
pub(crate) struct Function {
    instructions: Vec<Instruction>,
}

/// An instruction, in the AT&T notation.
#[derive(Clone)]
pub(crate) struct Instruction {
    address: u64,
    text: String,
}

impl Function {
    /// The function of this name in the library.
    pub(crate) fn of(library: &Path, name: &str) -> Function {
        let mut objdump = Command::new("objdump");
        objdump.env("LC_ALL", "C").args(["--no-show-raw-insn", &format!("--disassemble={name}")]);
        let text = output(objdump.arg(library));
        let instructions: Vec<_> = text.lines().filter_map(Instruction::parse).collect();
        assert!(instructions.len() > 1, "objdump shows no function {name}:\n{text}");
        Function { instructions }
    }

    /// All its instructions.
    pub(crate) fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// What is executed from the entry to the first return when no condition holds; the compiler puts what is likely
    /// there. `None` if that way leaves the function by a jump.
    pub(crate) fn straight_path(&self) -> Option<Vec<Instruction>> {
        let mut path = Vec::new();
        let mut at = 0;
        // More steps than instructions would be a loop.
        while path.len() < self.instructions.len() {
            let instruction = &self.instructions[at];
            path.push(instruction.clone());
            match instruction.mnemonic() {
                "ret" | "retq" => return Some(path),
                "jmp" | "jmpq" => at = self.position(instruction.target()?)?,
                _ => at += 1,
            }
            if at == self.instructions.len() {
                return None;
            }
        }
        None
    }

    /// The calls after which the function goes on to return.
    pub(crate) fn calls_that_return(&self) -> Vec<&Instruction> {
        let calls = self.instructions.iter().enumerate().filter(|(_, instruction)| instruction.is_call());
        calls.filter(|&(at, _)| self.returns_from(at + 1)).map(|(_, call)| call).collect()
    }

    /// Whether a return can be reached from this instruction on.
    fn returns_from(&self, start: usize) -> bool {
        let mut seen = BTreeSet::new();
        let mut ahead = vec![start];
        while let Some(at) = ahead.pop() {
            let Some(instruction) = self.instructions.get(at) else { continue };
            if !seen.insert(at) {
                continue;
            }
            let mnemonic = instruction.mnemonic();
            match mnemonic {
                "ret" | "retq" => return true,
                "ud2" => continue,
                _ => {}
            }
            if mnemonic.starts_with('j') {
                ahead.extend(instruction.target().and_then(|target| self.position(target)));
            }
            if !mnemonic.starts_with("jmp") {
                ahead.push(at + 1);
            }
        }
        false
    }

    fn position(&self, address: u64) -> Option<usize> {
        self.instructions.binary_search_by_key(&address, |instruction| instruction.address).ok()
    }
}

impl Instruction {
    /// An instruction's line: its address, a colon, a tab, the rest.
    fn parse(line: &str) -> Option<Instruction> {
        let (address, text) = line.split_once(":\t")?;
        let address = u64::from_str_radix(address.trim(), 16).ok()?;
        Some(Instruction { address, text: text.trim_end().to_string() })
    }

    fn mnemonic(&self) -> &str {
        self.text.split_whitespace().next().unwrap_or_default()
    }

    /// Where a jump leads, if that is in the instruction.
    fn target(&self) -> Option<u64> {
        let operand = self.text.split_whitespace().nth(1)?;
        u64::from_str_radix(operand, 16).ok()
    }

    /// Whether it calls a function, whatever prefixes it has.
    pub(crate) fn is_call(&self) -> bool {
        self.text.split_whitespace().any(|word| matches!(word, "call" | "callq"))
    }

    /// Whether it takes room on the stack.
    pub(crate) fn grows_the_stack(&self) -> bool {
        let is_push = self.mnemonic().starts_with("push");
        is_push || (self.mnemonic().starts_with("sub") && self.text.ends_with(",%rsp"))
    }

    /// Whether it locks the bus: by the prefix, or because an exchange with memory always does.
    pub(crate) fn is_locked(&self) -> bool {
        let is_exchange = self.mnemonic().starts_with("xchg");
        self.text.split_whitespace().any(|word| word == "lock")
            || (is_exchange && self.text.contains(['(', ':']))
    }

    /// Whether it names this symbol or one of the places that hold the symbol's address.
    pub(crate) fn names(&self, symbol: &str, places: &[u64]) -> bool {
        self.text.contains(symbol) || places.iter().any(|place| self.text.contains(&format!("# {place:x} ")))
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.instructions.iter().try_for_each(|instruction| writeln!(f, "{instruction}"))
    }
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:8x}  {}", self.address, self.text)
    }
}

/// Where the dynamic linker puts the address of this symbol.
pub(crate) fn places_of(library: &Path, symbol: &str) -> Vec<u64> {
    let text = output(Command::new("objdump").env("LC_ALL", "C").arg("--dynamic-reloc").arg(library));
    let named = text.lines().filter(|line| {
        let value = line.split_whitespace().nth(2).unwrap_or_default();
        value.split(['@', '+']).next() == Some(symbol)
    });
    named.filter_map(|line| u64::from_str_radix(line.split_whitespace().next()?, 16).ok()).collect()
}
