//! Instructions that a processor answers differently each time, or each processor of the host in its own way.
//!
//! Pure logic: code goes in, places come out. Linux can't make `rdrand`, `rdseed` and `rdpid` trap at all, and `cpuid` only on
//! processors that few virtual machines have, so the code is read before it runs.

use iced_x86::{Code, Decoder, DecoderOptions, Instruction};

/// What such an instruction asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unrepeatable {
    /// `rdrand`: a random number.
    Random,
    /// `rdseed`: a random number to begin others with.
    Seed,
    /// `rdpid`: the number of the host's processor.
    ProcessorNumber,
    /// `cpuid`, which also tells the number of the host's processor.
    ProcessorIdentity,
}

impl Unrepeatable {
    fn of(instruction: &Instruction) -> Option<Unrepeatable> {
        match instruction.code() {
            Code::Rdrand_r16 | Code::Rdrand_r32 | Code::Rdrand_r64 => Some(Unrepeatable::Random),
            Code::Rdseed_r16 | Code::Rdseed_r32 | Code::Rdseed_r64 => Some(Unrepeatable::Seed),
            Code::Rdpid_r32 | Code::Rdpid_r64 => Some(Unrepeatable::ProcessorNumber),
            Code::Cpuid => Some(Unrepeatable::ProcessorIdentity),
            _ => None,
        }
    }
}

/// Finds such instructions in code that is decoded from its first byte on, each with its offset.
///
/// Takes time in proportion to the code's length, whatever it holds: where bytes are no instruction, decoding goes on at the
/// next one.
#[must_use]
pub fn find(code: &[u8]) -> Vec<(usize, Unrepeatable)> {
    if !may_hold_any(code) {
        return Vec::new();
    }
    let mut decoder = Decoder::new(64, code, DecoderOptions::NONE);
    let mut instruction = Instruction::default();
    let mut found = Vec::new();
    while decoder.can_decode() {
        let place = decoder.position();
        decoder.decode_out(&mut instruction);
        if instruction.is_invalid() {
            decoder.set_position(place + 1).expect("there was a byte to decode");
        } else if let Some(asked) = Unrepeatable::of(&instruction) {
            found.push((place, asked));
        }
    }
    found
}

/// Whether the opcodes are there at all, which is much faster to see than what they are.
fn may_hold_any(code: &[u8]) -> bool {
    code.windows(2).enumerate().any(|(place, opcode)| match opcode {
        [0x0F, 0xA2] => true,
        // With a register as its operand: `/6` and `/7` of the group.
        [0x0F, 0xC7] => code.get(place + 2).is_some_and(|&operand| operand >= 0xF0),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Unrepeatable::{ProcessorIdentity, ProcessorNumber, Random, Seed};

    #[test]
    fn each_such_instruction_is_found_in_all_its_widths() {
        let code = [
            &[0x0F, 0xC7, 0xF0][..],         // rdrand eax
            &[0x66, 0x0F, 0xC7, 0xF1],       // rdrand cx
            &[0x49, 0x0F, 0xC7, 0xF0],       // rdrand r8
            &[0x0F, 0xC7, 0xF8],             // rdseed eax
            &[0x48, 0x0F, 0xC7, 0xFA],       // rdseed rdx
            &[0xF3, 0x0F, 0xC7, 0xF8],       // rdpid rax
            &[0xF3, 0x41, 0x0F, 0xC7, 0xF8], // rdpid r8
            &[0x0F, 0xA2],                   // cpuid
            &[0xC3],
        ];
        let expected = [
            (0, Random),
            (3, Random),
            (7, Random),
            (11, Seed),
            (14, Seed),
            (18, ProcessorNumber),
            (22, ProcessorNumber),
            (27, ProcessorIdentity),
        ];
        assert_eq!(find(&code.concat()), expected);
    }

    #[test]
    fn the_same_bytes_in_another_instruction_are_none() {
        // mov eax, 0x90F0C70F; mov eax, 0x9090A20F; ret
        assert_eq!(find(&[0xB8, 0x0F, 0xC7, 0xF0, 0x90, 0xB8, 0x0F, 0xA2, 0x90, 0x90, 0xC3]), []);
        // cmpxchg16b [rcx]
        assert_eq!(find(&[0x48, 0x0F, 0xC7, 0x09, 0x0F, 0x0B]), []);
    }

    #[test]
    fn bytes_that_are_no_instruction_are_passed_over() {
        // push es, which 64-bit code has not, and an instruction that the code's end cuts off.
        assert_eq!(find(&[0x06, 0x06, 0x0F, 0xA2, 0x48, 0x0F]), [(2, ProcessorIdentity)]);
        let noise: Vec<u8> = (0..20_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
        for start in 0..64 {
            let found = find(&[&noise[start..], &[0x0F, 0xA2]].concat());
            assert!(found.is_sorted_by(|one, next| one.0 < next.0), "{found:?}");
        }
    }
}
