//! Structured exceptions: the records that handlers are shown, and the tables that compilers leave for them.

use crate::layout::{nt_constants, nt_struct};

/// The most parameters of an exception.
const PARAMETERS: usize = 15;

/// The entries of a table of functions found lately.
const HISTORY: usize = 12;

nt_struct! {
    /// What happened.
    ExceptionRecord = "EXCEPTION_RECORD", 0x98 {
        /// The exception's code, a status.
        code: u32 = [0x00] CODE "ExceptionCode",
        /// What is known of it and of the search for a handler.
        flags: u32 = [0x04] FLAGS "ExceptionFlags",
        /// The record of the exception during whose handling this one happened, or 0.
        nested: u64 = [0x08] NESTED "ExceptionRecord",
        /// The instruction where it happened.
        address: u64 = [0x10] ADDRESS "ExceptionAddress",
        /// How many of the parameters mean something.
        parameter_count: u32 = [0x18] PARAMETER_COUNT "NumberParameters",
        /// Padding.
        padding: [u8; 4],
        /// What the code decides.
        parameters: [u64; PARAMETERS] = [0x20] PARAMETERS "ExceptionInformation",
    }
}

nt_struct! {
    /// What a filter is shown.
    ExceptionPointers = "EXCEPTION_POINTERS", 0x10 {
        /// The record's address.
        record: u64 = [0x0] RECORD "ExceptionRecord",
        /// The address of the registers where it happened.
        context: u64 = [0x8] CONTEXT "ContextRecord",
    }
}

nt_struct! {
    /// What a language handler is shown of the frame it is called for.
    DispatcherContext = "DISPATCHER_CONTEXT", 0x50 {
        /// Where control left the function, or where the exception happened in it.
        control_pc: u64 = [0x00] CONTROL_PC "ControlPc",
        /// Where the function's image lies.
        image_base: u64 = [0x08] IMAGE_BASE "ImageBase",
        /// The address of the function's entry in the function table.
        function_entry: u64 = [0x10] FUNCTION_ENTRY "FunctionEntry",
        /// The base of the function's frame.
        establisher_frame: u64 = [0x18] ESTABLISHER_FRAME "EstablisherFrame",
        /// Where an unwind leads to.
        target_ip: u64 = [0x20] TARGET_IP "TargetIp",
        /// The address of the registers that the search or the unwind works on.
        context_record: u64 = [0x28] CONTEXT_RECORD "ContextRecord",
        /// The handler's address.
        language_handler: u64 = [0x30] LANGUAGE_HANDLER "LanguageHandler",
        /// The address of the data that the compiler left for the handler.
        handler_data: u64 = [0x38] HANDLER_DATA "HandlerData",
        /// The address of the table of functions found lately.
        history_table: u64 = [0x40] HISTORY_TABLE "HistoryTable",
        /// The first scope that the C-specific handler has still to look at.
        scope_index: u32 = [0x48] SCOPE_INDEX "ScopeIndex",
        /// Padding.
        fill: u32 = [0x4C] FILL "Fill0",
    }
}

nt_struct! {
    /// A function found lately.
    UnwindHistoryEntry = "UNWIND_HISTORY_TABLE_ENTRY", 0x10 {
        /// Where its image lies.
        image_base: u64 = [0x0] IMAGE_BASE "ImageBase",
        /// The address of its entry in the function table.
        function_entry: u64 = [0x8] FUNCTION_ENTRY "FunctionEntry",
    }
}

nt_struct! {
    /// Functions found lately: a help for searches that nobody has to use.
    UnwindHistoryTable = "UNWIND_HISTORY_TABLE", 0xD8 {
        /// How many entries there are.
        count: u32 = [0x00] COUNT "Count",
        /// A hint for searches.
        local_hint: u8 = [0x04] LOCAL_HINT "LocalHint",
        /// A hint for searches.
        global_hint: u8 = [0x05] GLOBAL_HINT "GlobalHint",
        /// Whether searches use it.
        search: u8 = [0x06] SEARCH "Search",
        /// Whether it has been filled.
        once: u8 = [0x07] ONCE "Once",
        /// The lowest address of its functions.
        low_address: u64 = [0x08] LOW_ADDRESS "LowAddress",
        /// The highest address of its functions.
        high_address: u64 = [0x10] HIGH_ADDRESS "HighAddress",
        /// The functions.
        entries: [UnwindHistoryEntry; HISTORY] = [0x18] ENTRIES "Entry",
    }
}

nt_struct! {
    /// Where registers lie that a function saved.
    SavedRegisterPointers = "KNONVOLATILE_CONTEXT_POINTERS", 0x100 {
        /// The addresses of the vector registers.
        xmm: [u64; 16] = [0x00] XMM "FloatingContext",
        /// The addresses of the general registers.
        general: [u64; 16] = [0x80] GENERAL "IntegerContext",
    }
}

nt_struct! {
    /// A guarded part of a function: addresses are relative to the image.
    ScopeRecord = "ScopeRecord", 0x10 {
        /// Where it begins.
        begin: u32 = [0x0] BEGIN "BeginAddress",
        /// The first address past it.
        end: u32 = [0x4] END "EndAddress",
        /// The filter, or a constant in its place; with no jump target the termination handler.
        handler: u32 = [0x8] HANDLER "HandlerAddress",
        /// Where the exception is handled, or 0 for a termination handler.
        jump_target: u32 = [0xC] JUMP_TARGET "JumpTarget",
    }
}

nt_struct! {
    /// The guarded parts of a function, as the C-specific handler finds them; inner ones come first.
    ScopeTable = "SCOPE_TABLE_AMD64", 0x14 {
        /// How many records there are.
        count: u32 = [0x00] COUNT "Count",
        /// The first record.
        first: ScopeRecord = [0x04] FIRST "ScopeRecord",
    }
    views {
        /// Where the first part begins.
        FIRST_BEGIN: u32 = [0x04] "ScopeRecord[0].BeginAddress";
        /// The first address past the first part.
        FIRST_END: u32 = [0x08] "ScopeRecord[0].EndAddress";
        /// The first part's filter or termination handler.
        FIRST_HANDLER: u32 = [0x0C] "ScopeRecord[0].HandlerAddress";
        /// Where the first part's exceptions are handled.
        FIRST_JUMP_TARGET: u32 = [0x10] "ScopeRecord[0].JumpTarget";
    }
}

nt_constants! {
    /// Execution must not go on where the exception happened.
    EXCEPTION_NONCONTINUABLE: u32 = 0x01;
    /// The frame is being unwound.
    EXCEPTION_UNWINDING: u32 = 0x02;
    /// The frame is being unwound, and there is no target.
    EXCEPTION_EXIT_UNWIND: u32 = 0x04;
    /// The stack is not one, or a frame is not on it.
    EXCEPTION_STACK_INVALID: u32 = 0x08;
    /// The exception happened in a handler that another one had called.
    EXCEPTION_NESTED_CALL: u32 = 0x10;
    /// The frame is the last one that is unwound.
    EXCEPTION_TARGET_UNWIND: u32 = 0x20;
    /// The frame was being unwound already when another unwind took it over.
    EXCEPTION_COLLIDED_UNWIND: u32 = 0x40;
    /// Any of the flags that say that a frame is being unwound.
    EXCEPTION_UNWIND: u32 = 0x66;
    /// The most parameters of an exception.
    EXCEPTION_MAXIMUM_PARAMETERS: u32 = PARAMETERS as u32;
    /// A handler's answer: go on where the exception happened.
    CONTINUE_EXECUTION: u32 = 0, "ExceptionContinueExecution";
    /// A handler's answer: ask the next one.
    CONTINUE_SEARCH: u32 = 1, "ExceptionContinueSearch";
    /// A handler's answer: the exception happened in another one's handler.
    NESTED_EXCEPTION: u32 = 2, "ExceptionNestedException";
    /// A handler's answer: another unwind was at work on the frame, which its record now describes.
    COLLIDED_UNWIND: u32 = 3, "ExceptionCollidedUnwind";
    /// A filter's answer, and the constant in its place: the exception is handled here.
    EXCEPTION_EXECUTE_HANDLER: i32 = 1;
    /// A filter's answer: ask the next one.
    EXCEPTION_CONTINUE_SEARCH: i32 = 0;
    /// A filter's answer: go on where the exception happened.
    EXCEPTION_CONTINUE_EXECUTION: i32 = -1;
    /// A function has a handler for exceptions.
    UNW_FLAG_EHANDLER: u32 = 1;
    /// A function has a handler for unwinds.
    UNW_FLAG_UHANDLER: u32 = 2;
}
