/**
 * Learning that a message arrived, without a signal and without a thread.
 *
 * `mq_notify(3)` offers a signal or a thread to the C programmer. Beneath the thread is a third way, which glibc uses itself: the kernel
 * writes a cookie of 32 bytes into a netlink socket whose number was given in place of the signal. The socket is waited for like any
 * other descriptor.
 *
 * @see {@link https://man7.org/linux/man-pages/man2/mq_notify.2.html mq_notify(2)}
 * @module
 */

import { ClosedError } from "../errors.ts";
import { Deadline, type WaitOptions } from "../sys/clock.ts";
import { check, ERRNO, errno, fail } from "../sys/errno.ts";
import { waitFor } from "../sys/event_loop.ts";
import { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { EPOLL, MQ, SOCK } from "../sys/linux.ts";
import { addressOf } from "../sys/memory.ts";
import { platform } from "../sys/platform.ts";

/**
 * Registers for the next message that arrives in the empty queue, and waits for it. The registration is made before this returns, and ends
 * with the wait, however it ends.
 *
 * @param hasMessages Tells whether there are messages now, for when the kernel has dropped the registration.
 * @throws {PosixError} EBUSY when a process is registered already.
 */
export async function arrival(
  queue: Fd,
  name: string,
  options: WaitOptions,
  hasMessages: () => boolean,
): Promise<void> {
  options.signal?.throwIfAborted();
  const what = `Waiting for a message in ${name}`;
  const deadline = new Deadline(what, options.timeoutMs);
  const type = MQ.SOCK_RAW | SOCK.CLOEXEC | SOCK.NONBLOCK;
  using socket = Fd.own(check(libc().socket(MQ.AF_NETLINK, type, 0), "socket", "netlink"), what);
  register(queue, socket, name);
  let registered = true;
  try {
    while (true) {
      await waitFor(socket, EPOLL.IN, options, deadline);
      registered = false;
      const news = takeCookie(socket, name);
      if (queue.closed) throw new ClosedError(queue.what, "was closed during the wait");
      if (news === "message") return;
      // Another handle of the queue was closed in this process, and with any of them goes the registration.
      register(queue, socket, name);
      registered = true;
      if (hasMessages()) return;
    }
  } finally {
    // One that has fired is gone; one that has not would refuse the next.
    if (registered && !queue.closed && takeCookie(socket, name) === undefined) unregister(queue);
  }
}

function register(queue: Fd, socket: Fd, name: string): void {
  // The kernel copies the cookie now, and sends it back later with its last byte changed.
  const cookie = new Uint8Array(new ArrayBuffer(MQ.NOTIFY_COOKIE_LEN));
  const event = new DataView(new ArrayBuffer(MQ.sigevent.byteLength));
  event.setBigUint64(MQ.sigevent.value, addressOf(cookie), true);
  event.setInt32(MQ.sigevent.signo, socket.raw, true);
  event.setInt32(MQ.sigevent.notify, MQ.SIGEV_THREAD, true);
  check(libc().syscall_mq_notify(platform().SYS.mq_notify, queue.raw, event), "mq_notify", name, {
    EBUSY: "one process at a time can wait for arrivals",
  });
}

function unregister(queue: Fd): void {
  libc().syscall_mq_notify(platform().SYS.mq_notify, queue.raw, null);
}

/** What the kernel says: a message came, the registration ended without one, or nothing yet. */
function takeCookie(socket: Fd, name: string): "message" | "removal" | undefined {
  const cookie = new Uint8Array(MQ.NOTIFY_COOKIE_LEN);
  const count = libc().recv(socket.raw, cookie, cookie.byteLength, SOCK.MSG_DONTWAIT);
  const number = errno();
  if (count === -1 && number === ERRNO.EAGAIN) return undefined;
  if (count === -1) fail(number, "recv", name);
  return cookie[MQ.NOTIFY_COOKIE_LEN - 1] === MQ.NOTIFY_WOKENUP ? "message" : "removal";
}
