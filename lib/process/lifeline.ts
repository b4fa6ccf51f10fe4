/**
 * Children that must not outlive this process.
 *
 * A watcher holds the reading end of a pipe whose only lasting writing end is ours. Children register in it themselves, before they become
 * the program (`trampoline.ts`), so there is no moment in which a child exists and the watcher does not know it. The watcher keeps a pidfd
 * of each: when the pipe ends, however we died, it kills exactly those processes and groups, and ends.
 *
 * @module
 */

import { kernelPipe } from "../pipe/kernel_pipe.ts";
import { waitFor } from "../sys/event_loop.ts";
import type { Fd } from "../sys/fd.ts";
import { openPidFdRaw } from "../sys/identity.ts";
import { libc } from "../sys/libc.ts";
import { EPOLL, PIDFD_SIGNAL_PROCESS_GROUP, POLL } from "../sys/linux.ts";
import { platform } from "../sys/platform.ts";
import { pollNow } from "../sys/poll.ts";
import { reap, reapSync, spawnRaw } from "../sys/spawn.ts";
import { perl } from "./trampoline.ts";

/**
 * Arguments: numbers of pidfd_open and pidfd_send_signal, and the flag for groups. Lines: `+ PID LEADS TOKEN` (LEADS is 0 or 1) and `- TOKEN`: a pid
 * may be another child's by the time the second line comes. Before Linux 6.9
 * a pidfd cannot stand for a group, and the number has to do.
 */
const SCRIPT = `
$SIG{$_} = 'IGNORE' for qw(INT TERM HUP QUIT TSTP PIPE ALRM USR1 USR2);
my ($open, $send, $group) = map { $_ + 0 } @ARGV;
my %held;
while (my $line = <STDIN>) {
  my ($what, @words) = split(' ', $line);
  if ($what eq '-') { delete $held{$words[0]}; next }
  my ($pid, $leads, $token) = @words;
  my $fd = syscall($open, $pid + 0, 0);
  if ($fd >= 0 && open(my $handle, '<&=', $fd)) { $held{$token} = [$handle, $fd, $leads, $pid] }
}
for my $held (values %held) {
  my ($handle, $fd, $leads, $pid) = @$held;
  syscall($send, $fd, 9, 0, $group) == 0 or kill('KILL', -$pid) if $leads;
  syscall($send, $fd, 9, 0, 0);
}
`;

/** A place in the lifeline. */
export interface Hold {
  /** The descriptor that the child registers through. */
  readonly raw: number;
  /** What the child registers as. */
  readonly token: number;
  /** Takes the child out. Resolves when the watcher, if it was the last, is gone. */
  release(): Promise<void>;
  /** As `release()`, and waits for the watcher by blocking this thread. */
  releaseSync(): void;
}

interface Watcher {
  readonly writer: Fd;
  readonly pidfd: Fd;
  holders: number;
}

let watcher: Watcher | undefined;
let tokens = 0;

/**
 * Takes a place for a child that is about to be started.
 *
 * @throws {PosixError} EMFILE, or ENOENT when there is no Perl.
 */
export function takeHold(): Hold {
  // One that somebody killed protects nobody.
  if (watcher === undefined || pollNow(watcher.pidfd, POLL.IN) !== 0) watcher = startWatcher();
  const mine = watcher;
  mine.holders++;
  const token = ++tokens;
  const leave = () => {
    const line = new TextEncoder().encode(`- ${token}\n`);
    // EPIPE: somebody has killed the watcher.
    libc().write(mine.writer.raw, line, line.byteLength);
    if (--mine.holders > 0) return false;
    if (watcher === mine) watcher = undefined;
    mine.writer.close();
    return true;
  };
  return {
    raw: mine.writer.raw,
    token,
    async release() {
      if (!leave()) return;
      await waitFor(mine.pidfd, EPOLL.IN);
      reap(mine.pidfd);
      mine.pidfd.close();
    },
    releaseSync() {
      if (!leave()) return;
      reapSync(mine.pidfd);
      mine.pidfd.close();
    },
  };
}

function startWatcher(): Watcher {
  using undo = new DisposableStack();
  const { reader, writer } = kernelPipe();
  undo.use(writer);
  using _reader = reader;
  const { pidfd_open, pidfd_send_signal } = platform().SYS;
  const numbers = [pidfd_open, pidfd_send_signal, PIDFD_SIGNAL_PROCESS_GROUP].map(String);
  const pid = spawnRaw({
    program: perl(),
    argv: ["causeway-lifeline", "-f", "-e", SCRIPT, "--", ...numbers],
    environment: [],
    cwd: "/",
    descriptors: new Map<number, number | "null">([[0, reader.raw], [1, "null"], [2, "null"]]),
    group: "session",
  });
  const pidfd = openOrEnd(pid);
  undo.move();
  return { writer, pidfd, holders: 0 };
}

/**
 * A pidfd of a child that was just started.
 *
 * @throws {PosixError} EMFILE, ENFILE; the child is then killed and reaped.
 */
export function openOrEnd(pid: number): Fd {
  try {
    return openPidFdRaw(pid);
  } catch (error) {
    // It is not reaped yet, so the pid is still its own.
    libc().kill(pid, 9);
    reapSync(pid);
    throw error;
  }
}
