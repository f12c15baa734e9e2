/*
 * What the drivers about exceptions share: they print a line for each case, and in it every event in its order.
 */
#ifndef NTPOOL_DRIVERS_EXCEPTIONS_H
#define NTPOOL_DRIVERS_EXCEPTIONS_H

#include "rows.h"
#include "seh.h"

/* Codes for raised exceptions: errors of a customer, so that nobody takes them for the system's. */
#define CODE_A ((NTSTATUS)0xE0000001)
#define CODE_B ((NTSTATUS)0xE0000002)

/* Begins and ends a case's line. */
#define CASE(Subject, ...)                                                                                            \
    do {                                                                                                             \
        DbgPrint(Subject ": ");                                                                                      \
        __VA_ARGS__;                                                                                                 \
        DbgPrint("end\n");                                                                                           \
    } while (0)

#define EVENT(Format, ...) DbgPrint(Format " ", ##__VA_ARGS__)

/* Tells of an exception and its parameters, as NAME=code(parameters). */
static inline VOID TellException(PCSTR Name, PEXCEPTION_RECORD Record)
{
    ULONG Index;

    DbgPrint("%s=%x", Name, Record->ExceptionCode);
    for (Index = 0; Index < Record->NumberParameters; Index++) {
        DbgPrint("%s%I64x", Index == 0 ? "(" : ",", (ULONG64)Record->ExceptionInformation[Index]);
    }
    DbgPrint(Record->NumberParameters == 0 ? " " : ") ");
}

/* A filter that tells of the exception under a name and answers a number. */
#define TELLING_FILTER(Name, Event, Answer)                                                                           \
    FILTER(Name)                                                                                                     \
    {                                                                                                                \
        UNUSED(Frame);                                                                                               \
        TellException(Event, Pointers->ExceptionRecord);                                                             \
        return (Answer);                                                                                             \
    }

/* An ending that tells how it was reached under a name. */
#define TELLING_ENDING(Name, Event)                                                                                   \
    ENDING(Name)                                                                                                     \
    {                                                                                                                \
        UNUSED(Frame);                                                                                               \
        EVENT(Event "(%u)", Abnormal);                                                                               \
    }

/* Keeps a raise from being the last thing that a function does. */
static VOID NOINLINE __attribute__((unused)) Raise(NTSTATUS Code)
{
    ExRaiseStatus(Code);
}

#endif
