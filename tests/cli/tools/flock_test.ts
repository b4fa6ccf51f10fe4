// Needs: root
import { assertEquals, assertMatch } from "@std/assert";
import { noLeaks } from "../../helpers/leaks.ts";
import { withOurs, withTheirs } from "./isolated.ts";

/** Scripts of which ours must have the output, the complaints and the exit code of util-linux; T is the tool. */
const SAME: Readonly<Record<string, string>> = {
  "no argument": "T",
  "only options": "T -n",
  "an option that does not exist": "T -z l true",
  "a long option that does not exist": "T --bogus l true",
  "an abbreviated option": "T --excl l echo x",
  "a command": "T l echo 'a  b' '$HOME' '|'",
  "a command that fails": "T l sh -c 'exit 3'",
  "a command that is killed": "T l sh -c 'kill -9 $$'",
  "a command line": "T l -c 'echo $((1 + 1)); exit 4'",
  "a command line by its long name": "T l --command 'echo x'",
  "no command line": "T l -c",
  "two command lines": "T l -c a b",
  "-c before the file": "T -c 'echo x'",
  "a shell that is named": "SHELL=/bin/bash T l -c 'test -n \"$BASH_VERSION\" && echo bash'",
  "a shell that is not named": "SHELL= T l -c 'echo $0'",
  "a directory": "mkdir d; T d echo locked",
  "a file in no directory": "T nodir/l true",
  "an empty file name": "T '' true",
  "a file that may not be read": "T /proc/1/mem/x true",
  "a program that does not exist": "T l nosuchprogram",
  "a program that is a directory": "T l /tmp",
  "an empty program": "T l ''",
  "-- before the file": "T -- l echo x",
  "-- after the file": "T l -- echo x",
  "options after the file": "T l echo -n -x",
  "a descriptor that is not open": "T 9",
  "a descriptor that is a word": "T word",
  "a descriptor with a word": "T 1x",
  "a descriptor below 0": "T -- -1",
  "a descriptor that is too large": "T 99999999999",
  "a timeout that is a word": "T -w abc l true",
  "a timeout with a unit": "T -w 1s l true",
  "a timeout below 0": "T -w -1 l true",
  "a timeout that is missing": "T -w",
  "timeouts in other forms": "for t in 0.5 .5 5. 1e1 +1 ' 1' ''; do T -w \"$t\" l true; echo $?; done",
  "a conflict code that is a word": "T -E x l true",
  "a conflict code that is too large": "T -E 256 l true",
  "a conflict code that is far too large": "T -E 99999999999 l true",
  "a conflict code below 0": "T -E -1 l true",
  "-o and -F": "T -oF l true",
  "a lock that is held": "flock l true; exec 7>l; flock 7; T -n l echo never",
  "a lock that is held, and a code for that": "exec 7>l; flock 7; T -n -E 75 l echo never",
  "a lock that is held, said aloud": "exec 7>l; flock 7; T --verbose -n l echo never",
  "a lock that stays held": "exec 7>l; flock 7; T --verbose -w 0.05 -E 9 l echo never",
  "a lock that stays held, without waiting": "exec 7>l; flock 7; T -w 0 --verbose l echo never",
  "a shared lock beside a shared one": "exec 7>l; flock -s 7; T -n -s l echo shared; T -n l echo never",
  "the last of -s and -x": "exec 7>l; flock -s 7; T -n -x -s l echo shared; T -n -s -e l echo never",
  "a descriptor of the shell": "exec 7>l; T 7; echo $?; flock -n l true; echo $?; T -u 7; flock -n l true; echo $?",
  "a shared lock of a descriptor": "exec 7>l; T -s 7; flock -n -s l true; echo $?; flock -n l true; echo $?",
  "-u with a command": "T -u l echo unlocked",
  "a symbolic link": "ln -s target l; T l flock -n target true; echo $?; ls",
  "standard input": "echo through | T l cat",
  "other descriptors of the shell": "echo through >in; T l sh -c 'cat <&3' 3<in",
  "the umask": "umask 027; T l true; stat -c %a l; umask 0; T m true; stat -c %a m",
  "the command has the descriptor": "T l sh -c 'ls -l /proc/self/fd | grep -c /l$'",
  "the command has no descriptor with -o": "T -o l sh -c 'ls -l /proc/self/fd | grep -c /l$'",
  "what the command leaves behind keeps the lock":
    "T l sh -c 'sleep 1000 >/dev/null & echo $! >pid'; flock -n l true; echo $?; kill $(cat pid)",
  "what the command leaves behind does not keep the lock with -o":
    "T -o l sh -c 'sleep 1000 >/dev/null & echo $! >pid'; flock -n l true; echo $?; kill $(cat pid)",
  "-F becomes the command": "T -F l sh -c 'echo $PPID' >parent; echo $$ | cmp - parent && echo same",
  "-F keeps the lock": "T -F l flock -n l true; echo $?",
  "-F with a program that does not exist": "T -F l nosuchprogram",
  "-F with a signal": "T -F l sh -c 'kill -9 $$'; echo $?",
  "-F leaves SIGPIPE alone": "T -F l sh -c 'kill -PIPE $$; echo ignored'; echo $?",
};

for (const [name, script] of Object.entries(SAME)) {
  Deno.test(`flock does what util-linux does: ${name}`, async () => {
    assertEquals(await withOurs("flock", script), await withTheirs("flock", script));
  });
}

Deno.test("flock --verbose says what flock of util-linux says, to the microsecond", async () => {
  const digits = (text: string) => text.replace(/\d+\.\d{6}/, "N.NNNNNN");
  const [ours, theirs] = await Promise.all([
    withOurs("flock", "T --verbose l true"),
    withTheirs("flock", "T --verbose l true"),
  ]);
  assertEquals(digits(ours.stdout), digits(theirs.stdout));
});

Deno.test("flock waits for its turn, and its lock keeps flock of util-linux waiting", async () => {
  const { stdout, code } = await withOurs(
    "flock",
    `
    mkfifo gate
    T l sh -c 'echo first; cat gate; echo first ends' &
    until ! flock -n l true; do :; done
    T l echo second &
    flock l echo third &
    T -w 50 l echo fourth &
    echo >gate
    wait
    `,
  );
  const [first, , ends, ...others] = stdout.trim().split("\n");
  assertEquals({ first, ends, code }, { first: "first", ends: "first ends", code: 0 });
  assertEquals(others.sort(), ["fourth", "second", "third"]);
});

Deno.test("flock counts without losing one, beside flock of util-linux", async () => {
  const { stdout } = await withOurs(
    "flock",
    `
    echo 0 >n
    count() { for _ in 1 2 3 4 5; do "$@" l sh -c 'read n <n; echo $((n + 1)) >n'; done; }
    count T & count T & count flock & count flock &
    wait
    cat n
    `,
  );
  assertEquals(stdout, "20\n");
});

Deno.test("flock passes SIGTERM on to the command, and dies of it after the command", async () => {
  const { stdout } = await withOurs(
    "flock",
    `
    mkfifo ready
    EXEC_OURS flock l sh -c 'trap "echo told; exit 7" TERM; echo >ready; while :; do sleep 0.01; done' &
    read -r _ <ready
    kill -TERM $!
    wait $!
    echo $?
    flock -n l echo free
    `,
  );
  assertEquals(stdout, "told\n143\nfree\n");
});

Deno.test("flock that is killed leaves the lock to its command", async () => {
  const { stdout } = await withOurs(
    "flock",
    `
    mkfifo ready gate
    EXEC_OURS flock l sh -c 'echo >ready; cat gate' &
    read -r _ <ready
    kill -KILL $!
    wait $!
    echo $?
    flock -n l true; echo $?
    echo over >gate
    flock l echo free
    `,
  );
  assertMatch(stdout, /^137\n1\n(over\n)?free\n/);
});

Deno.test("flock leaves nothing behind", async () => {
  await noLeaks(async () => {
    await withOurs("flock", "T l true");
  });
});
