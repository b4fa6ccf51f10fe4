/**
 * Processes: programs to run, alone or joined by kernel pipes, with one truthful status each.
 *
 * @module
 */

export { Child } from "./child.ts";
export { Command, command, type Detached } from "./command.ts";
export { displayCommand } from "./display.ts";
export type { EndingEvent, ExitEvent, ProcessEvent, SignalSentEvent, SpawnEvent } from "./events.ts";
export { type ExceededLimit, ExitError, type ExitErrorFacts, type RunResult, type StageResult } from "./exit_error.ts";
export { exitLike } from "./exit_like.ts";
export type { ExplainedDescriptor, ExplainedStage, Explanation } from "./explain.ts";
export type { Limit, Limits } from "./limits.ts";
export type { CommandOptions, EndingOptions, StdioOptions } from "./options.ts";
export {
  FanIn,
  fanIn,
  FanOut,
  fanOut,
  type PipelineBranch,
  type PipelineProgram,
  type PipelineStage,
} from "./branches.ts";
export { Pipeline, pipeline, type PipelineOptions } from "./pipeline.ts";
export type { Progress } from "./progress.ts";
export { Pool, pool, type PoolCommand } from "./pool.ts";
export { type Halt, type HaltRule, PoolHaltedError } from "./pool_halt.ts";
export type { PoolItems } from "./pool_map.ts";
export type {
  JobCancelled,
  JobContext,
  JobDone,
  JobFacts,
  JobFailed,
  JobOptions,
  JobResult,
  PoolMapOptions,
  PoolOptions,
  PoolStatistics,
} from "./pool_options.ts";
export type { RetryOptions } from "./retry.ts";
export { Runnable } from "./runnable.ts";
export { Running } from "./running.ts";
export { Pty, type PtyOptions, spawnPty } from "./pty.ts";
export type { TranscriptMatch } from "./transcript.ts";
export type { TerminalSize } from "../sys/terminal.ts";
export { ServiceFailedError, type ServiceFailure } from "./service_failed_error.ts";
export type { ServiceState, ServiceStatus } from "./service_status.ts";
export { supervise, Supervisor, type SupervisorResult } from "./supervisor.ts";
export type {
  ServiceExitEvent,
  ServiceFailedEvent,
  ServiceLineEvent,
  ServiceReadyEvent,
  ServiceRestartEvent,
  ServiceStartEvent,
  ServiceStoppingEvent,
  ServiceUnhealthyEvent,
  SupervisorEvent,
  SupervisorReadyEvent,
  SupervisorStoppingEvent,
  SupervisorUnprotectedEvent,
} from "./supervisor_events.ts";
export type {
  HealthCheck,
  Readiness,
  ReadyByCommand,
  ReadyByDescriptor,
  ReadyByLine,
  ReadyBySocket,
  ReadyOptions,
  RestartOptions,
  RestartWhen,
  ServiceSpec,
  ServiceSpecs,
  SuperviseOptions,
} from "./supervisor_options.ts";
export { $, Shell, type ShellOptions, type ShellTag, type ShellValue } from "./shell.ts";
export { type ExitedStatus, isSuccess, shellCode, type SignaledStatus, type Status } from "./status.ts";
export type { WaitOptions } from "../sys/clock.ts";
export type { Fd } from "../sys/fd.ts";
export { type Inheritable, type Movable, moveDescriptor } from "../sys/inheritable.ts";
export type { RealtimeSignal, Signal, SignalName, StandardSignal } from "../signal/names.ts";
export type { FileTarget, OutputSink, OutputTarget, StdinSource } from "./stdio.ts";
export type { Usage } from "./usage.ts";
