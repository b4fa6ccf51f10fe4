/**
 * Message queues (synchronous model, through the kernel; two copies a message; a receiver waits for a message, a sender for room): POSIX queues
 * with priorities, System V queues with types.
 *
 * @module
 */

export { ftok } from "./ftok.ts";
export type {
  MessageQueue,
  MessageQueueAttributes,
  MessageQueueReceiveOptions,
  PriorityOptions,
  QueueMessage,
} from "./message_queue.ts";
export {
  createMessageQueue,
  type CreateMessageQueueOptions,
  openMessageQueue,
  type OpenMessageQueueOptions,
  unlinkMessageQueue,
} from "./posix.ts";
export { createSysvQueue, type CreateSysvQueueOptions, openSysvQueue, type OpenSysvQueueOptions } from "./sysv.ts";
export type { SysvMessage } from "./sysv_calls.ts";
export type { SysvQueueAttributes, SysvQueueChanges } from "./sysv_control.ts";
export type { SysvQueue, SysvReceiveOptions, SysvSendOptions } from "./sysv_queue.ts";
export { ClosedError, PosixError } from "../errors.ts";
export type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
