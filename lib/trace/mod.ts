/**
 * Traces: what really happened between processes, with the times of all of them, and pictures of it.
 *
 * {@linkcode record} runs a piece of work and gives a {@linkcode Trace}: processes, events, and messages that were seen at both ends, as plain JSON.
 * {@linkcode drawText}, {@linkcode drawMermaid} and {@linkcode drawSvg} draw it as a sequence diagram: a lane for the user space of each process and Worker, and
 * one for the kernel between the first and the others. Time goes down. An arrow into or out of the kernel's lane is a system call, marked with the copy that
 * it makes; shared memory passes the kernel by, on a double line. A dotted lane waits; a heavy one has a lock or a permit; a cross is a flow that a signal
 * interrupts.
 *
 * Listening costs a process about 5 µs an event. Without a listener it costs nothing that can be measured.
 *
 * @module
 */

export { drawMermaid } from "./mermaid.ts";
export { drawSvg } from "./svg.ts";
export { drawText, type DrawTextOptions } from "./text.ts";
export type { Mechanism, Trace, TraceEvent, TraceMessage, TraceProcess, TraceWorker } from "./event.ts";
export { type SharedPlace, tellCurtain, tellLoad, tellNote, tellStore } from "./tell.ts";
export { record, type Recording, type RecordOptions } from "./record.ts";
