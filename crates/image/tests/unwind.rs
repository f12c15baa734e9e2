//! The step up the stack, code by code and place by place, over functions and stacks made by hand.

mod support;

use ntpool_image::{
    Context, Handler, Image, Operation, Place, Register, RuntimeFunction, SavedRegisters, Step, UnwindError,
};
use ntpool_types::VirtualAddress;
use support::{FRAMED, FunctionParts, RDATA, Stack, function_at, info_at, with_functions};

const BASE: VirtualAddress = VirtualAddress(0x2000_0000_0000);
const RSP: u64 = 0x2001_0000_0000;
/// A return address that tells itself apart from every other word.
const RETURN: u64 = 0x1122_3344_5566_7788;

const RBX: usize = 3;
const RBP: usize = 5;
const RSI: usize = 6;
const R12: usize = 12;

fn parse(functions: &[FunctionParts<'_>]) -> Image {
    Image::parse(with_functions(functions).build()).expect("the image is sound")
}

/// One step from an offset into the first function, with this stack at the stack pointer.
fn step(image: &Image, offset: u32, words: &[u64]) -> (Step, Context) {
    step_from(image, Context::default(), offset, words)
}

fn step_from(image: &Image, mut context: Context, offset: u32, words: &[u64]) -> (Step, Context) {
    context.rip = BASE.0 + u64::from(function_at(0) + offset);
    context.set_rsp(RSP);
    let memory = Stack { base: RSP, words: words.to_vec() };
    let step = image.unwind_table().step(BASE, &mut context, &memory).expect("the step is made");
    (step, context)
}

/// A function of 64 bytes without an epilogue, with this unwind information.
fn body(info: &[u8]) -> Image {
    parse(&[FunctionParts { code: &[0x90; 64], info }])
}

/// The stack pointer after a step, in words above where it was.
fn words_freed(context: &Context) -> u64 {
    (context.rsp() - RSP) / 8
}

#[test]
fn a_function_without_unwind_information_has_only_its_return_address_on_the_stack() {
    let image = body(&[1, 0, 0, 0]);
    let mut context = Context { rip: BASE.0 + 0x1800, ..Context::default() };
    context.set_rsp(RSP);
    let memory = Stack { base: RSP, words: vec![RETURN] };
    let step = image.unwind_table().step(BASE, &mut context, &memory).expect("the step is made");
    assert_eq!((step.function, step.place), (None, Place::Leaf));
    assert_eq!((context.rip, words_freed(&context)), (RETURN, 1));
}

#[test]
fn a_pushed_register_is_popped() {
    let (step, context) = step(&body(&[1, 1, 1, 0, 1, 0x30]), 8, &[7, RETURN]);
    assert_eq!(step.place, Place::Body);
    assert_eq!((context.registers[RBX], context.rip, words_freed(&context)), (7, RETURN, 2));
}

#[test]
fn small_allocations_are_8_to_128_bytes() {
    for (detail, words) in [(0_u8, 1_usize), (15, 16)] {
        let mut stack = vec![0; words];
        stack.push(RETURN);
        let (_, context) = step(&body(&[1, 4, 1, 0, 4, detail << 4 | 2]), 8, &stack);
        assert_eq!((context.rip, words_freed(&context)), (RETURN, words as u64 + 1));
    }
}

#[test]
fn large_allocations_are_counted_in_words_or_in_bytes() {
    let mut stack = vec![0; 0x40];
    stack.push(RETURN);
    for info in [&[1, 7, 2, 0, 7, 0x01, 0x40, 0][..], &[1, 7, 3, 0, 7, 0x11, 0, 2, 0, 0, 0, 0][..]] {
        let (_, context) = step(&body(info), 8, &stack);
        assert_eq!((context.rip, words_freed(&context)), (RETURN, 0x41));
    }
}

#[test]
fn the_upper_half_of_a_large_allocation_counts() {
    let image = body(&[1, 7, 3, 0, 7, 0x11, 8, 0, 1, 0, 0, 0]);
    let mut context = Context { rip: BASE.0 + 0x1008, ..Context::default() };
    context.set_rsp(RSP - 0x1_0008);
    let memory = Stack { base: RSP, words: vec![RETURN] };
    image.unwind_table().step(BASE, &mut context, &memory).expect("the step is made");
    assert_eq!((context.rip, words_freed(&context)), (RETURN, 1));
}

#[test]
fn saved_registers_are_read_without_freeing_anything() {
    for save in [&[0x64, 3, 0][..], &[0x65, 24, 0, 0, 0][..]] {
        let mut info = vec![1, 8, 1 + save.len() as u8 / 2 + 1, 0, 8];
        info.extend_from_slice(save);
        info.extend_from_slice(&[4, 0x32]);
        let (_, context) = step(&body(&info), 8, &[0, 0, 0, 9, RETURN]);
        assert_eq!(context.registers[RSI], 9);
        // The allocation is four words, a small one: 3 * 8 + 8.
        assert_eq!((context.rip, words_freed(&context)), (RETURN, 5));
    }
}

#[test]
fn saved_vector_registers_are_read_whole() {
    for save in [&[0x68, 1, 0][..], &[0x69, 16, 0, 0, 0][..]] {
        let mut info = vec![1, 8, 1 + save.len() as u8 / 2 + 1, 0, 8];
        info.extend_from_slice(save);
        info.extend_from_slice(&[4, 0x32]);
        let (_, context) = step(&body(&info), 8, &[0, 0, 0xAAAA, 0xBBBB, RETURN]);
        assert_eq!(context.xmm[6], 0xBBBB_0000_0000_0000_AAAA);
        assert_eq!(context.rip, RETURN);
    }
}

/// `push rbp; sub rsp, 0x20; lea rbp, [rsp + 0x10]`, and then allocations that nobody wrote down.
const WITH_FRAME_REGISTER: &[u8] = &[1, 10, 3, 0x15, 10, 0x03, 5, 0x32, 1, 0x50];

#[test]
fn a_frame_register_finds_the_frame_however_far_the_stack_has_grown() {
    let mut registers = Context::default();
    registers.registers[RBP] = RSP + 0x1010;
    let mut stack = vec![0; 0x200];
    stack.extend_from_slice(&[1, 2, 3, 4, 5, RETURN]);
    let (step, context) = step_from(&body(WITH_FRAME_REGISTER), registers, 20, &stack);
    assert_eq!(step.establisher_frame, RSP + 0x1000);
    assert_eq!((context.registers[RBP], context.rip, words_freed(&context)), (5, RETURN, 0x206));
}

#[test]
fn a_frame_register_that_is_not_set_yet_is_not_used() {
    let mut registers = Context::default();
    registers.registers[RBP] = 0xDEAD;
    let (step, context) = step_from(&body(WITH_FRAME_REGISTER), registers, 5, &[1, 2, 3, 4, 5, RETURN]);
    assert_eq!((step.place, step.establisher_frame), (Place::Prologue, RSP));
    assert_eq!((context.registers[RBP], context.rip), (5, RETURN));
}

#[test]
fn a_machine_frame_gives_back_what_the_processor_pushed() {
    for (detail, extra) in [(0x0A, &[][..]), (0x1A, &[0xE][..])] {
        let mut stack = extra.to_vec();
        stack.extend_from_slice(&[0x7777, 0x10, 0x202, 0x9999, 0x18]);
        let (step, context) = step(&body(&[1, 0, 1, 0, 0, detail]), 8, &stack);
        assert!(step.machine_frame);
        assert_eq!((context.rip, context.rsp()), (0x7777, 0x9999));
    }
}

/// What the stack holds while [`FRAMED`] runs: rbx and the return address below 32 bytes of frame.
const FRAMED_INFO: &[u8] = &[1, 5, 2, 0, 5, 0x32, 1, 0x30];

fn framed() -> Image {
    parse(&[FunctionParts { code: FRAMED, info: FRAMED_INFO }])
}

#[test]
fn at_each_place_of_a_function_only_what_has_happened_is_undone() {
    let image = framed();
    let whole: &[u64] = &[0, 0, 0, 0, 7, RETURN];
    let pushed = &whole[4..];
    let bare = &whole[5..];
    for (offset, stack, place) in [
        (0, bare, Place::Prologue),
        (1, pushed, Place::Prologue),
        (5, whole, Place::Body),
        (6, whole, Place::Body),
        (8, whole, Place::Epilogue),
        (12, pushed, Place::Epilogue),
        (13, bare, Place::Epilogue),
    ] {
        let (step, context) = step(&image, offset, stack);
        assert_eq!(step.place, place, "at offset {offset}");
        assert_eq!((context.rip, words_freed(&context)), (RETURN, stack.len() as u64), "at offset {offset}");
        let rbx = if stack.len() > 1 { 7 } else { 0 };
        assert_eq!(context.registers[RBX], rbx, "at offset {offset}");
    }
}

#[test]
fn epilogues_are_known_by_each_of_their_forms() {
    let forms: [(&str, &[u8], &[u8]); 7] = [
        ("a long add", &[0x48, 0x81, 0xC4, 0x20, 0, 0, 0, 0x5B, 0xC3], FRAMED_INFO),
        ("a lea from rbp", &[0x48, 0x8D, 0x65, 0x20, 0x5B, 0xC3], &[1, 0, 0, 0x05]),
        ("a long lea from rbp", &[0x48, 0x8D, 0xA5, 0x20, 0, 0, 0, 0x5B, 0xC3], &[1, 0, 0, 0x05]),
        ("a lea from r12", &[0x49, 0x8D, 0x64, 0x24, 0x20, 0x5B, 0xC3], &[1, 0, 0, 0x0C]),
        ("a return with a prefix", &[0x48, 0x83, 0xC4, 0x20, 0x5B, 0xF3, 0xC3], FRAMED_INFO),
        ("a jump through memory", &[0x48, 0x83, 0xC4, 0x20, 0x5B, 0xFF, 0x25, 0, 0, 0, 0], FRAMED_INFO),
        ("a marked jump through a register", &[0x48, 0x83, 0xC4, 0x20, 0x5B, 0x48, 0xFF, 0xE0], FRAMED_INFO),
    ];
    for (name, epilogue, info) in forms {
        let mut code = vec![0x90; 16];
        code.extend_from_slice(epilogue);
        let image = parse(&[FunctionParts { code: &code, info }]);
        let mut registers = Context::default();
        registers.registers[RBP] = RSP;
        registers.registers[R12] = RSP;
        let (step, context) = step_from(&image, registers, 16, &[0, 0, 0, 0, 7, RETURN]);
        assert_eq!(step.place, Place::Epilogue, "{name}");
        assert_eq!((context.registers[RBX], context.rip), (7, RETURN), "{name}");
    }
}

#[test]
fn a_lea_with_no_displacement_frees_up_to_the_frame_register() {
    let mut registers = Context::default();
    registers.registers[RSI] = RSP + 8;
    let image = parse(&[FunctionParts { code: &[0x48, 0x8D, 0x26, 0xC3], info: &[1, 0, 0, 0x06] }]);
    let (step, context) = step_from(&image, registers, 0, &[0, RETURN]);
    assert_eq!((step.place, context.rip), (Place::Epilogue, RETURN));
}

#[test]
fn a_return_that_frees_arguments_frees_them() {
    let image = parse(&[FunctionParts { code: &[0x90, 0xC2, 0x10, 0], info: &[1, 0, 0, 0] }]);
    let (_, context) = step(&image, 1, &[RETURN, 0, 0]);
    assert_eq!((context.rip, words_freed(&context)), (RETURN, 3));
}

#[test]
fn what_only_looks_like_an_epilogue_is_body() {
    let forms: [(&str, &[u8]); 7] = [
        ("an add that no return follows", &[0x48, 0x83, 0xC4, 0x20, 0x90, 0xC3]),
        ("a pop of the stack pointer", &[0x5C, 0xC3]),
        ("a jump within the function", &[0xEB, 0xEE]),
        ("a jump through a register into a switch", &[0xFF, 0xE0]),
        ("a jump through a table", &[0xFF, 0x24, 0xC5, 0, 0, 0, 0]),
        ("a lea from a register that is not the frame's", &[0x48, 0x8D, 0x65, 0x20, 0x5B, 0xC3]),
        ("more pops than there are registers", &[0x5B; 32]),
    ];
    for (name, tail) in forms {
        let mut code = vec![0x90; 17];
        code.extend_from_slice(tail);
        code.push(0xC3);
        let image = parse(&[FunctionParts { code: &code, info: FRAMED_INFO }]);
        let (step, context) = step(&image, 17, &[0, 0, 0, 0, 7, RETURN]);
        assert_eq!(step.place, Place::Body, "{name}");
        assert_eq!((context.registers[RBX], context.rip), (7, RETURN), "{name}");
    }
}

/// A jump of five bytes at offset 16 of the first function.
fn jump_to(target: u32) -> Vec<u8> {
    let mut code = vec![0x90; 16];
    code.push(0xE9);
    let distance = i64::from(target) - i64::from(function_at(0) + 21);
    code.extend_from_slice(&(distance as i32).to_le_bytes());
    code
}

#[test]
fn a_jump_to_the_start_of_a_function_ends_an_epilogue_and_one_into_a_part_does_not() {
    let leaf = 0x1900;
    for (target, place) in [
        (function_at(1), Place::Epilogue),
        (function_at(1) + 4, Place::Body),
        (function_at(0), Place::Epilogue),
        (function_at(0) + 2, Place::Body),
        (leaf, Place::Epilogue),
        (0x9000, Place::Body),
    ] {
        let image = parse(&[
            FunctionParts { code: &jump_to(target), info: FRAMED_INFO },
            FunctionParts { code: FRAMED, info: FRAMED_INFO },
        ]);
        let stack: &[u64] = if place == Place::Epilogue { &[RETURN] } else { &[0, 0, 0, 0, 7, RETURN] };
        let (step, context) = step(&image, 16, stack);
        assert_eq!((step.place, context.rip), (place, RETURN), "to {target:#x}");
    }
}

#[test]
fn a_jump_back_from_a_part_that_was_moved_away_is_no_epilogue() {
    let mut chained = vec![1 | 4 << 3, 0, 0, 0];
    for word in [function_at(1), function_at(1) + FRAMED.len() as u32, info_at(1)] {
        chained.extend_from_slice(&word.to_le_bytes());
    }
    let image = parse(&[
        FunctionParts { code: &jump_to(function_at(1) + 6), info: &chained },
        FunctionParts { code: FRAMED, info: FRAMED_INFO },
    ]);
    let (step, context) = step(&image, 16, &[0, 0, 0, 0, 7, RETURN]);
    assert_eq!((step.place, context.rip), (Place::Body, RETURN));
    assert_eq!(image.unwind_table().function_start(function_at(0) + 3), Some(function_at(1)));
}

/// Version 2: one epilogue of two bytes at the end, and one that ends eight bytes before the end of 64.
const TWO_EPILOGUES: &[u8] = &[2, 5, 4, 0, 2, 0x16, 10, 0x06, 5, 0x32, 1, 0x30];

#[test]
fn version_2_says_where_epilogues_are() {
    let image = body(TWO_EPILOGUES);
    let function = image.unwind_table().lookup(function_at(0)).expect("the function is there");
    let end = function.end;
    let ranges: Vec<_> = function.info.epilogues(end).collect();
    assert_eq!(ranges, [end - 2..end, end - 10..end - 8]);
    let first = function.info.codes().next().expect("there are codes");
    assert_eq!(first.operation, Operation::Epilogue([0x1602, 0x060A]));
}

#[test]
fn version_2_epilogues_away_from_the_end_use_all_twelve_bits_of_their_distance() {
    let image = body(&[2, 0, 4, 0, 3, 0x06, 0x20, 0x06, 0x30, 0x06, 0, 0]);
    let function = image.unwind_table().lookup(function_at(0)).expect("the function is there");
    let ranges: Vec<_> = function.info.epilogues(0x2000).collect();
    assert_eq!(ranges, [0x1FE0..0x1FE3, 0x1FD0..0x1FD3]);
    // A pair may also be filled up with a descriptor of no distance.
    let image = body(&[2, 0, 4, 0, 3, 0x16, 0x20, 0x06, 0x30, 0x06, 0, 0x06]);
    let function = image.unwind_table().lookup(function_at(0)).expect("the function is there");
    let ranges: Vec<_> = function.info.epilogues(0x2000).collect();
    assert_eq!(ranges, [0x1FFD..0x2000, 0x1FE0..0x1FE3, 0x1FD0..0x1FD3]);
    let image = body(&[2, 0, 2, 0, 3, 0x06, 0x20, 0x16]);
    let function = image.unwind_table().lookup(function_at(0)).expect("the function is there");
    assert_eq!(function.info.epilogues(0x2000).next(), Some(0x1EE0..0x1EE3));
}

#[test]
fn in_a_version_2_epilogue_the_rest_is_carried_out() {
    let mut code = vec![0x90; 64];
    code[54..56].copy_from_slice(&[0x5B, 0xC3]);
    code[62..64].copy_from_slice(&[0x5B, 0xC3]);
    let image = parse(&[FunctionParts { code: &code, info: TWO_EPILOGUES }]);
    for offset in [54, 62] {
        let (first, context) = step(&image, offset, &[7, RETURN]);
        assert_eq!((first.place, context.rip, context.registers[RBX]), (Place::Epilogue, RETURN, 7));
        let (second, context) = step(&image, offset + 1, &[RETURN]);
        assert_eq!((second.place, context.rip), (Place::Epilogue, RETURN));
    }
}

#[test]
fn elsewhere_in_a_version_2_function_instructions_are_no_evidence() {
    let mut code = vec![0x90; 64];
    code[30..32].copy_from_slice(&[0x5B, 0xC3]);
    let image = parse(&[FunctionParts { code: &code, info: TWO_EPILOGUES }]);
    let (step, context) = step(&image, 30, &[0, 0, 0, 0, 7, RETURN]);
    assert_eq!((step.place, context.rip), (Place::Body, RETURN));
}

#[test]
fn a_version_2_epilogue_may_end_in_any_jump() {
    for jump in [&[0xFF, 0xE0][..], &[0x41, 0xFF, 0xE2][..], &[0xE9, 0x02, 0, 0, 0][..], &[0xEB, 0xF0][..]] {
        let mut code = vec![0x90; 20];
        code.extend_from_slice(jump);
        let info = [2, 0, 2, 0, jump.len() as u8, 0x16, 0, 0];
        let image = parse(&[FunctionParts { code: &code, info: &info }]);
        let (step, context) = step(&image, 20, &[RETURN]);
        assert_eq!((step.place, context.rip), (Place::Epilogue, RETURN));
    }
}

/// A part of a function: it saves rsi in the frame that the function at index 1 has set up.
fn chained_info() -> Vec<u8> {
    let mut info = vec![1 | 4 << 3, 5, 2, 0, 5, 0x64, 2, 0];
    for word in [function_at(1), function_at(1) + FRAMED.len() as u32, info_at(1)] {
        info.extend_from_slice(&word.to_le_bytes());
    }
    info
}

#[test]
fn a_chained_part_is_undone_before_the_function_it_belongs_to() {
    let image = parse(&[
        FunctionParts { code: &[0x90; 32], info: &chained_info() },
        FunctionParts { code: FRAMED, info: FRAMED_INFO },
    ]);
    let (body, context) = step(&image, 8, &[0, 0, 9, 0, 7, RETURN]);
    assert_eq!(body.place, Place::Body);
    assert_eq!((context.registers[RSI], context.registers[RBX], context.rip), (9, 7, RETURN));
    let (early, context) = step(&image, 2, &[0, 0, 9, 0, 7, RETURN]);
    assert_eq!(early.place, Place::Prologue);
    assert_eq!(context.registers[RSI], 0, "rsi is not saved yet");
    assert_eq!((context.registers[RBX], context.rip), (7, RETURN), "the function's own frame is whole");
    let function = image.unwind_table().lookup(function_at(0)).expect("the part is there");
    assert_eq!(
        function.info.chained,
        Some(RuntimeFunction { begin: function_at(1), end: function_at(1) + 14, info: info_at(1) })
    );
}

#[test]
fn handlers_are_given_in_the_body_and_nowhere_else() {
    let info = [1 | 3 << 3, 5, 2, 0, 5, 0x32, 1, 0x30, 0x40, 0x10, 0, 0, 0xAA, 0xBB];
    let image = parse(&[FunctionParts { code: FRAMED, info: &info }]);
    let expected = Handler { routine: 0x1040, data: info_at(0) + 12, on_exception: true, on_unwind: true };
    let whole: &[u64] = &[0, 0, 0, 0, 7, RETURN];
    assert_eq!(step(&image, 6, whole).0.handler, Some(expected));
    assert_eq!(step(&image, 1, &whole[4..]).0.handler, None, "in the prologue");
    assert_eq!(step(&image, 13, &whole[5..]).0.handler, None, "in the epilogue");
}

#[test]
fn a_part_that_was_moved_away_has_the_handler_of_its_function() {
    let with_handler = [1 | 1 << 3, 5, 2, 0, 5, 0x32, 1, 0x30, 0x40, 0x10, 0, 0];
    let image = parse(&[
        FunctionParts { code: &[0x90; 32], info: &chained_info() },
        FunctionParts { code: FRAMED, info: &with_handler },
    ]);
    for offset in [2, 8] {
        let handler = step(&image, offset, &[0, 0, 9, 0, 7, RETURN]).0.handler.expect("it has one");
        assert_eq!((handler.routine, handler.on_exception, handler.on_unwind), (0x1040, true, false));
    }
}

#[test]
fn a_step_that_fails_changes_nothing() {
    let image = framed();
    let mut context = Context { rip: BASE.0 + u64::from(function_at(0)) + 6, ..Context::default() };
    context.set_rsp(RSP);
    context.registers[RBX] = 1;
    let before = context;
    let memory = Stack { base: RSP, words: vec![0, 0, 0, 0, 7] };
    let error = image.unwind_table().step(BASE, &mut context, &memory).expect_err("the stack ends");
    assert_eq!(error, UnwindError::Unreadable { address: RSP + 40 });
    assert_eq!(
        error.to_string(),
        "the stack can't be read at 0x200100000028; the stack pointer or a frame is damaged"
    );
    assert_eq!(context, before);
}

#[test]
fn addresses_outside_the_image_are_not_unwound() {
    let image = framed();
    for rip in [0, BASE.0 - 1, BASE.0 + image.size_of_image().0, u64::MAX] {
        let mut context = Context { rip, ..Context::default() };
        let memory = Stack { base: 0, words: vec![RETURN] };
        let error = image.unwind_table().step(BASE, &mut context, &memory).expect_err("not in the image");
        assert_eq!(error, UnwindError::OutsideImage { rip });
    }
}

#[test]
fn a_walk_gives_the_return_addresses_in_the_image_from_the_inside_out() {
    let image = parse(&[
        FunctionParts { code: FRAMED, info: FRAMED_INFO },
        FunctionParts { code: FRAMED, info: FRAMED_INFO },
    ]);
    let table = image.unwind_table();
    let (inner, outer) = (BASE.0 + u64::from(function_at(0)) + 6, BASE.0 + u64::from(function_at(1)) + 6);
    let words = vec![0, 0, 0, 0, 1, outer, 0, 0, 0, 0, 2, inner, 0, 0, 0, 0, 3, RETURN];
    let memory = Stack { base: RSP, words };
    let mut context = Context { rip: inner, ..Context::default() };
    context.set_rsp(RSP);
    let expected = [VirtualAddress(outer), VirtualAddress(inner)];
    assert_eq!(table.walk(BASE, &context, &memory, 64), expected);
    assert_eq!(table.walk(BASE, &context, &memory, 1), expected[..1]);
    assert_eq!(table.walk(BASE, &context, &memory, 0), []);
}

#[test]
fn a_walk_ends_where_a_stack_goes_round_in_circles() {
    let image = body(&[1, 0, 1, 0, 0, 0x0A]);
    let inside = BASE.0 + u64::from(function_at(0)) + 8;
    let memory = Stack { base: RSP, words: vec![inside, 0, 0, RSP, 0] };
    let mut context = Context { rip: inside, ..Context::default() };
    context.set_rsp(RSP);
    assert_eq!(image.unwind_table().walk(BASE, &context, &memory, 5).len(), 5, "the limit ends it");
    let image = parse(&[FunctionParts { code: &[0x90; 32], info: &[1, 0, 2, 0, 0, 0x30, 0, 0x40] }]);
    let memory = Stack { base: RSP, words: vec![0, RSP - 8, inside] };
    assert_eq!(image.unwind_table().walk(BASE, &context, &memory, 5), [], "the stack pointer does not rise");
}

#[test]
fn lookup_finds_exactly_the_bytes_of_each_function() {
    let image = parse(&[
        FunctionParts { code: FRAMED, info: FRAMED_INFO },
        FunctionParts { code: FRAMED, info: FRAMED_INFO },
    ]);
    let table = image.unwind_table();
    assert_eq!((table.len(), table.is_empty()), (2, false));
    for (rva, begin) in [
        (function_at(0) - 1, None),
        (function_at(0), Some(function_at(0))),
        (function_at(0) + 13, Some(function_at(0))),
        (function_at(0) + 14, None),
        (function_at(1), Some(function_at(1))),
        (u32::MAX, None),
    ] {
        assert_eq!(table.lookup(rva).map(|function| function.begin), begin, "at {rva:#x}");
    }
    let info = table.lookup(function_at(1)).expect("it is there").info;
    assert_eq!((info.version, info.prologue_size, info.frame), (1, 5, None));
    let codes: Vec<_> = info.codes().map(|code| (code.prologue_offset, code.operation)).collect();
    assert_eq!(codes, [(5, Operation::Allocate { bytes: 32 }), (1, Operation::Push(Register::new(3)))]);
}

#[test]
fn a_step_can_note_where_the_registers_lay() {
    // sub rsp, 0x20; push rbx, in reverse; and xmm6 and rsi stored in the frame.
    let image = body(&[1, 16, 6, 0, 16, 0x68, 1, 0, 10, 0x64, 1, 0, 5, 0x32, 1, 0x30]);
    let mut context = Context { rip: BASE.0 + u64::from(function_at(0) + 20), ..Context::default() };
    context.set_rsp(RSP);
    let memory = Stack { base: RSP, words: vec![0, 61, 60, 62, 7, RETURN] };
    let mut saved = SavedRegisters::default();
    image.unwind_table().step_noting(BASE, &mut context, &memory, &mut saved).expect("the step is made");
    let mut expected = SavedRegisters::default();
    expected.general[RSI] = Some(RSP + 8);
    expected.general[RBX] = Some(RSP + 0x20);
    expected.xmm[6] = Some(RSP + 0x10);
    assert_eq!(saved, expected);
    assert_eq!((context.rip, context.registers[RBX], context.registers[RSI]), (RETURN, 7, 61));
}

#[test]
fn the_entry_of_a_function_is_found_where_it_lies_in_the_image() {
    let info: &[u8] = &[1, 0, 0, 0];
    let image = parse(&[FunctionParts { code: FRAMED, info }, FunctionParts { code: FRAMED, info }]);
    let table = image.unwind_table();
    assert_eq!(table.entry_rva(function_at(0) + 1), Some(RDATA));
    assert_eq!(table.entry_rva(function_at(1)), Some(RDATA + 12));
    assert_eq!(table.entry_rva(function_at(0) + FRAMED.len() as u32), None);
}
