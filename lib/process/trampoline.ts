/**
 * What must be done in a child before it becomes the program, and neither launcher can do: umask, limits, nice value, users and groups.
 *
 * A small program does it and then becomes the other one. It is Perl with a constant script: values are positional arguments, and nothing
 * is ever put into the script. A shell would not do: it rewrites the environment, cannot set groups, and cannot tell why `execve(2)` failed.
 * The child's variables come through a pipe, and the trampoline itself has none: `LD_PRELOAD` or `PERL5OPT` meant for a child that is about
 * to become another user must not act before it has.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { kernelPipe } from "../pipe/kernel_pipe.ts";
import { concat } from "../sys/concat.ts";
import { check, ERRNO, errno, fail } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { CLONE_PARENT } from "../sys/linux.ts";
import { platform } from "../sys/platform.ts";
import { reapSync, spawnRaw, type SpawnRequest } from "../sys/spawn.ts";
import type { LaunchSettings } from "./launcher.ts";
import { kernelLimits } from "./limits.ts";
import { findProgram } from "./program_path.ts";

/**
 * The variables end with an empty one: without it, whoever sent them has died, and the program must not run with half of them.
 *
 * Arguments: descriptor to report to, descriptor to read the variables from, number of execve, count of steps, steps, program, argv. Each step
 * is a word and numbers. A failed step is reported as its word and errno; the report's close-on-exec end of file says that all went well.
 */
export const SCRIPT = `
my ($report, $variables, $execve, $steps) = map { $_ + 0 } splice(@ARGV, 0, 4);
open(my $out, '>&=', $report) or exit 127;
fcntl($out, 2, 1);
sub failed { syswrite($out, "$_[0] " . ($! + 0) . "\\n"); exit 127 }
open(my $in, '<&=', $variables) or failed('read');
binmode($in);
my $all = do { local $/; <$in> } // '';
close($in);
$all =~ s/(^|\\0)\\0\\z/$1/ or exit 127;
my @env = split(/\\0/, $all);
my @steps = splice(@ARGV, 0, $steps);
my $program = shift(@ARGV);
my ($argv, $envp) = (pack('p*', @ARGV, undef), pack('p*', @env, undef));
for my $step (@steps) {
  my ($word, @n) = split(/ /, $step);
  $_ += 0 for @n;
  my $number = $n[0];
  my $done;
  if ($word eq 'umask') { $done = defined(umask($number)) }
  elsif ($word eq 'setpriority') { $done = setpriority(0, 0, $number) }
  elsif ($word eq 'prlimit') { $done = syscall($number, 0, $n[1], pack('QQ', $n[2], $n[3]), 0) == 0 }
  elsif ($word eq 'setgroups') { shift(@n); $done = syscall($number, scalar(@n), pack('L*', @n)) == 0 }
  elsif ($word eq 'lifeline') { open(my $line, '>&=', $number); $done = syswrite($line, "+ $$ $n[1] $n[2]\\n"); close($line) }
  elsif ($word eq 'clone') {
    my $pid = syscall($number, $n[1], 0, 0, 0, 0);
    if ($pid > 0) { syswrite($out, "pid $pid\\n"); exit 0 }
    $done = $pid == 0;
  }
  else { shift(@n); $done = syscall($number, @n) != -1 }
  failed($word) unless $done;
}
$SIG{FPE} = 'DEFAULT';
syscall($execve, $program, $argv, $envp);
failed('execve');
`;

/** A start through the trampoline. */
export interface Ride {
  /** The start, as if there were no trampoline. */
  readonly spawn: SpawnRequest & { readonly environment: readonly Uint8Array[] };
  readonly settings: LaunchSettings;
  /** The lifeline, where the child registers itself before it becomes the program. */
  readonly hold: { readonly raw: number; readonly token: number } | undefined;
}

/**
 * Starts the trampoline and waits, a few milliseconds, until it has become the program.
 *
 * @returns The child's pid. The caller must reap it.
 * @throws {PosixError} What failed: `execve` ENOENT …, `setpriority` EACCES, `setgroups`, `setresgid`, `setresuid` or `prlimit` EPERM …
 */
export function spawnThroughTrampoline(ride: Ride): number {
  const { spawn, settings, hold } = ride;
  using report = kernelPipe();
  using variables = kernelPipe();
  const above = Math.max(2, ...spawn.descriptors.keys());
  const descriptors = new Map(spawn.descriptors).set(above + 1, report.writer.raw).set(above + 2, variables.reader.raw);
  if (hold !== undefined) descriptors.set(above + 3, hold.raw);
  const steps = trampolineSteps(settings, `${above + 3}`, hold?.token);
  const numbers = [above + 1, above + 2, platform().SYS.execve, steps.length].map(String);
  let pid = spawnRaw({
    program: perl(),
    argv: ["causeway-exec", "-f", "-e", SCRIPT, "--", ...numbers, ...steps, spawn.program, ...spawn.argv],
    environment: [],
    cwd: spawn.cwd,
    descriptors,
    group: settings.usage ? "inherit" : spawn.group,
    terminal: spawn.terminal,
  });
  report.writer.close();
  variables.reader.close();
  let lines: string[][];
  try {
    writeAll(variables.writer, [...spawn.environment, END]);
    variables.writer.close();
    lines = readAll(report.reader).split("\n").filter(Boolean).map((line) => line.split(" "));
  } catch (error) {
    // It is not reaped yet, so the pid is still its own.
    libc().kill(pid, SIGKILL);
    reapSync(pid);
    throw error;
  }
  if (lines[0]?.[0] === "pid") {
    reapSync(pid);
    pid = Number(lines.shift()![1]);
  }
  const [failure] = lines;
  if (failure === undefined) return pid;
  reapSync(pid);
  const [step = "", number] = failure;
  fail(Number(number), step, targetOf(step, ride));
}

/**
 * What the trampoline does, in order, each a word and numbers.
 *
 * @param lifeline The child's descriptor of the lifeline, and what it registers as.
 */
export function trampolineSteps(settings: LaunchSettings, lifeline: string, token = 0): string[] {
  const { SYS } = platform();
  const { usage, group = "inherit", nice, limits, groups, gid, uid, umask } = settings;
  // A process that was started from this one's memory reports this one's as its peak: the program gets a process that was not.
  const own = usage ? [`clone ${SYS.clone} ${CLONE_PARENT | SIGCHLD}`] : [];
  if (usage && group === "own") own.push(`setpgid ${SYS.setpgid} 0 0`);
  if (usage && group === "session") own.push(`setsid ${SYS.setsid}`);
  const memberships = groups ?? (uid === undefined ? undefined : []);
  return [
    ...own,
    ...(settings.lifeline ? [`lifeline ${lifeline} ${group === "inherit" ? 0 : 1} ${token}`] : []),
    ...(nice === undefined ? [] : [`setpriority ${nice}`]),
    ...kernelLimits(limits ?? {}).map(({ resource, soft, hard }) =>
      `prlimit ${SYS.prlimit64} ${resource} ${soft} ${hard}`
    ),
    ...(memberships === undefined ? [] : [["setgroups", SYS.setgroups, ...memberships].join(" ")]),
    ...(gid === undefined ? [] : [`setresgid ${SYS.setresgid} ${gid} ${gid} ${gid}`]),
    ...(uid === undefined ? [] : [`setresuid ${SYS.setresuid} ${uid} ${uid} ${uid}`]),
    ...(umask === undefined ? [] : [`umask ${umask}`]),
  ];
}

const END = new Uint8Array(1);
const SIGKILL = 9;
const SIGCHLD = 17;

/** Where Perl is. @throws {PosixError} ENOENT when it is nowhere. */
export function perl(): string {
  try {
    return findProgram("perl", "/usr/bin:/usr/local/bin:/bin");
  } catch (cause) {
    if (!(cause instanceof PosixError) || cause.code !== "ENOENT") throw cause;
    const hint = "umask, nice, limits, groups, usage and lifeline need Perl";
    throw new PosixError({ code: "ENOENT", syscall: "execve", target: "perl", hint, cause });
  }
}

function targetOf(step: string, { spawn, settings }: Ride): string {
  const { nice, groups, gid, uid } = settings;
  const values: Readonly<Record<string, unknown>> = {
    setpriority: nice,
    setgroups: groups?.join(" ") ?? "none",
    setresgid: gid,
    setresuid: uid,
  };
  return String(values[step] ?? spawn.program);
}

/** Blocks while the pipe is full. A trampoline that has failed does not read on: its report says why. */
function writeAll(fd: Fd, chunks: readonly Uint8Array[]): void {
  const bytes = concat(chunks);
  for (let at = 0; at < bytes.byteLength;) {
    const count = libc().write(fd.raw, bytes.subarray(at), bytes.byteLength - at);
    const number = count === -1 ? errno() : 0;
    if (number === ERRNO.EPIPE) return;
    if (number !== 0 && number !== ERRNO.EINTR) fail(number, "write", fd.what);
    at += Math.max(0, count);
  }
}

function readAll(fd: Fd): string {
  const buffer = new Uint8Array(4096);
  for (let text = "";;) {
    const count = libc().read(fd.raw, buffer, buffer.byteLength);
    if (count === -1 && errno() === ERRNO.EINTR) continue;
    check(count, "read", fd.what);
    if (count === 0) return text;
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
}
