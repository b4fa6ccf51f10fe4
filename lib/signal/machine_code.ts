/**
 * The signal handler, in machine code of x86-64. It is all of this library that ever runs inside a signal handler, and all it does is
 * system calls that are safe there and arithmetic on two pages of its own: no lock, no allocation, no libc, no JavaScript.
 *
 * Each signal has a stub that loads the address of the signal's slot and jumps to the common body. The body writes the kernel's
 * `siginfo_t` to the pipe (`write(2)` of 128 bytes to a non-blocking pipe is atomic and never waits), counts it where the pipe is full, rings
 * the bell (one byte into a second pipe) if it is armed, and then jumps to the handler that was there before, which finds its arguments as
 * the kernel gave them.
 *
 * @module
 */

import { CLOCK_MONOTONIC, SIG } from "../sys/linux.ts";

/** The slot of one signal, in a page that JavaScript shares with the handler. Offsets in bytes. */
export const SLOT = {
  byteLength: 32,
  /** u32: whether to write. A slot that is off still passes on. */
  enabled: 0,
  /** u32: commands obeyed. */
  obeyed: 4,
  /** u64: signals that the pipe had no room for. */
  dropped: 8,
  /** u64: the handler to go on with, or 0. */
  next: 16,
} as const;

/**
 * `si_code` of a message of this library to one of its own threads: change the signal mask there. No kernel uses it. The value of the message
 * is the cookie; behind it come the signals to block and those to unblock.
 */
export const COMMAND_CODE = -0x43574159;

/** Offsets in the `siginfo_t` of a command, behind its value. The kernel carries 48 bytes of a siginfo and clears the rest. */
export const COMMAND = { block: 32, unblock: 40 } as const;

/**
 * Where the handler writes the time (CLOCK_MONOTONIC, a `struct timespec`) into the `siginfo_t`: the kernel has 48 bytes of facts, and the rest is padding. It
 * is the one moment at which the flow of the program was interrupted that anybody can know.
 */
export const HANDLED_AT = 112;

/** Bits of signals 34..64 in a signal mask. */
export const REALTIME_MASK = ((1n << 31n) - 1n) << BigInt(SIG.RTMIN - 1);

/** What the code is made for. All of it is fixed for the life of the page. */
export interface HandlerConstants {
  /** The end of the pipe to write to. */
  pipe: number;
  /** The end of the bell to write to. */
  bell: number;
  /** The address of a u32: whether the bell is to ring. Ringing clears it. */
  armed: bigint;
  /** This process: a fork that has not called `exec` yet has the same handlers, and must not report its signals as ours. */
  pid: number;
  /** The thread that runs this JavaScript. */
  homeThread: number;
  /** What a command has to show; nobody outside can guess it. */
  cookie: bigint;
  /** `write`, `getpid`, `gettid` and `clock_gettime`, as `syscall(2)` numbers. */
  calls: { write: number; getpid: number; gettid: number; clock_gettime: number };
}

/** One line of the listing: a label, or an instruction (in Intel syntax) and its bytes; a jump's distance comes after them. */
export type Line = { label: string } | { text: string; bytes: readonly number[]; to?: string; near?: boolean };

/** The common body. It is entered with the handler's arguments in rdi, rsi, rdx, and the slot's address in r8. */
export function body(constants: HandlerConstants): readonly Line[] {
  const { pipe, bell, armed, pid, homeThread, cookie, calls } = constants;
  return [
    line("cmp dword ptr [r8], 0", 0x41, 0x83, 0x38, 0x00),
    nearJump("je", [0x0f, 0x84], "pass_on"),
    line("mov r9, rdi", 0x49, 0x89, 0xf9),
    line("mov r10, rdx", 0x49, 0x89, 0xd2),
    line(`cmp dword ptr [rsi + 8], ${COMMAND_CODE}`, 0x81, 0x7e, 0x08, ...u32(COMMAND_CODE)),
    nearJump("je", [0x0f, 0x84], "perhaps_command"),
    { label: "event" },
    line(`mov eax, ${calls.gettid}`, 0xb8, ...u32(calls.gettid)),
    line("syscall", 0x0f, 0x05),
    line(`cmp eax, ${homeThread}`, 0x3d, ...u32(homeThread)),
    jump("je", 0x74, "report"),
    line(`mov eax, ${calls.getpid}`, 0xb8, ...u32(calls.getpid)),
    line("syscall", 0x0f, 0x05),
    line(`cmp eax, ${pid}`, 0x3d, ...u32(pid)),
    jump("jne", 0x75, "restore"),
    // A real-time signal on a thread that no command has reached: the last one there.
    line(`cmp r9d, ${SIG.RTMIN}`, 0x41, 0x83, 0xf9, SIG.RTMIN),
    jump("jl", 0x7c, "report"),
    line(`movabs rax, ${REALTIME_MASK}`, 0x48, 0xb8, ...u64(REALTIME_MASK)),
    line("or qword ptr [r10 + 296], rax", 0x49, 0x09, 0x82, ...u32(296)),
    { label: "report" },
    line(`lea rsi, [rsi + ${HANDLED_AT}]`, 0x48, 0x8d, 0x76, HANDLED_AT),
    line(`mov edi, ${CLOCK_MONOTONIC}`, 0xbf, ...u32(CLOCK_MONOTONIC)),
    line(`mov eax, ${calls.clock_gettime}`, 0xb8, ...u32(calls.clock_gettime)),
    line("syscall", 0x0f, 0x05),
    line(`lea rsi, [rsi - ${HANDLED_AT}]`, 0x48, 0x8d, 0x76, 256 - HANDLED_AT),
    line(`mov edi, ${pipe}`, 0xbf, ...u32(pipe)),
    line(`mov edx, ${SIG.siginfoByteLength}`, 0xba, ...u32(SIG.siginfoByteLength)),
    line(`mov eax, ${calls.write}`, 0xb8, ...u32(calls.write)),
    line("syscall", 0x0f, 0x05),
    line(`cmp eax, ${SIG.siginfoByteLength}`, 0x3d, ...u32(SIG.siginfoByteLength)),
    jump("je", 0x74, "ring"),
    line("lock inc qword ptr [r8 + 8]", 0xf0, 0x49, 0xff, 0x40, 0x08),
    // Once more, now that it is counted: a reader that has just emptied the pipe would not look at the count again.
    line(`mov eax, ${calls.write}`, 0xb8, ...u32(calls.write)),
    line("syscall", 0x0f, 0x05),
    line(`cmp eax, ${SIG.siginfoByteLength}`, 0x3d, ...u32(SIG.siginfoByteLength)),
    jump("jne", 0x75, "ring"),
    line("lock dec qword ptr [r8 + 8]", 0xf0, 0x49, 0xff, 0x48, 0x08),
    { label: "ring" },
    line(`movabs rcx, ${armed}`, 0x48, 0xb9, ...u64(armed)),
    line("xor eax, eax", 0x31, 0xc0),
    line("xchg dword ptr [rcx], eax", 0x87, 0x01),
    line("test eax, eax", 0x85, 0xc0),
    jump("je", 0x74, "restore"),
    // Whatever byte: the first of the siginfo.
    line(`mov edi, ${bell}`, 0xbf, ...u32(bell)),
    line("mov edx, 1", 0xba, ...u32(1)),
    line(`mov eax, ${calls.write}`, 0xb8, ...u32(calls.write)),
    line("syscall", 0x0f, 0x05),
    { label: "restore" },
    line("mov rdi, r9", 0x4c, 0x89, 0xcf),
    line("mov rdx, r10", 0x4c, 0x89, 0xd2),
    { label: "pass_on" },
    line("mov rax, qword ptr [r8 + 16]", 0x49, 0x8b, 0x40, 0x10),
    line("test rax, rax", 0x48, 0x85, 0xc0),
    jump("je", 0x74, "done"),
    line("jmp rax", 0xff, 0xe0),
    { label: "done" },
    line("ret", 0xc3),
    { label: "perhaps_command" },
    line(`movabs rax, ${cookie}`, 0x48, 0xb8, ...u64(cookie)),
    line("cmp qword ptr [rsi + 24], rax", 0x48, 0x39, 0x46, 0x18),
    nearJump("jne", [0x0f, 0x85], "event"),
    // Change the mask that the kernel gives this thread back (ucontext_t.uc_sigmask).
    line(`mov rax, qword ptr [rsi + ${COMMAND.block}]`, 0x48, 0x8b, 0x46, COMMAND.block),
    line("or qword ptr [rdx + 296], rax", 0x48, 0x09, 0x82, ...u32(296)),
    line(`mov rax, qword ptr [rsi + ${COMMAND.unblock}]`, 0x48, 0x8b, 0x46, COMMAND.unblock),
    line("not rax", 0x48, 0xf7, 0xd0),
    line("and qword ptr [rdx + 296], rax", 0x48, 0x21, 0x82, ...u32(296)),
    line("lock inc dword ptr [r8 + 4]", 0xf0, 0x41, 0xff, 0x40, 0x04),
    line("ret", 0xc3),
  ];
}

/** The stub of a signal: what `sigaction` is given. `distance` is from the end of the stub to the body. */
export function stub(slot: bigint, distance: number): readonly number[] {
  // endbr64; movabs r8, slot; jmp body
  return [0xf3, 0x0f, 0x1e, 0xfa, 0x49, 0xb8, ...u64(slot), 0xe9, ...u32(distance)];
}

/** Bytes of a {@linkcode stub}. */
export const STUB_BYTES = 19;

/** The bytes of a listing, its jumps resolved. */
export function assemble(lines: readonly Line[]): Uint8Array<ArrayBuffer> {
  const labels = new Map<string, number>();
  let length = 0;
  for (const entry of lines) {
    if ("label" in entry) labels.set(entry.label, length);
    else length += entry.bytes.length + distanceBytes(entry);
  }
  const code: number[] = [];
  for (const entry of lines) {
    if ("label" in entry) continue;
    code.push(...entry.bytes);
    if (entry.to !== undefined) {
      code.push(...distance(entry.to, labels.get(entry.to), code.length, distanceBytes(entry)));
    }
  }
  return Uint8Array.from(code);
}

function distanceBytes(entry: { to?: string; near?: boolean }): number {
  return entry.to === undefined ? 0 : entry.near === true ? 4 : 1;
}

function distance(label: string, target: number | undefined, at: number, bytes: number): number[] {
  const value = target === undefined ? NaN : target - at - bytes;
  const isFar = bytes === 1 && !(value >= -128 && value <= 127);
  if (isFar || Number.isNaN(value)) throw new Error(`Label ${label} is out of reach of a short jump`);
  return u32(value).slice(0, bytes);
}

function line(text: string, ...bytes: number[]): Line {
  return { text, bytes };
}

function jump(mnemonic: string, opcode: number, to: string): Line {
  return { text: `${mnemonic} ${to}`, bytes: [opcode], to };
}

function nearJump(mnemonic: string, opcode: readonly number[], to: string): Line {
  return { text: `${mnemonic} ${to}`, bytes: opcode, to, near: true };
}

function u32(value: number): number[] {
  return [...new Uint8Array(Uint32Array.of(value).buffer)];
}

function u64(value: bigint): number[] {
  return [...new Uint8Array(BigUint64Array.of(value).buffer)];
}
