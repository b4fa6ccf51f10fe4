// Needs: gcc
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  assemble,
  body,
  COMMAND_CODE,
  type HandlerConstants,
  stub,
  STUB_BYTES,
} from "../../lib/signal/machine_code.ts";
import { SIG } from "../../lib/sys/linux.ts";

// Values that leave the assembler no shorter encoding than ours.
const CONSTANTS: HandlerConstants = {
  pipe: 0x1234,
  bell: 0x2345,
  armed: 0x7923456789abcdefn,
  pid: 0x123456,
  homeThread: 0x23456,
  cookie: 0x8123456789abcdefn,
  calls: { write: 1, getpid: 39, gettid: 186, clock_gettime: 228 },
};

Deno.test("body has the bytes that GNU as makes of its listing", async () => {
  const listing = body(CONSTANTS).map((entry) => "label" in entry ? `${entry.label}:` : entry.text);
  assertEquals([...assemble(body(CONSTANTS))], [...await gnuAssemble(listing)]);
});

Deno.test("stub has the bytes that GNU as makes of it", async () => {
  const made = stub(0x7123456789abcdefn, 1000);
  const padding = [".skip 1000", "body:", "nop"];
  const expected = await gnuAssemble(["endbr64", "movabs r8, 0x7123456789abcdef", "jmp body", ...padding]);
  assertEquals(made, [...expected.subarray(0, STUB_BYTES)]);
  assertEquals(made.length, STUB_BYTES);
});

Deno.test("assemble refuses a jump that is too far", () => {
  const far = { text: "nop", bytes: Array.from({ length: 200 }, () => 0x90) };
  assertThrows(() => assemble([{ text: "je end", bytes: [0x74], to: "end" }, far, { label: "end" }]), Error, "end");
});

Deno.test("the structs that the handler touches are laid out as the C compiler says", async () => {
  const offsets = await runC(`
    printf("%zu %zu %zu\\n", offsetof(ucontext_t, uc_sigmask), offsetof(siginfo_t, si_code), offsetof(siginfo_t, si_value));
    printf("%zu %zu %zu\\n", offsetof(siginfo_t, si_pid), offsetof(siginfo_t, si_uid), sizeof(siginfo_t));
    printf("%zu %zu %zu\\n", offsetof(siginfo_t, si_status), offsetof(siginfo_t, si_band), offsetof(siginfo_t, si_fd));
    printf("%zu %zu\\n", offsetof(siginfo_t, si_timerid), offsetof(siginfo_t, si_overrun));
    printf("%zu %zu %zu\\n", offsetof(struct sigaction, sa_mask), offsetof(struct sigaction, sa_flags), sizeof(struct sigaction));
  `);
  const { siginfo, sigaction, siginfoByteLength } = SIG;
  assertEquals(offsets, [
    `296 ${siginfo.code} ${siginfo.value}`,
    `${siginfo.pid} ${siginfo.uid} ${siginfoByteLength}`,
    `${siginfo.value} ${siginfo.pid} ${siginfo.value}`,
    `${siginfo.pid} ${siginfo.uid}`,
    `${sigaction.mask} ${sigaction.flags} ${sigaction.byteLength}`,
  ]);
  assert(COMMAND_CODE < 0, "the kernel lets a process send itself only negative codes with a value");
});

async function gnuAssemble(lines: readonly string[]): Promise<Uint8Array> {
  return await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/code.s`, [".intel_syntax noprefix", ...lines, ""].join("\n"));
    await run("as", "-o", `${folder}/code.o`, `${folder}/code.s`);
    await run("objcopy", "-O", "binary", "--only-section=.text", `${folder}/code.o`, `${folder}/code`);
    return await Deno.readFile(`${folder}/code`);
  });
}

async function runC(statements: string): Promise<string[]> {
  const headers = ["signal.h", "stddef.h", "stdio.h", "ucontext.h"].map((name) => `#include <${name}>`).join("\n");
  return await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/c.c`, `#define _GNU_SOURCE\n${headers}\nint main(void) {${statements}}`);
    await run("gcc", "-o", `${folder}/c`, `${folder}/c.c`);
    return (await run(`${folder}/c`)).trim().split("\n");
  });
}

async function run(program: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir();
  try {
    return await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
