/**
 * Processes: programs to run, alone or joined by kernel pipes, with one truthful status each.
 *
 * @module
 */

export { Child } from "./child.ts";
export { Command, command } from "./command.ts";
export { displayCommand } from "./display.ts";
export { ExitError, type ExitErrorFacts, type RunResult, type StageResult } from "./exit_error.ts";
export type { CommandOptions, EndingOptions, StdioOptions } from "./options.ts";
export { Pipeline, pipeline, type PipelineOptions, type PipelineStage } from "./pipeline.ts";
export { Runnable } from "./runnable.ts";
export { Running } from "./running.ts";
export { type ExitedStatus, isSuccess, shellCode, type SignaledStatus, type Status } from "./status.ts";
export type { Fd } from "../sys/fd.ts";
export { type Movable, moveDescriptor } from "../sys/inheritable.ts";
export type { Signal, SignalName } from "../signal/names.ts";
export type { OutputTarget, StdinSource } from "./stdio.ts";
