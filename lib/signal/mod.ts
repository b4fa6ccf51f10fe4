/**
 * Signals: the asynchronous way of communication. The recipient is interrupted, prepared or not; here it gets each signal as a value, in
 * its own time.
 *
 * The sender never waits and never learns whether anybody listened. A standard signal says only that it came; a real-time signal is
 * queued, arrives in order, and carries a 32-bit value. Both say who sent them.
 *
 * @module
 */

export type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
export type { Fd } from "../sys/fd.ts";
export type { Movable, moveDescriptor } from "../sys/inheritable.ts";
export { SignalAbortError, type SignalAborts, signalAborts, type SignalAbortsOptions } from "./abort.ts";
export { type BlockedSignals, blockSignals } from "./block.ts";
export type {
  AsyncIoSignal,
  ChildChange,
  ChildSignal,
  DescriptorSignal,
  KernelSignal,
  MessageQueueSignal,
  QueuedSignal,
  SignalEvent,
  SignalFacts,
  SignalSender,
  ThreadSignal,
  TimerSignal,
  UnknownSignal,
  UserSignal,
} from "./event.ts";
export type { SignalListener } from "./listener.ts";
export {
  parseSignal,
  realtime,
  type RealtimeSignal,
  type Signal,
  type SignalAction,
  type SignalInfo,
  type SignalName,
  signalName,
  signalNumber,
  SIGNALS,
  type StandardSignal,
} from "./names.ts";
export { openPidFd, type PidFd } from "./pid_fd.ts";
export { signals, type SignalsOptions, waitForSignal } from "./receive.ts";
export { kill, killGroup, queueSignal, type SignalTarget } from "./send.ts";
export { waitForSignalSync } from "./wait.ts";
